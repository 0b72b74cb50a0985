"""Plan rows → Parquet with typed image and audio, laid out for readers that fetch pieces over the network.

Media are stored as they are (they are compressed already), text with zstd; row groups stay small enough to
preview; pages are cut by content, so that a store with chunk deduplication keeps equal data once.
"""

import json
from collections.abc import Collection, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from artsound import tables
from artsound.contracts import TEXT
from artsound.errors import ReleaseError
from artsound.media.files import Media
from artsound.release.hashing import HashedFile
from artsound.release.media import Sample, samples

MEDIA = pa.struct([pa.field("bytes", pa.binary()), pa.field("path", pa.string())])
PLAIN = ("pair_id", "artwork_id", "clip_id", "tier", "score")
WORDS = tuple(name for name in tables.RELEASE_ROWS.names if name.startswith(("art_", "music_")))
GROUP_ROWS = 2000  # rows of a row group without media
LARGEST_GROUP = 2**31 - 1  # bytes; where a value ends is told in 32 bits
MEDIA_ROWS = 1000  # rows at most of one with media: small media would let it hold very many words
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
    if pa.types.is_fixed_size_list(dtype):
        return {"feature": feature(dtype.value_type), "length": dtype.list_size, "_type": "List"}
    return {"dtype": VALUE_TYPES.get(str(dtype), str(dtype)), "_type": "Value"}


VALUE_TYPES = {"halffloat": "float16", "float": "float32", "double": "float64"}
TYPED = {"image": {"_type": "Image"}, "audio": {"_type": "Audio"}}


def with_features(schema: pa.Schema) -> pa.Schema:
    """Tell the `datasets` library what the columns are."""
    features = {field.name: TYPED.get(field.name) or feature(field.type) for field in schema}
    return schema.with_metadata({"huggingface": json.dumps({"info": {"features": features}})})


SCHEMA = columns(media=True)
REFERENCES = columns(media=False)


def write_parquet(
    file: HashedFile, pieces: Iterable[pa.Table], *, images: Media, audio: Media, group_bytes: int
) -> None:
    """Write plan rows with their media. A thread writes a row group while the next is read: two are held."""
    read: list[pa.Table] = []
    rooms = _Room(), _Room()

    def noted() -> Iterator[pa.Table]:
        for piece in pieces:
            read.append(piece.select([name for name in SCHEMA.names if name in piece.schema.names]))
            yield piece

    with open_writer(file, SCHEMA, plain=("pair_id", "meta")) as writer, ThreadPoolExecutor(1) as pool:

        def write(rows: pa.Table, group: list[Sample]) -> None:
            writer.write_table(_rows(rows, group, rooms), row_group_size=len(group))

        written: Future[None] | None = None
        for group in _groups(samples(noted(), images, audio), min(group_bytes, LARGEST_GROUP)):
            rows = pa.concat_tables(read)
            read[:] = [rows.slice(len(group))]
            if written:
                written.result()
            written = pool.submit(write, rows.slice(0, len(group)), group)
        if written:
            written.result()


class SmallTable:
    """A Parquet file without media in the making: row groups of the same size however the rows come."""

    def __init__(self, file: HashedFile, schema: pa.Schema) -> None:
        self._writer = open_writer(file, schema, plain=("pair_id", "meta"))
        self._waiting: list[pa.Table] = []

    def add(self, rows: pa.Table) -> None:
        """Append rows."""
        schema = self._writer.schema
        self._waiting.append(rows.select(schema.names).cast(schema))
        if sum(map(len, self._waiting)) >= GROUP_ROWS:
            together = pa.concat_tables(self._waiting)
            self._writer.write_table(together.slice(0, GROUP_ROWS))
            self._waiting = [together.slice(GROUP_ROWS)]

    def close(self) -> None:
        """Write what is left, and the footer."""
        if any(map(len, self._waiting)):
            self._writer.write_table(pa.concat_tables(self._waiting))
        self._writer.close()


def write_small(file: HashedFile, pieces: Iterable[pa.Table], schema: pa.Schema) -> int:
    """Write rows as they come; returns how many."""
    count = 0
    with closing(SmallTable(file, schema)) as table:
        for piece in pieces:
            table.add(piece)
            count += len(piece)
    return count


