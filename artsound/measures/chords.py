"""Chord track: the major or minor triad that fits each beat best, changes discouraged."""

from itertools import pairwise
from typing import NamedTuple

import numpy as np
from jaxtyping import Float32, Float64, Int64

from artsound.measures.harmony import PITCHES

NO_CHORD = 0.65  # likeness below which a beat has no chord; an even spectrum is 0.5 like any triad
CHANGE = 0.12  # likeness that a change of chord costs
TRIADS = {"": (0, 4, 7), "m": (0, 3, 7)}
NAMES = tuple(f"{PITCHES[root]}{ending}" for ending in TRIADS for root in range(12))


class Chord(NamedTuple):
    """A chord from `start` to `end`, in s; `name` is such as `C` or `F#m`."""

    name: str
    start: float
    end: float


def chords(
    chroma: Float32[np.ndarray, "12 frame"], borders: Float64[np.ndarray, " border"], rate: float
) -> list[Chord]:
    """Follow the chords between borders, such as beats; stretches without a chord are left out.

    Args:
        chroma: strength of each pitch class, from C.
        borders: increasing times in s, at least two.
        rate: frames of `chroma` a second.
    """
    frames = np.clip(np.round(borders * rate).astype(int), 0, chroma.shape[1] - 1)
    spans = pairwise(frames)
    means = np.stack([chroma[:, first : max(first + 1, last)].mean(axis=1) for first, last in spans])
    path = _smoothest(_likeness(means.astype(np.float64)))
    changes = np.flatnonzero(np.diff(path)) + 1
    starts, ends = [0, *changes], [*changes, len(path)]
    runs = zip(starts, ends, strict=True)
    return [
        Chord(NAMES[path[first]], float(borders[first]), float(borders[last]))
        for first, last in runs
        if path[first] < len(NAMES)
    ]


def _likeness(means: Float64[np.ndarray, "span 12"]) -> Float64[np.ndarray, "span 25"]:
    """Compare each span with the 24 triads (cosine) and with the threshold of no chord."""
    triads = np.zeros((len(NAMES), 12))
    for number in range(len(NAMES)):
        notes = list(TRIADS.values())[number // 12]
        triads[number, [(number + note) % 12 for note in notes]] = 1 / np.sqrt(3)
    length = np.linalg.norm(means, axis=1, keepdims=True)
    like = np.divide(means @ triads.T, length, out=np.zeros((len(means), len(NAMES))), where=length > 1e-6)
    return np.concatenate([like, np.full((len(means), 1), NO_CHORD)], axis=1)


def _smoothest(likeness: Float64[np.ndarray, "span state"]) -> Int64[np.ndarray, " span"]:
    """Find the path of highest likeness when every change costs `CHANGE` (Viterbi)."""
    best, came = likeness[0].copy(), np.zeros(likeness.shape, np.int64)
    for span in range(1, len(likeness)):
        leader = int(best.argmax())
        stay = best >= best[leader] - CHANGE
        came[span] = np.where(stay, np.arange(len(best)), leader)
        best = np.where(stay, best, best[leader] - CHANGE) + likeness[span]
    path = np.empty(len(likeness), np.int64)
    path[-1] = best.argmax()
    for span in range(len(likeness) - 1, 0, -1):
        path[span - 1] = came[span, path[span]]
    return path
