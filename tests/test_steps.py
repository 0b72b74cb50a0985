"""Steps over a small stage: what is current, what is made again, what an interruption costs."""

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest

from artsound import steps, tables
from artsound.errors import Outcome, Reason, Reject, TooManyRejects
from artsound.settings import Settings
from artsound.steps import Stage, TableStep
from tests import rows


class Namer:
    """A stage that lists an artist a track, counts what it sees, and can be made to stop or refuse."""

    def __init__(self) -> None:
        self.seen: list[str] = []
        self.stop_at = ""
        self.refuse: set[str] = set()
        self.why = Reason.UNREADABLE

    def __call__(self, tracks: pa.Table) -> Outcome:
        kept, refused = [], []
        for track in tracks["track_id"].to_pylist():
            if track == self.stop_at:
                raise KeyboardInterrupt
            self.seen.append(track)
            if track in self.refuse:
                refused.append(Reject(track, self.why, "torn"))
            else:
                kept.append(rows.row("artists", artist_id=track))
        return Outcome(tables.rows_of("artists", kept), refused)


def steps_rows(kept: list[dict[str, object]]) -> pa.Table:
    from artsound.tables import rows_of

    return rows_of("artists", kept)


@pytest.fixture
def namer() -> Namer:
    return Namer()


@pytest.fixture
def step(tmp_path: Path, namer: Namer) -> Iterator[TableStep]:
    collection = {"path": tmp_path}
    settings = Settings.model_validate(
        {
            "root": tmp_path / "store",
            "artworks": collection,
            "tracks": collection,
            "runtime": {"part_rows": 2},
        }
    )
    stage = Stage("artists", ("tracks",), ("catalog",), lambda _: namer, in_parts=True, watches=lambda _: "w")
    made = TableStep(stage, settings)
    tracks = rows.tracks(*({"track_id": f"t{n}"} for n in range(5)))
    made.store.write("tracks", [Outcome(tracks)], "test")
    yield made
    steps._forget()


def changed(step: TableStep, **update: object) -> TableStep:
    return TableStep(step.stage, Settings.model_validate(step.settings.model_dump() | update))


def test_a_second_run_does_nothing(step: TableStep, namer: Namer) -> None:
    first = steps.bring_up_to_date(step)
    again = steps.bring_up_to_date(step)
    assert (first.ran, again.ran) == (True, False)
    assert dataclasses.replace(again, ran=True) == first
    assert namer.seen == ["t0", "t1", "t2", "t3", "t4"]


def test_the_part_size_changes_no_byte(step: TableStep) -> None:
    first = steps.bring_up_to_date(step)
    (step.store.root / "tables" / "artists.json").unlink()
    assert steps.bring_up_to_date(changed(step, runtime={"part_rows": 100})) == first


@pytest.mark.parametrize(
    "other",
    [
        lambda step: changed(step, catalog={"min_seconds": 3.0}),
        lambda step: dataclasses.replace(step, stage=dataclasses.replace(step.stage, revision=2)),
        lambda step: dataclasses.replace(
            step, stage=dataclasses.replace(step.stage, watches=lambda _: "new")
        ),
    ],
    ids=["settings", "code revision", "watched files"],
)
def test_what_the_result_depends_on_makes_it_run_again(step: TableStep, other) -> None:
    steps.bring_up_to_date(step)
    assert other(step).current() is None


def test_a_column_more_makes_it_run_again(step: TableStep, monkeypatch: pytest.MonkeyPatch) -> None:
    steps.bring_up_to_date(step)
    wider = tables.TABLES["artists"].append(pa.field("anew", pa.string()))
    monkeypatch.setitem(tables.TABLES, "artists", wider)
    assert step.current() is None


def test_a_changed_input_makes_it_run_again_an_equal_one_does_not(step: TableStep) -> None:
    steps.bring_up_to_date(step)
    step.store.write("tracks", [Outcome(step.store.read("tracks"))], "made anew")
    assert step.current()
    step.store.write("tracks", [Outcome(step.store.read("tracks").slice(1))], "fewer")
    assert step.current() is None


def test_an_interrupted_run_goes_on_where_it_stopped(step: TableStep, namer: Namer) -> None:
    namer.stop_at = "t4"
    with pytest.raises(KeyboardInterrupt):
        steps.bring_up_to_date(step)
    assert step.store.manifest("artists") is None
    namer.stop_at = ""
    assert steps.bring_up_to_date(step).rows == 5
    assert namer.seen == ["t0", "t1", "t2", "t3", "t4"]  # nothing twice


def test_another_part_size_does_not_reuse_the_parts(step: TableStep, namer: Namer) -> None:
    namer.stop_at = "t4"
    with pytest.raises(KeyboardInterrupt):
        steps.bring_up_to_date(step)
    namer.stop_at = ""
    steps.bring_up_to_date(changed(step, runtime={"part_rows": 3}))
    assert step.store.read("artists")["artist_id"].to_pylist() == [f"t{n}" for n in range(5)]


def test_a_refused_item_is_counted_and_the_rest_goes_on(step: TableStep, namer: Namer) -> None:
    namer.refuse = {"t1"}
    made = steps.bring_up_to_date(changed(step, max_reject_share=0.5))
    assert (made.rows, made.rejects) == (4, {"unreadable": 1})


def test_too_many_rejects_stop_the_step_and_show_the_first(step: TableStep, namer: Namer) -> None:
    namer.refuse = {"t1", "t3"}
    with pytest.raises(TooManyRejects, match=r"artists: 2 of 5 refused.*First: t1: unreadable torn; t3"):
        steps.bring_up_to_date(step)
    assert step.store.manifest("artists") is None


def test_a_fault_that_may_pass_is_tried_again_and_nothing_else(step: TableStep, namer: Namer) -> None:
    namer.refuse, namer.why = {"t1"}, Reason.NO_ANSWER
    with pytest.raises(TooManyRejects, match="t1: no_answer"):
        steps.bring_up_to_date(step)
    namer.refuse = set()
    assert steps.bring_up_to_date(step).rows == 5
    assert namer.seen == ["t0", "t1", "t2", "t3", "t4", "t0", "t1"]  # the part of two that had it


def test_the_outlook_tells_what_will_run_and_touches_nothing(step: TableStep) -> None:
    after = TableStep(Stage("splits", ("artists",), (), lambda _: pytest.fail("ran")), step.settings)
    before = sorted(step.store.root.rglob("*"))
    assert [state for _, state in steps.outlook((step, after))] == ["to run", "waits"]
    assert sorted(step.store.root.rglob("*")) == before
    steps.bring_up_to_date(step)
    assert [state for _, state in steps.outlook((step, after))] == ["current", "to run"]
