"""How a step is brought up to date: look whether it is current, run its parts, finish it.

A `TableStep` makes one table out of others by a stage; the products (release, audit page) follow the same
protocol, so that who walks them (a plain loop, Prefect, a spread runner) treats all alike.
"""

import hashlib
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Protocol

import pyarrow as pa

from artsound import costs, tables
from artsound.errors import PASSING, Outcome, Reject, TooManyRejects
from artsound.settings import Settings
from artsound.store import Manifest, Parts, Store

Run = Callable[..., Outcome]


@dataclass(frozen=True)
class Made:
    """What a step left behind: `content` identifies it, `ran` says whether it had to be made."""

    content: str
    rows: int
    rejects: Mapping[str, int]
    ran: bool


@dataclass(frozen=True)
class Job:
    """A step that is being made: fixed at the start, so that every part is made from the same things."""

    digest: str
    parts: int


class Step(Protocol):
    """One unit of the build. Parts may run in any order, at once, in other processes, and again."""

    @property
    def name(self) -> str:
        """The table or product that it makes."""

    @property
    def reads(self) -> tuple[str, ...]:
        """Names of the steps that it needs finished."""

    def current(self) -> Made | None:
        """Return what is there when it is up to date, else None. Touches nothing."""

    def begin(self) -> Job:
        """Say what is to be made, in how many parts; needs the steps of `reads` finished."""

    def run(self, job: Job, number: int) -> None:
        """Make one part and keep it; does nothing when it is there."""

    def finish(self, job: Job) -> Made:
        """Put the parts together; needs all of them."""


@dataclass(frozen=True)
class Stage:
    """What makes one table. `wire` loads what it needs, once; the function it returns maps tables to rows."""

    writes: str
    reads: tuple[str, ...]
    sections: tuple[str, ...]  # the parts of the settings that its result depends on
    wire: Callable[[Settings], Run]
    in_parts: bool = False  # may its first table be handed over piece by piece?
    from_disk: bool = False  # reads its tables itself; the function maps places, first and last, to rows
    watches: Callable[[Settings], str] | None = None  # identifies what it reads outside the store
    also: tuple[str, ...] = ()  # tables that it reads too, after the others, in a run that has them
    revision: int = 1  # raise it when the code changes what comes out


