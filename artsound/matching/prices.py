"""Dual prices: a good guess before anything is matched, and the best choice among equally optimal ones."""

import numpy as np
from jaxtyping import Bool, Float32, Int32, Int64
from threadpoolctl import threadpool_limits

from artsound.matching.compiled import compiled
from artsound.matching.settle import Graph, Places, weigh

SAMPLE_BYTES = 1_200_000_000  # of the scores of sampled rows against all columns
SAMPLE = 4000  # rows at most
SHARPNESS = 8.0  # inverse temperature, in units of 1 / spread of the scores
SWEEPS = 60
UNKNOWN = 1 << 60


def start_prices(
    rows: Float32[np.ndarray, "row dim"],
    columns: Float32[np.ndarray, "column dim"],
    order: Int64[np.ndarray, "row"],
    *,
    capacity: float,
    spread: float,
) -> Float32[np.ndarray, "column"]:
    """Price the columns as if a sample of rows, each standing for many, shared them softly.

    Entropic semi-dual of optimal transport (Genevay et al. 2016, arXiv:1605.08527) with columns that need
    not be filled: where the sample asks for more than a column has, its price rises until it does not.

    Args:
        rows: all rows.
        columns: all columns.
        order: of the rows, drawn by hash; the first are the sample.
        capacity: rows a column; less than 1 where a row stands for several bids.
        spread: standard deviation of the scores.
    """
    size = min(SAMPLE, len(rows), max(1, SAMPLE_BYTES // (4 * len(columns))))
    sharp = np.float32(SHARPNESS / spread)
    load = np.float32(len(rows) / size / capacity)
    price = np.zeros(len(columns), np.float32)
    with threadpool_limits(1, user_api="blas"):  # sums do not depend on the machine's threads
        wish = rows[np.sort(order[:size])] @ columns.T
        wish -= wish.max(axis=1, keepdims=True)
        wish *= sharp
        np.exp(wish, out=wish)
        for _ in range(SWEEPS):
            asked = (load / (wish @ np.exp(-sharp * price))) @ wish
            price = np.maximum(0, np.log(np.maximum(asked, 1e-30)) / sharp)
    return price


def nearest(
    graph: Graph,
    places: Places,
    floor: int,
    own: Int32[np.ndarray, "row"],
    wanted: Int64[np.ndarray, "column"],
) -> Int64[np.ndarray, "column"]:
    """Choose, among all prices that prove an assignment optimal on its graph, those nearest to some others.

    The least prices are zero wherever the graph lacks the edge that would raise them, and so prove little
    about pairs outside it; prices near those that the whole problem is believed to have prove much. Optimal
    prices are a lattice: cap the wanted ones by the greatest, then raise them to the least that lie above.
    """
    worth = np.empty(len(own), np.int64)
    weigh(graph, floor, own, worth)
    room = np.bincount(own[own >= 0], minlength=places.columns) < places.capacity
    price, toll = _greatest(places, own, room)
    while _cap(graph, floor, own, worth, price) | _cap_groups(places, room, price, toll):
        continue
    np.clip(wanted, 0, price, out=price)
    _wish_groups(places, room, price, toll)
    while _raise(graph, own, worth, price) | _raise_groups(places, room, price, toll):
        continue
    return price


Prices = Int64[np.ndarray, "column"]
Tolls = Int64[np.ndarray, "group"]


def _greatest(
    places: Places, own: Int32[np.ndarray, "row"], room: Bool[np.ndarray, "column"]
) -> tuple[Prices, Tolls]:
    """Begin above all optimal prices: what has room costs the toll of its group, 0 where that is not full."""
    if not places.limit:
        return np.where(room, 0, UNKNOWN), np.zeros(0, np.int64)
    filled = np.bincount(places.group[own[own >= 0]], minlength=len(places.starts) - 1)
    toll = np.where(filled >= places.limit, UNKNOWN, 0)
    return np.where(room, toll[places.group], UNKNOWN), toll


def _cap_groups(places: Places, room: Bool[np.ndarray, "column"], price: Prices, toll: Tolls) -> bool:
    """Lower tolls to the least price of their group, and what has room to its toll."""
    if not places.limit:
        return False
    np.minimum.at(toll, places.group, price)
    capped = np.where(room, np.minimum(price, toll[places.group]), price)
    changed = not np.array_equal(capped, price)
    price[:] = capped
    return changed


def _wish_groups(places: Places, room: Bool[np.ndarray, "column"], price: Prices, toll: Tolls) -> None:
    """Wish of each group what its cheapest column is wished to cost."""
    if places.limit:
        np.minimum.at(toll, places.group, price)
        price[room] = toll[places.group][room]


def _raise_groups(places: Places, room: Bool[np.ndarray, "column"], price: Prices, toll: Tolls) -> bool:
    """Raise tolls to what their columns with room cost, and all columns to their toll."""
    if not places.limit:
        return False
    np.maximum.at(toll, places.group[room], price[room])
    raised = np.maximum(price, toll[places.group])
    changed = not np.array_equal(raised, price)
    price[:] = raised
    return changed


@compiled
def _cap(
    graph: Graph,
    floor: int,
    own: Int32[np.ndarray, "row"],
    worth: Int64[np.ndarray, "row"],
    price: Int64[np.ndarray, "column"],
) -> bool:
    """Lower prices until no row would rather have another column: price(c) ≤ price(j) + s(i, c) − s(i, j)."""
    changed, moved = True, False
    while changed:
        changed = False
        for row in range(own.shape[0]):
            at = own[row]
            if at < 0:
                continue
            least = min(price[at], worth[row] - floor)
            for edge in range(graph.starts[row], graph.starts[row + 1]):
                least = min(least, price[graph.columns[edge]] + worth[row] - graph.values[edge])
            if least < price[at]:
                price[at], changed, moved = least, True, True
    return moved


@compiled
def _raise(
    graph: Graph,
    own: Int32[np.ndarray, "row"],
    worth: Int64[np.ndarray, "row"],
    price: Int64[np.ndarray, "column"],
) -> bool:
    """Raise prices until no row would rather have another column: price(j) ≥ price(c) + s(i, j) − s(i, c)."""
    changed, moved = True, False
    while changed:
        changed = False
        for row in range(own.shape[0]):
            at = own[row]
            base = (price[at] if at >= 0 else np.int64(0)) - worth[row]
            for edge in range(graph.starts[row], graph.starts[row + 1]):
                column = graph.columns[edge]
                if column != at and base + graph.values[edge] > price[column]:
                    price[column], changed, moved = base + graph.values[edge], True, True
    return moved
