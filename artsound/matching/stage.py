"""The stages of matching: calibrate the score, match inside each split, prove it, explain each pair.

All four read `splits` and two tables a term, in the order of the weights: the art side, then the music side.
"""

from collections.abc import Iterator, Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from artsound import tables
from artsound.errors import MatchingError, Outcome
from artsound.matching import check, scores
from artsound.matching.explain import explain
from artsound.matching.optimal import Solution, in_units, solve
from artsound.matching.scores import Fused
from artsound.matching.terms import Term, read_terms
from artsound.progress import track


def calibrate(splits: pa.Table, *sides: pa.Table, weights: Mapping[str, float]) -> Outcome:
    """Bring the terms of the score to one scale; rows of `calibration`, in the order of the weights."""
    if not any(weights.values()):
        raise MatchingError("all weights are 0: give at least one term of [matching] a weight")
    return Outcome(scores.calibrate(read_terms(list(weights), sides), weights, splits))


def match_splits(
    calibration: pa.Table, splits: pa.Table, *sides: pa.Table, min_score: float | None = None
) -> Outcome:
    """Match each split by itself, optimally; rows of `matching` for both sides.

    Args:
        calibration: as made by `calibrate` from the same splits and sides.
        splits: which items are matched with which.
        sides: the art table and the music table of each calibrated term.
        min_score: leave the smaller side's item unmatched rather than below this score; None for no limit.
    """
    terms = _checked(calibration, sides)
    floor = _floor(calibration, min_score)
    rows: list[dict[str, object]] = []
    for split, fused in track(_splits(terms, calibration, splits), "matching splits"):
        solution = solve(fused, int(scores.quantise(floor))) if _both(fused) else _nothing(fused)
        rows += _rows(split, fused, solution)
    return Outcome(tables.rows_of("matching", rows))


def certify(
    matching: pa.Table,
    calibration: pa.Table,
    splits: pa.Table,
    *sides: pa.Table,
    min_score: float | None = None,
) -> Outcome:
    """Prove each split's matching from vectors, pairs and prices alone; rows of `certificates`."""
    return Outcome(
        tables.rows_of(
            "certificates", check.certificates(matching, calibration, splits, sides, min_score=min_score)
        )
    )


def explain_pairs(
    matching: pa.Table, calibration: pa.Table, splits: pa.Table, *sides: pa.Table, runners_up: int = 3
) -> Outcome:
    """Say for each pair how it came about; rows of `pairs`, by split and artwork."""
    terms = _checked(calibration, sides)
    rows: list[dict[str, object]] = []
    for split, fused in track(_splits(terms, calibration, splits), "explaining pairs"):
        if _both(fused):
            rows += explain(split, fused, matching.filter(pc.equal(matching["split"], split)), runners_up)
    return Outcome(tables.rows_of("pairs", rows))


def _checked(calibration: pa.Table, sides: tuple[pa.Table, ...]) -> list[Term]:
    terms = read_terms(calibration["term"].to_pylist(), sides)
    scores.check_calibration(terms, calibration)
    return terms


def _floor(calibration: pa.Table, min_score: float | None) -> float:
    """Leave nothing unmatched that can be matched, unless a least score is asked for."""
    return scores.lowest(calibration) - 1 if min_score is None else min_score


def _splits(terms: list[Term], calibration: pa.Table, splits: pa.Table) -> Iterator[tuple[str, Fused]]:
    """Fuse the vectors of one split after another, items in the order of their ids."""
    for split in sorted(splits["split"].unique().to_pylist()):
        art, music = (_items(splits, split, side) for side in ("art", "music"))
        yield split, scores.fuse(terms, calibration, art, music)


def _items(splits: pa.Table, split: str, side: str) -> list[str]:
    chosen = splits.filter(pc.and_(pc.equal(splits["split"], split), pc.equal(splits["side"], side)))
    return sorted(chosen["item_id"].to_pylist())


def _both(fused: Fused) -> bool:
    return bool(len(fused.art) and len(fused.music))


def _nothing(fused: Fused) -> Solution:
    return Solution(
        np.full(len(fused.art), -1), np.zeros(len(fused.art), np.int64), np.zeros(len(fused.music), np.int64)
    )


def _rows(split: str, fused: Fused, solution: Solution) -> Iterator[dict[str, object]]:
    partners: dict[str, dict[str, list[str]]] = {"art": {}, "music": {}}
    for art, clip in zip(fused.art_ids, solution.partner.tolist(), strict=True):
        if clip >= 0:
            partners["art"][art] = [fused.music_ids[clip]]
            partners["music"][fused.music_ids[clip]] = [art]
    larger = {"art": len(fused.art) > len(fused.music), "music": len(fused.music) > len(fused.art)}
    for side, ids, prices in (
        ("art", fused.art_ids, in_units(solution.art_price)),
        ("music", fused.music_ids, in_units(solution.music_price)),
    ):
        for item, price in zip(ids, prices.tolist(), strict=True):
            found = partners[side].get(item, [])
            reason = None if found else _reason(fused, larger[side])
            yield {
                "side": side,
                "item_id": item,
                "split": split,
                "partners": found,
                "reason": reason,
                "price": price,
            }


def _reason(fused: Fused, larger: bool) -> str:
    if not _both(fused):
        return "no_counterpart"
    return "outnumbered" if larger else "below_min_score"
