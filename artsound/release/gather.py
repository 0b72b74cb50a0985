"""Rows of a stored table brought into another order by way of the disk: memory does not grow with the rows.

The rows go into files of `BUCKET` places each; within a file they stand as they came, with their place.
"""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from artsound import memory
from artsound.errors import SchemaError

BUCKET = 2000  # places of one file
_PLACE = "place of the row"

Source: TypeAlias = pa.Table | Path  # a table, or its Parquet file


def columns_of(source: Source, names: list[str]) -> pa.Table:
    """Load a few short columns as a whole, each in one piece."""
    found = pq.read_table(source, columns=names) if isinstance(source, Path) else source.select(names)
    return found.combine_chunks()


def rows_of_keys(name: str, keys: pa.Array, known: pa.Array) -> NDArray[np.int64]:
    """Find the row of every key.

    Raises:
        SchemaError: a key has none.
    """
    found = pc.index_in(keys, value_set=known)
    if found.null_count:
        raise SchemaError(f"release_rows: {found.null_count} pairs name something that {name} does not have")
    return np.asarray(found.to_numpy(), np.int64)


@dataclass(frozen=True)
class Gathered:
    """The rows of a table in their new order."""

    folder: Path

    def read(self, start: int, stop: int) -> pa.Table:
        """Load the rows of the places `start` to `stop`; the files behind them are mapped meanwhile."""
        numbers = range(start // BUCKET, -(-stop // BUCKET))
        return pa.concat_tables([self._bucket(number, start, stop) for number in numbers]).combine_chunks()

    def _bucket(self, number: int, start: int, stop: int) -> pa.Table:
        with pa.memory_map(str(_file(self.folder, number))) as file:
            rows = pa.ipc.open_file(file).read_all()
            first = number * BUCKET
            order = np.argsort(rows[_PLACE].to_numpy())
            return rows.drop_columns([_PLACE]).take(order[max(start - first, 0) : stop - first])


def gather(source: Source, rows: NDArray[np.int64], folder: Path) -> Gathered:
    """Bring rows of a table into order, reading the table once; a row may have several places.

    Args:
        source: the table.
        rows: number of the row that each place takes.
        folder: is made, for the files.
    """
    folder.mkdir(parents=True)
    by_row = np.argsort(rows, kind="stable")
    sorted_rows = rows[by_row]
    with ExitStack() as opened:
        writers: dict[int, pa.ipc.RecordBatchFileWriter] = {}
        at = 0
        for batch in _batches(source):
            low, high = np.searchsorted(sorted_rows, (at, at + len(batch)))
            places = np.sort(by_row[low:high])
            taken = batch.take(rows[places] - at).append_column(_PLACE, pa.array(places, pa.int64()))
            for number, piece in _cut(taken, places):
                if number not in writers:
                    made = pa.ipc.new_file(str(_file(folder, number)), piece.schema)
                    writers[number] = opened.enter_context(made)
                writers[number].write_table(piece)
            at += len(batch)
    memory.give_back()
    return Gathered(folder)


def _batches(source: Source) -> Iterator[pa.Table]:
    if isinstance(source, pa.Table):
        yield from (pa.Table.from_batches([batch]) for batch in source.to_batches(BUCKET))
        return
    with pq.ParquetFile(source) as file:
        for batch in file.iter_batches(BUCKET, use_threads=False):
            yield pa.Table.from_batches([batch])


def _cut(taken: pa.Table, places: NDArray[np.int64]) -> Iterator[tuple[int, pa.Table]]:
    """Cut rows whose places rise into pieces of one file each."""
    numbers = places // BUCKET
    for start, stop in pairwise([0, *(np.flatnonzero(np.diff(numbers)) + 1).tolist(), len(places)]):
        if stop > start:
            yield int(numbers[start]), taken.slice(start, stop - start)


def _file(folder: Path, number: int) -> Path:
    return folder / f"{number:06d}.arrow"
