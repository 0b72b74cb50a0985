"""Some columns of a published release's Parquet shards, as a small release of its own."""

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from artsound.errors import ConfigError, SourceError
from artsound.progress import track
from artsound.receive.ranges import Sparse
from artsound.release.hashing import HashedFile
from artsound.release.layout import shard_path
from artsound.release.manifest import FORMAT, SIDES, ArrayRecord, FileRecord, ReleaseManifest
from artsound.release.parquet import columns, leaf_names, write_small
from artsound.release.pieces import chunks
from artsound.release.tiers import TIERS, Within, cut

_MEDIA = {"image": "artwork", "audio": "music"}  # column → the part of a pair's JSON that has its sha256
COUNTED = ("tier", "art_licence", "music_licence")  # read of every pair, for the manifest
KEY = "pair_id"


@dataclass(frozen=True)
class Written:
    """One file, and what was counted while it was written."""

    record: FileRecord
    tiers: Counter[str]
    licences: dict[str, Counter[str]]


def chosen(made: ReleaseManifest, names: Iterable[str]) -> tuple[pa.Schema, tuple[ArrayRecord, ...]]:
    """Order the wanted columns and arrays as the release does; the pair's id is always one of them.

    Raises:
        ConfigError: the release has no such column.
    """
    wanted = {KEY, *names}
    there = [*columns(media=made.media).names, *(one.name for one in made.arrays)]
    if unknown := sorted(wanted - set(there)):
        raise ConfigError(
            f"{made.name} {made.version} has no column {', '.join(unknown)}, only {', '.join(there)}"
        )
    return columns(media=made.media, only=wanted), tuple(one for one in made.arrays if one.name in wanted)


def bytes_of(shards: Iterable[Sparse], names: Iterable[str]) -> int:
    """Add up what columns take in shards, of which only the footers are fetched for it."""
    wanted, total = set(names), 0
    for shard in shards:
        found = shard.file.metadata
        for group in range(found.num_row_groups):
            total += sum(one.size for one in chunks(found, group) if one.column.partition(".")[0] in wanted)
    return total


def write_columns(
    shards: list[Sparse], folder: Path, schema: pa.Schema, within: Within, *, workers: int
) -> list[Written]:
    """Write the columns of all shards that have a pair of the tier, numbered without gaps.

    Raises:
        SourceError: the place does not give them, or gives other bytes.
        StoreError: the disk is full or not writable.
    """
    with ThreadPoolExecutor(workers) as pool:
        counted = pool.map(partial(_count, within=within), shards)
        pairs = list(track(counted, "count pairs", total=len(shards)))
        full = [shard for shard, rows in zip(shards, pairs, strict=True) if rows]
        totals, numbers = Counter(shard.record.split or "" for shard in full), Counter[str]()
        jobs = []
        for shard in full:
            split = shard.record.split or ""
            path = shard_path("parquet", split, numbers[split], totals[split])
            numbers[split] += 1
            jobs.append(pool.submit(_write, shard, folder / path, path, schema, within))
        return [job.result() for job in track(jobs, "write columns")]


def _count(shard: Sparse, *, within: Within) -> int:
    return sum(len(table) for table in _tables(shard, ["tier"], within))


def _write(shard: Sparse, place: Path, path: str, schema: pa.Schema, within: Within) -> Written:
    tiers: Counter[str] = Counter()
    licences: dict[str, Counter[str]] = {side: Counter() for side in SIDES}

    def pieces() -> Iterator[pa.Table]:
        media = [name for name in _MEDIA if name in schema.names]
        names = [*schema.names, *COUNTED, *(["meta"] if media else [])]
        for table in _tables(shard, list(dict.fromkeys(names)), within):
            for name in media:
                _check_media(shard, table, name)
            tiers.update(table["tier"].to_pylist())
            for side, counts in licences.items():
                counts.update(table[f"{side}_licence"].to_pylist())
            yield table.select(schema.names).cast(schema)

    place.parent.mkdir(parents=True, exist_ok=True)
    with HashedFile(place) as file:
        rows = write_small(file, pieces(), schema)
    record = FileRecord(path, "parquet", shard.record.split, rows, file.size, file.sha256)
    return Written(record, tiers, licences)


def _tables(shard: Sparse, names: list[str], within: Within) -> Iterator[pa.Table]:
    """Fetch columns, row group by row group; only pairs of the tier, and no media of groups without any."""
    read = list(dict.fromkeys([*names, "tier"]))
    for group in range(shard.file.metadata.num_row_groups):
        shard.take(group, ["tier"])
        if not len(cut(shard.read(group, ["tier"]), within)):
            continue
        schema = pa.schema([shard.file.schema_arrow.field(name) for name in read])
        shard.take(group, leaf_names(schema))
        yield cut(shard.read(group, read), within)


def _check_media(shard: Sparse, table: pa.Table, name: str) -> None:
    """Hold media against what the pairs' JSON says of them.

    Raises:
        SourceError: they differ; names the pair.
    """
    media = pc.struct_field(table[name], "bytes")
    for key, text, data in zip(table[KEY].to_pylist(), table["meta"].to_pylist(), media, strict=True):
        known = json.loads(text)[_MEDIA[name]][name]["sha256"]
        if hashlib.sha256(data.as_buffer()).hexdigest() != known:
            shard.drop()
            raise SourceError(
                f"{shard.place.shown}: the {name} of {key} is not the one of its JSON (sha256 differs)"
            )


def manifest_of(found: ReleaseManifest, written: list[Written], records: list[FileRecord]) -> ReleaseManifest:
    """Count what was taken; `facts` and `made_from` are for the caller to change."""
    splits: Counter[str] = Counter()
    for one in written:
        splits[one.record.split or ""] += one.record.rows or 0
    tiers = sum((one.tiers for one in written), Counter[str]())
    return ReleaseManifest(
        format=FORMAT,
        name=found.name,
        version=found.version,
        made_from="",
        pairs=sum(splits.values()),
        splits=dict(splits),
        tiers={name: tiers[name] for name in TIERS if name in tiers},
        licences={
            side: dict(sorted(sum((one.licences[side] for one in written), Counter[str]()).items()))
            for side in SIDES
        },
        media=found.media,
        arrays=(),
        npy=False,
        files=tuple(sorted([*(one.record for one in written), *records], key=lambda record: record.path)),
        facts={},
    )
