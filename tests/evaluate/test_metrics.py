"""Array metrics against closed forms and known limits."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import linalg

from artsound.evaluate import alignment, classes, diversity, frechet, kernel

RNG = np.random.default_rng(0)


def normal(count: int, dim: int, seed: int = 0, shift: float = 0.0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((count, dim)) + shift


def test_frechet_of_a_shift_is_its_squared_length() -> None:
    rows = normal(50, 7)
    assert frechet.frechet(rows + 2.0, rows) == pytest.approx(4 * 7)
    assert frechet.frechet(rows, rows) == pytest.approx(0, abs=1e-9)


def test_frechet_of_a_scale_is_the_squared_change_of_every_deviation() -> None:
    rows = normal(50, 4)
    rows -= rows.mean(axis=0)
    assert frechet.frechet(3 * rows, rows) == pytest.approx(4 * np.cov(rows.T).trace())


@pytest.mark.parametrize(("count", "dim"), [(200, 6), (10, 40)])
def test_frechet_agrees_with_the_root_of_the_matrix_product(count: int, dim: int) -> None:
    one, other = normal(count, dim, 1) @ normal(dim, dim, 2), normal(count + 5, dim, 3)
    first, second = np.cov(one.T) + 1e-9 * np.eye(dim), np.cov(other.T) + 1e-9 * np.eye(dim)
    root = np.real(linalg.sqrtm(first @ second)).trace()
    expected = ((one.mean(0) - other.mean(0)) ** 2).sum() + (first + second).trace() - 2 * root
    assert frechet.frechet(one, other) == pytest.approx(expected, rel=1e-3)


def test_frechet_is_symmetric_and_needs_two_clips_of_one_dimension() -> None:
    one, other = normal(30, 5, 1), normal(20, 5, 2)
    assert frechet.frechet(one, other) == pytest.approx(frechet.frechet(other, one))
    with pytest.raises(ValueError, match="no covariance"):
        frechet.frechet(one[:1], other)
    with pytest.raises(ValueError, match="unlike dimensions"):
        frechet.frechet(one, other[:, :3])


def test_extrapolation_takes_the_bias_of_small_sets_away() -> None:
    one, other = normal(1000, 64, 1), normal(1000, 64, 2)
    plain, endless = frechet.frechet(one, other), frechet.frechet_infinity(one, other)
    assert plain > 1.5
    assert abs(endless.value) < 0.3 * plain
    assert endless.slope > 0
    assert endless.r2 > 0.9
    shifted = frechet.frechet_infinity(one + 0.5, other)
    assert shifted.value == pytest.approx(0.25 * 64, rel=0.05)
    with pytest.raises(ValueError, match="too few"):
        frechet.frechet_infinity(one[:15], other)


def test_the_interval_of_the_extrapolation_holds_the_true_distance_and_is_no_wider_than_need_be() -> None:
    found = [
        frechet.frechet_infinity(normal(160, 6, seed) + 0.3, normal(160, 6, 100 + seed)) for seed in range(20)
    ]
    missed = [one for one in found if abs(one.value - 0.09 * 6) > one.within]
    assert len(missed) <= 3
    spread = 1.96 * np.std([one.value for one in found], ddof=1)
    assert 0.7 * spread < np.mean([one.within for one in found]) < 3 * spread


def test_the_extrapolation_is_too_high_only_below_as_many_clips_as_it_asks_for() -> None:
    enough = frechet.straight_from(24)
    far = [
        frechet.frechet_infinity(normal(enough, 24, s), normal(enough, 24, 50 + s)).value for s in range(6)
    ]
    few = frechet.frechet_infinity(normal(24, 24, 1), normal(24, 24, 2)).value
    plain = frechet.frechet(normal(enough, 24, 1), normal(enough, 24, 2))
    assert abs(np.mean(far)) < 0.2 * plain < 0.2 * few


def test_the_kernel_distance_is_the_mean_over_unlike_clips() -> None:
    one, other, width = normal(6, 3, 1), normal(5, 3, 2), 1.3

    def mean(a: np.ndarray, b: np.ndarray, *, skip: bool) -> float:
        values = [
            np.exp(-((x - y) ** 2).sum() / (2 * width**2))
            for i, x in enumerate(a)
            for j, y in enumerate(b)
            if not (skip and i == j)
        ]
        return float(np.mean(values))

    expected = mean(one, one, skip=True) + mean(other, other, skip=True) - 2 * mean(one, other, skip=False)
    assert kernel.kernel_distance(one, other, width) == pytest.approx(100 * expected)


def test_the_kernel_distance_of_normals_has_its_closed_form() -> None:
    # unit variance in d dimensions: E k(x, y) = (w² / (w² + 2))^(d/2) · exp(−|δ|² / 2(w² + 2))
    dim, width, shift = 4, 2.0, 1.0
    within = (width**2 / (width**2 + 2)) ** (dim / 2)
    expected = 100 * 2 * within * (1 - np.exp(-dim * shift**2 / (2 * (width**2 + 2))))
    found = kernel.kernel_distance(normal(3000, dim, 1, shift), normal(3000, dim, 2), width)
    assert found == pytest.approx(expected, rel=0.05)


def test_the_kernel_interval_holds_zero_for_like_sets_and_not_for_unlike_ones() -> None:
    like = kernel.kernel_interval(normal(150, 8, 1), normal(150, 8, 2))
    assert like.low < 0 < like.high
    unlike = kernel.kernel_interval(normal(150, 8, 1, 0.5), normal(150, 8, 2))
    assert 0 < unlike.low < unlike.value < unlike.high


def test_the_bootstrap_is_centred_on_the_estimate() -> None:
    found = kernel.kernel_interval(normal(60, 8, 1, 0.4), normal(60, 8, 2))
    assert (found.low + found.high) / 2 == pytest.approx(found.value, abs=0.25 * (found.high - found.low))


def test_the_kernel_needs_unlike_reference_clips() -> None:
    assert kernel.median_distance(np.array([[0.0], [1.0], [3.0]])) == 2
    with pytest.raises(ValueError, match="all alike"):
        kernel.kernel_interval(normal(4, 2), np.ones((4, 2)))
    with pytest.raises(ValueError, match="at least 2"):
        kernel.kernel_distance(normal(1, 2), normal(4, 2), 1.0)


def test_kl_of_two_answers_is_known() -> None:
    reference, ours = np.array([[0.5, 0.5]]), np.array([[0.25, 0.75]])
    by_hand = 0.5 * np.log(0.5 / 0.25) + 0.5 * np.log(0.5 / 0.75)
    assert classes.kl_softmax(np.log(reference), np.log(ours))[0] == pytest.approx(by_hand)
    assert classes.kl_sigmoid(reference[:, :1], ours[:, :1])[0] == pytest.approx(by_hand)
    assert classes.kl_sigmoid(np.array([[0.0, 1.0]]), np.array([[0.0, 1.0]]))[0] == pytest.approx(0, abs=1e-5)


@given(st.integers(0, 1000))
@settings(max_examples=25)
def test_kl_is_never_negative_and_zero_for_equals(seed: int) -> None:
    one, other = normal(4, 9, seed), normal(4, 9, seed + 1)
    assert (classes.kl_softmax(one, other) >= 0).all()
    assert classes.kl_softmax(one, one) == pytest.approx(np.zeros(4), abs=1e-9)
    assert (classes.kl_sigmoid(classes.softmax(one), classes.softmax(other)) >= -1e-9).all()


def test_logits_undo_a_sigmoid() -> None:
    values = normal(3, 4)
    assert classes.logits(1 / (1 + np.exp(-values))) == pytest.approx(values)
    assert np.isfinite(classes.logits(np.array([[0.0, 1.0]]))).all()


def test_unpaired_clips_are_refused() -> None:
    with pytest.raises(ValueError, match="must be pairs"):
        classes.kl_softmax(normal(3, 4), normal(2, 4))
    with pytest.raises(ValueError, match="must be pairs"):
        alignment.cosine(normal(3, 4), normal(2, 4))


def test_the_inception_score_of_mixed_classes_is_known() -> None:
    halves = np.array([[0.5, 0.5, 0, 0], [0, 0, 0.5, 0.5]])
    assert classes.inception_score(halves) == pytest.approx(2)


def test_cosine_is_known_and_a_silent_vector_scores_nothing() -> None:
    one, other = np.array([[1.0, 0], [1, 1], [0, 0]]), np.array([[0.0, 2], [3, 3], [1, 0]])
    assert alignment.cosine(one, other) == pytest.approx([0, 1, 0])


def test_imsm_is_one_where_both_choose_the_same_captions() -> None:
    bank = np.eye(6)
    scores = alignment.imsm(bank, bank, np.roll(bank, 0, axis=0), bank)
    assert scores == pytest.approx(np.ones(6))
    assert (alignment.imsm(bank, bank, np.roll(bank, 1, axis=0), bank) < 0.1).all()


def test_retrieval_of_a_known_matrix() -> None:
    similarity = np.array([[0.9, 0.1, 0.2], [0.8, 0.5, 0.1], [0.7, 0.6, 0.5]])
    assert alignment.ranks(similarity).tolist() == [1, 2, 3]
    found = alignment.retrieval(similarity)
    assert (found.recall_at_1, found.recall_at_5, found.median_rank) == (pytest.approx(1 / 3), 1, 2)


def test_a_constant_score_finds_nothing() -> None:
    found = alignment.retrieval(np.zeros((20, 20)))
    assert (found.recall_at_1, found.recall_at_10, found.median_rank) == (0, 0, 20)


def test_retrieval_by_chance_is_chance() -> None:
    found = alignment.retrieval(normal(2000, 2000, 5))
    assert found.recall_at_10 == pytest.approx(10 / 2000, abs=0.006)
    assert found.median_rank == pytest.approx(1000, rel=0.1)


@given(st.integers(2, 40), st.integers(0, 9))
def test_a_derangement_moves_everything_and_loses_nothing(count: int, seed: int) -> None:
    for order in alignment.derangements(count, seed=seed):
        assert sorted(order) == list(range(count))
        assert (order != np.arange(count)).all()


def test_too_few_derangements_are_refused() -> None:
    with pytest.raises(ValueError, match="at least"):
        alignment.derangements(10, number=4)
    with pytest.raises(ValueError, match="at least"):
        alignment.derangements(1)
    with pytest.raises(ValueError, match="4 derangements"):
        alignment.gap(np.ones(3), np.ones((4, 3)))


def test_own_partners_score_above_others_only_where_the_pairs_matter() -> None:
    vectors = alignment.unit(normal(80, 16, 1))
    noisy = vectors + 0.2 * normal(80, 16, 2)
    true = alignment.shuffled_gap(lambda order: alignment.cosine(noisy, vectors[order]), 80)
    assert true.low > 0.3
    assert true.win_rate > 0.9
    assert true.difference == pytest.approx(true.matched - true.shuffled)
    random = alignment.shuffled_gap(lambda order: alignment.cosine(normal(80, 16, 3), vectors[order]), 80)
    assert random.low < 0 < random.high
    assert 0.3 < random.win_rate < 0.7


def test_the_interval_of_the_gap_has_the_width_of_a_mean() -> None:
    matched = normal(400, 1, 7)[:, 0]
    found = alignment.gap(matched, np.zeros((5, 400)))
    assert found.high - found.low == pytest.approx(2 * 1.96 * matched.std() / 20, rel=0.15)


def test_vendi_counts_groups_and_distance_is_known() -> None:
    groups = np.repeat(np.eye(4), 25, axis=0)
    assert diversity.vendi(groups) == pytest.approx(4)
    assert diversity.pairwise_distance(np.array([[1.0, 0], [0, 1], [-1, 0]])) == pytest.approx(
        (1 + 1 + 2) / 3
    )
    assert diversity.pairwise_distance(np.ones((4, 3))) == pytest.approx(0, abs=1e-12)
    with pytest.raises(ValueError, match="one clip"):
        diversity.pairwise_distance(np.ones((1, 3)))
