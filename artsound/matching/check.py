"""The proof of a matching, from vectors, pairs and prices alone. Shares no code with the solver.

Weak duality (Kuhn 1955; Bertsekas 1998, *Network Optimization*, ch. 7): for any prices v ≥ 0 of one side,
no matching of the other side's items, each worth `floor` when left out, exceeds
Σ_i max(floor, max_j (s_ij − v_j)) + Σ_j v_j. Here v are the prices of the larger side; the maximum runs over
all pairs of a split, not over a solver's candidates.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from jaxtyping import Float32, Float64

from artsound.errors import MatchingError
from artsound.progress import track

QUANTUM = 1e-6  # scores are whole multiples of it
ROWS = 512  # rows of a block


class _Problem(NamedTuple):
    """One split as the checker reads it: the smaller side first."""

    rows: Float32[np.ndarray, "row dim"]
    columns: Float32[np.ndarray, "column dim"]
    partner: Sequence[Sequence[int]]  # columns of each row
    price: Float64[np.ndarray, "column"]
    offset: float


def certificates(
    matching: pa.Table,
    calibration: pa.Table,
    splits: pa.Table,
    sides: Sequence[pa.Table],
    *,
    min_score: float | None,
) -> list[dict[str, Any]]:
    """Recompute primal value, bound and gap of every split; rows of `certificates`.

    Raises:
        MatchingError: the matching is not one of these items: unknown or missing items, an item used twice,
            pairs that are not mutual, a negative price, a partner in another split.
    """
    found = {(row["side"], row["item_id"]): row for row in matching.to_pylist()}
    listed = {(row["side"], row["item_id"]): row["split"] for row in splits.to_pylist()}
    _check_items(found, listed)
    floor = _least(calibration) - 1 if min_score is None else min_score
    names = sorted(set(listed.values()))
    return [
        _certificate(name, found, calibration, sides, floor) for name in track(names, "certifying splits")
    ]


def _least(calibration: pa.Table) -> float:
    return float(sum(r["weight"] * (-1 - r["mean"]) / r["spread"] for r in calibration.to_pylist()))


def _check_items(found: Mapping[tuple[str, str], Any], listed: Mapping[tuple[str, str], str]) -> None:
    if unlike := set(found) ^ set(listed):
        raise MatchingError(f"matching and splits differ in {len(unlike)} items, such as {min(unlike)}")
    for (side, item), row in found.items():
        if row["split"] != listed[side, item]:
            raise MatchingError(f"{side} {item}: matched in {row['split']}, listed in {listed[side, item]}")
        other = "music" if side == "art" else "art"
        if len(row["partners"]) > 1:
            raise MatchingError(f"{side} {item}: has {len(row['partners'])} partners")
        for partner in row["partners"]:
            back = found.get((other, partner))
            if back is None or item not in back["partners"] or back["split"] != row["split"]:
                raise MatchingError(f"{side} {item}: {partner} is no partner of it")


def _certificate(
    split: str,
    found: Mapping[tuple[str, str], Any],
    calibration: pa.Table,
    sides: Sequence[pa.Table],
    floor: float,
) -> dict[str, Any]:
    members = {
        side: sorted(item for (of, item), row in found.items() if of == side and row["split"] == split)
        for side in ("art", "music")
    }
    pairs = sum(len(found["art", item]["partners"]) for item in members["art"])
    row: dict[str, Any] = {
        "split": split,
        "artworks": len(members["art"]),
        "clips": len(members["music"]),
        "pairs": pairs,
        "unmatched_artworks": len(members["art"]) - pairs,
        "unmatched_clips": len(members["music"]) - pairs,
        "floor": floor,
    }
    if not members["art"] or not members["music"]:
        return row | {"primal": 0.0, "bound": 0.0, "gap": 0.0, "allowance": 0.0}
    problem = _problem(members, found, calibration, sides)
    primal, (bound, allowance) = _primal(problem, floor), _bound(problem, floor)
    gap = (bound - primal) / max(abs(primal), QUANTUM)
    return row | {"primal": primal, "bound": bound, "gap": gap, "allowance": allowance}


def _problem(
    members: Mapping[str, Sequence[str]],
    found: Mapping[tuple[str, str], Any],
    calibration: pa.Table,
    sides: Sequence[pa.Table],
) -> _Problem:
    first, second = ("art", "music") if len(members["art"]) <= len(members["music"]) else ("music", "art")
    place = {item: at for at, item in enumerate(members[second])}
    scales = calibration.to_pylist()
    return _Problem(
        rows=_vectors(members[first], sides[first == "music" :: 2], scales),
        columns=_vectors(members[second], sides[second == "music" :: 2], scales),
        partner=[[place[p] for p in found[first, item]["partners"]] for item in members[first]],
        price=np.array([found[second, item]["price"] for item in members[second]]),
        offset=-sum(r["weight"] * r["mean"] / r["spread"] for r in scales),
    )


def _vectors(
    items: Sequence[str], given: Sequence[pa.Table], scales: Sequence[Mapping[str, float]]
) -> Float32[np.ndarray, "item dim"]:
    return np.hstack(
        [
            _plain(items, table) * np.float32((row["weight"] / row["spread"]) ** 0.5)
            for table, row in zip(given, scales, strict=True)
        ]
    )


def _plain(items: Sequence[str], table: pa.Table) -> Float32[np.ndarray, "item dim"]:
    """Read vectors, or make them of valence and arousal: (z, z, 1) at unit length."""
    ids = table[table.column_names[0]].to_pylist()
    at = dict(zip(ids, range(len(ids)), strict=True))
    if absent := [item for item in items if item not in at]:
        raise MatchingError(f"no vector for {absent[0]!r}")
    if "vector" in table.column_names:
        every = np.stack(table["vector"].to_numpy()) if len(ids) else np.zeros((0, 0), np.float32)
    else:
        every = _affect(np.array([table["valence"].to_pylist(), table["arousal"].to_pylist()]).T)
    return np.asarray(every[[at[item] for item in items]], np.float32)


def _affect(values: Float64[np.ndarray, "item two"]) -> Float32[np.ndarray, "item three"]:
    deviation = np.sqrt(((values - values.mean(0)) ** 2).mean(0))
    deviation[deviation == 0] = 1
    three = np.concatenate([(values - values.mean(0)) / deviation, np.ones((len(values), 1))], axis=1)
    return np.asarray(three / np.sqrt((three**2).sum(1))[:, None], np.float32)


def _primal(problem: _Problem, floor: float) -> float:
    """Sum the quantised scores of the pairs, and the floor for each row without one."""
    total = 0.0
    for row, partners in enumerate(problem.partner):
        for column in partners:
            score = float(np.dot(problem.rows[row].astype(float), problem.columns[column].astype(float)))
            total += round((score + problem.offset) / QUANTUM)
        if not partners:
            total += round(floor / QUANTUM)
    return total * QUANTUM


def _bound(problem: _Problem, floor: float) -> tuple[float, float]:
    """Bound every matching from the columns' prices; the second value is the part that covers rounding."""
    if (problem.price < 0).any():
        raise MatchingError(f"{int((problem.price < 0).sum())} prices are negative: they prove nothing")
    best = np.concatenate(list(_best(problem)))
    total = np.maximum(np.rint(floor / QUANTUM), best).sum() + np.rint(problem.price / QUANTUM).sum()
    return float(total * QUANTUM), 0.0


def _best(problem: _Problem) -> Iterator[Float64[np.ndarray, "row"]]:
    prices = np.rint(problem.price / QUANTUM)
    columns = problem.columns.astype(np.float64)
    for start in range(0, len(problem.rows), ROWS):
        product = problem.rows[start : start + ROWS].astype(np.float64) @ columns.T
        yield (np.rint((product + problem.offset) / QUANTUM) - prices).max(axis=1)