def open_writer(file: HashedFile, schema: pa.Schema, *, plain: Sequence[str]) -> pq.ParquetWriter:
    """Begin a Parquet file.

    Args:
        file: what is written to.
        schema: its columns; what the `datasets` library calls them is added.
        plain: columns whose values do not repeat, which a dictionary would only make larger.
    """
    leaves = leaf_names(schema)
    stored = [leaf for leaf in leaves if leaf in _MEDIA_LEAVES or _is_array(schema, leaf)]
    small = [leaf for leaf in leaves if leaf not in stored]
    return pq.ParquetWriter(
        file,
        with_features(schema),
        compression={leaf: "NONE" if leaf in stored else "ZSTD" for leaf in leaves},
        use_dictionary=[leaf for leaf in small if leaf not in plain],
        write_statistics=small,
        write_page_index=True,
        use_content_defined_chunking=True,
    )


def _is_array(schema: pa.Schema, leaf: str) -> bool:
    name = leaf.removesuffix(".list.element")
    return name in schema.names and pa.types.is_fixed_size_list(schema.field(name).type)


def leaf_names(schema: pa.Schema) -> list[str]:
    """List the columns as Parquet stores them, structs and lists opened."""
    return [leaf for field in schema for leaf in _leaves(field.name, field.type)]


def _leaves(name: str, dtype: pa.DataType) -> Iterator[str]:
    if pa.types.is_struct(dtype):
        for field in dtype:
            yield from _leaves(f"{name}.{field.name}", field.type)
    elif pa.types.is_list(dtype) or pa.types.is_fixed_size_list(dtype):
        yield from _leaves(f"{name}.list.element", dtype.value_type)
    else:
        yield name


def _groups(found: Iterable[Sample], limit: int) -> Iterator[list[Sample]]:
    """Gather row groups; the words of a sample are let go, since they stand in the plan's rows."""
    group: list[Sample] = []
    size = 0
    for sample in found:
        more = len(sample.image) + len(sample.audio) + len(sample.meta)
        if group and (size + more > limit or len(group) == MEDIA_ROWS):
            yield group
            group, size = [], 0
        group.append(sample._replace(meta=b"", art_caption=b"", music_caption=b""))
        size += more
    if group:
        yield group


def _rows(rows: pa.Table, group: list[Sample], rooms: tuple["_Room", "_Room"]) -> pa.Table:
    columns = {name: rows[name] for name in rows.schema.names}
    images, audio = rooms
    pictures, sounds = images.joined([s.image for s in group]), audio.joined([s.audio for s in group])
    columns["image"] = _media(pictures, [f"{s.pair_id}.{s.image_format}" for s in group])
    columns["audio"] = _media(sounds, [f"{s.pair_id}.{s.audio_format}" for s in group])
    return pa.table([columns[name] for name in SCHEMA.names], schema=SCHEMA)


class _Room:
    """Memory that row groups use one after another: fresh memory costs more than the copy into it."""

    def __init__(self) -> None:
        self._bytes = bytearray()

    def joined(self, data: list[bytes]) -> pa.Array:
        """Put values side by side; what was joined before must be written by now.

        Raises:
            ReleaseError: together they are too large.
        """
        if (size := sum(map(len, data))) > LARGEST_GROUP:
            raise ReleaseError(f"a file of {size} bytes is too large for a Parquet column: take it out")
        ends = np.cumsum([0, *map(len, data)], dtype=np.int32)
        if len(self._bytes) < ends[-1]:
            self._bytes = bytearray(int(ends[-1]))
        room = memoryview(self._bytes)
        for start, value in zip(ends.tolist(), data, strict=False):
            room[start : start + len(value)] = value
        buffers = [None, pa.py_buffer(ends), pa.py_buffer(room[: ends[-1]])]
        return pa.Array.from_buffers(pa.binary(), len(data), buffers)


def _media(values: pa.Array, names: list[str]) -> pa.StructArray:
    return pa.StructArray.from_arrays([values, pa.array(names, TEXT)], fields=list(MEDIA))
