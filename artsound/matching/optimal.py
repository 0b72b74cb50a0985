"""Optimal one-to-one matching of one split, and the dual prices that prove it."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float64, Int64
from scipy.optimize import linear_sum_assignment

from artsound.matching.scores import QUANTUM, Fused, quantise


class Solution(NamedTuple):
    """Partners by position, −1 for none; prices in units of `QUANTUM`."""

    partner: Int64[np.ndarray, "artwork"]
    art_price: Int64[np.ndarray, "artwork"]
    music_price: Int64[np.ndarray, "clip"]


def solve(fused: Fused, floor: int) -> Solution:
    """Match the smaller side, each of its items for more than `floor` or not at all; a unit is `QUANTUM`."""
    if len(fused.art) <= len(fused.music):
        partner, rows, columns = _rows_first(_scores(fused), floor)
        return Solution(partner, rows, columns)
    partner, rows, columns = _rows_first(_scores(fused).T, floor)
    back = np.full(len(fused.art), -1)
    back[partner[partner >= 0]] = np.flatnonzero(partner >= 0)
    return Solution(back, columns, rows)


def _scores(fused: Fused) -> Int64[np.ndarray, "artwork clip"]:
    return quantise(fused.art.astype(np.float64) @ fused.music.astype(np.float64).T + fused.offset)


def _rows_first(
    scores: Int64[np.ndarray, "row column"], floor: int
) -> tuple[Int64[np.ndarray, "row"], Int64[np.ndarray, "row"], Int64[np.ndarray, "column"]]:
    """Assign with one private column a row, worth `floor`; the least prices by relaxing to a fixed point."""
    rows, columns = scores.shape
    private = np.where(np.eye(rows, dtype=bool), floor, -(2**40))
    wide = np.hstack([scores, private])
    own = linear_sum_assignment(wide, maximize=True)[1]
    gain = wide - wide[np.arange(rows), own][:, None]
    price = np.zeros(columns + rows, np.int64)
    while True:
        raised = np.maximum(price, (price[own][:, None] + gain).max(axis=0))
        if (raised == price).all():
            break
        price = raised
    best = np.maximum(floor, (scores - price[:columns]).max(axis=1))
    return np.where(own < columns, own, -1), best, price[:columns]


def in_units(prices: Int64[np.ndarray, "item"]) -> Float64[np.ndarray, "item"]:
    """Turn quantised values into scores."""
    return prices * QUANTUM
