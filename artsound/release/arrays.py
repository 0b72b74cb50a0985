"""Vectors and latents of a release: column families of their own, so that encoding anew rewrites no media.

In Parquet each is a flat list of fixed size; in a tar, where asked for, an `.npy` file of its shape.
"""

import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from artsound.contracts import TEXT
from artsound.errors import ReleaseError
from artsound.release.hashing import HashedFile
from artsound.release.manifest import ArrayRecord
from artsound.release.media import Sample
from artsound.release.parquet import open_writer
from artsound.release.rows import BATCH, Plan

_TYPES = {"float16": pa.float16(), "float32": pa.float32()}


@dataclass(frozen=True)
class Arrays:
    """The values of one array, wherever they are mapped from."""

    record: ArrayRecord
    key: str  # column of the plan that says which row is meant: artwork_id, clip_id or pair_id
    ids: pa.Array  # in the order of the rows
    chunks: Sequence[NDArray[np.floating]]  # (row, …) each; together as many rows as ids
    content: str  # identifies the values

    def where(self, plan: Plan) -> NDArray[np.int64]:
        """Find the row of every pair.

        Raises:
            ReleaseError: a pair has none.
        """
        keys = pa.chunked_array([rows[self.key].combine_chunks() for rows in plan.read(columns=[self.key])])
        found = pc.index_in(keys, value_set=self.ids)
        if found.null_count:
            first = keys.filter(pc.is_null(found))[0].as_py()
            raise ReleaseError(
                f"{found.null_count} pairs have no {self.record.name}, {first} the first: compute them, or "
                f"leave them out of release.{self.record.family}"
            )
        return np.asarray(found.to_numpy(), np.int64)

    def take(self, rows: NDArray[np.int64]) -> NDArray[np.floating]:
        """Copy some rows, in the order asked for, (row, …).

        Raises:
            ReleaseError: a value is not finite.
        """
        made = np.empty((len(rows), *self.record.shape), self.record.dtype)
        start = 0
        for chunk in self.chunks:
            here = (rows >= start) & (rows < start + len(chunk))
            made[here] = chunk[rows[here] - start].reshape(-1, *self.record.shape)
            start += len(chunk)
        if not np.isfinite(made).all():
            raise ReleaseError(f"{self.record.name} has values that are not finite: compute them again")
        return made


def vectors_of(table: pa.Table, name: str, key: str, content: str) -> Arrays:
    """Take rows of `tables.VECTORS`, without copying them.

    Raises:
        ReleaseError: the table is empty, or of several models.
    """
    models = table["model"].unique().to_pylist()
    if len(models) != 1:
        raise ReleaseError(f"vectors that are published are of one model; {name} has {len(models)}")
    chunks = [chunk.flatten().to_numpy().reshape(len(chunk), -1) for chunk in table["vector"].chunks]
    record = ArrayRecord(name, "vectors", (chunks[0].shape[1],), str(chunks[0].dtype), models[0])
    return Arrays(record, key, table["item_id"].combine_chunks(), chunks, content)


def array_schema(records: Iterable[ArrayRecord]) -> pa.Schema:
    """Name the columns of a family's Parquet files."""
    columns = (
        pa.field(one.name, pa.list_(_TYPES[one.dtype], int(np.prod(one.shape))), nullable=False)
        for one in records
    )
    return pa.schema([pa.field("pair_id", TEXT, nullable=False), *columns])


@dataclass(frozen=True)
class Placed:
    """Arrays, and the row of every pair of the plan in them."""

    plan: Plan
    arrays: Sequence[Arrays]
    where: Sequence[NDArray[np.int64]]

    @classmethod
    def of(cls, plan: Plan, arrays: Sequence[Arrays]) -> "Placed":
        """Look all pairs up."""
        return cls(plan, arrays, [one.where(plan) for one in arrays])

    def blocks(self, start: int, stop: int, size: int) -> Iterator[list[NDArray[np.floating]]]:
        """Yield the arrays of the rows `start` to `stop`, at most `size` rows at a time."""
        for at in range(start, stop, size):
            rows = slice(at, min(at + size, stop))
            yield [one.take(where[rows]) for one, where in zip(self.arrays, self.where, strict=True)]


def write_arrays(file: HashedFile, placed: Placed, start: int, stop: int, *, group_bytes: int) -> None:
    """Write the rows `start` to `stop` of a family as Parquet; holds one row group in memory."""
    records = [one.record for one in placed.arrays]
    schema = array_schema(records)
    group = max(1, group_bytes // sum(record.row_bytes for record in records))
    names = (
        pair for rows in placed.plan.read(start, stop, ["pair_id"]) for pair in rows["pair_id"].to_pylist()
    )
    with open_writer(file, schema, plain=schema.names) as writer:
        for block in placed.blocks(start, stop, group):
            columns = [pa.array(list(islice(names, len(block[0]))), TEXT)]
            for field, values in zip(list(schema)[1:], block, strict=True):
                flat = pa.array(values.reshape(-1), field.type.value_type)
                columns.append(pa.FixedSizeListArray.from_arrays(flat, type=field.type))
            writer.write_batch(pa.RecordBatch.from_arrays(columns, schema=writer.schema))


def with_members(samples: Iterable[Sample], placed: Placed, start: int, stop: int) -> Iterator[Sample]:
    """Add the arrays to samples that come in the order of the rows `start` to `stop`."""
    found = iter(samples)
    ends = [one.record.member for one in placed.arrays]
    for block in placed.blocks(start, stop, BATCH):
        for number, sample in enumerate(islice(found, len(block[0]))):
            data = [npy(values[number]) for values in block]
            yield sample._replace(arrays=tuple(zip(ends, data, strict=True)))


def npy(values: NDArray[np.floating]) -> bytes:
    """Write an array as an `.npy` file, little-endian."""
    out = io.BytesIO()
    np.lib.format.write_array(out, np.ascontiguousarray(values), version=(1, 0))
    return out.getvalue()
