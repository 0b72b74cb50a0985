"""Vectors and latents of a published release, as part of a smaller one: fetched by column, by row group."""

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from artsound.progress import track
from artsound.receive.ranges import Sparse, sparse_shards
from artsound.receive.source import Source
from artsound.release.arrays import Arrays, array_schema
from artsound.release.hashing import HashedFile
from artsound.release.layout import shard_path
from artsound.release.manifest import FAMILIES, ArrayRecord, FileRecord
from artsound.release.parquet import leaf_names, open_writer
from artsound.store import disk_errors, write_whole

KEY = "pair_id"


def array_shards(source: Source, family: str) -> list[Sparse]:
    """Prepare to read the files of a family, split by split in the release's order."""
    part, found = source.part, source.found
    records = [one for split in part.splits for one in part.files if (one.role, one.split) == (family, split)]
    return sparse_shards(found.place, records, found.manifest.files, source.scratch)


def groups(shard: Sparse, names: Sequence[str]) -> Iterator[pa.Table]:
    """Fetch some arrays row group by row group, with the pairs they are of.

    Raises:
        SourceError: the place does not give them, or gives other bytes.
    """
    columns = [KEY, *names]
    for group in range(shard.file.metadata.num_row_groups):
        shard.take(group, leaf_names(pa.schema([shard.file.schema_arrow.field(name) for name in columns])))
        yield shard.read(group, columns)


def arrays_of(source: Source) -> Iterator[Arrays]:
    """Have all arrays of a part on this machine, mapped and not in memory.

    Raises:
        SourceError: the place does not give them, or gives other bytes.
        StoreError: the disk is full or not writable.
    """
    for family in FAMILIES:
        chosen = [one for one in source.part.arrays if one.family == family]
        shards = array_shards(source, family) if chosen else []
        content = "/".join(shard.record.sha256 for shard in shards)
        for record in chosen if shards else ():
            yield _mapped(record, shards, source.scratch / f"{record.name}.values", content)


def _mapped(record: ArrayRecord, shards: Sequence[Sparse], path: Path, content: str) -> Arrays:
    ids: list[str] = []

    def write(place: Path) -> None:
        with place.open("wb") as file:
            for shard in shards:
                for table in groups(shard, [record.name]):
                    ids.extend(table[KEY].to_pylist())
                    for chunk in table[record.name].chunks:
                        file.write(np.ascontiguousarray(chunk.flatten().to_numpy()).data)

    with disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, write)
    values = np.memmap(path, record.dtype, "r", shape=(len(ids), *record.shape))
    return Arrays(record, KEY, pa.array(ids, pa.string()), [values], f"{content}/{record.name}")


def write_cut_arrays(
    source: Source, chosen: Sequence[ArrayRecord], keep: pa.Array, folder: Path
) -> list[FileRecord]:
    """Write some arrays of the pairs to keep, file by file as they are published; empty files are left out.

    Raises:
        SourceError: the place does not give them, or gives other bytes.
        StoreError: the disk is full or not writable.
    """
    written = []
    for family in FAMILIES:
        own = [one for one in chosen if one.family == family]
        shards = array_shards(source, family) if own else []
        held = [shard for shard in shards if _count(shard, keep)]
        totals, numbers = Counter(shard.record.split or "" for shard in held), Counter[str]()
        for shard in track(held, f"write {family}"):
            split = shard.record.split or ""
            path = shard_path(family, split, numbers[split], totals[split])
            numbers[split] += 1
            written.append(_write(shard, own, keep, folder / path, FileRecord(path, family, split, 0, 0, "")))
    return written


def _count(shard: Sparse, keep: pa.Array) -> int:
    return sum(pc.sum(pc.is_in(table[KEY], value_set=keep)).as_py() or 0 for table in groups(shard, []))


def _write(
    shard: Sparse, own: Sequence[ArrayRecord], keep: pa.Array, place: Path, record: FileRecord
) -> FileRecord:
    schema, rows = array_schema(own), 0
    place.parent.mkdir(parents=True, exist_ok=True)
    with HashedFile(place) as file, open_writer(file, schema, plain=schema.names) as writer:
        for table in groups(shard, [one.name for one in own]):
            some = table.filter(pc.is_in(table[KEY], value_set=keep)).select(schema.names)
            rows += len(some)
            if len(some):
                writer.write_table(some.cast(writer.schema).combine_chunks())
    return FileRecord(record.path, record.role, record.split, rows, file.size, file.sha256)
