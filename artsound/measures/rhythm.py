"""Rhythm of a recording: onsets and tempo."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float32, Float64
from scipy.ndimage import gaussian_filter1d, uniform_filter1d

RATE = 22_050  # Hz
HOP = 256  # samples between two frames
FRAME_RATE = RATE / HOP  # Hz
SLOWEST, FASTEST = 45.0, 200.0  # BPM; a faster pulse is reported as every second or third of it
USUAL, SPREAD = 120.0, 0.9  # BPM and octaves: where listeners tend to tap (log-normal)
MULTIPLES = (1.0, 0.5, 0.33, 0.25)  # weights of one to four beats in the score of a tempo


class Tempo(NamedTuple):
    """The rate at which a listener would tap."""

    bpm: float  # 0 when there is no beat
    confidence: float  # correlation of the onsets with themselves one beat later, 0 to 1


def onset_envelope(samples: Float32[np.ndarray, " sample"]) -> Float32[np.ndarray, " frame"]:
    """Follow how much the spectrum rises, at `FRAME_RATE`.

    Args:
        samples: mono at `RATE`.
    """
    import librosa

    strength = librosa.onset.onset_strength(y=samples, sr=RATE, hop_length=HOP)
    return np.asarray(strength, dtype=np.float32)


def tempo(envelope: Float32[np.ndarray, " frame"]) -> Tempo:
    """Estimate the tempo by autocorrelation.

    Octaves: of the tempi whose first four beats all recur, the one near `USUAL` is taken; it is doubled
    when the onsets between its beats are as strong as the beats themselves.
    """
    if not envelope.any():
        return Tempo(0.0, 0.0)
    recurrence = _autocorrelation(envelope)
    if recurrence[0] <= 0:
        return Tempo(0.0, 0.0)
    tempi = np.geomspace(SLOWEST, FASTEST, 600)
    score = sum(weight * _after(recurrence, tempi, beats) for beats, weight in enumerate(MULTIPLES, 1))
    taste = np.exp(-0.5 * (np.log2(tempi / USUAL) / SPREAD) ** 2)
    best = float(tempi[np.argmax(np.maximum(score, 0) * taste)])
    on, between = (float(_after(recurrence, np.array([best]), beats)[0]) for beats in (1.0, 0.5))
    if on <= 0:
        return Tempo(0.0, 0.0)
    doubled = between >= 0.97 * on and 2 * best <= FASTEST
    return Tempo(_refine(recurrence, 2 * best if doubled else best), min(1.0, on))


def beats(envelope: Float32[np.ndarray, " frame"], bpm: float) -> Float64[np.ndarray, " beat"]:
    """Find the times of the beats in s, given the tempo; none without one.

    Source:
        Ellis 2007, doi:10.1080/09298210701653344.
    """
    import librosa

    if not bpm:
        return np.empty(0)
    _, found = librosa.beat.beat_track(
        onset_envelope=envelope, sr=RATE, hop_length=HOP, bpm=bpm, units="time", trim=False
    )
    return np.asarray(found, dtype=np.float64)


def onset_rate(envelope: Float32[np.ndarray, " frame"]) -> float:
    """Count the onsets of notes per second."""
    import librosa

    onsets = librosa.onset.onset_detect(onset_envelope=envelope, sr=RATE, hop_length=HOP)
    return len(onsets) * FRAME_RATE / len(envelope)


def _autocorrelation(envelope: Float32[np.ndarray, " frame"]) -> Float64[np.ndarray, " frame"]:
    """Correlate the onsets with themselves by lag, unbiased, 1 at lag 0; all 0 where they never vary."""
    smooth = gaussian_filter1d(envelope.astype(np.float64), 1.5)  # beats are not exact to the frame
    centred = smooth - uniform_filter1d(smooth, round(2 * FRAME_RATE))
    count = len(centred)
    spectrum = np.fft.rfft(centred, 2 * count)
    overlap = count - np.arange(count)
    product = np.asarray(np.fft.irfft(spectrum * spectrum.conj())[:count] / overlap)
    recurrence = np.zeros(count)
    if product[0] > 1e-12:
        recurrence[:] = product / product[0]
    return recurrence


def _after(
    recurrence: Float64[np.ndarray, " frame"], tempi: Float64[np.ndarray, " tempo"], beats: float
) -> Float64[np.ndarray, " tempo"]:
    """Look up the autocorrelation so many beats later; 0 beyond half of the recording."""
    usable = recurrence[: len(recurrence) // 2]
    lags = 60 * FRAME_RATE * beats / tempi
    return np.asarray(np.interp(lags, np.arange(len(usable)), usable, right=0.0), dtype=np.float64)


def _refine(recurrence: Float64[np.ndarray, " frame"], bpm: float) -> float:
    """Sharpen the tempo by the peak eight beats later, where an error shows eight times."""
    near = bpm * np.linspace(0.97, 1.03, 121)
    together = np.sum([_after(recurrence, near, beats) for beats in (1, 2, 4, 8)], axis=0)
    return float(near[np.argmax(together)])
