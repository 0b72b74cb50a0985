"""Progress of long work, with rate and time left: bars on a terminal, log lines elsewhere.

A stage wraps its items in `track`; who runs the stage chooses what is shown, by `show`.
"""

import logging
import math
import time
from collections.abc import Callable, Iterable, Iterator, Sequence, Sized
from contextlib import contextmanager
from contextvars import ContextVar
from functools import partial
from typing import Protocol, TypeVar

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

Item = TypeVar("Item")
LOG = logging.getLogger("artsound")
MEGA = 1e6
LOG_EVERY = 10.0  # seconds between two log lines of one job
SLOW = 0.1  # items a second, below which seconds an item are told


class Meter(Protocol):
    """Shows how far one job is."""

    def start(self, label: str, total: int | None, unit: str = "") -> int:
        """Open a job that counts items, or bytes where the unit is "B"; returns its number."""

    def advance(self, job: int, by: int) -> None:
        """Count finished items."""

    def finish(self, job: int) -> None:
        """Close the job."""


class Silent:
    """Shows nothing."""

    def start(self, label: str, total: int | None, unit: str = "") -> int:
        """Open a job."""
        return 0

    def advance(self, job: int, by: int) -> None:
        """Count finished items."""

    def finish(self, job: int) -> None:
        """Close the job."""


class LogLines:
    """One log line a job every `LOG_EVERY` seconds; short jobs have one when all was silent for as long."""

    def __init__(self) -> None:
        self._last = math.inf  # when any job had a line, or the first began
        self._jobs: dict[int, list[float]] = {}  # job → done, total, started, last line
        self._labels: dict[int, str] = {}
        self._units: dict[int, str] = {}

    def start(self, label: str, total: int | None, unit: str = "") -> int:
        """Open a job."""
        job, now = len(self._labels), time.monotonic()
        self._last = min(self._last, now)
        self._labels[job], self._units[job] = label, unit
        self._jobs[job] = [0, total or 0, now, now]
        return job

    def advance(self, job: int, by: int) -> None:
        """Count finished items; log when it is time."""
        state, now = self._jobs[job], time.monotonic()
        state[0] += by
        if now - min(state[3], self._last) < LOG_EVERY:
            return
        state[3] = self._last = now
        done, total, started, _ = state
        rate = done / (now - started)
        left = f", {max(0.0, total - done) / rate:.0f} s left" if total and rate > 0 else ""
        if self._units[job]:
            told = f"{done / MEGA:.0f} of {total / MEGA:.0f} MB, {rate / MEGA:.1f} MB/s"
        else:
            pace = f"{rate:.1f}/s" if rate >= SLOW or not rate else f"{1 / rate:.0f} s each"
            told = f"{done:.0f} of {int(total) or '?'}, {pace}"
        LOG.info("%s: %s%s", self._labels[job], told, left)

    def finish(self, job: int) -> None:
        """Close the job."""
        del self._jobs[job]


class _Rate(ProgressColumn):
    def render(self, task: Task) -> Text:
        if not task.speed:
            return Text("")
        return Text(f"{task.speed / MEGA:.1f} MB/s" if task.fields["unit"] else f"{task.speed:.1f}/s")


class _Done(MofNCompleteColumn):
    def render(self, task: Task) -> Text:
        if not task.fields["unit"]:
            return super().render(task)
        return Text(f"{task.completed / MEGA:.0f}/{(task.total or 0) / MEGA:.0f} MB")


class Bars:
    """Bars on a terminal, on standard error."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress

    def start(self, label: str, total: int | None, unit: str = "") -> int:
        """Open a job."""
        return self._progress.add_task(label, total=total, unit=unit)

    def advance(self, job: int, by: int) -> None:
        """Count finished items."""
        self._progress.advance(job, by)  # type: ignore[arg-type]  # rich names its job numbers

    def finish(self, job: int) -> None:
        """Close the job."""
        self._progress.remove_task(job)  # type: ignore[arg-type]


_METER: ContextVar[Meter] = ContextVar("meter", default=Silent())  # noqa: B039  # Silent has no state


@contextmanager
def show(console: Console) -> Iterator[None]:
    """Show what `track` counts: bars when the console is a terminal, log lines otherwise."""
    if console.is_terminal:
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            _Done(),
            _Rate(),
            TimeRemainingColumn(),
        )
        with Progress(*columns, console=console, transient=True) as progress, using(Bars(progress)):
            yield
    else:
        with using(LogLines()):
            yield


@contextmanager
def using(meter: Meter) -> Iterator[None]:
    """Count into this meter inside the block."""
    token = _METER.set(meter)
    try:
        yield
    finally:
        _METER.reset(token)


@contextmanager
def counting_bytes(label: str, total: int) -> Iterator[Callable[[int], None]]:
    """Count bytes on their way, from whichever thread has some; what turns out wrong is taken back."""
    meter = _METER.get()
    job = meter.start(label, total, "B")
    try:
        yield partial(meter.advance, job)
    finally:
        meter.finish(job)


def track_bytes(items: Iterable[Item], label: str, sizes: Sequence[int]) -> Iterator[Item]:
    """Pass items on, as `track`, and count the bytes of each: for work whose time goes with them."""
    with counting_bytes(label, sum(sizes)) as seen:
        for item, size in zip(items, sizes, strict=True):
            yield item
            seen(size)


def track(items: Iterable[Item], label: str, total: int | None = None) -> Iterator[Item]:
    """Pass items on and count each as done when the next is asked for."""
    if total is None and isinstance(items, Sized):
        total = len(items)
    meter = _METER.get()
    job = meter.start(label, total)
    try:
        for item in items:
            yield item
            meter.advance(job, 1)
    finally:
        meter.finish(job)
