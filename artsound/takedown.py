"""The register of items that must not be published any more, and what follows from it.

A CSV of side, item, reason and date that people may edit and keep under version control. The next build
leaves the items out after splits are drawn, so that what they freed is matched anew, or only leaves out their
pairs; the release keeps the register as tombstones; `verify` names what an older copy still holds.
"""

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from functools import partial
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from artsound.errors import ConfigError, Outcome, Reason, Reject
from artsound.release.manifest import MANIFEST, ReleaseManifest, read_manifest
from artsound.settings import Settings
from artsound.store import Store, disk_errors, write_whole

SIDES = ("art", "music")
TOMBSTONES = "takedowns.csv"  # the register's name inside a release
_FIELDS = ("side", "item_id", "reason", "date")
_COLUMN = {"art": "artwork_id", "music": "clip_id"}


class Takedown(NamedTuple):
    """One item that was taken down."""

    side: str  # art or music
    item_id: str  # artwork_id or clip_id, by side
    reason: str
    date: str  # of the request, YYYY-MM-DD

    @property
    def key(self) -> tuple[str, str]:
        """What it is about."""
        return self.side, self.item_id


def read_register(path: Path | None) -> list[Takedown]:
    """Read a register; none that is named is empty.

    Raises:
        ConfigError: it is not there, or a row is not a takedown; names the row.
    """
    if path is None:
        return []
    if not path.exists():
        raise ConfigError(f"there is no register {path}: `artsound takedown add` makes one")
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"cannot read the register {path}: {error}") from error
    return parse_register(data, str(path))


def parse_register(data: bytes, path: str) -> list[Takedown]:
    """Understand the bytes of a register.

    Raises:
        ConfigError: they are none, or a row is not a takedown; names the path and the row.
    """
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigError(f"cannot read the register {path}: {error}") from error
    rows = csv.DictReader(io.StringIO(text, newline=""))
    if missing := set(_FIELDS) - set(rows.fieldnames or ()):
        raise ConfigError(f"{path} has no column {', '.join(sorted(missing))}")
    found = [_takedown(row, f"{path}, row {number}") for number, row in enumerate(rows, 2)]
    _check_once(found, path)
    return sorted(found)


def _takedown(row: Mapping[str, str | None], where: str) -> Takedown:
    made = Takedown(*(" ".join((row[name] or "").split()) for name in _FIELDS))  # each on one line
    if made.side not in SIDES:
        raise ConfigError(f"{where}: side is {made.side!r}, not art or music")
    if not made.item_id or not made.reason:
        raise ConfigError(f"{where}: an item_id and a reason are needed")
    try:
        date.fromisoformat(made.date)
    except ValueError as error:
        raise ConfigError(f"{where}: date is {made.date!r}, not YYYY-MM-DD") from error
    return made


def _check_once(found: Sequence[Takedown], path: str) -> None:
    seen: set[tuple[str, str]] = set()
    for one in found:
        if one.key in seen:
            raise ConfigError(
                f"{path} would name {one.side} {one.item_id} twice: keep one entry, and edit that"
            )
        seen.add(one.key)


def register_text(register: Sequence[Takedown]) -> str:
    """Write a register as CSV, sorted: the same items give the same bytes."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\n")
    writer.writerows([_FIELDS, *sorted(register)])
    return out.getvalue()


def add(path: Path, takedown: Takedown) -> None:
    """Enter an item into a register, which is made if there is none.

    Raises:
        ConfigError: the item is there already, or the entry or the register is not sound.
        StoreError: the register cannot be written.
    """
    entry = _takedown(takedown._asdict(), "this entry")
    register = [*(read_register(path) if path.exists() else ()), entry]
    _check_once(register, str(path))
    with disk_errors(path):
        write_whole(path, partial(write_register, register))


def write_register(register: Sequence[Takedown], path: Path) -> None:
    """Write a register as it stands beside a release's other documents."""
    path.write_text(register_text(register), encoding="utf-8", newline="")


