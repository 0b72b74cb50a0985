"""Candidates of the selectors that prove nothing: each clip's best artworks, hubs corrected or not.

A correction takes from an artwork's score what it scores with everybody. CSLS and the inverted softmax are
prices: in a full assignment they cancel and change only who stays out, so the optimal selector does without
(its dual prices are the exact correction). Mutual proximity is no price; it harms an optimal matching.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from jaxtyping import Float32, Float64, Int64
from scipy.special import logsumexp, ndtr

from artsound.errors import MatchingError
from artsound.matching import search
from artsound.matching.scores import QUANTUM, Fused

SAMPLE = 2048  # of the other side, evenly spaced
NEIGHBOURS = 10
WIDER = 4  # candidates of a correction that is no price, in multiples of those asked for
PLANE = 2**26  # scores held at a time


class Candidates(NamedTuple):
    """Edges by clip, each clip's best first."""

    art: Int64[np.ndarray, "edge"]
    music: Int64[np.ndarray, "edge"]
    score: Float64[np.ndarray, "edge"]  # corrected


def candidates(fused: Fused, k: int = 32, correction: str = "none") -> Candidates:
    """Find each clip's `k` best artworks by corrected score.

    Raises:
        MatchingError: there is no such correction.
    """
    if correction not in CORRECTIONS:
        raise MatchingError(f"no correction {correction!r}; there are: {', '.join(CORRECTIONS)}")
    price = PRICES[correction](fused).astype(np.float32) if correction in PRICES else None
    wide = correction == "mutual_proximity"
    width = min(k * WIDER if wide else k, len(fused.art))
    found = search.best(fused.music, fused.art, width, prices=price).columns.astype(np.int64)
    music = np.repeat(np.arange(len(fused.music)), width)
    art = found.ravel()
    score = search.exact(fused.art, fused.music, art, music, fused.offset) * QUANTUM
    if price is not None:
        score = score - price[art]
    if wide:
        score = mutual_proximity(fused, art, music, score)
    order = np.lexsort((art, -score, music)).reshape(-1, width)[:, :k].ravel()
    return Candidates(art[order], music[order], score[order])


def csls(fused: Fused) -> Float64[np.ndarray, "artwork"]:
    """Half an artwork's mean score with its nearest clips (Conneau et al. 2018, arXiv:1710.04087)."""
    return _against_sample(fused.art, fused.music, lambda s: np.sort(s, axis=1)[:, -NEIGHBOURS:].mean(1) / 2)


def inverted_softmax(fused: Fused) -> Float64[np.ndarray, "artwork"]:
    """Soft maximum of an artwork's scores with all clips (Smith et al. 2017, arXiv:1702.03859)."""
    sharp = 10.0 / max(
        float(_against_sample(fused.art[:64], fused.music, lambda s: s.std(1)).mean()), QUANTUM
    )
    return _against_sample(fused.art, fused.music, lambda s: logsumexp(sharp * s, axis=1) / sharp)


def mutual_proximity(
    fused: Fused,
    art: Int64[np.ndarray, "edge"],
    music: Int64[np.ndarray, "edge"],
    score: Float64[np.ndarray, "edge"],
) -> Float64[np.ndarray, "edge"]:
    """Probability of being nearer than a chance item from both sides, Gaussian (Schnitzer et al. 2012)."""
    made = np.ones(len(score))
    for side, other, at in ((fused.art, fused.music, art), (fused.music, fused.art, music)):
        mean = _against_sample(side, other, lambda s: s.mean(1))
        spread = _against_sample(side, other, lambda s: s.std(1))
        made *= ndtr((score - fused.offset - mean[at]) / np.maximum(spread[at], QUANTUM))
    return made


def _against_sample(
    side: Float32[np.ndarray, "item dim"],
    other: Float32[np.ndarray, "other dim"],
    measure: Callable[[Float32[np.ndarray, "item sample"]], Float64[np.ndarray, "item"]],
) -> Float64[np.ndarray, "item"]:
    """Measure each item's scores with a sample of the other side."""
    sample = other[:: max(1, len(other) // SAMPLE)]
    step = max(1, PLANE // len(sample))
    blocks = (side[start : start + step] @ sample.T for start in range(0, len(side), step))
    return np.concatenate([np.asarray(measure(block), np.float64) for block in blocks])


PRICES = {"csls": csls, "inverted_softmax": inverted_softmax}
CORRECTIONS = ("none", *PRICES, "mutual_proximity")
