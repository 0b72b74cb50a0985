"""Plan rows → Parquet with typed image and audio, laid out for readers that fetch pieces over the network.

Media are stored as they are (they are compressed already), text with zstd; row groups stay small enough to
preview; pages are cut by content, so that a store with chunk deduplication keeps equal data once.
"""

import json
from collections.abc import Collection, Iterable, Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from artsound import tables
from artsound.contracts import TEXT
from artsound.media.files import Media
from artsound.release.hashing import HashedFile
from artsound.release.media import Sample, samples

MEDIA = pa.struct([pa.field("bytes", pa.binary()), pa.field("path", pa.string())])
PLAIN = ("pair_id", "artwork_id", "clip_id", "tier", "score")
WORDS = tuple(name for name in tables.RELEASE_ROWS.names if name.startswith(("art_", "music_")))
_MEDIA_LEAVES = ("image.bytes", "image.path", "audio.bytes", "audio.path")


def columns(*, media: bool, only: Collection[str] = ()) -> pa.Schema:
    """Name the columns of `data/`; a release of references has no media in it. `only` leaves out others."""
    plain = [tables.RELEASE_ROWS.field(name) for name in PLAIN]
    words = [tables.RELEASE_ROWS.field(name) for name in (*WORDS, "meta")]
    typed = [pa.field("image", MEDIA), pa.field("audio", MEDIA)] if media else []
    fields = [field.remove_metadata() for field in [*plain, *typed, *words]]
    return with_features(pa.schema([field for field in fields if not only or field.name in only]))


def feature(dtype: pa.DataType) -> dict[str, Any] | list[Any]:
    """Name a type as the `datasets` library does in a Parquet file's metadata."""
    if dtype == MEDIA:
        raise ValueError("a media column is an Image or an Audio by its name")
    if pa.types.is_struct(dtype):
        return {field.name: feature(field.type) for field in dtype}
    if pa.types.is_list(dtype):
        return {"feature": feature(dtype.value_type), "_type": "List"}
    return {"dtype": VALUE_TYPES.get(str(dtype), str(dtype)), "_type": "Value"}


VALUE_TYPES = {"float": "float32", "double": "float64"}
TYPED = {"image": {"_type": "Image"}, "audio": {"_type": "Audio"}}


def with_features(schema: pa.Schema) -> pa.Schema:
    """Tell the `datasets` library what the columns are."""
    features = {field.name: TYPED.get(field.name) or feature(field.type) for field in schema}
    return schema.with_metadata({"huggingface": json.dumps({"info": {"features": features}})})


SCHEMA = columns(media=True)
REFERENCES = columns(media=False)


def write_parquet(file: HashedFile, rows: pa.Table, *, images: Media, audio: Media, group_bytes: int) -> int:
    """Write plan rows with their media; returns how many. Holds one row group in memory."""
    with _writer(file, SCHEMA) as writer:
        start = 0
        for group in _groups(samples(rows, images, audio), group_bytes):
            part = rows.slice(start, len(group))
            writer.write_batch(_batch(part, group))
            start += len(group)
    return len(rows)


def write_small(file: HashedFile, pieces: Iterable[pa.Table], schema: pa.Schema) -> int:
    """Write rows without media; returns how many."""
    count = 0
    with _writer(file, with_features(schema)) as writer:
        for piece in pieces:
            writer.write_table(piece.cast(with_features(schema)))
            count += len(piece)
    return count


def _writer(file: HashedFile, schema: pa.Schema) -> pq.ParquetWriter:
    leaves = leaf_names(schema)
    small = [leaf for leaf in leaves if leaf not in _MEDIA_LEAVES]
    return pq.ParquetWriter(
        file,
        schema,
        compression={leaf: "NONE" if leaf in _MEDIA_LEAVES else "ZSTD" for leaf in leaves},
        use_dictionary=[leaf for leaf in small if leaf not in ("pair_id", "meta")],
        write_statistics=small,
        write_page_index=True,
        use_content_defined_chunking=True,
    )


def leaf_names(schema: pa.Schema) -> list[str]:
    """List the columns as Parquet stores them, structs and lists opened."""
    return [leaf for field in schema for leaf in _leaves(field.name, field.type)]


def _leaves(name: str, dtype: pa.DataType) -> Iterator[str]:
    if pa.types.is_struct(dtype):
        for field in dtype:
            yield from _leaves(f"{name}.{field.name}", field.type)
    elif pa.types.is_list(dtype):
        yield from _leaves(f"{name}.list.element", dtype.value_type)
    else:
        yield name


def _groups(found: Iterable[Sample], limit: int) -> Iterator[list[Sample]]:
    group: list[Sample] = []
    size = 0
    for sample in found:
        more = len(sample.image) + len(sample.audio) + len(sample.meta)
        if group and size + more > limit:
            yield group
            group, size = [], 0
        group.append(sample)
        size += more
    if group:
        yield group


def _batch(rows: pa.Table, group: list[Sample]) -> pa.RecordBatch:
    columns = {name: rows[name].combine_chunks() for name in rows.schema.names if name in SCHEMA.names}
    columns["image"] = _media([s.image for s in group], [f"{s.pair_id}.{s.image_format}" for s in group])
    columns["audio"] = _media([s.audio for s in group], [f"{s.pair_id}.{s.audio_format}" for s in group])
    return pa.RecordBatch.from_arrays([columns[name] for name in SCHEMA.names], schema=SCHEMA)


def _media(data: list[bytes], names: list[str]) -> pa.StructArray:
    ends = np.cumsum([0, *map(len, data)], dtype=np.int32)
    # one copy; pa.array(data) would grow its buffer by doubling, which costs more than all the rest
    buffers = [None, pa.py_buffer(ends), pa.py_buffer(b"".join(data))]
    values = pa.Array.from_buffers(pa.binary(), len(data), buffers)
    return pa.StructArray.from_arrays([values, pa.array(names, TEXT)], fields=list(MEDIA))
