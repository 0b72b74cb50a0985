import logging
from io import StringIO

import pytest
from rich.console import Console

from artsound import progress


class Tally:
    def __init__(self) -> None:
        self.jobs: list[tuple[str, int | None]] = []
        self.done = 0
        self.open = 0

    def start(self, label: str, total: int | None) -> int:
        self.jobs.append((label, total))
        self.open += 1
        return 7

    def advance(self, job: int, by: int) -> None:
        assert job == 7
        self.done += by

    def finish(self, job: int) -> None:
        self.open -= 1


def test_every_finished_item_is_counted_and_the_job_closed() -> None:
    tally = Tally()
    with progress.using(tally):
        assert list(progress.track([1, 2, 3], "count")) == [1, 2, 3]
    assert (tally.jobs, tally.done, tally.open) == ([("count", 3)], 3, 0)


def test_an_item_in_progress_is_not_counted_when_the_work_fails() -> None:
    tally = Tally()

    def fail_at_second() -> None:
        for item in progress.track(iter("ab"), "x"):
            if item == "b":
                raise KeyError

    with progress.using(tally), pytest.raises(KeyError):
        fail_at_second()
    assert (tally.done, tally.open) == (1, 0)


def test_log_lines_carry_rate_and_time_left(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    clock = iter(range(0, 1000, 5))
    monkeypatch.setattr(progress.time, "monotonic", lambda: float(next(clock)))
    with caplog.at_level(logging.INFO, "artsound"), progress.show(Console(file=StringIO())):
        list(progress.track(range(6), "decode"))
    assert "decode: 2 of 6, 0.2/s, 20 s left" in caplog.text


def test_many_short_jobs_are_not_silent(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    clock = iter(range(0, 1000, 2))
    monkeypatch.setattr(progress.time, "monotonic", lambda: float(next(clock)))
    with caplog.at_level(logging.INFO, "artsound"), progress.show(Console(file=StringIO())):
        for number in range(5):
            list(progress.track(range(2), f"job {number}"))  # 6 s each
    assert caplog.messages == ["job 1: 2 of 2, 0.5/s, 0 s left", "job 3: 1 of 2, 0.5/s, 2 s left"]


def test_slow_items_are_told_in_seconds_each(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    clock = iter(range(0, 1000, 40))
    monkeypatch.setattr(progress.time, "monotonic", lambda: float(next(clock)))
    with caplog.at_level(logging.INFO, "artsound"), progress.show(Console(file=StringIO())):
        list(progress.track(range(3), "rows"))
    assert "rows: 1 of 3, 40 s each, 80 s left" in caplog.text


def test_bars_are_drawn_on_a_terminal() -> None:
    screen = StringIO()
    with progress.show(Console(file=screen, force_terminal=True, width=120)):
        list(progress.track(range(3), "decode"))
    assert "decode" in screen.getvalue()


def test_bytes_are_told_as_megabytes_with_rate_and_time_left(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    clock = iter(range(0, 1000, 5))
    monkeypatch.setattr(progress.time, "monotonic", lambda: float(next(clock)))
    caplog.set_level(logging.INFO, "artsound")
    with progress.show(Console(file=StringIO())), progress.counting_bytes("fetch", 300_000_000) as seen:
        for _ in range(4):
            seen(50_000_000)
    assert "fetch: 100 of 300 MB, 10.0 MB/s, 20 s left" in caplog.text


def test_bars_tell_bytes_too() -> None:
    screen = StringIO()
    console = Console(file=screen, force_terminal=True, width=120, _environ={})
    with progress.show(console), progress.counting_bytes("fetch", 300_000_000) as seen:
        seen(120_000_000)
    assert "/300 MB" in screen.getvalue()


def test_work_on_files_counts_their_bytes_as_each_is_done() -> None:
    class Bytes(progress.Silent):
        def __init__(self) -> None:
            self.told: list[object] = []

        def start(self, label: str, total: int | None, unit: str = "") -> int:
            self.told.append((label, total, unit))
            return 0

        def advance(self, job: int, by: int) -> None:
            self.told.append(by)

    seen = Bytes()
    with progress.using(seen):
        assert list(progress.track_bytes("ab", "hash files", [5, 7])) == ["a", "b"]
    assert seen.told == [("hash files", 12, "B"), 5, 7]
