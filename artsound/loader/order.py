"""In which order an epoch visits the pairs, and who takes which: a pure function of seed and epoch.

An epoch is one sequence of all pairs: shards in random order, the pairs of a shard in random order within
blocks that are read together. It is cut in units of `unit` pairs (a batch), which are dealt round to the
shares: rank 0, rank 1, …, then the next worker of each. So a job that stood still after some batches goes on
with exactly the rest, also when it comes back with another number of ranks or workers.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import NamedTuple

import numpy as np
from jaxtyping import Int64

MIX = 4  # blocks whose pairs are mixed, and so are held in memory at one time


class Place(NamedTuple):
    """How far an epoch is: all units before `unit` are done, and `inside` pairs of the share's next one."""

    epoch: int = 0
    unit: int = 0
    inside: int = 0


class Step(NamedTuple):
    """One pair to visit, and where the epoch stands after it."""

    shard: int
    row: int
    after: Place


@dataclass(frozen=True)
class Walk:
    """How epochs are walked."""

    rows: tuple[int, ...]  # pairs of every shard
    blocks: Callable[[int], Sequence[int]]  # shard → pairs of each of its blocks; asked only when it is due
    seed: int = 0
    shuffle: bool = True
    unit: int = 1  # pairs that stay together: the batch size
    drop_uneven: bool = False  # leave out at the end what cannot be dealt to all ranks in whole units

    def units(self, ranks: int, done: int = 0) -> int:
        """Count the units of an epoch, of all ranks together; the last may be smaller."""
        total = sum(self.rows)
        if self.drop_uneven:
            return done + max(0, total // self.unit - done) // ranks * ranks
        return -(-total // self.unit)

    def pairs(self, rank: int, ranks: int) -> int:
        """Count the pairs that one rank sees in an epoch."""
        units, total = self.units(ranks), sum(self.rows)
        own = len(range(rank, units, ranks))
        last_is_own = own > 0 and (units - 1) % ranks == rank
        return own * self.unit - (max(0, units * self.unit - total) if last_is_own else 0)

    def steps(self, start: Place, share: int, shares: int, ranks: int) -> Iterator[Step]:
        """Walk the rest of an epoch as one of the shares."""
        units, total = self.units(ranks, start.unit), sum(self.rows)
        epoch, inside = start.epoch, start.inside
        lookup = _Lookup(self, epoch)
        for unit in range(start.unit + share, units, shares):
            end = min((unit + 1) * self.unit, total)
            for number in range(unit * self.unit + inside, end):
                inside += 1
                done = number + 1 == end
                after = Place(epoch, unit - share + shares) if done else Place(epoch, unit - share, inside)
                yield Step(*lookup.at(number), after)
            inside = 0


class _Lookup:
    """Finds what stands at a position of an epoch; cheap while positions rise."""

    def __init__(self, walk: Walk, epoch: int) -> None:
        self._walk, self._epoch = walk, epoch
        count = len(walk.rows)
        order = _permuted(count, walk.seed, epoch, 0) if walk.shuffle else np.arange(count)
        self._shards = [int(shard) for shard in order]
        self._ends = list(accumulate(walk.rows[shard] for shard in self._shards))
        self._now, self._start = -1, 0
        self._rows: list[int] = []

    def at(self, position: int) -> tuple[int, int]:
        """Return shard and row."""
        if self._now < 0 or position >= self._ends[self._now]:
            self._now = bisect_right(self._ends, position)
            shard = self._shards[self._now]
            self._start = self._ends[self._now] - self._walk.rows[shard]
            self._rows = self._order(shard)
        return self._shards[self._now], self._rows[position - self._start]

    def _order(self, shard: int) -> list[int]:
        rows = self._walk.rows[shard]
        if not self._walk.shuffle:
            return list(range(rows))
        sizes = np.array(self._walk.blocks(shard), np.int64)
        starts = np.cumsum(sizes) - sizes
        seed = (self._walk.seed, self._epoch, shard + 1)
        blocks = _permuted(len(sizes), *seed)
        made: list[int] = []
        for first in range(0, len(blocks), MIX):
            mixed = [np.arange(starts[b], starts[b] + sizes[b]) for b in blocks[first : first + MIX]]
            together = np.concatenate(mixed)
            made += together[_permuted(len(together), *seed, first + 1)].tolist()
        return made


def _permuted(count: int, *seed: int) -> Int64[np.ndarray, " count"]:
    """Draw a permutation that stays the same in every version of numpy: only raw bits are drawn."""
    bits = np.random.PCG64(np.random.SeedSequence(seed)).random_raw(count)
    return np.argsort(bits, kind="stable").astype(np.int64)
