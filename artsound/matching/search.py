"""Exact search: for each row the columns of largest inner product less the column's price, over all pairs.

Blocks of rows go to threads; a block is multiplied and scanned by one thread, so no result depends on how
many threads there are. Products are float32: what they leave undecided is decided by `exact`, in float64 and
whole quanta.
"""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
from jaxtyping import Float32, Int32, Int64
from threadpoolctl import threadpool_limits

from artsound.matching.compiled import compiled
from artsound.matching.scores import QUANTUM
from artsound.progress import track

ROWS, COLUMNS = 1536, 2048  # of a block: tall ones let the product pack its columns less often
GLANCE = 64  # columns looked at together for one that is worth keeping
PAIRS = 1 << 16  # scored at a time
NONE = -1


class Found(NamedTuple):
    """The best columns of each row, in no order; `NONE` where fewer were found."""

    columns: Int32[np.ndarray, "row k"]
    values: Float32[np.ndarray, "row k"]


Engine = Callable[..., Found]  # `best`, or another way to the same candidates; see `engines`


def best(
    rows: Float32[np.ndarray, "row dim"],
    columns: Float32[np.ndarray, "column dim"],
    k: int,
    *,
    prices: Float32[np.ndarray, "column"] | None = None,
    above: Float32[np.ndarray, "row"] | None = None,
    threads: int | None = None,
) -> Found:
    """Find each row's `k` largest `rows · columns − prices` that exceed `above`."""
    count = len(rows)
    price = np.zeros(len(columns), np.float32) if prices is None else prices
    least = np.full(count, -np.inf, np.float32) if above is None else above
    found = Found(np.full((count, k), NONE, np.int32), np.repeat(least[:, None], k, axis=1))

    def keep(block: slice, first: int, product: Float32[np.ndarray, "row column"]) -> None:
        part = price[first : first + product.shape[1]]
        _keep(product, part, first, found.columns[block], found.values[block])

    sweep(rows, columns, keep, threads)
    return found


def sweep(
    rows: Float32[np.ndarray, "row dim"],
    columns: Float32[np.ndarray, "column dim"],
    visit: Callable[[slice, int, Float32[np.ndarray, "row column"]], None],
    threads: int | None = None,
) -> None:
    """Show all products once: to `visit` go a block's rows, its first column and the products."""
    starts = range(0, len(rows), ROWS)

    def scan(start: int) -> None:
        block = slice(start, start + ROWS)
        product = np.empty((len(rows[block]), COLUMNS), np.float32)
        for first in range(0, len(columns), COLUMNS):
            part = columns[first : first + COLUMNS]
            into = product[:, : len(part)]
            np.matmul(rows[block], part.T, out=into)
            visit(block, first, into)

    with threadpool_limits(1, user_api="blas"), ThreadPoolExecutor(threads or os.cpu_count()) as pool:
        for _ in track(pool.map(scan, starts), "exact pass", len(starts)):
            pass


def error_of(rows: Float32[np.ndarray, "row dim"], columns: Float32[np.ndarray, "column dim"]) -> float:
    """Bound how far a float32 product can be from the exact one (Higham 2002, ch. 3)."""
    return int(rows.shape[1]) * 2.0**-23 * _longest(rows) * _longest(columns)


def _longest(side: Float32[np.ndarray, "item dim"]) -> float:
    return max((float(np.linalg.norm(vector)) for vector in side), default=0.0)


@compiled
def _keep(
    product: Float32[np.ndarray, "row column"],
    price: Float32[np.ndarray, "column"],
    first: int,
    columns: Int32[np.ndarray, "row k"],
    values: Float32[np.ndarray, "row k"],
) -> None:
    """Put what exceeds a row's least kept value into the row's heap (the least is at the root)."""
    width = product.shape[1]
    for row in range(product.shape[0]):
        least = values[row, 0]
        for start in range(0, width, GLANCE):
            some, cost = product[row, start : start + GLANCE], price[start : start + GLANCE]
            hits = np.int32(0)  # a sum of whole numbers becomes vector instructions; a maximum does not
            for at in range(some.shape[0]):
                hits += np.int32(some[at] - cost[at] > least)
            if hits == 0:
                continue
            for at in range(some.shape[0]):
                value = some[at] - cost[at]
                if value > least:
                    _replace_least(columns[row], values[row], first + start + at, value)
                    least = values[row, 0]


@compiled
def _replace_least(
    columns: Int32[np.ndarray, "k"], values: Float32[np.ndarray, "k"], column: int, value: float
) -> None:
    """Put a value in place of the heap's root and let it sink."""
    at, k = 0, values.shape[0]
    while True:
        child = 2 * at + 1
        if child >= k:
            break
        if child + 1 < k and values[child + 1] < values[child]:
            child += 1
        if values[child] >= value:
            break
        values[at], columns[at] = values[child], columns[child]
        at = child
    values[at], columns[at] = value, column


def exact(
    rows: Float32[np.ndarray, "row dim"],
    columns: Float32[np.ndarray, "column dim"],
    left: Int64[np.ndarray, "pair"],
    right: Int64[np.ndarray, "pair"],
    offset: float,
) -> Int64[np.ndarray, "pair"]:
    """Score pairs in float64, in a fixed order of summation, as whole quanta."""
    out = np.empty(len(left), np.int64)
    starts = range(0, len(left), PAIRS)

    def score(start: int) -> None:
        some = slice(start, start + PAIRS)
        _exact(rows, columns, left[some], right[some], offset, out[some])

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for _ in track(pool.map(score, starts), "scoring candidates", len(starts)):
            pass
    return out


@compiled
def _exact(
    rows: Float32[np.ndarray, "row dim"],
    columns: Float32[np.ndarray, "column dim"],
    left: Int64[np.ndarray, "pair"],
    right: Int64[np.ndarray, "pair"],
    offset: float,
    out: Int64[np.ndarray, "pair"],
) -> None:
    dim = rows.shape[1]
    for pair in range(left.shape[0]):
        row, column = left[pair], right[pair]
        s0 = s1 = s2 = s3 = 0.0  # four sums side by side keep the processor busy
        for d in range(0, dim - 3, 4):
            s0 += np.float64(rows[row, d]) * np.float64(columns[column, d])
            s1 += np.float64(rows[row, d + 1]) * np.float64(columns[column, d + 1])
            s2 += np.float64(rows[row, d + 2]) * np.float64(columns[column, d + 2])
            s3 += np.float64(rows[row, d + 3]) * np.float64(columns[column, d + 3])
        for d in range(dim - dim % 4, dim):
            s0 += np.float64(rows[row, d]) * np.float64(columns[column, d])
        out[pair] = np.int64(np.rint(((s0 + s1) + (s2 + s3) + offset) / QUANTUM))
