"""Re-matching after a takedown and an addition: warm, equal to cold, and counted."""

import pyarrow as pa
import pyarrow.compute as pc

from artsound.matching.changes import Changes, changes
from artsound.matching.stage import calibrate, match_splits
from tests.matching import made

ALL = made.splits(train=(40, 33))
SIDES = made.sides(ALL)
CALIBRATION = calibrate(ALL, *SIDES, weights=made.WEIGHTS).rows


def without(*items: str) -> pa.Table:
    return ALL.filter(pc.invert(pc.is_in(ALL["item_id"], pa.array(items))))


def matched(splits: pa.Table, previous: pa.Table | None = None) -> pa.Table:
    return match_splits(CALIBRATION, splits, *SIDES, previous=previous).rows


def test_the_same_items_change_nothing() -> None:
    assert changes(matched(ALL), matched(ALL)) == Changes(33, 0, 0, 0, 0)


def test_a_takedown_is_counted_and_the_rest_is_repaired() -> None:
    before = matched(ALL)
    gone = next(r["item_id"] for r in before.to_pylist() if r["side"] == "art" and r["partners"])
    after = matched(without(gone), before)
    found = changes(before, after)
    assert found.taken_down == 1
    assert found.kept + found.lost + found.taken_down == 33
    assert found.kept + found.repaired == 33
    assert after["partners"].equals(matched(without(gone))["partners"])


def test_an_addition_is_counted() -> None:
    before = matched(without("train-c3"))
    found = changes(before, matched(ALL, before))
    assert found.new_items == 1
    assert found.kept + found.repaired + found.new_items == 33
