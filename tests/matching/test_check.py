"""The checker: it proves what is right, and catches what was tampered with."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from artsound import tables
from artsound.errors import MatchingError
from artsound.matching import check, scores
from artsound.matching.check import Claim, certificates
from artsound.matching.policy import Policy, art_bids
from artsound.matching.stage import ANY, calibrate, certify, match_splits
from tests.matching import made
from tests.test_architecture import imports

SPLITS = made.splits(train=(30, 25), val=(6, 9))
SIDES = made.sides(SPLITS)
CALIBRATION = calibrate(SPLITS, *SIDES, weights=made.WEIGHTS).rows


def proof(matching: pa.Table, policy: Policy = ANY, sides: made.Sides = SIDES) -> list[dict[str, Any]]:
    return certificates(Claim(matching, CALIBRATION, SPLITS, sides, policy))


def changed(matching: pa.Table, item: str, **values: Any) -> pa.Table:
    rows = [row | values if row["item_id"] == item else row for row in matching.to_pylist()]
    return tables.rows_of("matching", rows)


@pytest.mark.parametrize("policy", made.POLICIES, ids=str)
def test_what_was_matched_is_proved_optimal_under_every_rule(policy: Policy) -> None:
    matching = match_splits(CALIBRATION, SPLITS, *SIDES, policy=policy).rows
    assert [row["gap"] for row in proof(matching, policy)] == [0, 0]


def test_the_checker_takes_nothing_from_the_solver() -> None:
    taken = {name for name in imports(Path(check.__file__)) if name.startswith("artsound")}
    assert taken == {"artsound.errors", "artsound.matching.policy", "artsound.progress"}


@pytest.mark.parametrize("policy", made.POLICIES, ids=str)
def test_what_the_checker_works_out_for_itself_is_what_the_solver_did(policy: Policy) -> None:
    assert check.floor_of(CALIBRATION, policy) == pytest.approx(scores.floor(CALIBRATION, policy), abs=1e-9)
    for sizes in ((2, 3), (3, 2), (3, 3), (4, 2), (2, 4)):
        assert check.art_bids(*sizes, policy) == art_bids(*sizes, policy)


MATCHING = match_splits(CALIBRATION, SPLITS, *SIDES).rows


def test_exchanged_partners_leave_a_gap() -> None:
    rows = {row["item_id"]: row for row in MATCHING.to_pylist()}
    one, two = (f"train-c{number}" for number in (3, 4))
    first, second = rows[one]["partners"][0], rows[two]["partners"][0]
    swapped = changed(MATCHING, one, partners=[second])
    swapped = changed(changed(swapped, two, partners=[first]), first, partners=[two])
    swapped = changed(swapped, second, partners=[one])
    assert {row["split"]: row["gap"] > 0 for row in proof(swapped)} == {"train": True, "val": False}


@pytest.mark.parametrize("factor", [0.5, 1.5])
def test_a_changed_price_leaves_a_gap(factor: float) -> None:
    rows = MATCHING.to_pylist()
    dear = max((r for r in rows if r["side"] == "art" and r["split"] == "train"), key=lambda r: r["price"])
    raised = changed(MATCHING, dear["item_id"], price=dear["price"] * factor)
    assert max(row["gap"] for row in proof(raised)) > 0


def test_a_changed_price_of_a_bidder_is_counted_and_stops_the_build() -> None:
    harmed = changed(MATCHING, "train-c0", price=0.123)
    assert [row["violated"] for row in proof(MATCHING)] == [0, 0]
    assert [row["violated"] for row in proof(harmed)] == [1, 0]
    with pytest.raises(MatchingError, match=r"train: 1 prices .* as if of another run: match again \(delete"):
        certify(harmed, CALIBRATION, SPLITS, *SIDES)


def test_a_changed_vector_leaves_a_gap() -> None:
    vectors = np.stack(SIDES[0]["vector"].to_numpy())
    vectors[:3] = vectors[2::-1]
    other = made.vectors(SIDES[0]["item_id"].to_pylist(), vectors)
    assert max(row["gap"] for row in proof(MATCHING, sides=(other, *SIDES[1:]))) > 0


@pytest.mark.parametrize(
    ("item", "values", "says"),
    [
        ("train-c0", {"partners": ["train-a0", "train-a1"]}, "2 partners"),
        ("train-c0", {"partners": ["val-a0"]}, "not its partner"),
        ("train-c0", {"partners": []}, "not its partner"),
        ("train-c0", {"split": "val"}, "matched in val"),
        ("train-a0", {"price": -1.0}, "prices below 0"),
        ("train-a0", {"price": float("nan")}, "prices below 0"),
        ("train-a0", {"item_id": "train-a99"}, "differ in"),
    ],
)
def test_what_is_no_matching_is_refused(item: str, values: dict[str, Any], says: str) -> None:
    with pytest.raises(MatchingError, match=says):
        proof(changed(MATCHING, item, **values))


def test_a_pair_that_is_forbidden_is_refused() -> None:
    pair = next(r for r in MATCHING.to_pylist() if r["side"] == "art" and r["partners"])
    with pytest.raises(MatchingError, match="forbidden"):
        proof(MATCHING, Policy(forbidden=((pair["item_id"], pair["partners"][0]),)))


def test_more_pairs_of_an_artist_than_the_limit_are_refused() -> None:
    one_hand = SPLITS.set_column(
        SPLITS.column_names.index("group_id"), "group_id", pa.array(["h"] * len(SPLITS))
    )
    claim = Claim(MATCHING, CALIBRATION, one_hand, SIDES, Policy(pairs_per_artist=24))
    with pytest.raises(MatchingError, match="train: artist h has 25 pairs, 24 allowed"):
        certificates(claim)
    certificates(claim._replace(policy=Policy(pairs_per_artist=25)))


def test_a_matching_of_another_run_is_refused() -> None:
    with pytest.raises(MatchingError, match="match again"):
        proof(MATCHING.slice(1))
