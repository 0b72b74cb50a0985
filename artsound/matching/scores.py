"""The fused score, as one inner product.

score(i, j) = Σ_t w_t · (a_ti · m_tj − mean_t) / spread_t  over the terms t, with unit vectors a and m.
A term's mean and spread are those of all pairs of a sample of both sides, so that a weight says how many
standard deviations of one term outweigh one of another. Each vector is scaled by √(w_t / spread_t) and
rounded to float32; the scaled vectors stand side by side, so the sum is one inner product plus one constant.
Their product is summed in float64 and rounded to whole multiples of `QUANTUM`: that integer is the score of
a pair, everywhere.
"""

import hashlib
import tempfile
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pyarrow as pa
from jaxtyping import Float32, Float64, Int64

from artsound import tables
from artsound.errors import MatchingError
from artsound.matching.policy import Policy
from artsound.matching.terms import BLOCK, Term, fingerprint

QUANTUM = 1e-6
SAMPLE = 512  # items of each side; all their pairs are the calibration's sample
MAPPED_BYTES = 1 << 28  # larger matrices live in a temporary file, not in memory


class Fused(NamedTuple):
    """Both sides of the items of one split; the score of (i, j) is `art[i] · music[j] + offset`."""

    art_ids: Sequence[str]
    music_ids: Sequence[str]
    art: Float32[np.ndarray, "artwork dim"]
    music: Float32[np.ndarray, "clip dim"]
    offset: float
    parts: Mapping[str, slice]  # term → its columns
    shifts: Mapping[str, float]  # term → its share of the offset


def calibrate(terms: Sequence[Term], weights: Mapping[str, float], splits: pa.Table) -> pa.Table:
    """Measure mean and spread of each term's cosine over a sample drawn by hash; rows of `calibration`."""
    art, music = (_sample(splits.filter(pa.compute.equal(splits["side"], side))) for side in ("art", "music"))
    return tables.rows_of(
        "calibration", [_calibrated(term, weights[term.name], art, music) for term in terms]
    )


def _sample(rows: pa.Table) -> list[str]:
    items = rows["item_id"].to_pylist()
    if not items:
        raise MatchingError("one side has no items in `splits`: nothing can be matched")
    return sorted(items, key=lambda item: hashlib.sha256(item.encode()).digest())[:SAMPLE]


def _calibrated(term: Term, weight: float, art: Sequence[str], music: Sequence[str]) -> dict[str, object]:
    cosines = term.art.at(art).astype(np.float64) @ term.music.at(music).astype(np.float64).T
    spread = _stable(cosines.std())
    return {
        "term": term.name,
        "weight": weight,
        "mean": _stable(cosines.mean()),
        "spread": spread if spread > 0 else 1.0,
        "pairs": cosines.size,
        "inputs": fingerprint(term),
    }


def _stable(value: float) -> float:
    """Drop the digits that depend on the order of summation."""
    return float(f"{value:.6f}")


def fuse(
    terms: Sequence[Term], calibration: pa.Table, art_ids: Sequence[str], music_ids: Sequence[str]
) -> Fused:
    """Scale the terms' vectors and set them side by side.

    Raises:
        MatchingError: the calibration is of other terms or other vectors.
    """
    rows = {row["term"]: row for row in calibration.to_pylist()}
    if [term.name for term in terms] != list(rows):
        raise MatchingError(f"calibrated are {', '.join(rows)}: build `calibration` again")
    scales = [np.float32(np.sqrt(row["weight"] / row["spread"])) for row in rows.values()]
    ends = np.cumsum([term.art.dim for term in terms]).tolist()
    parts = {term.name: slice(end - term.art.dim, end) for term, end in zip(terms, ends, strict=True)}
    shifts = {name: -row["weight"] * row["mean"] / row["spread"] for name, row in rows.items()}
    art, music = _empty(len(art_ids), ends[-1]), _empty(len(music_ids), ends[-1])
    for term, scale in zip(terms, scales, strict=True):
        for side, ids, matrix in ((term.art, art_ids, art), (term.music, music_ids, music)):
            for start in range(0, len(ids), BLOCK):
                matrix[start : start + BLOCK, parts[term.name]] = side.at(ids[start : start + BLOCK]) * scale
    return Fused(art_ids, music_ids, art, music, sum(shifts.values()), parts, shifts)


def check_calibration(terms: Sequence[Term], calibration: pa.Table) -> None:
    """Refuse a calibration made from other vectors than these.

    Raises:
        MatchingError: names the term.
    """
    made_from = dict(zip(calibration["term"].to_pylist(), calibration["inputs"].to_pylist(), strict=True))
    for term in terms:
        if made_from.get(term.name) != fingerprint(term):
            raise MatchingError(
                f"{term.name}: calibrated on other vectors: delete tables/calibration.json in the store, "
                "then build"
            )


def _empty(rows: int, dim: int) -> Float32[np.ndarray, "row dim"]:
    if rows * dim * 4 <= MAPPED_BYTES:
        return np.empty((rows, dim), np.float32)
    with tempfile.TemporaryFile(prefix="artsound-scores-") as file:  # stays until the mapping is dropped
        return np.memmap(file, np.float32, "w+", shape=(rows, dim))


def quantise(scores: Float64[np.ndarray, "*shape"] | float) -> Int64[np.ndarray, "*shape"]:
    """Round scores to whole multiples of `QUANTUM`."""
    return np.rint(np.asarray(scores) / QUANTUM).astype(np.int64)


def floor(calibration: pa.Table, policy: Policy) -> float:
    """Give what leaving a bidder out counts: the least score asked for, or less than any pair's.

    A cosine lies between −1 and 1. Where pairs are forbidden, somebody may have to go without: ten times the
    range of all scores below the least, nobody does whom a change among few others could serve.
    """
    if policy.min_score is not None:
        return policy.min_score
    least, greatest = (
        sum(r["weight"] * (cosine - r["mean"]) / r["spread"] for r in calibration.to_pylist())
        for cosine in (-1, 1)
    )
    return float(least - (10 * (greatest - least) if policy.forbidden else 1))
