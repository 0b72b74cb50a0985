"""Streams as torch knows them, and a loader whose state is exact however many workers read ahead."""

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

from artsound.errors import ConfigError
from artsound.loader.order import Place, Walk
from artsound.loader.pairs import Pairs, Stream
from artsound.loader.shards import Sample


class TorchStream(Stream, IterableDataset[Sample]):
    """A stream whose pairs are dealt to the workers of a `DataLoader`, batch by batch."""

    def __init__(self, pairs: Pairs, walk: Walk, rank: int = 0, ranks: int = 1) -> None:
        self._start = torch.zeros(3, dtype=torch.int64).share_memory_()  # type: ignore[no-untyped-call]  # seen by workers
        super().__init__(pairs, walk, rank, ranks)

    @property
    def start(self) -> Place:
        """Where the next `iter` begins."""
        return Place(*(int(part) for part in self._start))

    @start.setter
    def start(self, place: Place) -> None:
        self._start.copy_(torch.tensor(place))

    def __iter__(self) -> Iterator[Sample]:
        worker = get_worker_info()
        if worker is None:
            yield from super().__iter__()
            return
        share, shares = worker.id * self.ranks + self.rank, worker.num_workers * self.ranks
        for step in self.walk.steps(self.start, share, shares, self.ranks):
            yield self.pairs.read(step.shard, step.row)


class Loader(DataLoader[Sample]):
    """Batches of a stream. Their order depends on the seed alone, not on how many workers read.

    Iterate it once an epoch. `state_dict` counts what was handed out, not what workers read ahead.
    """

    def __init__(self, stream: TorchStream, workers: int = 0, **options: Any) -> None:
        super().__init__(stream, batch_size=stream.walk.unit, num_workers=workers, **options)
        self.stream = stream
        self._now: Place | None = None

    def __iter__(self) -> Iterator[Any]:  # type: ignore[override]  # torch names its own iterator
        epoch, unit, _ = self._now = self.stream.start
        for batch in super().__iter__():
            unit += self.stream.ranks
            self._now = Place(epoch, unit)
            yield batch
        self.set_epoch(epoch + 1)

    def set_epoch(self, epoch: int) -> None:
        """Start the next `iter` at the beginning of an epoch."""
        self.stream.set_epoch(epoch)
        self._now = None

    def state_dict(self) -> dict[str, Any]:
        """Say how far the epoch is, after the batch that was handed out last."""
        return {**self.stream.state_dict(), "place": list(self._now or self.stream.start)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Let the next `iter` hand out the batch after those that the state knows of.

        Raises:
            ConfigError: as `Stream.load_state_dict`, or the state stands inside a batch.
        """
        if self.stream.place_of(state).inside:
            raise ConfigError("this state stands inside a batch: a loader goes on with whole ones")
        self.stream.load_state_dict(state)
        self._now = None
