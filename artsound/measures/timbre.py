"""Timbre and level of a recording."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float32

RATE = 22_050  # Hz
FLOOR = -80.0  # dBFS; quieter counts as this
STEP = 0.1  # s between two levels


class Timbre(NamedTuple):
    """Means over time, frames weighted by their energy; all 0 for silence."""

    brightness: float  # spectral centroid, Hz
    bandwidth: float  # spread of the spectrum about its centroid, Hz
    noisiness: float  # flatness of the amplitude spectrum, 0 tonal to 1 noise


def timbre(samples: Float32[np.ndarray, " sample"]) -> Timbre:
    """Describe the spectrum of a mono recording at `RATE`."""
    import librosa

    spectrum = np.abs(librosa.stft(samples))
    energy = np.square(spectrum).sum(axis=0, dtype=np.float64)
    if not energy.any():
        return Timbre(0.0, 0.0, 0.0)
    centroid = librosa.feature.spectral_centroid(S=spectrum, sr=RATE)
    bandwidth = librosa.feature.spectral_bandwidth(S=spectrum, sr=RATE, centroid=centroid)
    flatness = librosa.feature.spectral_flatness(S=spectrum, power=1.0)
    means = (float(np.average(track[0], weights=energy)) for track in (centroid, bandwidth, flatness))
    return Timbre(*means)


def stereo(channels: Float32[np.ndarray, "frame channel"]) -> float:
    """Measure the share of the energy in which the first two channels differ: 0 is mono, 0.5 unrelated."""
    if channels.shape[1] < 2:
        return 0.0
    left, right = channels[:, 0].astype(np.float64), channels[:, 1].astype(np.float64)
    same, other = np.square(left + right).sum(), np.square(left - right).sum()
    return float(other / (same + other)) if same + other else 0.0


def crest(channels: Float32[np.ndarray, "frame channel"]) -> float:
    """Measure how far the peak rises over the root mean square, in dB; 0 for silence."""
    power = float(np.square(channels, dtype=np.float64).mean()) if channels.size else 0.0
    return float(20 * np.log10(np.abs(channels).max() / np.sqrt(power))) if power else 0.0


def dynamics(samples: Float32[np.ndarray, " sample"]) -> float:
    """Measure how far loud and quiet lie apart: 90th minus 10th percentile of the level, in dB."""
    step = round(STEP * RATE)
    whole = samples[: max(1, len(samples) // step) * step]
    power = np.square(whole.reshape(-1, min(step, len(whole))), dtype=np.float64).mean(axis=1)
    levels = 10 * np.log10(np.maximum(power, 10 ** (FLOOR / 10)))
    low, high = np.percentile(levels, [10, 90])
    return float(high - low)
