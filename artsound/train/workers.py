"""Where a loop runs: one process or several, CPU or GPU, which precision. All of it through accelerate."""

import hashlib
import os
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from accelerate import Accelerator, PartialState
from accelerate.state import AcceleratorState
from accelerate.utils import DistributedDataParallelKwargs
from numpy.typing import NDArray
from torch import Tensor, nn

from artsound.errors import ConfigError, MissingExtra
from artsound.train.settings import Loop, Machine


def _on_cpu() -> bool:
    """Say whether no GPU shall be used; accelerate joins processes without one only if it is told so."""
    return not torch.cuda.is_available() or os.environ.get("ACCELERATE_USE_CPU", "").lower() in {"1", "true"}


def own_device() -> torch.device:
    """Return where this process computes: its own GPU, or the CPU."""
    return PartialState(cpu=_on_cpu()).device  # type: ignore[no-any-return]


def first_process() -> bool:
    """Say whether this is the process that writes."""
    return PartialState(cpu=_on_cpu()).is_main_process  # type: ignore[no-any-return]


class Stepper(Protocol):
    """An optimiser, as far as the loop uses it."""

    def step(self) -> None:
        """Change the weights; passed over where half precision overflowed."""

    def zero_grad(self) -> None:
        """Forget the gradients."""


def _refusals(machine: Machine) -> tuple[type[Exception], ...]:
    """Name what W&B raises when it cannot start, such as without a key; nothing where it is not wanted."""
    if "wandb" not in machine.trackers:
        return ()
    from wandb.errors import Error  # noqa: PLC0415  # only where it is wanted

    return (Error,)


class Workers:
    """The processes of a run, seen from one of them. Start several with `accelerate launch`."""

    def __init__(self, machine: Machine, folder: Path, loop: Loop) -> None:
        missing = [name for name in machine.trackers if find_spec(name) is None]
        if missing:
            named = " ".join(missing)
            raise MissingExtra(f"machine.trackers wants what is not installed: pip install {named}")
        AcceleratorState._reset_state()  # an earlier run in this process would fix the precision
        try:
            self._accelerator = Accelerator(
                cpu=_on_cpu(),
                mixed_precision=machine.precision,
                log_with=list(machine.trackers) or None,
                project_dir=folder,
                kwargs_handlers=[DistributedDataParallelKwargs(find_unused_parameters=True)],  # as in `warm`
            )
        except (ImportError, ValueError) as error:
            raise ConfigError(f"the machine section cannot be had here: {error}") from error
        if machine.trackers:
            self._track(machine, folder, loop)
        self.device: torch.device = self._accelerator.device
        self.main: bool = self._accelerator.is_main_process
        self._count: int = self._accelerator.num_processes
        self._rank: int = self._accelerator.process_index
        if loop.batch % (self._count * loop.accumulate):
            raise ConfigError(
                f"batch {loop.batch} cannot be cut into {loop.accumulate} pieces of {self._count} processes"
            )

    def _track(self, machine: Machine, folder: Path, loop: Loop) -> None:
        beside = {"wandb": {"dir": str(folder)}}
        try:
            self._accelerator.init_trackers("artsound", config=loop.model_dump(), init_kwargs=beside)
        except _refusals(machine) as error:
            raise ConfigError(
                f"W&B cannot be used here ({error}): set WANDB_API_KEY, or WANDB_MODE=offline, or take it "
                "out of machine.trackers"
            ) from error

    def wrap(self, module: nn.Module, optimizer: torch.optim.Optimizer) -> tuple[nn.Module, "Stepper"]:
        """Let several processes share gradients, and the optimiser know of the precision."""
        made: tuple[nn.Module, Stepper] = self._accelerator.prepare(module, optimizer)
        return made

    def pieces(self, places: NDArray[np.int64], accumulate: int) -> list[NDArray[np.int64]]:
        """Cut the batch into this process's pieces."""
        return [
            piece for piece in np.array_split(places[self._rank :: self._count], accumulate) if len(piece)
        ]

    def generator(self, *numbers: int) -> torch.Generator:
        """Make the generator of one piece of one step: the same after a restart."""
        digest = hashlib.sha256(repr((*numbers, self._rank)).encode()).digest()
        return torch.Generator(self.device).manual_seed(int.from_bytes(digest[:8]) >> 1)

    def last(self, module: nn.Module, last: bool) -> AbstractContextManager[Any]:
        """Share gradients only with the last piece of a step."""
        return nullcontext() if last else self._accelerator.no_sync(module)

    def autocast(self) -> AbstractContextManager[Any]:
        """Compute in the chosen precision; weights stay in float32."""
        context: AbstractContextManager[Any] = self._accelerator.autocast()
        return context

    def backward(self, loss: Tensor) -> None:
        """Add to the gradients, scaled where half precision needs it."""
        self._accelerator.backward(loss)

    def clip(self, parameters: Mapping[str, nn.Parameter], norm: float) -> None:
        """Limit the norm of the gradient."""
        self._accelerator.clip_grad_norm_(list(parameters.values()), norm)

    def log(self, numbers: Mapping[str, float], seen: int) -> None:
        """Hand numbers to the trackers."""
        self._accelerator.log(dict(numbers), step=seen)

    def finish(self) -> None:
        """Let all processes come to the same point and close the trackers."""
        self._accelerator.wait_for_everyone()
        for tracker in self._accelerator.trackers:  # `end_training` would also part the processes for ever
            tracker.finish()
