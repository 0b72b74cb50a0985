"""The optimum under all rules, against other solvers; and by passes against at once."""

import os
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import Bounds, LinearConstraint, linear_sum_assignment, milp
from threadpoolctl import threadpool_limits

from artsound.errors import MatchingError
from artsound.matching import optimal, search
from artsound.matching.engines import ENGINES
from artsound.matching.optimal import Rules, Solution, solve
from artsound.matching.policy import Policy
from artsound.matching.scores import QUANTUM, Fused, quantise

FLOOR = -3.0


def fused(artworks: int, clips: int, dim: int = 6, seed: int = 0, levels: int = 0) -> Fused:
    """Draw unit vectors; with `levels`, coarse ones, so that many scores are equal."""
    rng = np.random.default_rng(seed)
    art, music = rng.normal(size=(artworks, dim)), rng.normal(size=(clips, dim))
    if levels:
        art, music = np.rint(art * levels) + 0.5, np.rint(music * levels) + 0.5
    art, music = (side / np.linalg.norm(side, axis=1, keepdims=True) for side in (art, music))
    ids = [[f"{letter}{n:04d}" for n in range(count)] for letter, count in (("a", artworks), ("c", clips))]
    parts = {"all": slice(0, dim)}
    return Fused(ids[0], ids[1], art.astype(np.float32), music.astype(np.float32), 0.1, parts, {"all": 0.1})


def dense(both: Fused) -> np.ndarray:
    return quantise(both.art.astype(np.float64) @ both.music.astype(np.float64).T + both.offset)


def worth(both: Fused, found: Solution) -> int:
    return int(dense(both)[found.pairs[:, 0], found.pairs[:, 1]].sum())


