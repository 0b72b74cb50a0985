"""From a good assignment to the optimal one, and to its least prices.

The prices are the longest paths of the residual graph: to take a column, a row must outbid whoever holds
it, who loses at least price(c) + s(i, j) − s(i, c) by moving on from c to j. They start at 0 and are
relaxed to their least fixed point (Bellman–Ford). A positive price at a column with room, a row better off
alone, or a price that feeds itself shows rows that gain together by moving: they move, and the prices start
anew. Where none is left, the assignment is optimal on the graph and the prices are the least that prove it.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Int32, Int64

from artsound.matching.compiled import compiled

OUT = -1  # a row without a column
ROOT = -1  # a column that nobody is outbid for
SHARED = -2  # a column whose price comes from its group


class Graph(NamedTuple):
    """Which row may take which column, and what that is worth (compressed sparse rows)."""

    starts: Int64[np.ndarray, "row+1"]
    columns: Int32[np.ndarray, "edge"]
    values: Int64[np.ndarray, "edge"]


class Places(NamedTuple):
    """What the columns take. Without groups `limit` is 0 and the arrays are empty."""

    columns: int
    capacity: int  # rows a column
    limit: int  # rows a group
    group: Int32[np.ndarray, "column"]
    starts: Int64[np.ndarray, "group+1"]  # of each group's columns in `members`
    members: Int32[np.ndarray, "column"]


class _State(NamedTuple):
    own: Int32[np.ndarray, "row"]
    worth: Int64[np.ndarray, "row"]  # of the row's own edge, or the floor
    seen: Int64[np.ndarray, "row"]  # the price at which the row was last looked at
    moved: Int32[np.ndarray, "column"]  # round in which an occupant last changed
    mark: Int64[np.ndarray, "column"]  # number of the walk that last came by
    taken: Int32[np.ndarray, "column"]
    price: Int64[np.ndarray, "column"]
    before: Int32[np.ndarray, "column"]  # row that would come, or ROOT, or SHARED
    filled: Int32[np.ndarray, "group"]
    toll: Int64[np.ndarray, "group"]  # price of a place in the group
    entry: Int32[np.ndarray, "group"]  # column with room that the toll comes from


def no_groups(columns: int, capacity: int) -> Places:
    """Describe columns that share no limit."""
    none = np.zeros(0, np.int32)
    return Places(columns, capacity, 0, none, np.zeros(1, np.int64), none)


def in_groups(group: Int32[np.ndarray, "column"], capacity: int, limit: int) -> Places:
    """Describe columns of which each group takes at most `limit` rows."""
    members = np.argsort(group, kind="stable").astype(np.int32)
    starts = np.concatenate([[0], np.cumsum(np.bincount(group))]).astype(np.int64)
    return Places(len(group), capacity, limit, group, starts, members)


def settle(
    graph: Graph, places: Places, floor: int, own: Int32[np.ndarray, "row"]
) -> Int64[np.ndarray, "column"]:
    """Improve the assignment in place until it is optimal; returns the least prices."""
    groups = len(places.starts) - 1
    state = _State(
        own=own,
        worth=np.full(len(own), floor, np.int64),
        seen=np.zeros(len(own), np.int64),
        moved=np.zeros(places.columns, np.int32),
        mark=np.zeros(places.columns, np.int64),
        taken=np.bincount(own[own >= 0], minlength=places.columns).astype(np.int32),
        price=np.zeros(places.columns, np.int64),
        before=np.zeros(places.columns, np.int32),
        filled=np.bincount(places.group[own[own >= 0]], minlength=groups).astype(np.int32)
        if groups
        else np.zeros(0, np.int32),
        toll=np.zeros(groups, np.int64),
        entry=np.zeros(groups, np.int32),
    )
    turn = 1
    while _round(graph, places, state, floor, turn):
        turn += 1
    if groups:
        np.maximum(state.price, state.toll[places.group], out=state.price)
    return state.price


@compiled
def _round(graph: Graph, places: Places, state: _State, floor: int, turn: int) -> int:
    """Relax from zero until an improvement was made; returns how many, 0 when the prices came to rest."""
    state.price[:] = 0
    state.before[:] = ROOT
    state.toll[:] = 0
    state.seen[:] = -1
    weigh(graph, floor, state.own, state.worth)
    walk = turn << 32
    while True:
        improved, changed = 0, False
        for row in range(state.own.shape[0]):
            at = state.own[row]
            price = state.price[at] if at >= 0 else np.int64(0)
            if price == state.seen[row]:
                continue
            state.seen[row] = price
            if at >= 0 and price + floor > state.worth[row]:
                walk += 1
                improved += _leave(places, state, row, turn, walk)
                continue
            made, walk, raised = _relax(graph, places, state, row, turn, walk)
            improved += made
            changed = changed or raised
        improved += _turn_loops(places, state, turn, walk)
        walk += places.columns + 1
        if improved or not changed:
            return improved


@compiled
def weigh(graph: Graph, floor: int, own: Int32[np.ndarray, "row"], worth: Int64[np.ndarray, "row"]) -> None:
    """Fill in what each row has: the value of its own edge, or the floor."""
    for row in range(own.shape[0]):
        worth[row] = floor
        for edge in range(graph.starts[row], graph.starts[row + 1]):
            if graph.columns[edge] == own[row]:
                worth[row] = graph.values[edge]


@compiled
def _relax(
    graph: Graph, places: Places, state: _State, row: int, turn: int, walk: int
) -> tuple[int, int, bool]:
    """Raise what this row would pay elsewhere; returns improvements, walks so far, whether a price rose."""
    improved, raised = 0, False
    base = state.seen[row] - state.worth[row]
    for edge in range(graph.starts[row], graph.starts[row + 1]):
        column = graph.columns[edge]
        price = base + graph.values[edge]
        if price <= state.price[column] or column == state.own[row]:
            continue
        state.price[column], state.before[column], raised = price, row, True
        if state.taken[column] < places.capacity and _opens(places, state, column):
            walk += 1
            if _free(places, state, column, turn, walk):
                _enter(places, state, column, turn)
                improved += 1
                break  # the row may have moved
    return improved, walk, raised


@compiled
def _opens(places: Places, state: _State, column: int) -> bool:
    """Say whether a column with room can take one more; pass its price on to its group where that is full."""
    if places.limit == 0:
        return True
    group = places.group[column]
    price = state.price[column]
    if state.filled[group] < places.limit:
        return True
    if price > state.toll[group]:
        state.toll[group], state.entry[group] = price, column
        for at in range(places.starts[group], places.starts[group + 1]):
            other = places.members[at]
            if state.taken[other] > 0 and price > state.price[other]:
                state.price[other], state.before[other] = price, SHARED
    return False


@compiled
def _previous(places: Places, state: _State, column: int) -> int:
    """Return the column that a move into this one makes room in; OUT at the end of the path."""
    row = state.before[column]
    if row == ROOT:
        return OUT
    if row == SHARED:
        return int(state.entry[places.group[column]])
    return int(state.own[row])


@compiled
def _free(places: Places, state: _State, column: int, turn: int, walk: int) -> bool:
    """Say whether the path to a column crosses no earlier move of this turn, nor itself."""
    while column >= 0:
        if state.moved[column] == turn or state.mark[column] == walk:
            return False
        state.mark[column] = walk
        column = _previous(places, state, column)
    return True


@compiled
def _enter(places: Places, state: _State, column: int, turn: int) -> None:
    """Move each row of the path into the column that it outbids for, from the path's end backwards."""
    while column >= 0:
        row, before = state.before[column], _previous(places, state, column)
        state.moved[column] = turn
        if row >= 0:
            _move(places, state, row, column)
        column = before


