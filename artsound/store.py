"""Tables on disk: rows, rejects, and a manifest that is written last: the manifest means *done*.

`tables/<name>.parquet` (or `.arrow`, read without copying), `<name>.rejects.parquet`, `<name>.json`;
`parts/<name>/<key>/` holds the finished pieces of a table in the making.
Everything appears whole or not at all.
"""

import fcntl
import hashlib
import json
import os
import shutil
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from itertools import accumulate
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from artsound import memory, tables
from artsound.contracts import check_key, key_of
from artsound.errors import Outcome, Reason, Reject, StoreError

# rows of a Parquet row group or Arrow batch where a table does not say; whatever the parts of its stage were
GROUP_ROWS = 5_000


@dataclass(frozen=True)
class Manifest:
    """What made a table, and what came out."""

    made_from: str  # digest of the stage's code, settings and inputs
    content: str  # sha256 of the rows' file
    rows: int
    rejects: dict[str, int]  # reason → count


class Store:
    """A folder of tables. One writer at a time: see `writing`."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def manifest(self, name: str) -> Manifest | None:
        """Return what is known of a finished table; None when it is absent or unfinished."""
        path = self._file(name, ".json")
        try:
            return Manifest(**json.loads(path.read_text()))
        except FileNotFoundError:
            return None
        except (ValueError, TypeError) as error:
            raise StoreError(f"{path} is damaged ({error}): delete it and run again") from error

    def read(self, name: str, columns: list[str] | None = None) -> pa.Table:
        """Load a finished table; a mapped one is not copied into memory.

        Raises:
            StoreError: the table was not built yet, or its file is damaged.
        """
        path = self._rows_file(name)
        try:
            if path.suffix == ".arrow":
                table = pa.ipc.open_file(pa.memory_map(str(path))).read_all()
                return table.select(columns) if columns else table
            return pq.read_table(path, columns=columns)
        except FileNotFoundError as error:
            raise StoreError(f"{name} is not built yet: run `artsound build`") from error
        except pa.ArrowInvalid as error:
            raise StoreError(f"{path} is damaged: delete {name}.json beside it and run again") from error

    def slice(self, name: str, start: int, count: int) -> pa.Table:
        """Load some rows of a finished table; of a Parquet file only the row groups that hold them.

        Raises:
            StoreError: as `read`.
        """
        path = self._rows_file(name)
        if path.suffix == ".arrow":
            return self.read(name).slice(start, count)
        try:
            file = pq.ParquetFile(path)
            sizes = [file.metadata.row_group(group).num_rows for group in range(file.num_row_groups)]
            ends = list(accumulate(sizes, initial=0))
            groups = range(bisect_right(ends, start) - 1, bisect_left(ends, start + count))
            found = file.read_row_groups([group for group in groups if group < len(sizes)])
        except FileNotFoundError as error:
            raise StoreError(f"{name} is not built yet: run `artsound build`") from error
        return found.slice(start - ends[groups.start], count)

    def path(self, name: str) -> Path:
        """Say which file holds the rows of a table, for who reads them by batch."""
        return self._rows_file(name)

    def rejects(self, name: str) -> pa.Table:
        """Load what the table's stage refused, as rows of `tables.REJECTS`."""
        path = self._file(name, ".rejects.parquet")
        return pq.read_table(path) if path.exists() else tables.rows_of("rejects", [])

    def write(self, name: str, pieces: Iterable[Outcome], made_from: str) -> Manifest:
        """Store the pieces of a table in order, then its manifest. The bytes do not depend on the cut.

        Raises:
            SchemaError: the rows are not what `tables` declares.
            StoreError: the disk is full or not writable.
        """
        rejects: list[Reject] = []
        with disk_errors(self.root):
            self._file(name, "").parent.mkdir(parents=True, exist_ok=True)
            self._file(name, ".json").unlink(missing_ok=True)
            rows = write_whole(self._rows_file(name), lambda part: _write_rows(name, part, pieces, rejects))
            refused = _rejects_table(name, rejects)
            write_whole(self._file(name, ".rejects.parquet"), lambda part: pq.write_table(refused, part))
            reasons = dict(sorted(Counter(reject.reason.value for reject in rejects).items()))
            manifest = Manifest(made_from, _sha256(self._rows_file(name)), rows, reasons)
            text = json.dumps(asdict(manifest), indent=2) + "\n"
            write_whole(self._file(name, ".json"), lambda part: part.write_text(text))
            shutil.rmtree(self.root / "parts" / name, ignore_errors=True)
        memory.give_back()
        return manifest

    def parts(self, name: str, key: str) -> "Parts":
        """Open the safe points of a table in the making; the key names all they depend on."""
        return Parts(name, self.root / "parts" / name / key)

    def clear_parts(self) -> None:
        """Drop all safe points: once every table is finished, those left are of runs that will not go on."""
        shutil.rmtree(self.root / "parts", ignore_errors=True)

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Hold the store for writing; the lock goes with the process, also when it is killed.

        Raises:
            StoreError: another run holds it, or the folder cannot be made.
        """
        with disk_errors(self.root):
            self.root.mkdir(parents=True, exist_ok=True)
            lock = (self.root / ".lock").open("a")
        with lock:
            _hold(lock.fileno(), self.root)
            yield

    def _file(self, name: str, ending: str) -> Path:
        return self.root / "tables" / f"{name}{ending}"

    def _rows_file(self, name: str) -> Path:
        mapped = tables.TABLES[name].metadata[b"mapped"] == b"true"
        return self._file(name, ".arrow" if mapped else ".parquet")


@dataclass(frozen=True)
class Parts:
    """Finished pieces of an unfinished table."""

    name: str
    folder: Path

    def done(self, number: int) -> bool:
        """Say whether an earlier run finished this piece."""
        return self._path(number).exists()

    def once(self, number: int, make: Callable[[], Outcome]) -> None:
        """Make a piece and keep it, unless it is there."""
        if self.done(number):
            return
        made = make()
        rejects = json.dumps(list(made.rejects))
        with disk_errors(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
            write_whole(self._path(number).with_suffix(".json"), lambda part: part.write_text(rejects))
            rows = tables.conform(self.name, made.rows)
            write_whole(self._path(number), lambda part: _write_arrow(part, rows))

    def read(self, number: int) -> Outcome:
        """Load a finished piece."""
        path = self._path(number)
        listed = json.loads(path.with_suffix(".json").read_text())
        rejects = [Reject(item, Reason(reason), detail) for item, reason, detail in listed]
        return Outcome(pa.ipc.open_file(pa.memory_map(str(path))).read_all(), rejects)

    def forget(self, numbers: Iterable[int]) -> None:
        """Let some pieces be made anew."""
        for number in numbers:
            self._path(number).unlink(missing_ok=True)

    def _path(self, number: int) -> Path:
        return self.folder / f"{number:06d}.arrow"


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Hold a folder for writing; the lock goes with the process, also when it is killed.

    It is made if it is not there, and removed again if nothing was put into it. On a file system that cannot
    lock a folder nobody is kept out.

    Raises:
        StoreError: another run holds it, or the folder cannot be made.
    """
    with disk_errors(folder):
        new = not folder.exists()
        folder.mkdir(parents=True, exist_ok=True)
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        with suppress(OSError):
            _hold(handle, folder)
        yield
    finally:
        os.close(handle)
        if new:
            with suppress(OSError):  # something is in it
                folder.rmdir()


