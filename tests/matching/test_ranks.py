"""Exact ranks and rivals, ties included."""

import numpy as np
import pytest

from artsound.matching import ranks
from artsound.matching.engines import ENGINES
from tests.matching.test_optimal import dense, fused


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("levels", [0, 1])
def test_the_best_are_those_of_sorting_everything_ties_by_position(engine: str, levels: int) -> None:
    both = fused(40, 300, dim=3, levels=levels)
    found = ranks.top(both.art, both.music, 5, offset=both.offset, engine=ENGINES[engine])
    scores = dense(both)
    expected = np.argsort(-scores, axis=1, kind="stable")[:, :5]
    assert np.array_equal(found.columns, expected)
    assert np.array_equal(found.scores, np.take_along_axis(scores, expected, 1))


@pytest.mark.parametrize("levels", [0, 1])
def test_a_rank_counts_those_that_score_higher(levels: int) -> None:
    both = fused(40, 300, dim=3, levels=levels)
    scores = dense(both)
    found = ranks.ranks(both.art, both.music, scores[:, 7], offset=both.offset)
    assert np.array_equal(found, 1 + (scores > scores[:, 7:8]).sum(1))
