"""Form of a recording: where it changes, and which of its sections sound alike.

Novelty along the diagonal of a self-similarity matrix finds the borders; sections whose mean features are
near get the same letter. Features are twelve pitch classes and the loudness and shape of the spectrum.

Source:
    Foote 2000, "Automatic audio segmentation using a measure of audio novelty".
"""

from itertools import pairwise
from typing import NamedTuple

import numpy as np
from jaxtyping import Float32, Float64
from scipy.ndimage import convolve1d
from scipy.signal import find_peaks

RATE = 22_050  # Hz
STEP = 0.5  # s that are averaged: finer than any section
REACH = 8  # steps that novelty looks before and after a border: 4 s
PROMINENT = 0.25  # novelty from which a change is a border; 2 is the contrast of opposites
APART = 10  # least steps between two borders: 5 s
ALIKE = 0.8  # cosine of mean features from which two sections have the same letter
SILENT = -60.0  # dBFS; below, nothing is compared
COEFFICIENTS = 13  # of the spectrum's shape


class Section(NamedTuple):
    """A stretch that holds together; times in s."""

    label: str  # A, B … : the same letter, the same kind of music
    start: float
    end: float
    level: float  # dBFS


def sections(samples: Float32[np.ndarray, " sample"]) -> list[Section]:
    """Divide a mono recording at `RATE` into at most a handful of sections."""
    heard, levels = _features(samples)
    borders = [0, *_borders(heard), len(heard)]
    spans = list(pairwise(borders))
    labels = _labels([heard[first:last].mean(axis=0) for first, last in spans])
    length = len(samples) / RATE
    return [
        Section(label, first * STEP, min(last * STEP, length), _mean_level(levels[first:last]))
        for label, (first, last) in zip(labels, spans, strict=True)
    ]


def _features(
    samples: Float32[np.ndarray, " sample"],
) -> tuple[Float64[np.ndarray, "step feature"], Float64[np.ndarray, " step"]]:
    """Describe each step by centred features of equal weight, and give its level in dBFS."""
    import librosa

    hop = 512
    spectrum = np.abs(librosa.stft(samples, hop_length=hop))
    chroma = librosa.feature.chroma_stft(S=spectrum**2, sr=RATE, tuning=0.0)
    shape = librosa.feature.mfcc(
        S=librosa.power_to_db(librosa.feature.melspectrogram(S=spectrum**2, sr=RATE)), n_mfcc=COEFFICIENTS
    )
    of_step = (np.arange(spectrum.shape[1]) * hop / RATE / STEP).astype(int)
    count = np.bincount(of_step)
    steps = [np.bincount(of_step, row) / count for row in (*chroma, *shape)]
    power = np.bincount(of_step, np.square(spectrum).mean(axis=0)) / count
    levels = 10 * np.log10(np.maximum(power / 512, 1e-12))
    rows = np.stack(steps, axis=1)
    for group in (slice(0, 12), slice(12, None)):  # pitch and sound count the same
        rows[:, group] -= rows[:, group].mean(axis=0)
        rows[:, group] /= max(float(np.sqrt(np.square(rows[:, group]).sum(axis=1).mean())), 1e-9)
    rows[levels < SILENT] = 0
    return rows, levels


def _borders(heard: Float64[np.ndarray, "step feature"]) -> list[int]:
    """Find where the steps before and after are alike among themselves and unlike one another."""
    if len(heard) < 2 * APART:
        return []
    lengths = np.maximum(np.linalg.norm(heard, axis=1, keepdims=True), 1e-9)
    alike = (heard / lengths) @ (heard / lengths).T
    side = np.concatenate([np.ones(REACH), -np.ones(REACH)])
    board = convolve1d(convolve1d(alike, side, axis=0, mode="nearest"), side, axis=1, mode="nearest")
    novelty = np.diag(board) / (2 * REACH) ** 2
    peaks, _ = find_peaks(novelty, height=PROMINENT, prominence=PROMINENT / 2, distance=APART)
    return [int(peak) + 1 for peak in peaks if APART / 2 <= peak <= len(heard) - APART / 2]


def _labels(means: list[Float64[np.ndarray, " feature"]]) -> list[str]:
    """Give each section the letter of the nearest earlier one that is alike, or the next letter."""
    known: list[tuple[str, Float64[np.ndarray, " feature"]]] = []
    labels = []
    for mean in means:
        near = [(_cosine(mean, other), label) for label, other in known]
        best, label = max(near, default=(0.0, ""))
        if best < ALIKE:
            label = chr(ord("A") + len(known))
            known.append((label, mean))
        labels.append(label)
    return labels


def _cosine(one: Float64[np.ndarray, " feature"], other: Float64[np.ndarray, " feature"]) -> float:
    return float(one @ other / max(float(np.linalg.norm(one) * np.linalg.norm(other)), 1e-9))


def _mean_level(levels: Float64[np.ndarray, " step"]) -> float:
    return float(10 * np.log10(np.mean(10 ** (levels / 10))))
