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
WIDTH = 32  # candidates a clip
PLANE = 2**26  # scores held at a time

Positions = Int64[np.ndarray, "item"]
Scores = Float64[np.ndarray, "edge"]
Score = Callable[[Positions, Positions], Scores]


class Edges(NamedTuple):
    """Pairs that may be chosen."""

    art: Int64[np.ndarray, "edge"]
    music: Int64[np.ndarray, "edge"]
    score: Float64[np.ndarray, "edge"]  # corrected


class Finder(NamedTuple):
    """Exact search by corrected score, among all items or some of them."""

    fused: Fused
    price: Float32[np.ndarray, "artwork"] | None  # of a correction that is one
    wider: int
    score: Score

    def artworks(self, clips: Positions, among: Positions, k: int) -> Edges:
        """Find the `k` best artworks of some clips; by clip, each one's best first."""
        width = min(k * self.wider, len(among))
        price = None if self.price is None else self.price[among]
        some = _part(self.fused.music, clips), _part(self.fused.art, among)
        art = among[search.best(*some, width, prices=price).columns].ravel()
        music = np.repeat(clips, width)
        score = self.score(art, music)
        order = np.lexsort((art, -score, music)).reshape(-1, width)[:, :k].ravel()
        return Edges(art[order], music[order], score[order])

    def best_clips(self) -> Int64[np.ndarray, "artwork"]:
        """Find each artwork's best clip: its price is the same for all of them. Ties go to the lower clip."""
        width = min(WIDTH * self.wider, len(self.fused.music))
        music = search.best(self.fused.art, self.fused.music, width).columns.astype(np.int64).ravel()
        art = np.repeat(np.arange(len(self.fused.art)), width)
        order = np.lexsort((music, -self.score(art, music), art))
        return np.asarray(music[order[::width]])


class Candidates(NamedTuple):
    """Edges by clip, each clip's best first, and who finds more."""

    art: Int64[np.ndarray, "edge"]
    music: Int64[np.ndarray, "edge"]
    score: Float64[np.ndarray, "edge"]  # corrected
    finder: Finder


def candidates(fused: Fused, k: int = WIDTH, correction: str = "none") -> Candidates:
    """Find each clip's `k` best artworks by corrected score.

    Raises:
        MatchingError: there is no such correction.
    """
    if correction not in CORRECTIONS:
        raise MatchingError(f"no correction {correction!r}; there are: {', '.join(CORRECTIONS)}")
    finder = _finder(fused, correction)
    found = finder.artworks(np.arange(len(fused.music)), np.arange(len(fused.art)), k)
    return Candidates(*found, finder)


def _finder(fused: Fused, correction: str) -> Finder:
    def score(art: Positions, music: Positions) -> Scores:
        return search.exact(fused.art, fused.music, art, music, fused.offset) * QUANTUM

    if correction == "none":
        return Finder(fused, None, 1, score)
    if correction == "mutual_proximity":
        near = mutual_proximity(fused)
        return Finder(fused, None, WIDER, lambda art, music: near(art, music, score(art, music)))
    price = PRICES[correction](fused).astype(np.float32)
    return Finder(fused, price, 1, lambda art, music: score(art, music) - price[art])


def _part(side: Float32[np.ndarray, "item dim"], some: Positions) -> Float32[np.ndarray, "item dim"]:
    return side if len(some) == len(side) else side[some]


def csls(fused: Fused) -> Float64[np.ndarray, "artwork"]:
    """Half an artwork's mean score with its nearest clips (Conneau et al. 2018, arXiv:1710.04087)."""
    return _against_sample(fused.art, fused.music, lambda s: np.sort(s, axis=1)[:, -NEIGHBOURS:].mean(1) / 2)


def inverted_softmax(fused: Fused) -> Float64[np.ndarray, "artwork"]:
    """Soft maximum of an artwork's scores with all clips (Smith et al. 2017, arXiv:1702.03859)."""
    sharp = 10.0 / max(
        float(_against_sample(fused.art[:64], fused.music, lambda s: s.std(1)).mean()), QUANTUM
    )
    return _against_sample(fused.art, fused.music, lambda s: logsumexp(sharp * s, axis=1) / sharp)


def mutual_proximity(fused: Fused) -> Callable[[Positions, Positions, Scores], Scores]:
    """Probability of being nearer than a chance item from both sides, Gaussian (Schnitzer et al. 2012)."""
    sides = ((fused.art, fused.music), (fused.music, fused.art))
    known = [[_against_sample(*both, measure) for measure in (_mean, _spread)] for both in sides]

    def near(
        art: Positions, music: Positions, score: Float64[np.ndarray, "edge"]
    ) -> Float64[np.ndarray, "edge"]:
        made = np.ones(len(score))
        for (mean, spread), at in zip(known, (art, music), strict=True):
            made *= ndtr((score - fused.offset - mean[at]) / np.maximum(spread[at], QUANTUM))
        return made

    return near


def _mean(scores: Float32[np.ndarray, "item sample"]) -> Float64[np.ndarray, "item"]:
    return np.asarray(scores.mean(1), np.float64)


def _spread(scores: Float32[np.ndarray, "item sample"]) -> Float64[np.ndarray, "item"]:
    return np.asarray(scores.std(1), np.float64)


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
