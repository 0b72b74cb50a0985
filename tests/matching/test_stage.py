"""The four stages together: calibrated, matched, proved, explained."""

import numpy as np
import pyarrow as pa
import pytest
from scipy.optimize import linear_sum_assignment

from artsound import tables
from artsound.errors import MatchingError
from artsound.matching import scores
from artsound.matching.policy import Policy
from artsound.matching.stage import calibrate, certify, explain_pairs, match_splits
from artsound.matching.terms import read_terms
from tests.matching import made

SPLITS = made.splits(train=(14, 9), val=(2, 5), test=(4, 0))


def build(splits: pa.Table = SPLITS, seed: int = 0) -> dict[str, pa.Table]:
    given = made.sides(splits, seed)
    calibration = calibrate(splits, *given, weights=made.WEIGHTS).rows
    matching = match_splits(calibration, splits, *given).rows
    certificates = certify(matching, calibration, splits, *given).rows
    pairs = explain_pairs(matching, calibration, splits, *given).rows
    built = {"calibration": calibration, "matching": matching, "certificates": certificates, "pairs": pairs}
    return {name: tables.conform(name, rows) for name, rows in built.items()}


def test_every_item_of_the_smaller_side_of_a_split_has_a_partner_in_it() -> None:
    pairs = build()["pairs"].to_pylist()
    assert len(pairs) == 9 + 2
    assert all(p["artwork_id"].split("-")[0] == p["clip_id"].split("-")[0] == p["split"] for p in pairs)
    assert len({p["artwork_id"] for p in pairs}) == len({p["clip_id"] for p in pairs}) == len(pairs)


def test_the_matching_reaches_the_objective_of_a_dense_solver() -> None:
    built, given = build(), made.sides(SPLITS)
    art, music = (sorted(i for i in made.items(SPLITS, s) if i.startswith("train")) for s in ("art", "music"))
    fused = scores.fuse(read_terms(list(made.WEIGHTS), given), built["calibration"], art, music)
    dense = scores.quantise(fused.art.astype(float) @ fused.music.astype(float).T + fused.offset)
    best = dense[linear_sum_assignment(dense, maximize=True)].sum()
    got = sum(p["score"] for p in built["pairs"].to_pylist() if p["split"] == "train")
    assert round(got / scores.QUANTUM) == best


def test_the_certificate_proves_every_split_optimal() -> None:
    rows = build()["certificates"].to_pylist()
    assert [r["split"] for r in rows] == ["test", "train", "val"]
    assert all(abs(r["gap"]) < 1e-9 for r in rows)


def test_unmatched_items_say_why() -> None:
    rows = build()["matching"].to_pylist()
    reasons = {(r["split"], r["side"], r["reason"]) for r in rows if not r["partners"]}
    assert reasons == {
        ("train", "art", "outnumbered"),
        ("val", "music", "outnumbered"),
        ("test", "art", "no_counterpart"),
    }


@pytest.mark.parametrize(
    ("policy", "reasons"),
    [
        (Policy(pairs_per_artist=2), {("art", "artist_limit"), ("music", "outnumbered")}),
        (Policy(pairs_per_artist=3), {("art", "artist_limit")}),
        (Policy(pairs_per_artist=8), {("art", "outnumbered")}),
        (Policy(min_score=2.0), {("art", "below_min_score"), ("music", "below_min_score")}),
        (Policy(clips_per_artwork=2), {("art", "outnumbered")}),
    ],
    ids=["two an artist", "three an artist", "eight an artist", "high scores only", "two clips an artwork"],
)
def test_a_rule_is_named_where_it_left_items_over(policy: Policy, reasons: set[tuple[str, str]]) -> None:
    splits = made.splits(train=(14, 9))
    hands = ["most" if number < 8 else f"hand {number}" for number in range(len(splits))]
    splits = splits.set_column(splits.column_names.index("group_id"), "group_id", pa.array(hands))
    given = made.sides(splits)
    calibration = calibrate(splits, *given, weights=made.WEIGHTS).rows
    rows = match_splits(calibration, splits, *given, policy=policy).rows.to_pylist()
    assert {(row["side"], row["reason"]) for row in rows if not row["partners"]} == reasons


def test_the_terms_of_a_pair_sum_to_its_score() -> None:
    for pair in build()["pairs"].to_pylist():
        assert sum(term["value"] for term in pair["terms"]) == pytest.approx(pair["score"], abs=2e-6)


def test_the_order_of_the_rows_changes_nothing() -> None:
    shuffled = SPLITS.take(np.random.default_rng(1).permutation(len(SPLITS)))
    given = made.sides(SPLITS)
    one, two = (calibrate(splits, *given, weights=made.WEIGHTS).rows for splits in (SPLITS, shuffled))
    assert one.equals(two)
    assert match_splits(one, SPLITS, *given).rows.equals(match_splits(two, shuffled, *given).rows)


def test_a_least_score_leaves_the_worst_unmatched() -> None:
    given = made.sides(SPLITS)
    calibration = calibrate(SPLITS, *given, weights=made.WEIGHTS).rows
    matching = match_splits(calibration, SPLITS, *given, policy=Policy(min_score=1.0)).rows
    pairs = explain_pairs(matching, calibration, SPLITS, *given).rows
    proof = certify(matching, calibration, SPLITS, *given, policy=Policy(min_score=1.0)).rows.to_pylist()
    assert 0 < len(pairs) < 11
    assert min(pairs["score"].to_pylist()) >= 1.0
    assert "below_min_score" in matching["reason"].to_pylist()
    assert all(abs(row["gap"]) < 1e-9 for row in proof)


@pytest.mark.parametrize("weights", [{"sentence": 0.0, "affect": 0.0}])
def test_weights_that_are_all_zero_are_refused(weights: dict[str, float]) -> None:
    with pytest.raises(MatchingError, match="weights"):
        calibrate(SPLITS, *made.sides(SPLITS), weights=weights)


def test_rules_that_leave_no_pair_at_all_are_refused() -> None:
    given = made.sides(SPLITS)
    calibration = calibrate(SPLITS, *given, weights=made.WEIGHTS).rows
    with pytest.raises(MatchingError, match=r"no pair is left .*below_min_score"):
        match_splits(calibration, SPLITS, *given, policy=Policy(min_score=9.0))


def test_splits_without_a_counterpart_anywhere_are_refused() -> None:
    apart = made.splits(train=(4, 0), val=(0, 3))
    given = made.sides(apart)
    calibration = calibrate(apart, *given, weights=made.WEIGHTS).rows
    with pytest.raises(MatchingError, match=r"no pair is left .*no_counterpart"):
        match_splits(calibration, apart, *given)


def test_forbidden_pairs_that_name_nobody_are_told(caplog: pytest.LogCaptureFixture) -> None:
    given = made.sides(SPLITS)
    calibration = calibrate(SPLITS, *given, weights=made.WEIGHTS).rows
    policy = Policy(forbidden=(("train-a0", "train-c1"), ("train-a0", "misspelt")))
    match_splits(calibration, SPLITS, *given, policy=policy)
    assert "1 of 2 forbidden pairs" in caplog.text
    assert "train-a0 with misspelt" in caplog.text
