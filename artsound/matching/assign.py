"""Optimal assignment on a sparse graph, in whole numbers, with the least prices that prove it.

First a forward Gauss–Seidel auction (Bertsekas 1988) comes within ε a row of the optimum: rows bid, prices
start at 0 and only rise, so columns that stay free cost nothing. Then `settle` makes it exact (see there).

A row may stay out: it then counts `floor`, as if it had a column of its own. A column takes `capacity` rows.
Rows may come in runs of `copies` with the same edges, the places of one bidder. They do not bid against each
other, nor does a bid stop at what another place of the same column costs: either would raise prices by little
more than ε at a time (Bertsekas and Castañón 1989, on similar persons and similar objects).
Columns may belong to groups of which each takes `limit` rows in all: a group's price is part of its
columns' prices.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Int32, Int64

from artsound.matching.compiled import compiled
from artsound.matching.settle import OUT, Graph, Places, settle, weigh

LONELY = 1 << 60  # how much worse than `floor` a row's second best is when it has no other


class Assignment(NamedTuple):
    """Each row's column, or `OUT`; the least optimal prices of the columns, their groups' included."""

    column: Int32[np.ndarray, "row"]
    price: Int64[np.ndarray, "column"]


def assign(graph: Graph, places: Places, floor: int, epsilon: int, copies: int = 1) -> Assignment:
    """Solve exactly. `epsilon`, in units of the values, and `copies` decide only how fast."""
    own = np.full(len(graph.starts) - 1, OUT, np.int32)
    room = np.zeros(places.columns * places.capacity, np.int64)
    _auction(graph, (places.capacity, copies), (floor, epsilon), room, own)
    if places.limit:
        _thin_out(graph, places, floor, own)
    return Assignment(own, settle(graph, places, floor, own))


def _thin_out(graph: Graph, places: Places, floor: int, own: Int32[np.ndarray, "row"]) -> None:
    """Let go the rows that a group has no room for, those worth least first."""
    worth = np.empty(len(own), np.int64)
    weigh(graph, floor, own, worth)
    held = np.flatnonzero(own != OUT)
    group = places.group[own[held]]
    order = np.lexsort((-worth[held], group))
    ranked = group[order]
    place = np.arange(len(order)) - np.searchsorted(ranked, ranked)
    own[held[order[place >= places.limit]]] = OUT


@compiled
def _auction(
    graph: Graph,
    alike: tuple[int, int],
    terms: tuple[int, int],
    price: Int64[np.ndarray, "place"],
    own: Int32[np.ndarray, "row"],
) -> None:
    """Let rows bid until each has a place, or none is worth more than the floor."""
    capacity, copies = alike
    floor, epsilon = terms
    holder = np.full(price.shape[0], -1, np.int32)
    waiting = np.arange(own.shape[0] - 1, -1, -1).astype(np.int32)
    top = own.shape[0]
    while top > 0:
        top -= 1
        row = waiting[top]
        best, second, place = floor, floor - LONELY, -1
        for edge in range(graph.starts[row], graph.starts[row + 1]):
            slot = _cheapest(price, graph.columns[edge] * capacity, capacity)
            if holder[slot] >= 0 and holder[slot] // copies == row // copies:
                continue
            value = graph.values[edge] - price[slot]
            if value > best:
                best, second, place = value, best, slot
            elif value > second:
                second = value
        if place < 0:
            own[row] = OUT
            continue
        price[place] += best - second + epsilon
        if holder[place] >= 0:
            waiting[top] = holder[place]
            top += 1
        holder[place] = row
        own[row] = place // capacity


@compiled
def _cheapest(price: Int64[np.ndarray, "place"], first: int, capacity: int) -> int:
    """Find the place of a column that costs least."""
    slot = first
    for other in range(first + 1, first + capacity):
        if price[other] < price[slot]:
            slot = other
    return slot