def leave_out(drawn: Outcome, duplicates: pa.Table, register: Sequence[Takedown]) -> Outcome:
    """Take items out of `splits`, and with them their exact copies, which are the same work."""
    held = dict(_with_copies(duplicates, register))
    keep, rejects = [], list(drawn.rejects)
    for row in drawn.rows.select(["side", "item_id"]).to_pylist():
        taken = held.get((row["side"], row["item_id"]))
        keep.append(taken is None)
        if taken:
            detail = f"{taken.reason} ({taken.date})"
            rejects.append(Reject(row["item_id"], Reason.TAKEN_DOWN, detail))
    return Outcome(drawn.rows.filter(pa.array(keep, pa.bool_())), sorted(rejects))


def without_held(duplicates: pa.Table, register: Sequence[Takedown], pairs: pa.Table) -> Outcome:
    """Keep the pairs of whose items none, nor an exact copy, was taken down; the others become rejects."""
    held = dict(_with_copies(duplicates, register))
    keep, rejects = [], list[Reject]()
    for row in pairs.to_pylist():
        both = (held.get((side, row[column])) for side, column in _COLUMN.items())
        taken = next(filter(None, both), None)
        keep.append(taken is None)
        if taken:
            detail = f"{taken.side} {taken.item_id}: {taken.reason} ({taken.date})"
            rejects.append(Reject(row["pair_id"], Reason.TAKEN_DOWN, detail))
    return Outcome(pairs.filter(pa.array(keep, pa.bool_())), sorted(rejects))


def _with_copies(
    duplicates: pa.Table, register: Sequence[Takedown]
) -> Iterator[tuple[tuple[str, str], Takedown]]:
    exact = duplicates.filter(pc.equal(duplicates["kind"], "exact")).to_pylist()
    cluster = {(row["side"], row["item_id"]): (row["side"], row["cluster_id"]) for row in exact}
    taken = {cluster[one.key]: one for one in register if one.key in cluster}
    yield from ((item, taken[name]) for item, name in cluster.items() if name in taken)
    yield from ((one.key, one) for one in register)


def held_problems(folder: Path, made: ReleaseManifest, register: Sequence[Takedown]) -> Iterator[str]:
    """Name what a release holds although it was taken down."""
    by_key = {one.key: one for one in register}
    for record in made.files:
        if record.role != "scores" or not by_key:
            continue
        for row in pq.read_table(folder / record.path, columns=["pair_id", *_COLUMN.values()]).to_pylist():
            for side, column in _COLUMN.items():
                if one := by_key.get((side, row[column])):
                    item = f"{column.removesuffix('_id')} {one.item_id}"
                    yield f"pair {row['pair_id']}: {item} was taken down on {one.date}: {one.reason}"


def without_item(settings: Settings) -> list[Takedown]:
    """List the entries of the register that are about no usable item of the sources, after a build."""
    store = Store(settings.root)
    known = {
        (side, item)
        for side, table in zip(SIDES, ("artworks", "clips"), strict=True)
        for item in store.read(table, [_COLUMN[side]])[_COLUMN[side]].to_pylist()
    }
    return [one for one in read_register(settings.takedowns) if one.key not in known]


def to_apply(settings: Settings) -> tuple[list[Takedown], list[str]]:
    """Look before a build that takes items down: the register, and what the standing release holds of it.

    Raises:
        ConfigError: no register is named, or the version was not raised although items must leave it.
    """
    if settings.takedowns is None:
        raise ConfigError('name the register in the settings: takedowns = "takedowns.csv"')
    register, chosen = read_register(settings.takedowns), settings.release
    held: list[str] = []
    for folder in sorted((settings.root / "release").glob(f"{chosen.name}-*.*.*")):
        if (folder / MANIFEST).is_file():
            made = read_manifest(folder)
            found = [*held_problems(folder, made, register)]
            if found and made.version == chosen.version:
                major = int(chosen.version.partition(".")[0]) + 1
                raise ConfigError(
                    f"{folder.name} holds what was taken down ({found[0]}): a removal is a major step, "
                    f'write version = "{major}.0.0" under [release]'
                )
            held = found
    return register, held
