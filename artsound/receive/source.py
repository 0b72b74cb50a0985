"""The shards of a published release as a source of pairs: their plan, and their media one by one, checked."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pyarrow as pa

from artsound import tables
from artsound.errors import ConfigError, ReleaseError, SourceError
from artsound.loader.shards import Groups, ParquetShard, Shard, TarShard
from artsound.progress import track
from artsound.receive.find import Published
from artsound.receive.ranges import Sparse, sparse_shards
from artsound.release.manifest import FileRecord, ReleaseManifest
from artsound.release.sides import pair_row
from artsound.release.tarscan import MEMBER

_LEAVES = {"image": ("image.bytes",), "audio": ("audio.bytes",), "meta": ("meta",)}


class _Ranged(ParquetShard):
    """A Parquet shard whose row groups are fetched when they are read."""

    sparse: Sparse

    def prepare(self, group: int) -> None:
        """Have the columns of a row group on this machine."""
        self.sparse.take(group, [leaf for column in self.columns for leaf in _LEAVES[column]])


@dataclass(frozen=True)
class Source:
    """A part of a published release, read shard by shard; what was fetched lies in a scratch folder."""

    found: Published
    part: ReleaseManifest  # the wanted splits of it
    scratch: Path

    @cached_property
    def shards(self) -> list[Sparse]:
        """The shards in the release's order: Parquet, or else tars.

        Raises:
            ConfigError: there are neither.
        """
        roles = {record.role for record in self.part.files}
        form = next((role for role in ("parquet", "webdataset") if role in roles), None)
        if form is None:
            raise ConfigError(f"{self.found.place.shown} has no shards to take pairs from")
        records = [
            r for split in self.part.splits for r in self.part.files if (r.role, r.split) == (form, split)
        ]
        return sparse_shards(self.found.place, records, self.found.manifest.files, self.scratch)

    def rows(self) -> pa.Table:
        """Plan the release of all pairs, as `tables.RELEASE_ROWS`; media are not fetched for it.

        Raises:
            SourceError: the place does not give the shards, or gives other bytes.
        """
        told = [tables.rows_of("release_rows", list(self._rows(n))) for n in range(len(self.shards))]
        return pa.concat_tables(track(told, "read pairs"))

    def _rows(self, number: int) -> Iterator[dict[str, Any]]:
        shard = self.open(number, "meta")
        for row in range(shard.rows):
            text = shard.read(row)["meta"]
            record = self.shards[number].record
            meta = _meta(text, record)
            files = {"image": meta["artwork"]["image"], "audio": meta["music"]["audio"]}
            yield (
                pair_row(meta)
                | {"split": meta["split"], "meta": text}
                | {
                    f"{name}_{what}": value
                    for name, file in files.items()
                    for what, value in (
                        *((what, file[what]) for what in ("sha256", "bytes", "format")),
                        ("path", f"{number}/{row}/{file['sha256']}"),
                    )
                }
            )

    def open(self, number: int, column: str) -> Shard:
        """Open one column of a shard."""
        sparse = self.shards[number]
        record: FileRecord = sparse.record
        if record.role == "webdataset":
            return TarShard(sparse.fetched, record.rows or 0, (column,), Groups(1))
        made = _Ranged(sparse.fetched, record.rows or 0, (column,), Groups(1))
        made.sparse = sparse
        return made


def _meta(text: str, record: FileRecord) -> dict[str, Any]:
    """Read a pair's JSON, by which files will be named here.

    Raises:
        ReleaseError: it is not that of a pair of this shard, or would name a file as none is named.
    """
    try:
        meta: dict[str, Any] = json.loads(text)
        endings = (meta["artwork"]["image"]["format"], meta["music"]["audio"]["format"])
        members = [f"{meta['pair_id']}.{ending}" for ending in endings]
        if meta["split"] == record.split and all(MEMBER.fullmatch(member) for member in members):
            return meta
    except (ValueError, TypeError, KeyError) as error:
        raise ReleaseError(f"{record.path}: has a JSON that is none of a pair ({error!r})") from error
    raise ReleaseError(f"{record.path}: has {members[0]!r} of {meta['split']!r}, which is no pair of it")


class SourceMedia:
    """The images or the clips of a source; a path is `<shard>/<row>/<sha256>`."""

    def __init__(self, source: Source, column: str) -> None:
        self._source, self._column = source, column
        self._open: dict[int, Shard] = {}

    def read(self, path: str) -> bytes:
        """Fetch one file, with those of its row group.

        Raises:
            SourceError: the place does not give it, or gives other bytes.
        """
        number, row, sha256 = path.split("/")
        shard = self._open.setdefault(int(number), self._source.open(int(number), self._column))
        data: bytes = shard.read(int(row))[self._column]
        if hashlib.sha256(data).hexdigest() != sha256:
            sparse = self._source.shards[int(number)]
            sparse.drop()
            self._open.pop(int(number), None)  # with what it has read
            where = f"{sparse.place.shown}/{sparse.record.path}, row {row}"
            raise SourceError(f"{where}: its {self._column} is not that of its JSON (sha256 differs)")
        return data

    def size(self, path: str) -> int:
        """Tell the size of one file."""
        return len(self.read(path))

    def names(self) -> list[str]:
        """List nothing: a plan names the files."""
        return []