@dataclass(frozen=True)
class TableStep:
    """A stage, its settings and its store."""

    stage: Stage
    settings: Settings

    @property
    def name(self) -> str:
        """The table."""
        return self.stage.writes

    @property
    def reads(self) -> tuple[str, ...]:
        """The tables it is made of."""
        return self.stage.reads

    @cached_property
    def store(self) -> Store:
        """Where the tables lie."""
        return Store(self.settings.root)

    def made_from(self) -> str:
        """Digest what the table depends on: code, columns, settings, content of its inputs, watched files."""
        manifests = [self.store.manifest(name) for name in self.reads]
        contents = (found.content if found else "absent" for found in manifests)
        watched = self.stage.watches(self.settings) if self.stage.watches else ""
        settings = self.settings.digest(*self.stage.sections)
        columns = " ".join(f"{field.name}:{field.type}" for field in tables.TABLES[self.name])
        text = "/".join([str(self.stage.revision), columns, settings, watched, *contents])
        return hashlib.sha256(text.encode()).hexdigest()

    def current(self) -> Made | None:
        """Return the finished table's facts when all that it was made from is unchanged."""
        found = self.store.manifest(self.name)
        return _made(found, ran=False) if found and found.made_from == self.made_from() else None

    def begin(self) -> Job:
        """One part for every `runtime.part_rows` rows of the first input; at least one."""
        rows = self.store.manifest(self.reads[0]) if self.stage.in_parts else None
        return Job(
            self.made_from(), max(1, -(-(rows.rows if rows else 1) // self.settings.runtime.part_rows))
        )

    def run(self, job: Job, number: int) -> None:
        """Make one part, unless an earlier run got that far."""
        parts = self._parts(job)
        if not parts.done(number):
            with costs.counted(self.settings.root, self.name, job.digest, f"part-{number:06d}"):
                parts.once(number, partial(_ready(self, job).make, number))

    def finish(self, job: Job) -> Made:
        """Write the table from its parts.

        Raises:
            TooManyRejects: a larger share was refused than the settings allow; says the first ones.
        """
        _forget()
        refused, total = self._counted(job)
        if len(refused) > self.settings.max_reject_share * total:
            self._parts(job).forget(
                number for number in range(job.parts) if self._failed(job, number)
            )  # the next run may have better luck
            first = "; ".join(f"{item}: {reason} {detail}".strip() for item, reason, detail in refused[:3])
            raise TooManyRejects(
                f"{self.name}: {len(refused)} of {total} refused, more than max_reject_share = "
                f"{self.settings.max_reject_share:g} allows. First: {first}"
            )
        with costs.counted(self.settings.root, self.name, job.digest, "finish"):
            written = self.store.write(self.name, self._pieces(job), job.digest)
        costs.forget_others(self.settings.root, self.name, job.digest)
        return _made(written, ran=True)

    def _counted(self, job: Job) -> tuple[list[Reject], int]:
        """List what was refused; count it together with what was kept."""
        refused: list[Reject] = []
        kept = 0
        for piece in self._pieces(job):
            refused.extend(piece.rejects)
            kept += len(piece.rows)
        return refused, kept + len(refused)

    def _failed(self, job: Job, number: int) -> bool:
        """Say whether a part lacks items by a fault that may pass."""
        return any(reject.reason in PASSING for reject in self._parts(job).read(number).rejects)

    def _pieces(self, job: Job) -> Iterator[Outcome]:
        """Map one part after another: all of them at once would fill the memory."""
        return map(self._parts(job).read, range(job.parts))

    def _parts(self, job: Job) -> Parts:
        # a change of the part size must not mix pieces
        return self.store.parts(self.name, f"{job.digest[:16]}-{self.settings.runtime.part_rows}")


@dataclass(frozen=True)
class _Ready:
    """A stage with its model loaded and its tables read: kept between the parts of one table."""

    stage: Stage
    run: Run
    tables: list[pa.Table]
    part_rows: int

    def make(self, number: int) -> Outcome:
        if self.stage.from_disk:
            return self.run(number * self.part_rows, (number + 1) * self.part_rows)
        if not self.stage.in_parts:
            return self.run(*self.tables)
        first, *rest = self.tables
        return self.run(first.slice(number * self.part_rows, self.part_rows), *rest)


_LOCK = threading.Lock()
_LATEST: dict[str, _Ready] = {}  # at most one: models are large, and steps follow one another


def _ready(step: TableStep, job: Job) -> _Ready:
    settings = step.settings
    key = f"{settings.root}/{step.name}/{job.digest}/{settings.runtime.part_rows}"
    with _LOCK:
        if key not in _LATEST:
            _LATEST.clear()
            inputs = [] if step.stage.from_disk else [step.store.read(name) for name in step.reads]
            _LATEST[key] = _Ready(step.stage, step.stage.wire(settings), inputs, settings.runtime.part_rows)
        return _LATEST[key]


def _forget() -> None:
    with _LOCK:
        _LATEST.clear()


def _made(found: Manifest, *, ran: bool) -> Made:
    return Made(found.content, found.rows, found.rejects, ran)


def bring_up_to_date(step: Step) -> Made:
    """Run what is missing of one step, part after part."""
    if found := step.current():
        return found
    job = step.begin()
    for number in range(job.parts):
        step.run(job, number)
    return step.finish(job)


def outlook(steps: tuple[Step, ...]) -> Iterator[tuple[Step, str]]:
    """Say of every step whether it is `current`, will run (`to run`), or needs one that will (`waits`)."""
    moving: set[str] = set()
    for step in steps:
        waits = bool(moving & set(step.reads))
        state = "waits" if waits else "current" if step.current() else "to run"
        if state != "current":
            moving.add(step.name)
        yield step, state
