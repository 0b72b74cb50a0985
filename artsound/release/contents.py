"""What stands inside the files of a release, and whether they agree pair by pair."""

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import islice, zip_longest
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from artsound import memory
from artsound.errors import ReleaseError
from artsound.release.arrays import npy
from artsound.release.columns import column_problems, cut_columns, undecodable
from artsound.release.manifest import FAMILIES, FileRecord, ReleaseManifest, member_of
from artsound.release.parquet import REFERENCES, columns, with_features
from artsound.release.sample import plain
from artsound.release.sides import SIDES, columns_of, pair_row
from artsound.release.tarscan import Found, scan_tar

MOST = 20  # problems told of one split; more say nothing new
UNIT = 1e-3  # how far the length of a vector may be from 1
BATCH = 64  # pairs with media in memory at one time
Reader = Callable[[Path], Iterator[Any]]


def content_problems(folder: Path, made: ReleaseManifest, *, deep: bool = False) -> Iterator[str]:
    """Say where the inside of the files is not what it should be."""
    if unlike := list(_unlike_columns(folder, made)):
        yield from unlike
        return
    if only := cut_columns(made):
        yield from column_problems(folder, made, only, deep=deep)
        return
    for split in made.splits:
        yield from islice(_split_problems(folder, made, split, deep=deep), MOST)
    yield from islice(_repeated(folder, made), MOST)


def _split_problems(folder: Path, made: ReleaseManifest, split: str, *, deep: bool) -> Iterator[str]:
    def rows(role: str, read: Reader) -> Iterator[Any]:
        own = [r for r in made.files if r.role == role and r.split == split]
        return _rows(folder, own, read) if own else iter(())

    members = {one.member: one.member_bytes for one in made.arrays if made.npy}
    readers: dict[str, Reader] = {
        "webdataset": lambda path: scan_tar(path, members, deep=deep),
        "parquet": lambda path: _read_pairs(path, deep=deep),
        **{family: partial(_read_arrays, family=family, made=made) for family in FAMILIES},
    }
    present = [role for role in dict.fromkeys((*readers, *SIDES)) if any(r.role == role for r in made.files)]
    streams = [rows(role, readers.get(role, _read_side)) for role in present]
    try:
        for together in zip_longest(*streams):
            yield from _pair_problems(dict(zip(present, together, strict=True)), split, deep=deep)
    except (ReleaseError, pa.ArrowException, ValueError, OSError) as error:
        yield f"{split}: {error}"


def _unlike_columns(folder: Path, made: ReleaseManifest) -> Iterator[str]:
    """Find Parquet files with other columns than their kind; side tables may know more or less of a pair."""
    known = columns_of(made) | {"parquet": columns(media=made.media, only=cut_columns(made))}
    first = {role: with_features(known[role]) for role in ("parquet", *FAMILIES) if role in known}
    for record in made.files:
        if record.role not in ("parquet", *SIDES, *FAMILIES):
            continue
        try:
            found = pq.read_schema(folder / record.path)
        except (pa.ArrowException, OSError) as error:
            yield f"{record.path}: is no Parquet ({error})"
            continue
        if (
            not first.setdefault(record.role, found).equals(found, check_metadata=record.role not in FAMILIES)
            or "pair_id" not in found.names
        ):
            yield f"{record.path}: its columns are not those of {record.role}"


def _rows(folder: Path, records: Sequence[FileRecord], read: Reader) -> Iterator[Any]:
    for record in records:
        count = 0
        try:
            for row in read(folder / record.path):
                yield row
                count += 1
        except (ReleaseError, pa.ArrowException, ValueError, OSError) as error:
            raise ReleaseError(f"{record.path}: {error}") from error
        memory.give_back()
        if count != record.rows:
            raise ReleaseError(f"{record.path}: has {count} rows, not {record.rows}")


def _read_pairs(path: Path, *, deep: bool) -> Iterator[Found]:
    file = pq.ParquetFile(path)
    media = [] if "image" not in file.schema_arrow.names else ["image.path", "audio.path"]
    if deep:
        media = [name.removesuffix(".path") for name in media]
    for batch in file.iter_batches(BATCH, columns=[*REFERENCES.names, *media], use_threads=False):
        for row in batch.to_pylist():
            yield _found(row)


def _found(row: dict[str, Any]) -> Found:
    key, meta = row["pair_id"], _parsed(row["meta"])
    if unlike := {name for name, value in pair_row(meta).items() if row[name] != value}:
        raise ReleaseError(f"{key}: {', '.join(sorted(unlike))} differ from its meta")
    noted = {"image": meta["artwork"]["image"], "audio": meta["music"]["audio"]}
    media: dict[str, Any] = {}
    for name, file in noted.items():
        found = row.get(
            name, {"path": f"{key}.{file['format']}"}
        )  # a release of references has no such column
        stem, _, ending = found["path"].rpartition(".")
        data = found.get("bytes", b"")
        if stem != key or data is None:
            raise ReleaseError(f"{key}: its {name} is missing, or named {found['path']!r}")
        size = len(data) if "bytes" in found else None
        media |= {f"{name}_format": ending, f"{name}_bytes": size, name: data}
    said = {name: row[name] for name in ("pair_id", "meta", "art_caption", "music_caption")}
    return Found(**said, **media)


