"""Exact ranks and rivals; ties go to the lower key.

What float32 leaves undecided is scored again in whole quanta.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float32, Int32, Int64

from artsound.matching import search
from artsound.matching.compiled import compiled
from artsound.matching.scores import QUANTUM

SPARE = 8  # columns kept beyond those asked for, so that rounding cannot push one out
UNSURE = 32  # columns a row whose side of the limit is decided exactly; beyond them the whole row is


class Ranked(NamedTuple):
    """Each row's best columns, best first, and their scores in quanta."""

    columns: Int64[np.ndarray, "row k"]
    scores: Int64[np.ndarray, "row k"]


def top(
    rows: Float32[np.ndarray, "row dim"],
    columns: Float32[np.ndarray, "column dim"],
    k: int,
    *,
    offset: float = 0.0,
    engine: search.Engine = search.best,
) -> Ranked:
    """Find each row's `k` best columns by exact score, ties by position; any engine gives the same."""
    k = min(k, len(columns))
    width = min(k + SPARE, len(columns))
    found = engine(rows, columns, width)
    left = np.repeat(np.arange(len(rows)), width)
    scores = search.exact(rows, columns, left, found.columns.ravel().astype(np.int64), offset)
    made = _sorted(found.columns.astype(np.int64), scores.reshape(-1, width), k)
    if width == len(columns):
        return made
    missed = found.values.min(axis=1) + offset + search.error_of(rows, columns)
    for row in np.flatnonzero(made.scores[:, -1] * QUANTUM <= missed + QUANTUM):
        for one, whole in zip(made, _whole(rows, columns, int(row), k, offset), strict=True):
            one[row] = whole
    return made


def _whole(
    rows: Float32[np.ndarray, "row dim"],
    columns: Float32[np.ndarray, "column dim"],
    row: int,
    k: int,
    offset: float,
) -> Ranked:
    every = np.arange(len(columns))
    scores = search.exact(rows, columns, np.full(len(columns), row), every, offset)
    made = _sorted(every[None], scores[None], k)
    return Ranked(made.columns[0], made.scores[0])


def _sorted(columns: Int64[np.ndarray, "row n"], scores: Int64[np.ndarray, "row n"], k: int) -> Ranked:
    order = np.lexsort((columns, -scores), axis=1)[:, :k]
    return Ranked(np.take_along_axis(columns, order, 1), np.take_along_axis(scores, order, 1))


def ranks(
    rows: Float32[np.ndarray, "row dim"],
    columns: Float32[np.ndarray, "column dim"],
    scores: Int64[np.ndarray, "row"],
    *,
    offset: float,
) -> Int64[np.ndarray, "row"]:
    """Count for each row the columns that score higher than the given score, and add 1."""
    error = search.error_of(rows, columns) + QUANTUM
    limit = scores * QUANTUM - offset
    low, high = (limit - error).astype(np.float32), (limit + error).astype(np.float32)
    above = np.ones(len(rows), np.int64)
    unsure = np.full((len(rows), UNSURE + 1), search.NONE, np.int32)  # the last counts them

    def count(block: slice, first: int, product: Float32[np.ndarray, "row column"]) -> None:
        _count(product, first, low[block], high[block], above[block], unsure[block])

    unsure[:, -1] = 0
    search.sweep(rows, columns, count)
    overfull = unsure[:, -1] > UNSURE
    for row in np.flatnonzero(overfull):
        whole = search.exact(rows, columns, np.full(len(columns), row), np.arange(len(columns)), offset)
        above[row] = 1 + (whole > scores[row]).sum()
    left, at = np.nonzero((unsure[:, :-1] != search.NONE) & ~overfull[:, None])
    decided = search.exact(rows, columns, left, unsure[left, at].astype(np.int64), offset) > scores[left]
    np.add.at(above, left[decided], 1)
    return above


@compiled
def _count(
    product: Float32[np.ndarray, "row column"],
    first: int,
    low: Float32[np.ndarray, "row"],
    high: Float32[np.ndarray, "row"],
    above: Int64[np.ndarray, "row"],
    unsure: Int32[np.ndarray, "row n"],
) -> None:
    room = unsure.shape[1] - 1
    for row in range(product.shape[0]):
        near = 0
        for column in range(product.shape[1]):
            above[row] += product[row, column] > high[row]
            near += product[row, column] > low[row]
        if near == 0:
            continue
        for column in range(product.shape[1]):
            if low[row] < product[row, column] <= high[row]:
                if unsure[row, room] < room:
                    unsure[row, unsure[row, room]] = first + column
                unsure[row, room] += 1
