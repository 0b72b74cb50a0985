"""The plan of a release, read by batch: what cuts and counts need is in memory, the words stay on disk."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from artsound import memory
from artsound.errors import ReleaseError, StoreError
from artsound.release.hashing import rows_sha256
from artsound.release.tiers import Within, allowed

BATCH = 500  # rows that are read at one time
WORDS = ("meta", "art_caption", "music_caption")  # what a tar holds of a row, beside its media
_NAMES = ("split", "tier", "image_format", "audio_format", "art_licence", "music_licence")
_SIZES = ("image_bytes", "audio_bytes")


@dataclass(frozen=True)
class StoredRows:
    """Rows of `tables.RELEASE_ROWS` in a Parquet file."""

    path: Path
    content: str  # sha256 of the file


@dataclass(frozen=True)
class Plan:
    """The rows of a release in their order, those of a tier alone."""

    rows: pa.Table | StoredRows
    within: Within = "any"

    @cached_property
    def content(self) -> str:
        """Identify the rows, those of other tiers among them."""
        return self.rows.content if isinstance(self.rows, StoredRows) else rows_sha256(self.rows)

    @cached_property
    def brief(self) -> pa.Table:
        """Of every row of the tier: split, tier, formats, licences, sizes of the media and of the `WORDS`."""
        return self._whole if self._mask.all() else self._whole.filter(pa.array(self._mask))

    def __len__(self) -> int:
        return len(self.brief)

    def read(
        self, start: int = 0, stop: int | None = None, columns: list[str] | None = None
    ) -> Iterator[pa.Table]:
        """Yield the rows `start` to `stop`, at most `BATCH` at a time."""
        places = np.flatnonzero(self._mask)[start:stop]
        if not len(places):
            return
        first, last = int(places[0]), int(places[-1]) + 1
        for at, rows in self._batches(columns, first, last):
            low, high = max(first - at, 0), min(last - at, len(rows))
            if high > low:
                yield rows.slice(low, high - low).filter(pa.array(self._mask[at + low : at + high]))

    def ranges(self) -> dict[str, tuple[int, int]]:
        """Say where each split begins and ends.

        Raises:
            ReleaseError: the rows of a split do not stand together.
        """
        codes, names = self.coded("split")
        changes = [0, *(np.flatnonzero(np.diff(codes)) + 1).tolist(), len(codes)]
        made: dict[str, tuple[int, int]] = {}
        for start, stop in pairwise(changes):
            name = names[codes[start]] if stop > start else ""
            if name and made.setdefault(name, (start, stop)) != (start, stop):
                raise ReleaseError(f"the plan is not in order: {name} stands in it at two places")
        return made

    def coded(self, column: str) -> tuple[NDArray[np.int32], list[str]]:
        """Give a number for the value of every row, and the values by their number."""
        found = self.brief[column].combine_chunks()
        return found.indices.to_numpy(), found.dictionary.to_pylist()

    def counts(self, column: str) -> dict[str, int]:
        """Count the rows by one of the brief's names, in the plan's order."""
        codes, names = self.coded(column)
        found, first, times = np.unique(codes, return_index=True, return_counts=True)
        return {names[found[place]]: int(times[place]) for place in np.argsort(first)}

    @cached_property
    def _mask(self) -> NDArray[np.bool_]:
        return np.asarray(allowed(self._whole["tier"].cast(pa.string()), self.within), np.bool_)

    @cached_property
    def _whole(self) -> pa.Table:
        found = [_brief(rows) for _, rows in self._batches([*_NAMES, *_SIZES, *WORDS])]
        return pa.concat_tables([_BRIEF.empty_table(), *found]).unify_dictionaries().combine_chunks()

    def _batches(
        self, columns: list[str] | None, first: int = 0, last: int | None = None
    ) -> Iterator[tuple[int, pa.Table]]:
        """Yield pieces that overlap the rows `first` to `last`, each with the place of its first row."""
        if isinstance(self.rows, pa.Table):
            chosen = self.rows.select(columns) if columns else self.rows
            at = first
            for batch in chosen.slice(first, None if last is None else last - first).to_batches(BATCH):
                yield at, pa.Table.from_batches([batch])
                at += len(batch)
            return
        try:
            with pq.ParquetFile(self.rows.path) as file:
                yield from _stored(file, columns, first, file.metadata.num_rows if last is None else last)
        except (pa.ArrowInvalid, OSError) as error:
            raise StoreError(f"{self.rows.path} cannot be read ({error}): run `artsound build`") from error


_BRIEF = pa.schema(
    [
        *(pa.field(name, pa.dictionary(pa.int32(), pa.string())) for name in _NAMES),
        *(pa.field(name, pa.int64()) for name in (*_SIZES, *WORDS)),
    ]
)


def _brief(rows: pa.Table) -> pa.Table:
    lengths = {name: pc.cast(pc.binary_length(rows[name]), pa.int64()) for name in WORDS}
    coded = {name: rows[name].dictionary_encode() for name in _NAMES}
    return pa.table({**coded, **{name: rows[name] for name in _SIZES}, **lengths}, schema=_BRIEF)


def _stored(
    file: pq.ParquetFile, columns: list[str] | None, first: int, last: int
) -> Iterator[tuple[int, pa.Table]]:
    at = 0
    for group in range(file.metadata.num_row_groups):
        end = at + file.metadata.row_group(group).num_rows
        if at < last and end > first:
            for batch in file.iter_batches(BATCH, row_groups=[group], columns=columns, use_threads=False):
                yield at, pa.Table.from_batches([batch])
                at += len(batch)
            memory.give_back()
        at = end
