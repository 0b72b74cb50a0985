"""The pairs of one split: by number (`Pairs`), or as a shuffled stream that can stop and go on (`Stream`)."""

import importlib
import importlib.util
from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from typing import TYPE_CHECKING, Any

from artsound.errors import ConfigError
from artsound.loader.arrays import Beside
from artsound.loader.order import Place, Walk
from artsound.loader.shards import Sample, Shard

if TYPE_CHECKING:
    from artsound.loader.torched import Loader


@dataclass(frozen=True)
class Pairs(Sequence[Sample]):
    """A split as a sequence; torch's `DataLoader` takes it as a map-style dataset."""

    shards: tuple[Shard, ...]
    decode: Callable[[Sample], Sample] | None = None
    release: str = ""  # name-version, and the split: what a saved state belongs to
    beside: tuple[Beside, ...] = ()  # arrays that stand in files of their own

    @cached_property
    def _ends(self) -> list[int]:
        return list(accumulate(shard.rows for shard in self.shards))

    def __len__(self) -> int:
        return self._ends[-1] if self._ends else 0

    def __getitem__(self, number: Any) -> Any:
        if isinstance(number, slice):
            return [self[one] for one in range(*number.indices(len(self)))]
        place = number + len(self) if number < 0 else number
        if not 0 <= place < len(self):
            raise IndexError(number)
        shard = bisect_right(self._ends, place)
        return self.read(shard, place - self._ends[shard] + self.shards[shard].rows)

    def read(self, shard: int, row: int) -> Sample:
        """Read the pair that stands in a row of a shard."""
        sample = self.shards[shard].read(row)
        for family in self.beside:
            number = self._ends[shard] - self.shards[shard].rows + row
            sample |= family.read(number, sample.get("pair_id"))
        return self.decode(sample) if self.decode else sample

    def stream(self, *, rank: int = 0, ranks: int = 1, **walk: Any) -> "Stream":
        """Walk the pairs epoch by epoch; torch's `IterableDataset` where torch is installed.

        Args:
            rank: which of the processes that train together this one is.
            ranks: how many there are.
            walk: `seed`, `shuffle`, `unit` (the batch size) and `drop_uneven` of `order.Walk`.
        """
        made = Walk(tuple(shard.rows for shard in self.shards), self._blocks, **walk)
        if not 0 <= rank < ranks or made.unit < 1:
            raise ConfigError(f"rank {rank} of {ranks} in units of {made.unit}: not a share of an epoch")
        kind = importlib.import_module("artsound.loader.torched").TorchStream if _has_torch() else Stream
        found: Stream = kind(self, made, rank, ranks)
        return found

    def loader(self, batch_size: int, *, workers: int = 0, **walk: Any) -> "Loader":
        """Batch a stream by torch, in other processes if `workers` are given; see `torched.Loader`."""
        stream = self.stream(unit=batch_size, **walk)
        found: Loader = importlib.import_module("artsound.loader.torched").Loader(stream, workers)
        return found

    def _blocks(self, shard: int) -> Sequence[int]:
        return self.shards[shard].blocks()


class Stream:
    """Epochs of pairs, one after the other. Each `iter` starts where the last epoch ended, or was put."""

    def __init__(self, pairs: Pairs, walk: Walk, rank: int = 0, ranks: int = 1) -> None:
        self.pairs, self.walk, self.rank, self.ranks = pairs, walk, rank, ranks
        self.start = Place()
        self._now: Place | None = None

    def __len__(self) -> int:
        """Count the pairs of an epoch for this rank, known before it starts."""
        return self.walk.pairs(self.rank, self.ranks)

    def __iter__(self) -> Iterator[Sample]:
        start = self.start
        self._now = start
        for step in self.walk.steps(start, self.rank, self.ranks, self.ranks):
            self._now = step.after
            yield self.pairs.read(step.shard, step.row)
        self.set_epoch(start.epoch + 1)

    def set_epoch(self, epoch: int) -> None:
        """Start the next `iter` at the beginning of an epoch."""
        self.start = Place(epoch)
        self._now = None

    def state_dict(self) -> dict[str, Any]:
        """Say how far the stream was read: JSON values."""
        return {"place": list(self._now or self.start), "ranks": self.ranks, **self._identity()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Let the next `iter` go on where a stream stood when it gave this state.

        A state from the end of a batch may come from any rank, of another number of ranks or workers.

        Raises:
            ConfigError: the state belongs to another release, split, seed or batch size, stands inside a
                batch of another number of ranks, or is none.
        """
        place = self.place_of(state)
        if place.inside and state.get("ranks") != self.ranks:
            raise ConfigError("this state stands inside a batch: only the same number of ranks can go on")
        self.start, self._now = place, None

    def place_of(self, state: Mapping[str, Any]) -> Place:
        """Read where a state of this stream stands.

        Raises:
            ConfigError: it belongs to another stream, or is none.
        """
        for name, own in self._identity().items():
            if state.get(name) != own:
                raise ConfigError(f"this state has {name} = {state.get(name)!r}, the stream has {own!r}")
        try:
            epoch, unit, inside = (int(part) for part in state["place"])
        except (KeyError, TypeError, ValueError) as error:
            raise ConfigError(f"this is no state of a stream ({error!r}): start the epoch anew") from error
        if min(epoch, unit, inside) < 0:
            raise ConfigError(
                f"this state stands at {state['place']}, which is no place: start the epoch anew"
            )
        return Place(epoch, unit, inside)

    def _identity(self) -> dict[str, Any]:
        walk = self.walk
        return {
            "release": self.pairs.release,
            "rows": list(walk.rows),
            "seed": walk.seed,
            "shuffle": walk.shuffle,
            "unit": walk.unit,
        }


def _has_torch() -> bool:
    return importlib.util.find_spec("torch") is not None