def _read_side(path: Path) -> Iterator[dict[str, Any]]:
    for batch in pq.ParquetFile(path).iter_batches(BATCH, use_threads=False):
        yield from batch.to_pylist()


def _read_arrays(path: Path, family: str, made: ReleaseManifest) -> Iterator[dict[str, Any]]:
    chosen = [one for one in made.arrays if one.family == family]
    for batch in pq.ParquetFile(path).iter_batches(BATCH, use_threads=False):
        columns = {
            one.name: batch[one.name].flatten().to_numpy().reshape(len(batch), *one.shape) for one in chosen
        }
        for number, key in enumerate(batch["pair_id"].to_pylist()):
            yield {"pair_id": key} | {name: values[number] for name, values in columns.items()}


def _parsed(text: str) -> dict[str, Any]:
    try:
        meta = json.loads(text)
        pair_row(meta)
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise ReleaseError(f"a pair's JSON is not as it should be: {error}") from error
    return dict(meta)


def _pair_problems(found: dict[str, Any], split: str, *, deep: bool) -> Iterator[str]:
    """Hold what the formats and the side tables say of one pair against each other."""
    if missing := [role for role, row in found.items() if row is None]:
        yield f"{split}: {' and '.join(missing)} end before the others do"
        return
    pairs = {role: row for role, row in found.items() if role not in (*SIDES, *FAMILIES)}
    if len({pair.meta for pair in pairs.values()}) > 1:
        yield f"{split}: {' and '.join(sorted({p.pair_id for p in pairs.values()}))}: the formats differ"
        return
    for number, (role, pair) in enumerate(pairs.items()):
        meta = _parsed(pair.meta)
        yield from (f"{role}: {pair.pair_id}: {what}" for what in _own_problems(pair, meta, split, deep=deep))
        arrays = {family: found[family] for family in FAMILIES if family in found}
        yield from (f"{role}: {pair.pair_id}: {what}" for what in _unlike_members(pair, arrays))
        if number:
            continue
        yield from _side_problems(found, pair.pair_id, meta)
        yield from _array_problems(found, pair.pair_id)
        if deep and pair.image_bytes is not None:
            yield from (f"{role}: {pair.pair_id}: {what}" for what in undecodable(pair.image, pair.audio))


def _own_problems(pair: Found, meta: dict[str, Any], split: str, *, deep: bool) -> Iterator[str]:
    said = pair_row(meta)
    if (pair.pair_id, split) != (meta["pair_id"], meta["split"]):
        yield f"its JSON is of {meta['pair_id']} in {meta['split']}"
    if (pair.art_caption, pair.music_caption) != (said["art_caption"], said["music_caption"]):
        yield "a caption differs from its JSON"
    image, audio = meta["artwork"]["image"], meta["music"]["audio"]
    for name, noted, form, size, data in (
        ("image", image, pair.image_format, pair.image_bytes, pair.image),
        ("audio", audio, pair.audio_format, pair.audio_bytes, pair.audio),
    ):
        if form != noted["format"] or size not in (None, noted["bytes"]):
            yield f"{name} is not the file that its JSON describes"
        elif deep and size is not None and hashlib.sha256(data).hexdigest() != noted["sha256"]:
            yield f"the bytes of its {name} are not those of its JSON (sha256 differs)"


def _side_problems(found: dict[str, Any], key: str, meta: dict[str, Any]) -> Iterator[str]:
    for role, (_, row) in SIDES.items():
        if role in found and plain(found[role]) != row(meta):
            yield f"{role}: {key}: differs from the pair's JSON, or stands in another order"


def _array_problems(found: dict[str, Any], key: str) -> Iterator[str]:
    for family in FAMILIES:
        row = dict(found.get(family, {"pair_id": key}))
        if row.pop("pair_id") != key:
            yield f"{family}: {key}: stands in another order"
        for name, values in row.items():
            length = np.linalg.norm(values.astype(np.float32))
            if not np.isfinite(length) or (family == "vectors" and abs(length - 1) > UNIT):
                yield f"{family}: {key}: {name} is not finite, or not of unit length"


def _unlike_members(pair: Found, arrays: dict[str, dict[str, Any]]) -> Iterator[str]:
    """Hold the `.npy` members of a tar, where they were read, against the Parquet files."""
    values = {member_of(name): value for row in arrays.values() for name, value in row.items()}
    for ending, data in pair.arrays.items():
        if ending in values and npy(values[ending]) != data:
            yield f".{ending} differs from its column"


def _repeated(folder: Path, made: ReleaseManifest) -> Iterator[str]:
    """Find what stands in more pairs than it may, over all splits: a pair in one, an item as was agreed."""
    paths = [folder / record.path for record in made.files if record.role == "scores"]
    artwork, clip = made.most_pairs
    for name, most in (("pair_id", 1), ("artwork_id", artwork), ("clip_id", clip)):
        found = [pq.ParquetFile(path).read([name], use_threads=False)[name] for path in paths]
        chunks = [chunk for column in found for chunk in column.chunks]
        counted = pc.value_counts(pa.chunked_array(chunks, pa.string()))
        for row in counted.filter(pc.greater(counted.field("counts"), most)).to_pylist():
            yield f"scores: {name} {row['values']} stands in it {row['counts']} times"