@pytest.fixture
def by_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make every problem too large for a dense graph, and its first graph too thin."""
    monkeypatch.setattr(optimal, "DENSE_PAIRS", 0)
    monkeypatch.setattr(optimal, "CANDIDATES", 3)


@settings(max_examples=50)
@given(
    artworks=st.integers(1, 12),
    clips=st.integers(1, 12),
    seed=st.integers(0, 10**6),
    levels=st.integers(0, 2),
)
def test_small_problems_reach_exactly_what_scipy_reaches(
    artworks: int, clips: int, seed: int, levels: int
) -> None:
    both = fused(artworks, clips, seed=seed, levels=levels)
    scores = dense(both)
    assert (
        worth(both, solve(both, Rules(Policy(), FLOOR))) == scores[linear_sum_assignment(scores, True)].sum()
    )


def test_scores_as_large_as_fit_are_solved_exactly_and_larger_ones_refused() -> None:
    both = fused(14, 11)
    room = optimal.LARGEST * QUANTUM / (1 << (optimal.TIE_BITS + 4))
    large = both._replace(art=both.art * np.float32(0.9 * room))
    scores = dense(large)
    found = solve(large, Rules(Policy(), -0.95 * room))
    assert worth(large, found) == scores[linear_sum_assignment(scores, True)].sum()
    with pytest.raises(MatchingError, match="lower min_score or all weights"):
        solve(both._replace(art=both.art * np.float32(1.1 * room)), Rules(Policy(), FLOOR))
    with pytest.raises(MatchingError, match="lower min_score or all weights"):
        solve(both, Rules(Policy(), 1.1 * room))


@pytest.mark.usefixtures("by_passes")
@pytest.mark.parametrize(("artworks", "clips"), [(300, 280), (280, 300), (250, 250)])
def test_passes_over_sparse_graphs_end_at_the_same_pairs_as_the_whole_problem(
    artworks: int, clips: int
) -> None:
    both = fused(artworks, clips, dim=12)
    found = solve(both, Rules(Policy(), FLOOR))
    scores = dense(both)
    assert len(found.rounds) > 1
    assert found.rounds[-1].violated == 0
    assert worth(both, found) == scores[linear_sum_assignment(scores, True)].sum()
    optimal.DENSE_PAIRS = 10**6  # restored by the fixture
    assert np.array_equal(found.pairs, solve(both, Rules(Policy(), FLOOR)).pairs)


@pytest.mark.usefixtures("by_passes")
def test_bounds_fall_and_values_rise_pass_by_pass() -> None:
    rounds = solve(fused(400, 380, dim=16), Rules(Policy(), FLOOR)).rounds
    assert all(one.bound >= rounds[-1].primal - 1e-6 for one in rounds)
    assert [one.primal for one in rounds] == sorted(one.primal for one in rounds)


def test_equal_scores_are_decided_by_the_items_not_by_their_order() -> None:
    both = fused(30, 25, dim=3, levels=1)
    names = {both.art_ids[i]: both.music_ids[j] for i, j in solve(both, Rules(Policy(), FLOOR)).pairs}
    rng = np.random.default_rng(5)
    art, music = rng.permutation(30), rng.permutation(25)
    mixed = both._replace(
        art_ids=[both.art_ids[i] for i in art],
        music_ids=[both.music_ids[j] for j in music],
        art=both.art[art],
        music=both.music[music],
    )
    again = {mixed.art_ids[i]: mixed.music_ids[j] for i, j in solve(mixed, Rules(Policy(), FLOOR)).pairs}
    assert names == again


@pytest.mark.usefixtures("by_passes")
@pytest.mark.parametrize("kind", ["earlier", "none", "wild"])
def test_whatever_prices_it_starts_from_pairs_and_prices_are_the_same_to_the_last_bit(kind: str) -> None:
    both = fused(300, 280, dim=12)
    cold = solve(both, Rules(Policy(), FLOOR))
    wild = np.random.default_rng(3).uniform(0, 1, 300)
    start = {"earlier": cold.art_price, "none": np.zeros(300), "wild": wild}[kind]
    warm = solve(both, Rules(Policy(), FLOOR), start)
    assert warm.rounds[-1].violated == cold.rounds[-1].violated == 0
    assert all(np.array_equal(*some) for some in zip(cold[:3], warm[:3], strict=True))


def test_more_candidates_change_nothing(by_passes: None, monkeypatch: pytest.MonkeyPatch) -> None:
    both = fused(300, 280, dim=12)
    few = solve(both, Rules(Policy(), FLOOR))
    monkeypatch.setattr(optimal, "CANDIDATES", 20)
    monkeypatch.setattr(optimal, "MARGIN", 0.5)
    many = solve(both, Rules(Policy(), FLOOR))
    assert few.rounds[0].edges < many.rounds[0].edges
    assert all(np.array_equal(*some) for some in zip(few[:3], many[:3], strict=True))


def test_after_a_takedown_earlier_prices_save_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(optimal, "DENSE_PAIRS", 0)
    monkeypatch.setattr(optimal, "CANDIDATES", 8)
    passes = {"anew": 0, "warm": 0}
    for seed in range(3):
        whole = fused(900, 850, dim=16, seed=seed)
        cold = solve(whole, Rules(Policy(), FLOOR))
        less = whole._replace(art_ids=whole.art_ids[1:], art=whole.art[1:])
        anew = solve(less, Rules(Policy(), FLOOR))
        warm = solve(less, Rules(Policy(), FLOOR), cold.art_price[1:])
        assert all(np.array_equal(*some) for some in zip(anew[:3], warm[:3], strict=True))
        passes["anew"] += len(anew.rounds)
        passes["warm"] += len(warm.rounds)
    assert passes["warm"] < passes["anew"]


RULES = [
    Rules(Policy(min_score=0.4), 0.4),
    Rules(Policy(clips_per_artwork=3), FLOOR),
    Rules(Policy(artworks_per_clip=2), FLOOR),
    Rules(Policy(), FLOOR, forbidden=[(0, j) for j in range(12)] + [(1, 2), (3, 4)]),
    Rules(Policy(pairs_per_artist=2), FLOOR, artist=np.arange(15, dtype=np.int32) % 4),
    Rules(Policy(pairs_per_artist=1, min_score=0.2), 0.2, artist=np.arange(15, dtype=np.int32) // 3),
]


@pytest.mark.parametrize("rules", RULES, ids=lambda r: str(r.policy))
@pytest.mark.parametrize(("artworks", "clips"), [(15, 12), (15, 40), (15, 5)])
def test_every_rule_is_kept_and_the_value_is_the_best_that_it_allows(
    rules: Rules, artworks: int, clips: int
) -> None:
    both = fused(artworks, clips)
    rules = rules._replace(forbidden=[pair for pair in rules.forbidden if pair[1] < clips])
    found = solve(both, rules)
    art, music = found.pairs.T
    policy = rules.policy
    assert np.bincount(art, minlength=1).max() <= policy.clips_per_artwork
    assert np.bincount(music, minlength=1).max() <= policy.artworks_per_clip
    assert not {tuple(pair) for pair in found.pairs.tolist()} & set(rules.forbidden)
    if rules.artist is not None:
        assert np.bincount(rules.artist[art]).max() <= policy.pairs_per_artist
    gain = int((dense(both)[art, music] - quantise(rules.floor)).sum())
    assert gain == best(both, rules)


def best(both: Fused, rules: Rules) -> int:
    """Solve the same problem as an integer program."""
    gains = (dense(both) - quantise(rules.floor)).astype(float)
    shape, policy = gains.shape, rules.policy
    at_art, at_music = (index.ravel() for index in np.indices(shape))
    limits = [(at_art == i, policy.clips_per_artwork) for i in range(shape[0])]
    limits += [(at_music == j, policy.artworks_per_clip) for j in range(shape[1])]
    if rules.artist is not None:
        limits += [(rules.artist[at_art] == g, policy.pairs_per_artist) for g in set(rules.artist.tolist())]
    allowed = np.ones(shape)
    for pair in rules.forbidden:
        allowed[pair] = 0
    made = milp(
        -gains.ravel(),
        integrality=np.ones(gains.size),
        bounds=Bounds(0, allowed.ravel()),
        constraints=LinearConstraint(np.array([w for w, _ in limits], float), ub=[m for _, m in limits]),
        options={"mip_rel_gap": 0},
    )
    return round(-made.fun)


def test_the_exact_pass_finds_what_sorting_everything_finds() -> None:
    both = fused(900, 1500, dim=20)
    price = np.random.default_rng(1).random(1500).astype(np.float32)
    found = search.best(both.art, both.music, 7, prices=price)
    values = both.art @ both.music.T - price
    expected = np.sort(np.argpartition(-values, 7, axis=1)[:, :7], axis=1)
    assert np.array_equal(np.sort(found.columns, axis=1), expected)


def test_the_exact_pass_does_not_depend_on_threads() -> None:
    both = fused(1700, 1500, dim=20)
    one, four = (search.best(both.art, both.music, 5, threads=count) for count in (1, 4))
    assert np.array_equal(one.columns, four.columns)
    assert np.array_equal(one.values, four.values)


@pytest.mark.usefixtures("by_passes")
def test_pairs_and_prices_do_not_depend_on_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    both, found = fused(900, 850, dim=24), []
    for threads in (1, 3):
        monkeypatch.setattr(os, "cpu_count", lambda threads=threads: threads)
        with threadpool_limits(threads):
            found.append(solve(both, Rules(Policy(), FLOOR)))
    assert all(np.array_equal(*some) for some in zip(found[0][:3], found[1][:3], strict=True))


def test_only_what_lies_above_is_found() -> None:
    both = fused(50, 60)
    found = search.best(both.art, both.music, 60, above=np.full(50, 0.5, np.float32))
    assert (found.columns != search.NONE).sum() == (both.art @ both.music.T > 0.5).sum()


@pytest.mark.usefixtures("by_passes")
@pytest.mark.parametrize("name", ENGINES)
def test_every_engine_ends_at_the_same_pairs_prices_and_objective(name: str) -> None:
    both, rules = fused(300, 280, dim=12), Rules(Policy(), FLOOR)
    found = solve(both, rules, engine=ENGINES[name])
    own = solve(both, rules)
    assert found.rounds[-1].violated == 0
    assert worth(both, found) == worth(both, own)
    assert np.array_equal(found.pairs, own.pairs)
    assert np.array_equal(found.art_price, own.art_price)
    assert np.array_equal(found.music_price, own.music_price)


@pytest.mark.usefixtures("by_passes")
@pytest.mark.parametrize("limit", [1, 2, 5])
def test_a_limit_an_artist_by_passes_ends_where_all_pairs_at_once_do(
    limit: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    both = fused(260, 240, dim=12)
    artist = np.random.default_rng(3).integers(0, 90, 260).astype(np.int32)
    rules = Rules(Policy(pairs_per_artist=limit), FLOOR, (), artist)
    found = solve(both, rules)
    assert len(found.rounds) > 0
    assert found.rounds[-1].bound == pytest.approx(found.rounds[-1].primal, abs=1e-6)
    assert np.bincount(artist[found.pairs[:, 0]]).max() <= limit
    monkeypatch.setattr(optimal, "DENSE_PAIRS", 10**6)
    whole = solve(both, rules)
    assert np.array_equal(found.pairs, whole.pairs)


@pytest.mark.usefixtures("by_passes")
@pytest.mark.parametrize(
    "policy",
    [
        Policy(clips_per_artwork=3),
        Policy(artworks_per_clip=3),
        Policy(min_score=0.6),
        Policy(forbidden=(("a0001", "c0002"),)),
    ],
    ids=str,
)
@pytest.mark.parametrize(("artworks", "clips"), [(200, 190), (90, 250), (250, 90), (60, 250), (250, 60)])
def test_every_rule_by_passes_ends_where_all_pairs_at_once_do(
    policy: Policy, artworks: int, clips: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    both = fused(artworks, clips, dim=12)
    floor = policy.min_score if policy.min_score is not None else FLOOR
    rules = Rules(policy, floor, [(1, 2)] if policy.forbidden else [])
    found = solve(both, rules)
    monkeypatch.setattr(optimal, "DENSE_PAIRS", 10**6)
    whole = solve(both, rules)
    assert found.rounds[-1].violated == 0
    assert np.array_equal(found.pairs, whole.pairs)


@pytest.mark.usefixtures("by_passes")
@pytest.mark.parametrize(("artworks", "clips"), [(40, 250), (250, 40)])
def test_places_reach_what_as_many_items_of_the_same_vector_reach(artworks: int, clips: int) -> None:
    both, policy = fused(artworks, clips, dim=12), Policy(clips_per_artwork=4)
    if artworks > clips:
        policy = Policy(artworks_per_clip=4)
    found = solve(both, Rules(policy, FLOOR))
    scores = np.repeat(dense(both), 4, axis=0 if artworks < clips else 1)
    assert worth(both, found) == scores[linear_sum_assignment(scores, True)].sum()
    assert len({tuple(pair) for pair in found.pairs.tolist()}) == len(found.pairs) == 160


def test_places_take_no_room_for_vectors(by_passes: None) -> None:
    both, places = fused(40, 2200, dim=2048), 50
    tracemalloc.start()
    found = solve(both, Rules(Policy(clips_per_artwork=places), FLOOR))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(found.pairs) == 40 * places
    assert peak < places * both.art.nbytes
