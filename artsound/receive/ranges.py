"""Columns of a published Parquet shard, fetched by range into a sparse file, each checked by its hash."""

import glob
import hashlib
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from artsound.errors import ReleaseError, SourceError
from artsound.receive.fetch import ATTEMPTS, PAUSE, fetch
from artsound.receive.place import MissingFile, Place
from artsound.release.manifest import FileRecord
from artsound.release.pieces import (
    LARGEST_PIECES,
    MEDIA_LEAVES,
    PIECES,
    Chunk,
    Pieces,
    chunks,
    parse_footer,
    parse_pieces,
)
from artsound.store import disk_errors

STEP = 8 * 2**20  # bytes of one request


@dataclass
class Sparse:
    """A shard of which this machine has some columns; what it lacks are holes that take no space."""

    place: Place
    record: FileRecord
    pieces: Pieces | None  # None: the release tells no hashes of pieces, so the whole file is fetched
    folder: Path
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def path(self) -> Path:
        """Where it lies on this machine."""
        return self.folder / self.record.path

    @cached_property
    def file(self) -> pq.ParquetFile:
        """The file as far as it is here; its footer is."""
        return parse_footer(self.fetched())

    def fetched(self) -> Path:
        """Have the footer here, or all where the release tells no pieces, and say where it lies.

        Raises:
            SourceError: the place does not give it, or gives other bytes.
        """
        with self._lock:
            if self.pieces is not None:
                start = self.pieces.footer
                self._take(Chunk("footer", start, self.record.bytes - start), self.pieces.sha256)
            elif not self._marker("whole").exists():
                fetch(self.place, self.record, self.folder)
                self._marker("whole").touch()
            return self.path

    def read(self, group: int, names: Sequence[str]) -> pa.Table:
        """Read columns that were taken.

        Raises:
            ReleaseError: they are no Parquet.
        """
        try:
            return self.file.read_row_group(group, columns=list(names), use_threads=False)
        except (OSError, pa.ArrowException) as error:
            raise ReleaseError(f"{self.record.path} cannot be read as Parquet ({error})") from error

    def take(self, group: int, leaves: Sequence[str]) -> None:
        """Have columns of a row group here.

        Raises:
            SourceError: the place does not give them, or gives other bytes.
        """
        found = self.file.metadata
        if self.pieces is None:
            return
        with self._lock:
            told = self.pieces.groups[group] if group < len(self.pieces.groups) else {}
            for chunk in chunks(found, group):
                if chunk.column in leaves:
                    self._take(chunk, told.get(chunk.column, ""), f"{group}.{chunk.column}")

    def _take(self, chunk: Chunk, sha256: str, name: str = "footer") -> None:
        """Fetch one piece unless it is here: a marker beside the file says so, or its hash."""
        if not sha256 and chunk.column not in MEDIA_LEAVES:
            raise SourceError(f"{PIECES} says nothing of {self.record.path}, {name}: pull the whole release")
        if not 0 <= chunk.start <= chunk.start + chunk.size <= self.record.bytes:
            raise ReleaseError(f"{self.record.path}: {name} lies outside the file")
        marker = self._marker(name)
        if marker.exists():
            return
        with disk_errors(self.folder):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("r+b" if self.path.exists() else "w+b") as file:
                file.truncate(self.record.bytes)
                found = self._copy(chunk, file)
            if sha256 and found != sha256:
                where = f"{self.place.shown}/{self.record.path}, {name}"
                raise SourceError(f"{where}: is not what {PIECES} says (sha256 differs)")
            marker.touch()

    def _copy(self, chunk: Chunk, file: BinaryIO) -> str:
        """Write the bytes of a piece where they belong; returns their hash."""
        digest = hashlib.sha256()
        file.seek(chunk.start)
        for start in range(chunk.start, chunk.start + chunk.size, STEP):
            size = min(STEP, chunk.start + chunk.size - start)
            data = span(self.place, self.record.path, start, size)
            digest.update(data)
            file.write(data)
        return digest.hexdigest()

    def drop(self) -> None:
        """Forget what was fetched; the file stays, for other threads may be reading it."""
        with self._lock:
            for marker in self.path.parent.glob(f"{glob.escape(self.path.name)}.*"):
                marker.unlink()
            self.__dict__.pop("file", None)

    def _marker(self, name: str) -> Path:
        """Name the empty file that says that a piece is here."""
        return self.path.with_name(f"{self.path.name}.{name}")


def span(place: Place, path: str, start: int, size: int) -> bytes:
    """Read a stretch of a file that has it, in as many attempts as a broken connection takes."""
    attempt = 1
    while True:
        try:
            data = place.span(path, start, size)
            if len(data) == size:
                return data
            raise SourceError(f"{place.shown}/{path} ends after {start + len(data)} bytes")
        except MissingFile:
            raise
        except SourceError:
            if attempt >= ATTEMPTS:
                raise
        time.sleep(PAUSE * 2 ** (attempt - 1))
        attempt += 1


def sparse_shards(
    place: Place, records: Sequence[FileRecord], documents: Sequence[FileRecord], folder: Path
) -> list[Sparse]:
    """Prepare to read Parquet shards in pieces.

    Raises:
        ReleaseError: the release's own list of pieces is not as it should be.
        SourceError: it cannot be fetched.
    """
    known = {}
    for document in documents:
        if document.path == PIECES and document.bytes <= LARGEST_PIECES:
            if not (folder / PIECES).is_file():
                fetch(place, document, folder)
            known = dict(parse_pieces((folder / PIECES).read_bytes()))
    return [Sparse(place, record, known.get(record.path), folder) for record in records]
