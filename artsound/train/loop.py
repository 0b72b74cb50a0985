"""The one loop. Progress is counted in samples; to restart after a crash, run the same command.

Everything a step draws is seeded from (seed, samples seen), and a checkpoint holds weights, averaged weights
and the optimiser's moments in full precision, so on a CPU a restarted run ends with the very same weights.
"""

import logging
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from artsound.progress import track
from artsound.train.batches import Batches
from artsound.train.checkpoint import Checkpoint, Trained, restore, save_checkpoint
from artsound.train.journal import Journal
from artsound.train.settings import Loop, Machine
from artsound.train.workers import Workers

LOG = logging.getLogger(__name__)
Watch = Callable[[int], Mapping[str, float]]  # samples seen → numbers for the journal


@dataclass(frozen=True)
class Job:
    """One optimisation."""

    name: str
    objective: nn.Module  # (batch, generator) → terms, of which `loss` is minimised
    batches: Batches
    loop: Loop
    folder: Path  # checkpoint and journal
    provenance: Mapping[str, str]
    watch: Watch | None = None  # called with averaged weights in place, at every checkpoint


@dataclass
class Recent:
    """Steps whose loss was not looked at yet: looking makes a GPU wait, so it is done now and then."""

    steps: list[tuple[int, list[str], dict[str, Tensor]]] = field(default_factory=list)

    def check(self, journal: Journal) -> dict[str, float]:
        """Return the mean terms since the last look.

        Raises:
            TrainingError: a loss was not finite; the ids of its batch are kept in the journal.
        """
        sums: dict[str, float] = {}
        for seen, ids, terms in self.steps:
            values = {name: value.item() for name, value in terms.items()}
            if not math.isfinite(values["loss"]):
                raise journal.not_finite(seen, ids)
            sums = {name: sums.get(name, 0.0) + value for name, value in values.items()}
        means = {name: value / len(self.steps) for name, value in sums.items()}
        self.steps.clear()
        return means


def train(job: Job, machine: Machine) -> Trained:
    """Run a job to its end, from its last checkpoint if there is one.

    Raises:
        TrainingError: the loss or a weight stopped being finite; the last checkpoint is from before.
        ConfigError: the checkpoint belongs to other settings.
        StoreError: there is no space for a checkpoint; the last one is kept.
    """
    if machine.threads:
        torch.set_num_threads(machine.threads)
    workers = Workers(machine, job.folder, job.loop)
    trained = Trained.begin(job.objective.to(workers.device), job.loop)
    seen = restore(job.folder, trained, job.provenance)
    journal = Journal(job.folder, seen, workers.log, silent=not workers.main)
    step = Step(job, trained, workers)
    recent = Recent()
    steps = range(seen, job.loop.samples, job.loop.batch)
    for start in track(steps, f"training {job.name}", total=len(steps)):
        taken = step(start)
        recent.steps.append(taken)
        seen = min(start + job.loop.batch, job.loop.samples)
        due = seen == job.loop.samples or seen % job.loop.checkpoint_every < job.loop.batch
        if due or seen % job.loop.log_every < job.loop.batch:
            journal.write(seen, recent.check(journal) | {"learning_rate": learning_rate(job.loop, start)})
        if due and workers.main:
            if job.watch:
                with trained.averaged():
                    watched = job.watch(seen)
                if watched:
                    journal.write(seen, watched)
            if not trained.finite():
                raise journal.not_finite(*taken[:2])
            save_checkpoint(job.folder, Checkpoint(seen, trained, job.provenance))
    workers.finish()
    return trained


class Step:
    """One optimiser step after another."""

    def __init__(self, job: Job, trained: Trained, workers: Workers) -> None:
        self._job, self._trained, self._workers = job, trained, workers
        self._model, self._optimizer = workers.wrap(job.objective, trained.optimizer)

    def __call__(self, seen: int) -> tuple[int, list[str], dict[str, Tensor]]:
        """Take the step after so many samples; returns its terms, still on the device."""
        loop, batches = self._job.loop, self._job.batches
        places = batches.places(seen, min(loop.batch, loop.samples - seen))
        for group in self._trained.optimizer.param_groups:
            group["lr"] = learning_rate(loop, seen)
        sums: dict[str, Tensor] = {}
        pieces = self._workers.pieces(places, loop.accumulate)
        for number, piece in enumerate(pieces):
            terms = self._back(piece, (loop.seed, seen, number), len(pieces))
            sums = {name: sums.get(name, 0) + value / len(pieces) for name, value in terms.items()}
        self._workers.clip(self._trained.parameters, loop.clip)
        self._optimizer.step()
        self._optimizer.zero_grad()
        done = seen // loop.batch
        self._trained.average(min(loop.ema, (1 + done) / (10 + done)))  # follows closely at first
        return seen, batches.names(places), sums

    def _back(self, piece: NDArray[np.int64], seeds: tuple[int, ...], pieces: int) -> dict[str, Tensor]:
        """Add the gradient of one piece; returns its terms."""
        workers = self._workers
        batch = {name: value.to(workers.device) for name, value in self._job.batches.gather(piece).items()}
        with workers.last(self._model, seeds[-1] == pieces - 1):
            with workers.autocast():
                terms: dict[str, Tensor] = self._model(batch, workers.generator(*seeds))
            workers.backward(terms["loss"] / pieces)
        return {name: value.detach() for name, value in terms.items()}


def learning_rate(loop: Loop, seen: int) -> float:
    """Rise linearly over `warmup` samples, then fall along a cosine to zero.

    Examples:
        >>> loop = Loop(samples=100, warmup=10, batch=1, learning_rate=1.0)
        >>> [round(learning_rate(loop, seen), 3) for seen in (0, 9, 55, 100)]
        [0.1, 1.0, 0.5, 0.0]
    """
    if seen + loop.batch <= loop.warmup:
        return loop.learning_rate * (seen + loop.batch) / loop.warmup
    done = (seen - loop.warmup) / max(1, loop.samples - loop.warmup)
    return loop.learning_rate * (0.5 + 0.5 * math.cos(math.pi * min(max(done, 0.0), 1.0)))
