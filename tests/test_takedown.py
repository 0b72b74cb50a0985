"""The register of what was taken down, and what follows from it."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from artsound import tables
from artsound.errors import ConfigError, Outcome, Reason, Reject
from artsound.store import Store
from artsound.takedown import Takedown, add, leave_out, read_register, register_text, without_held
from tests.builds import artsound, sample_config

ONE = Takedown("art", "a1", 'asked by the heirs, "politely"', "2026-11-01")
OTHER = Takedown("music", "7", "wrong licence", "2026-11-02")


def splits(*items: tuple[str, str]) -> Outcome:
    rows = [{"side": s, "item_id": i, "group_id": i, "split": "train"} for s, i in items]
    return Outcome(tables.rows_of("splits", rows), [Reject("b", Reason.DUPLICATE_CONTENT, "same bytes as a")])


def duplicates(*items: tuple[str, str, str, str]) -> pa.Table:
    rows = [
        {"side": side, "item_id": item, "cluster_id": cluster, "kind": kind, "keeper": item == cluster}
        for side, item, cluster, kind in items
    ]
    return tables.rows_of("duplicates", rows)


def test_entries_are_kept_sorted_and_read_back(tmp_path: Path) -> None:
    path = tmp_path / "register.csv"
    assert read_register(None) == []
    with pytest.raises(ConfigError, match=r"there is no register .*: `artsound takedown add` makes one"):
        read_register(path)  # a name that is mistyped must not publish what was taken down
    add(path, OTHER)
    add(path, ONE)
    assert read_register(path) == [ONE, OTHER]
    assert path.read_text() == register_text([OTHER, ONE])


def test_an_item_is_taken_down_once(tmp_path: Path) -> None:
    add(tmp_path / "register.csv", ONE)
    with pytest.raises(ConfigError, match=r"would name .* twice: keep one entry"):
        add(tmp_path / "register.csv", ONE._replace(reason="again"))
    assert read_register(tmp_path / "register.csv") == [ONE]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"side": "video"}, "not art or music"),
        ({"item_id": " "}, "an item_id and a reason"),
        ({"reason": ""}, "an item_id and a reason"),
        ({"date": "1.11.2026"}, "not YYYY-MM-DD"),
        ({"date": ""}, "not YYYY-MM-DD"),
    ],
)
def test_an_entry_that_says_too_little_is_refused(
    tmp_path: Path, change: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        add(tmp_path / "register.csv", ONE._replace(**change))
    assert not (tmp_path / "register.csv").exists()


@pytest.mark.parametrize("text", ["", "side,item_id\nart,1\n", "side,item_id,reason,date\nart,1\n", "\0"])
def test_a_table_that_is_no_register_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "register.csv").write_text(text)
    with pytest.raises(ConfigError, match=r"register\.csv"):
        read_register(tmp_path / "register.csv")


@given(
    st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1).filter(
        lambda text: bool(text.split())
    )
)
def test_any_reason_survives_on_one_line(tmp_path_factory: pytest.TempPathFactory, reason: str) -> None:
    path = tmp_path_factory.mktemp("register") / "register.csv"
    add(path, ONE._replace(reason=reason))
    assert read_register(path)[0].reason == " ".join(reason.split())


def test_items_and_their_exact_copies_are_left_out_with_the_reason() -> None:
    drawn = splits(("art", "a1"), ("art", "a2"), ("art", "a3"), ("music", "7"), ("music", "a1"))
    copies = duplicates(
        ("art", "a1", "a1", "exact"), ("art", "a2", "a1", "exact"), ("art", "a3", "a1", "near")
    )
    found = leave_out(drawn, copies, [ONE, OTHER])
    left = [(row["side"], row["item_id"]) for row in found.rows.to_pylist()]
    assert left == [("art", "a3"), ("music", "a1")]
    assert [(reject.item_id, reject.reason) for reject in found.rejects] == [
        ("7", Reason.TAKEN_DOWN),
        ("a1", Reason.TAKEN_DOWN),
        ("a2", Reason.TAKEN_DOWN),
        ("b", Reason.DUPLICATE_CONTENT),
    ]
    assert found.rejects[0].detail == "wrong licence (2026-11-02)"


def test_an_empty_register_changes_nothing() -> None:
    drawn = splits(("art", "a1"))
    found = leave_out(drawn, duplicates(), [])
    assert found.rows.equals(drawn.rows)
    assert found.rejects == drawn.rejects


def test_pairs_of_held_items_and_of_their_copies_are_left_out_with_the_reason() -> None:
    copies = duplicates(
        ("art", "a1", "a1", "exact"), ("art", "a2", "a1", "exact"), ("art", "a3", "a1", "near")
    )
    held = [("p1", "a1", "1"), ("p2", "a2", "2"), ("p3", "a3", "3"), ("p4", "a4", "7"), ("p5", "7", "5")]
    pairs = pa.Table.from_pylist(
        [dict(zip(("pair_id", "artwork_id", "clip_id"), row, strict=True)) for row in held]
    )
    left = without_held(copies, [ONE, OTHER], pairs)
    assert left.rows["pair_id"].to_pylist() == ["p3", "p5"]
    assert {reject.item_id: reject.detail for reject in left.rejects} == {
        "p1": 'art a1: asked by the heirs, "politely" (2026-11-01)',
        "p2": 'art a1: asked by the heirs, "politely" (2026-11-01)',
        "p4": "music 7: wrong licence (2026-11-02)",
    }
    assert {reject.reason for reject in left.rejects} == {Reason.TAKEN_DOWN}


@pytest.mark.slow
def test_what_a_takedown_freed_can_stay_unpaired_and_no_other_pair_changes(tmp_path: Path) -> None:
    register = tmp_path / "takedowns.csv"
    config = sample_config(tmp_path)
    lines = f'takedowns = "{register}"\nfreed = "leave"\n'
    register.write_text(register_text([]))
    config.write_text(lines + config.read_text())
    artsound("build", "--config", str(config), "--no-prefect")
    store = Store(tmp_path / "store")
    before = {row["pair_id"]: row for row in store.read("pairs").to_pylist()}
    matching = store.path("matching").read_bytes()
    gone = min(before.values(), key=lambda row: row["pair_id"])
    artsound("takedown", "add", "art", gone["artwork_id"], "--register", str(register), "--reason", "asked")
    config.write_text(config.read_text().replace('version = "0.1.0"', 'version = "1.0.0"'))
    artsound("takedown", "apply", "--config", str(config))
    assert store.path("matching").read_bytes() == matching
    (made,) = (tmp_path / "store" / "release").glob("*-1.0.0")
    released = pq.read_table(made / "scores").to_pylist()
    assert {row["pair_id"] for row in released} == before.keys() - {gone["pair_id"]}
    assert gone["artwork_id"] not in {row["artwork_id"] for row in released}
    assert register.read_text() == (made / "takedowns.csv").read_text()
    artsound("verify", str(made), "--deep")
