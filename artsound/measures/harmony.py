"""Harmony of a recording: pitch classes and key."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float32, Float64

RATE = 22_050  # Hz
HOP = 1024  # samples between two frames
FRAME_RATE = RATE / HOP  # Hz
PITCHES = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")
FAINTEST = 0.2  # correlation below which no key is named

# Albrecht and Shanahan 2013, doi:10.1525/mp.2013.31.1.59: how often each degree sounds, from the tonic
PROFILES = {
    "major": (0.238, 0.006, 0.111, 0.006, 0.137, 0.094, 0.016, 0.214, 0.009, 0.080, 0.008, 0.081),
    "minor": (0.220, 0.006, 0.104, 0.123, 0.019, 0.103, 0.012, 0.214, 0.062, 0.022, 0.061, 0.052),
}


class Key(NamedTuple):
    """Tonic and mode."""

    name: str | None  # such as `F# minor`; None when no key stands out
    confidence: float  # correlation with its profile minus that of the second best key, 0 to 1


def pitch_classes(samples: Float32[np.ndarray, " sample"]) -> Float32[np.ndarray, "12 frame"]:
    """Follow how strongly each pitch class sounds, from C, in the tuning found; the loudest of a frame is 1.

    Args:
        samples: mono at `RATE`.
    """
    import librosa

    pitches, strengths = librosa.piptrack(y=samples, sr=RATE)
    heard = pitches > 0
    strong = pitches[heard & (strengths >= np.median(strengths[heard]))] if heard.any() else np.empty(0)
    tuning = librosa.pitch_tuning(strong, bins_per_octave=36) if strong.size else 0.0
    chroma = librosa.feature.chroma_cqt(y=samples, sr=RATE, hop_length=HOP, tuning=tuning)
    return np.asarray(chroma, dtype=np.float32)


def key(chroma: Float32[np.ndarray, "12 frame"]) -> Key:
    """Find the key whose profile correlates best with the mean pitch classes."""
    mean = chroma.mean(axis=1, dtype=np.float64)
    if mean.std() < 1e-6:
        return Key(None, 0.0)
    (second, _), (best, name) = sorted(_fits(mean))[-2:]
    return Key(name, best - second) if best >= FAINTEST else Key(None, 0.0)


def _fits(mean: Float64[np.ndarray, "12"]) -> list[tuple[float, str]]:
    """Correlate with the 24 keys."""
    return [
        (float(np.corrcoef(mean, np.roll(profile, tonic))[0, 1]), f"{PITCHES[tonic]} {mode}")
        for mode, profile in PROFILES.items()
        for tonic in range(12)
    ]
