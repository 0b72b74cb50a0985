"""The sparse solver against exhaustive and dense solvers."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment, linprog

from artsound.matching.assign import Assignment, assign
from artsound.matching.settle import OUT, Graph, Places, in_groups, no_groups

FLOOR = -50


def graph(values: np.ndarray, kept: np.ndarray | None = None) -> Graph:
    kept = np.ones(values.shape, bool) if kept is None else kept
    starts = np.concatenate([[0], np.cumsum(kept.sum(1))])
    return Graph(starts, np.nonzero(kept)[1].astype(np.int32), values[kept].astype(np.int64))


def objective(values: np.ndarray, found: Assignment, floor: int) -> int:
    return sum(int(values[row, at]) if at != OUT else floor for row, at in enumerate(found.column))


def best(values: np.ndarray, kept: np.ndarray, places: Places, floor: int) -> float:
    """Solve the same problem as a linear program; whole numbers, for the constraints are a network."""
    rows, columns = values.shape
    edges = np.argwhere(kept)
    limits = [(edges[:, 0] == row, 1) for row in range(rows)]
    limits += [(edges[:, 1] == column, places.capacity) for column in range(columns)]
    limits += [(places.group[edges[:, 1]] == g, places.limit) for g in range(len(places.starts) - 1)]
    if not len(edges):
        return floor * rows
    made = linprog(
        -(values[kept] - floor).astype(float),
        A_ub=np.array([where for where, _ in limits], float),
        b_ub=[limit for _, limit in limits],
        bounds=(0, 1),
    )
    return floor * rows - made.fun


def bound(values: np.ndarray, kept: np.ndarray, places: Places, price: np.ndarray, floor: int) -> int:
    rows = np.where(kept, values - price, floor).max(1, initial=floor)
    toll = np.zeros(len(places.starts) - 1, np.int64)
    for g in range(len(toll)):
        members = price[places.group == g]
        toll[g] = members.min() if len(members) * places.capacity > places.limit else 0
    own = price - toll[places.group] if len(toll) else price
    return int(rows.sum() + places.capacity * own.sum() + places.limit * toll.sum())


problems = st.tuples(
    st.integers(1, 9), st.integers(1, 9), st.integers(1, 3), st.integers(0, 3), st.integers(0, 2**32 - 1)
)


@settings(max_examples=300)
@given(problem=problems, floor=st.sampled_from([-50, 3, 6]), epsilon=st.sampled_from([1, 40]))
def test_the_optimum_is_that_of_the_linear_program_and_the_prices_prove_it(
    problem: tuple[int, int, int, int, int], floor: int, epsilon: int
) -> None:
    rows, columns, capacity, limit, seed = problem
    rng = np.random.default_rng(seed)
    values, kept = rng.integers(-4, 12, (rows, columns)), rng.random((rows, columns)) < 0.7
    places = (
        in_groups(rng.integers(0, 3, columns).astype(np.int32), capacity, limit)
        if limit
        else no_groups(columns, capacity)
    )
    found = assign(graph(values, kept), places, floor, epsilon)
    assert objective(values, found, floor) == round(best(values, kept, places, floor))
    assert bound(values, kept, places, found.price, floor) == objective(values, found, floor)
    taken = np.bincount(found.column[found.column != OUT], minlength=columns)
    assert taken.max() <= capacity
    if limit:
        assert np.bincount(places.group, weights=taken).max() <= limit


@pytest.mark.parametrize("seed", range(5))
def test_larger_problems_agree_with_the_dense_solver(seed: int) -> None:
    rng = np.random.default_rng(seed)
    values = rng.integers(0, 1000, (150, 170))
    found = assign(graph(values), no_groups(170, 1), -1, 1)
    rows, columns = linear_sum_assignment(values, maximize=True)
    assert objective(values, found, -1) == values[rows, columns].sum()


@settings(max_examples=100, deadline=None)
@given(problem=problems, copies=st.integers(2, 4))
def test_places_of_one_bidder_reach_what_rows_with_the_same_edges_reach(
    problem: tuple[int, int, int, int, int], copies: int
) -> None:
    rows, columns, capacity, _, seed = problem
    rng = np.random.default_rng(seed)
    values = np.repeat(rng.integers(-20, 20, (rows, columns)), copies, axis=0)
    kept = np.repeat(rng.random((rows, columns)) < 0.7, copies, axis=0)
    places = no_groups(columns, capacity)
    found = assign(graph(values, kept), places, FLOOR, 1, copies)
    assert objective(values, found, FLOOR) == round(best(values, kept, places, FLOOR))