def _hold(handle: int, folder: Path) -> None:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise StoreError(f"another run is writing to {folder}: wait for it, or stop it") from error


def write_whole(path: Path, write: Callable[[Path], "int | None"], *, goes_on: bool = False) -> int:
    """Write beside, flush to disk, rename: a crash leaves the old file or the new, never half of one.

    What was half written is removed, so that a full disk is no fuller than before.

    Args:
        path: what the file is called at last.
        write: is given the name beside it.
        goes_on: `write` goes on with what an earlier call left, which is kept unless the disk failed.

    Returns:
        What `write` returned; 0 for None.
    """
    part = path.with_name(path.name + ".part")
    try:
        made = write(part)
        _flush(part)
    except BaseException as error:
        if not goes_on or isinstance(error, OSError) or _is_empty(part):
            part.unlink(missing_ok=True)
        raise
    part.replace(path)
    _flush(path.parent)
    return made or 0


def _is_empty(path: Path) -> bool:
    return path.is_file() and path.stat().st_size == 0


def _flush(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def check_place(folder: Path, advice: str) -> None:
    """Look, before anything is worked out, whether a folder is there or can be made; makes nothing.

    Raises:
        StoreError: a file stands in its way, or it is not writable; goes on with the advice.
    """
    there = next(path for path in (folder, *folder.absolute().parents) if os.path.lexists(path))
    if not there.is_dir():
        raise StoreError(f"{there} is not a folder: {advice}")
    if not os.access(there, os.W_OK):
        raise StoreError(f"cannot write to {there}: {advice}")


@contextmanager
def disk_errors(root: Path) -> Iterator[None]:
    """Turn what the system says of a full or read-only disk into one line.

    Raises:
        StoreError: in place of any `OSError`.
    """
    try:
        yield
    except OSError as error:
        raise StoreError(
            f"cannot write to {root}: {error.strerror or error}; what was finished is kept"
        ) from error


def _write_arrow(path: Path, rows: pa.Table) -> None:
    with pa.OSFile(str(path), "wb") as file, pa.ipc.new_file(file, rows.schema) as writer:
        writer.write_table(rows)


def _write_rows(name: str, path: Path, pieces: Iterable[Outcome], rejects: list[Reject]) -> int:
    """Stream the pieces into one file in groups of equal size; returns how many rows there are."""
    schema = tables.TABLES[name]
    keys: list[pa.Table] = []
    writer: pq.ParquetWriter | pa.ipc.RecordBatchFileWriter | None = None
    for group in _regroup(name, pieces, rejects):
        if writer is None:
            writer = _writer(path, group.schema)
        writer.write_table(group)
        own = group.select(key_of(schema) or group.schema.names[:1])
        keys.append(own.take(np.arange(len(own))))  # a copy, which keeps no mapped part in memory
        del group  # before the next is made: a group of wide rows is large
        memory.give_back()
    if writer is None:
        raise ValueError(f"{name}: no pieces")
    writer.close()
    together = pa.concat_tables(keys)
    check_key(name, schema, together)
    return len(together)


def _writer(path: Path, schema: pa.Schema) -> "pq.ParquetWriter | pa.ipc.RecordBatchFileWriter":
    if schema.metadata[b"mapped"] == b"true":
        return pa.ipc.new_file(str(path), schema)
    return pq.ParquetWriter(path, schema, compression="zstd")


def _regroup(name: str, pieces: Iterable[Outcome], rejects: list[Reject]) -> Iterator[pa.Table]:
    """Cut the rows anew into groups of equal size, at least one; collect the rejects on the way."""
    size = int(tables.TABLES[name].metadata.get(b"group_rows", GROUP_ROWS))
    waiting: list[pa.Table] = []
    count, empty = 0, True
    for piece in pieces:
        rejects.extend(piece.rejects)
        waiting.append(tables.conform(name, piece.rows))
        count += len(piece.rows)
        while count >= size:
            together = pa.concat_tables(waiting).combine_chunks()
            count, empty = count - size, False
            waiting = [together.slice(size)] if count else []  # an empty slice would hold all of it
            yield together.slice(0, size)
            del together
    if waiting and (count or empty):
        yield pa.concat_tables(waiting).combine_chunks()


def _rejects_table(name: str, rejects: Iterable[Reject]) -> pa.Table:
    rows = [
        {"stage": name, "item_id": reject.item_id, "reason": reject.reason.value, "detail": reject.detail}
        for reject in rejects
    ]
    return tables.rows_of("rejects", rows)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
