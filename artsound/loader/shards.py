"""The files that a loader reads pairs from: one class a format, the same samples out of both.

Neither reads media to know where they are: tars are indexed by hopping from header to header, Parquet by its
footer. Files are opened when they are first needed, and anew in every process.
"""

import mmap
import os
import threading
import weakref
from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields
from functools import cached_property
from itertools import accumulate
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from artsound.errors import ReleaseError
from artsound.loader.order import MIX
from artsound.loader.pages import Span, values
from artsound.release.layout import BLOCK, MEMBERS, Format
from artsound.release.manifest import ArrayRecord

Sample = dict[str, Any]
COLUMNS = ("pair_id", "image", "audio", "art_caption", "music_caption", "meta")
_MEMBER = {"image": 0, "audio": 1, "meta": 2, "art_caption": 3, "music_caption": 4}  # place in a tar's sample
MEDIA = ("image", "audio")

Group = dict[str, pa.Array | list[Span]]  # column → its values, or where they stand
TarEntry = tuple[str, list[tuple[int, int]]]  # pair_id; size and first byte of each member


class Shard(Protocol):
    """One file of pairs."""

    rows: int

    def blocks(self) -> Sequence[int]:
        """Count the pairs of each block that is read as a whole."""

    def read(self, row: int) -> Sample:
        """Read the asked-for columns of a pair: media as bytes, all else as text.

        Raises:
            ReleaseError: the file is not what the manifest says.
        """


@dataclass(frozen=True)
class Groups:
    """Row groups that were read lately, of all files together; they do not travel to other processes.

    One thread reads at a time: Arrow's Parquet reader is not safe in threads, and breaks down when shared.
    """

    most: int = MIX
    kept: dict[tuple[Path, int], Group] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def get(self, key: tuple[Path, int], read: Callable[[], Group]) -> Group:
        """Return a group; the one that was not used for longest makes room."""
        with self.lock:
            found = self.kept.pop(key, None) or read()
            self.kept[key] = found
            if len(self.kept) > self.most:
                del self.kept[next(iter(self.kept))]
            return found

    def __reduce__(self) -> tuple[Any, ...]:
        return Groups, (self.most,)


@dataclass
class _File:
    """A file that is opened on demand; what was opened does not travel to other processes."""

    place: Callable[[], Path]  # where it lies; may have to fetch it first
    rows: int
    columns: Sequence[str]
    groups: Groups

    @cached_property
    def path(self) -> Path:
        """Where it lies on this machine."""
        return self.place()

    @cached_property
    def _handle(self) -> int:
        handle = os.open(self.path, os.O_RDONLY)
        weakref.finalize(self, os.close, handle)
        return handle

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), tuple(getattr(self, one.name) for one in fields(self))

    def _check_rows(self, found: int) -> None:
        if found != self.rows:
            raise ReleaseError(f"{self.path} has {found} pairs, the manifest says {self.rows}: verify it")


@dataclass
class TarShard(_File):
    """A WebDataset tar; any pair is one hop away."""

    arrays: tuple[ArrayRecord, ...] = ()  # in the order of their members

    def blocks(self) -> Sequence[int]:
        """All in one: nothing has to be read together."""
        return [self.rows]

    def read(self, row: int) -> Sample:
        """Read a pair."""
        handle, (key, members) = self._handle, self._entries[row]
        made: Sample = {}
        for column in self.columns:
            if column in self._arrays:
                number, record = self._arrays[column]
                made[column] = from_member(os.pread(handle, *members[MEMBERS + number]), record)
            elif column in MEDIA:
                made[column] = os.pread(handle, *members[_MEMBER[column]])
            elif column == "pair_id":
                made[column] = key
            else:
                made[column] = os.pread(handle, *members[_MEMBER[column]]).decode()
        return made

    @cached_property
    def _arrays(self) -> dict[str, tuple[int, ArrayRecord]]:
        return {one.name: (number, one) for number, one in enumerate(self.arrays)}

    @cached_property
    def _entries(self) -> list[TarEntry]:
        made = index_tar(self.path)
        self._check_rows(len(made))
        return made


