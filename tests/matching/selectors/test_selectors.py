"""Every selector against the same questions."""

from collections.abc import Iterable

import numpy as np
import pytest

from artsound.matching.candidates import CORRECTIONS, candidates
from artsound.matching.optimal import hashes
from artsound.matching.scores import Fused
from artsound.matching.selectors import SELECTORS, sinkhorn, taking
from bench.synthetic import planted
from tests.matching.test_optimal import dense, fused

MADE = fused(90, 70, dim=8)
FOUND = candidates(MADE, 20)
ONE_TO_ONE = ("optimal", "greedy", "greedy_sorted", "mutual", "sinkhorn")


def total(name: str) -> int:
    pairs = SELECTORS[name](MADE, FOUND)
    return int(dense(MADE)[pairs[:, 0], pairs[:, 1]].sum())


@pytest.mark.parametrize("name", SELECTORS)
def test_pairs_are_of_the_two_sides_and_come_by_artwork(name: str) -> None:
    pairs = SELECTORS[name](MADE, FOUND)
    assert pairs.min() >= 0
    assert pairs[:, 0].max() < 90
    assert pairs[:, 1].max() < 70
    assert pairs.tolist() == sorted(pairs.tolist())


@pytest.mark.parametrize("name", ONE_TO_ONE)
def test_nobody_is_used_twice(name: str) -> None:
    pairs = SELECTORS[name](MADE, FOUND)
    assert len(np.unique(pairs[:, 0])) == len(np.unique(pairs[:, 1])) == len(pairs)


@pytest.mark.parametrize("name", ONE_TO_ONE)
def test_none_that_uses_each_once_beats_the_optimum(name: str) -> None:
    assert total(name) <= total("optimal")


@pytest.mark.parametrize("name", ["top_k", "captions_only"])
def test_with_reuse_each_clip_has_its_best(name: str) -> None:
    pairs = SELECTORS[name](MADE, FOUND)
    assert len(pairs) == 70
    assert all(dense(MADE)[i, j] == dense(MADE)[:, j].max() for i, j in pairs)


def hubs(*, art: bool) -> Fused:
    """Make 200 artworks and 160 clips, or a side's hubs the other's."""
    made = planted(160, 200, 72, hubs="severe")
    sides = (made.art, made.music) if art else (made.music, made.art)
    return fused(*map(len, sides))._replace(art=sides[0], music=sides[1])


@pytest.mark.parametrize("art", [True, False])
@pytest.mark.parametrize("width", [1, 5, 1000])
def test_mutual_pairs_are_all_that_are_best_from_both_sides(art: bool, width: int) -> None:
    both = hubs(art=art)
    scores = dense(both)
    best = (scores == scores.max(1, keepdims=True)) & (scores == scores.max(0))
    assert SELECTORS["mutual"](both, candidates(both, width)).tolist() == np.argwhere(best).tolist()


def walked(scores: np.ndarray, order: Iterable[tuple[int, int]]) -> list[list[int]]:
    """Take pairs over all pairs, the slow way."""
    pairs: dict[int, int] = {}
    for i, j in order:
        if i not in pairs and j not in pairs.values():
            pairs[i] = j
    assert len(pairs) == min(scores.shape)
    return sorted([i, j] for i, j in pairs.items())


@pytest.mark.parametrize("art", [True, False])
@pytest.mark.parametrize("width", [1, 5, 1000])
def test_greedy_walks_give_what_a_walk_over_all_pairs_gives(
    monkeypatch: pytest.MonkeyPatch, art: bool, width: int
) -> None:
    monkeypatch.setattr(taking, "EDGES", 1)
    monkeypatch.setattr(taking, "WIDTH", width)
    both = hubs(art=art)
    scores, found = dense(both), candidates(both, width)
    every = [(i, j) for i in range(scores.shape[0]) for j in range(scores.shape[1])]
    best_first = sorted(every, key=lambda pair: (-scores[pair], pair))
    assert SELECTORS["greedy_sorted"](both, found).tolist() == walked(scores, best_first)
    turn = np.argsort(np.argsort(hashes("music", both.music_ids), kind="stable"))
    in_turn = sorted(every, key=lambda pair: (turn[pair[1]], -scores[pair], pair[0]))
    assert SELECTORS["greedy"](both, found).tolist() == walked(scores, in_turn)


@pytest.mark.parametrize("name", ["greedy", "greedy_sorted", "sinkhorn"])
@pytest.mark.parametrize("correction", CORRECTIONS)
def test_a_greedy_walk_ends_when_a_side_is_used_up(name: str, correction: str) -> None:
    both = hubs(art=False)
    assert len(SELECTORS[name](both, candidates(both, 2, correction))) == 160


def test_the_transport_plan_gives_each_clip_one_and_overfills_no_artwork() -> None:
    share = sinkhorn.plan(FOUND)
    assert np.bincount(FOUND.music, weights=share) == pytest.approx(1)
    assert np.bincount(FOUND.art, weights=share).max() < 1.5


@pytest.mark.parametrize("correction", CORRECTIONS)
def test_corrections_keep_the_number_of_candidates(correction: str) -> None:
    found = candidates(MADE, 5, correction)
    assert np.array_equal(found.music, np.repeat(np.arange(70), 5))
    assert all(np.diff(found.score.reshape(70, 5)).ravel() <= 0)


@pytest.mark.parametrize("correction", ["csls", "inverted_softmax"])
def test_a_correction_spreads_the_hubs(correction: str) -> None:
    made = planted(600, 700, 96, hubs="severe")
    both = fused(700, 600)._replace(art=made.art, music=made.music)
    used = [len(np.unique(candidates(both, 1, name).art)) for name in ("none", correction)]
    assert used[1] > 1.3 * used[0]
