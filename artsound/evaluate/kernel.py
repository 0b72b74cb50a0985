"""Kernel audio distance (KAD): unbiased at any number of clips; may be slightly negative."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from artsound.progress import track

SCALE = 100.0  # the factor of the paper
ROUNDS = 1000  # of the bootstrap


class Interval(NamedTuple):
    """An estimate with a percentile interval."""

    value: float
    low: float
    high: float


def kernel_distance(
    ours: Float[np.ndarray, "n dim"], reference: Float[np.ndarray, "m dim"], width: float
) -> float:
    """Return `SCALE` times the unbiased squared maximum mean discrepancy under a normal kernel.

    Args:
        ours: one embedding a row, at least two.
        reference: the same.
        width: of the kernel exp(−|x − y|² / 2 width²); see `median_distance`.

    Source:
        Gretton et al. 2012, eq. 3; for audio Chung et al. 2025, arXiv:2502.15602.
    """
    return _weighted(_Kernels.of(ours, reference, width), np.ones(len(ours)), np.ones(len(reference)))


def median_distance(reference: Float[np.ndarray, "m dim"]) -> float:
    """Return the median distance between two rows: the kernel's width, taken from the reference alone."""
    distances = np.sqrt(_squares(reference, reference))
    return float(np.median(distances[np.triu_indices(len(reference), 1)]))


def kernel_interval(
    ours: Float[np.ndarray, "n dim"],
    reference: Float[np.ndarray, "m dim"],
    *,
    seed: int = 0,
    share: float = 0.95,
) -> Interval:
    """Return the distance with a bootstrap interval over clips of both sets.

    A clip that is drawn twice is never compared with itself, else the bootstrap would be biased upwards.
    """
    kernels = _Kernels.of(ours, reference, median_distance(reference))
    value = _weighted(kernels, np.ones(len(ours)), np.ones(len(reference)))
    rng = np.random.default_rng([seed, len(ours), len(reference)])
    rounds = track(range(ROUNDS), "interval of KAD")
    drawn = [_weighted(kernels, _draw(len(ours), rng), _draw(len(reference), rng)) for _ in rounds]
    low, high = np.quantile(drawn, [(1 - share) / 2, (1 + share) / 2])
    return Interval(value, float(low), float(high))


class _Kernels(NamedTuple):
    within: np.ndarray  # (n, n), zero diagonal
    between: np.ndarray  # (n, m)
    beyond: np.ndarray  # (m, m), zero diagonal

    @classmethod
    def of(cls, ours: np.ndarray, reference: np.ndarray, width: float) -> "_Kernels":
        if min(len(ours), len(reference)) < 2:
            raise ValueError("a kernel distance needs at least 2 clips on each side")
        if not width > 0:
            raise ValueError("the reference clips are all alike: their median distance is 0")
        pairs = ((ours, ours), (ours, reference), (reference, reference))
        made = [np.exp(-_squares(one, other) / (2 * width**2)) for one, other in pairs]
        np.fill_diagonal(made[0], 0)
        np.fill_diagonal(made[2], 0)
        return cls(*made)


def _weighted(kernels: _Kernels, ours: np.ndarray, reference: np.ndarray) -> float:
    """Average over unlike clips, where a clip counts as often as it was drawn."""
    within = ours @ kernels.within @ ours / (ours.sum() ** 2 - (ours**2).sum())
    beyond = reference @ kernels.beyond @ reference / (reference.sum() ** 2 - (reference**2).sum())
    between = ours @ kernels.between @ reference / (ours.sum() * reference.sum())
    return float(SCALE * (within + beyond - 2 * between))


def _draw(count: int, rng: np.random.Generator) -> np.ndarray:
    """Draw with replacement, again where one clip alone came out: it has no other to be compared with."""
    while True:
        drawn = np.bincount(rng.integers(count, size=count), minlength=count).astype(np.float64)
        if (drawn > 0).sum() > 1:
            return drawn


def _squares(ours: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Return squared distances, (n, m), never below zero."""
    one, other = ours.astype(np.float64), others.astype(np.float64)
    found = (one**2).sum(1)[:, None] + (other**2).sum(1) - 2 * one @ other.T
    made: np.ndarray = np.maximum(found, 0)
    return made