@compiled
def _move(places: Places, state: _State, row: int, column: int) -> None:
    """Change a row's column and the counts."""
    _count(places, state, state.own[row], -1)
    _count(places, state, column, 1)
    state.own[row] = column


@compiled
def _count(places: Places, state: _State, column: int, step: int) -> None:
    if column >= 0:
        state.taken[column] += step
        if places.limit:
            state.filled[places.group[column]] += step


@compiled
def _leave(places: Places, state: _State, row: int, turn: int, walk: int) -> int:
    """Let a row go that is better off alone; whoever outbids it for its column comes."""
    column = state.own[row]
    if not _free(places, state, column, turn, walk):
        return 0
    _move(places, state, row, OUT)
    _enter(places, state, column, turn)
    return 1


@compiled
def _turn_loops(places: Places, state: _State, turn: int, walk: int) -> int:
    """Move the rows of every loop in which each column's price comes from the one before."""
    turned = 0
    first = walk + 1
    for start in range(places.columns):
        walk += 1
        column = start
        while column >= 0 and state.mark[column] < first and state.moved[column] != turn:
            state.mark[column] = walk
            column = _previous(places, state, column)
        if column >= 0 and state.mark[column] == walk and state.moved[column] != turn:
            _go_round(places, state, column, turn)
            turned += 1
    return turned


@compiled
def _go_round(places: Places, state: _State, start: int, turn: int) -> None:
    column = start
    while True:
        row, before = state.before[column], _previous(places, state, column)
        state.moved[column] = turn
        if row >= 0:
            _move(places, state, row, column)
        column = before
        if column == start:
            return