def index_tar(path: Path) -> list[TarEntry]:
    """Find the samples of a tar by its headers alone.

    Raises:
        ReleaseError: the members are not those of a release; `verify` says more.
    """
    try:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            return _entries(data)
    except (OSError, ValueError) as error:
        raise ReleaseError(f"{path} cannot be read as a tar of a release ({error}): verify it") from error


def _entries(data: mmap.mmap) -> list[TarEntry]:
    made: list[TarEntry] = []
    place, end = 0, len(data)
    while place < end and data[place]:
        key = data[place : place + 100].partition(b".")[0]
        members: list[tuple[int, int]] = []
        while len(members) < MEMBERS or data[place : place + len(key) + 1] == key + b".":  # arrays come after
            name, size = data[place : place + 100], int(data[place + 124 : place + 135], 8)
            start = place + BLOCK
            if not (0 <= size <= end - start and name.startswith(key + b".")):
                raise ValueError(f"the sample at byte {place} is not whole")
            members.append((size, start))
            place = start + size + -size % BLOCK
        made.append((key.decode("ascii"), members))
    return made


class ParquetShard(_File):
    """A Parquet file; a pair's media are one hop away, its words cost those of the row group."""

    def blocks(self) -> Sequence[int]:
        """A block is a row group."""
        found = self._file.metadata
        return [found.row_group(number).num_rows for number in range(found.num_row_groups)]

    def prepare(self, group: int) -> None:
        """Do what must be done before a row group is read; nothing, when all of the file is here."""

    def read(self, row: int) -> Sample:
        """Read a pair."""
        if not 0 <= row < self.rows:
            raise IndexError(row)
        number = bisect_right(self._ends, row)
        inner = row - (self._ends[number - 1] if number else 0)
        group = self.groups.get((self.path, number), lambda: self._group(number))
        return {column: self._value(group[column], inner) for column in self.columns}

    def _value(self, column: pa.Array | list[Span], row: int) -> Any:
        return os.pread(self._handle, *column[row]) if isinstance(column, list) else column[row].as_py()

    @cached_property
    def _ends(self) -> list[int]:
        ends = list(accumulate(self.blocks()))
        self._check_rows(ends[-1] if ends else 0)
        return ends

    @cached_property
    def _file(self) -> pq.ParquetFile:
        try:
            return pq.ParquetFile(self.path, memory_map=True)  # saves a copy
        except (OSError, pa.ArrowException) as error:
            raise ReleaseError(f"{self.path} cannot be read as Parquet ({error}): verify it") from error

    @cached_property
    def _data(self) -> mmap.mmap:
        return mmap.mmap(self._handle, 0, access=mmap.ACCESS_READ)

    def _group(self, number: int) -> Group:
        """Read the words of a row group, and find its media."""
        self.prepare(number)
        found = self._file.metadata.row_group(number)
        leaves = {found.column(i).path_in_schema: found.column(i) for i in range(found.num_columns)}
        made: Group = {}
        for column in self.columns:
            spans = values(self._data, leaves[f"{column}.bytes"]) if column in MEDIA else None
            if spans is not None:
                made[column] = spans
        return made | self._decoded(number, [column for column in self.columns if column not in made])

    def _decoded(self, number: int, columns: Sequence[str]) -> Group:
        leaves = [f"{column}.bytes" if column in MEDIA else column for column in columns]
        try:
            found = self._file.read_row_group(number, columns=leaves, use_threads=False)
        except (OSError, pa.ArrowException) as error:
            raise ReleaseError(f"{self.path} cannot be read as Parquet ({error}): verify it") from error
        arrays = {column: _whole(found[column]) for column in columns}
        return {
            column: array.field("bytes") if column in MEDIA else array for column, array in arrays.items()
        }


def _whole(column: pa.ChunkedArray) -> pa.Array:
    """Take a column in one piece; it is copied only when it is not."""
    return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()


def from_member(data: bytes, record: ArrayRecord) -> NDArray[Any]:
    """Read an `.npy` member whose shape and type the manifest tells."""
    values = np.frombuffer(data, record.dtype, offset=len(data) - record.row_bytes)
    return values.reshape(record.shape).copy()


SHARDS: dict[Format, type[TarShard] | type[ParquetShard]] = {"webdataset": TarShard, "parquet": ParquetShard}
