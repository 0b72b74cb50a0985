"""Vectors and latents beside the shards of media: the same pairs in the same order, in files of their own."""

from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from artsound.errors import ReleaseError
from artsound.loader.shards import Groups, ParquetShard, Sample
from artsound.release.manifest import ArrayRecord

KEY = "pair_id"


class ArrayShard(ParquetShard):
    """A Parquet file of arrays; a row costs what its row group costs, once."""

    def _value(self, column: Any, row: int) -> Any:
        value = column[row]
        return value.as_py() if isinstance(value, pa.StringScalar) else value.values.to_numpy()


@dataclass(frozen=True)
class Beside:
    """The arrays of one family for all pairs of a split."""

    shards: tuple[ArrayShard, ...]
    arrays: tuple[ArrayRecord, ...]

    @classmethod
    def of(cls, files: Sequence[tuple[Callable[[], Path], int]], arrays: Sequence[ArrayRecord]) -> "Beside":
        """Prepare to read some arrays out of files, of which each knows where it lies and how long it is."""
        names, groups = (KEY, *(one.name for one in arrays)), Groups(2)
        return cls(tuple(ArrayShard(place, rows, names, groups) for place, rows in files), tuple(arrays))

    @cached_property
    def _ends(self) -> list[int]:
        return list(accumulate(shard.rows for shard in self.shards))

    def read(self, number: int, key: str | None) -> Sample:
        """Read the arrays of the pair at a place of the split.

        Raises:
            ReleaseError: another pair stands there.
        """
        shard = bisect_right(self._ends, number)
        found = self.shards[shard].read(number - self._ends[shard] + self.shards[shard].rows)
        if key not in (None, found[KEY]):
            raise ReleaseError(f"{self.shards[shard].path} has {found[KEY]} where {key} should be: verify it")
        return {one.name: _shaped(found[one.name], one) for one in self.arrays}


def _shaped(flat: NDArray[Any], record: ArrayRecord) -> NDArray[Any]:
    return np.array(flat, record.dtype).reshape(record.shape)  # a copy, which may be written to
