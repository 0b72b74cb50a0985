"""How a matching came about: its passes and changes, told to who asks, and no byte of it in the result."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from artsound.errors import MatchingError
from artsound.matching import optimal, search, stage
from artsound.matching.history import FILE, History, read_history, write_history
from artsound.matching.policy import Policy
from artsound.matching.stage import calibrate, match_splits
from tests.matching import made

ALL = made.splits(train=(70, 60))
SIDES = made.sides(ALL)
CALIBRATION = calibrate(ALL, *SIDES, weights=made.WEIGHTS).rows
EXACT = Policy()


@pytest.fixture(autouse=True)
def _by_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(optimal, "DENSE_PAIRS", 0)
    monkeypatch.setattr(optimal, "CANDIDATES", 3)


def matched(
    splits: pa.Table, previous: pa.Table | None = None, policy: Policy = EXACT
) -> tuple[pa.Table, History]:
    told: list[History] = []
    rows = match_splits(CALIBRATION, splits, *SIDES, policy=policy, previous=previous, note=told.append).rows
    return rows, told[0]


def without_one(matching: pa.Table) -> pa.Table:
    gone = next(r["item_id"] for r in matching.to_pylist() if r["side"] == "art" and r["partners"])
    return ALL.filter(pc.not_equal(ALL["item_id"], gone))


@pytest.fixture
def searched(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Collect the prices that each exact pass searches at."""
    seen: list[Any] = []

    def noting(*sides: Any, prices: Any, **rest: Any) -> search.Found:
        seen.append(prices)
        return search.best(*sides, prices=prices, **rest)

    monkeypatch.setattr(stage, "chosen", lambda _: ("noting", noting))
    return seen


def test_a_first_matching_tells_its_passes_and_no_changes(tmp_path: Path) -> None:
    _, history = matched(ALL)
    write_history(tmp_path, history)
    found = read_history(tmp_path)
    passes = found["rounds"]["train"]
    assert found["changes"] is None
    assert found["engine"] == "blas"
    assert [one["pass"] for one in passes] == list(range(2, 2 + len(passes)))
    assert passes[-1]["gap"] < 1e-9
    assert all(one["bound"] >= passes[-1]["primal"] - 1e-6 for one in passes)


def test_a_takedown_starts_from_the_old_prices_and_tells_the_changed_pairs(
    tmp_path: Path, searched: list[Any]
) -> None:
    before, _ = matched(ALL)
    left = without_one(before)
    searched.clear()
    after, warm = matched(left, before)
    old = {row["item_id"]: row["price"] for row in before.to_pylist()}
    assert searched[0].tolist() == [np.float32(old[item]) for item in sorted(made.items(left, "art"))]
    write_history(tmp_path, warm)
    changes = read_history(tmp_path)["changes"]
    assert changes["taken_down"] == 1
    assert changes["kept"] + changes["repaired"] == 60
    assert after.equals(matched(left)[0])  # from nothing: the same bytes


def test_a_search_that_stops_at_a_gap_starts_anew_and_still_tells_the_changed_pairs(
    searched: list[Any],
) -> None:
    policy = Policy(gap=0.01)
    before, _ = matched(ALL, policy=policy)
    left = without_one(before)
    cold, first = matched(left, policy=policy)
    searched.clear()
    after, again = matched(left, before, policy)
    assert len(searched) == 1 + len(again.rounds["train"])
    assert again.rounds == first.rounds
    assert again.rounds["train"][-1].violated > 0  # stopped before the end
    assert after.equals(cold)
    assert first.changes is None
    assert again.changes is not None
    assert again.changes.taken_down == 1


def test_a_store_without_a_history_tells_nothing(tmp_path: Path) -> None:
    assert read_history(tmp_path) == {"engine": "", "rounds": {}, "changes": None, "settings": {}}


def test_a_damaged_history_is_named(tmp_path: Path) -> None:
    (tmp_path / FILE).parent.mkdir()
    (tmp_path / FILE).write_text("[]")
    with pytest.raises(MatchingError, match="is damaged"):
        read_history(tmp_path)
