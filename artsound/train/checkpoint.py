"""What a loop trains, and how it is kept: a safetensors file that says where it comes from."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from artsound.errors import ConfigError, StoreError
from artsound.store import write_whole
from artsound.train.cache import KEY
from artsound.train.settings import Loop

NAME = "checkpoint.safetensors"
BETAS = (0.9, 0.99)
PREPARE = "run `artsound train prepare`, or set back what differs"  # of what lies in the cache
ANEW = "name another `run` folder, or delete this file to begin anew"
MOMENTS = ("exp_avg", "exp_avg_sq")


@dataclass
class Trained:
    """Weights, their running average, and the optimiser."""

    parameters: dict[str, nn.Parameter]
    averages: dict[str, Tensor]
    optimizer: torch.optim.AdamW

    @classmethod
    def begin(cls, module: nn.Module, loop: Loop) -> "Trained":
        """Take what is trainable in a module; nothing was trained yet."""
        parameters = {name: one for name, one in module.named_parameters() if one.requires_grad}
        averages = {name: one.detach().clone() for name, one in parameters.items()}
        optimizer = torch.optim.AdamW(
            list(parameters.values()), lr=loop.learning_rate, betas=BETAS, weight_decay=loop.weight_decay
        )
        return cls(parameters, averages, optimizer)

    @torch.no_grad()
    def finite(self) -> bool:
        """Say whether every weight is a number: a loss can be, and its gradient not."""
        return all(bool(one.isfinite().all()) for one in self.parameters.values())

    def average(self, decay: float) -> None:
        """Let the average follow the weights."""
        for name, average in self.averages.items():
            average.lerp_(self.parameters[name], 1 - decay)

    @contextmanager
    def averaged(self) -> Iterator[None]:
        """Put the averages in the place of the weights inside the block."""
        kept = {name: one.detach().clone() for name, one in self.parameters.items()}
        self.load(self.averages)
        try:
            yield
        finally:
            self.load(kept)

    @torch.no_grad()
    def load(self, values: Mapping[str, Tensor]) -> None:
        """Overwrite the weights."""
        for name, one in self.parameters.items():
            one.copy_(values[name])

    def tensors(self) -> dict[str, Tensor]:
        """Return everything that a restart needs."""
        found = {f"weight.{name}": one.detach() for name, one in self.parameters.items()}
        found |= {f"average.{name}": one for name, one in self.averages.items()}
        for name, one in self.parameters.items():
            state = self.optimizer.state.get(one, {})
            found |= {f"{moment}.{name}": state[moment] for moment in MOMENTS if moment in state}
        return found


@dataclass(frozen=True)
class Checkpoint:
    """A point that a run can go on from."""

    seen: int  # samples
    trained: Trained
    provenance: Mapping[str, str]


def save_checkpoint(folder: Path, point: Checkpoint) -> None:
    """Write the checkpoint over the last one, whole or not at all.

    Raises:
        StoreError: no space, or the folder cannot be written; the last checkpoint is kept.
    """
    steps = [state["step"] for state in point.trained.optimizer.state.values() if "step" in state]
    meta = {**point.provenance, "seen": str(point.seen), "steps": str(int(steps[0]) if steps else 0)}
    write_tensors(folder / NAME, point.trained.tensors(), meta)


def write_tensors(path: Path, tensors: Mapping[str, Tensor], meta: Mapping[str, str]) -> None:
    """Write tensors and what is to be known of them, whole or not at all.

    Raises:
        StoreError: no space, or the folder cannot be written.
    """
    whole = {name: value.detach().cpu().contiguous() for name, value in tensors.items()}

    def save(part: Path) -> None:
        part.touch()
        mode = part.stat().st_mode  # of any file here; safetensors lets nobody but the owner read
        save_file(whole, part, metadata={KEY: json.dumps(meta)})
        part.chmod(mode)

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, save)
    except (OSError, SafetensorError) as error:
        raise StoreError(
            f"cannot write {path}: {error}; what was there is kept, make room and run again"
        ) from error


def read_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Read tensors and what is known of them.

    Raises:
        StoreError: the file is damaged.
    """
    try:
        with safe_open(path, framework="pt") as file:
            meta: dict[str, str] = json.loads((file.metadata() or {}).get(KEY, "{}"))
            return {name: file.get_tensor(name) for name in file.keys()}, meta  # noqa: SIM118
    except (SafetensorError, OSError, ValueError) as error:
        raise StoreError(f"{path} is damaged ({error}): delete it and run again") from error


def restore(folder: Path, trained: Trained, provenance: Mapping[str, str]) -> int:
    """Go back to the checkpoint of a folder; returns how many samples were seen, 0 without a checkpoint.

    Raises:
        ConfigError: the checkpoint belongs to other settings, data or weights.
        StoreError: it is damaged.
    """
    path = folder / NAME
    if not path.exists():
        return 0
    tensors, meta = read_tensors(path)
    check_provenance(path, meta, provenance)
    _check_shapes(path, tensors, trained)
    trained.load({name: tensors[f"weight.{name}"] for name in trained.parameters})
    for name, average in trained.averages.items():
        average.copy_(tensors[f"average.{name}"])
    step = torch.tensor(float(meta["steps"]))
    for name, one in trained.parameters.items():
        moments = {
            key: tensors[f"{key}.{name}"].to(one.device) for key in MOMENTS if f"{key}.{name}" in tensors
        }
        if moments:
            trained.optimizer.state[one] = {"step": step.clone(), **moments}
    return int(meta["seen"])


def check_provenance(
    path: Path, meta: Mapping[str, str], provenance: Mapping[str, str], advice: str = ANEW
) -> None:
    """Hold what a file says it comes from against what is wanted.

    Raises:
        ConfigError: names what differs.
    """
    unlike = sorted(name for name, value in provenance.items() if meta.get(name) != value)
    if unlike:
        named = ", ".join(_difference(name, meta, provenance) for name in unlike)
        raise ConfigError(f"{path} is of a run that differs in {named}: {advice}")


def _difference(name: str, meta: Mapping[str, str], provenance: Mapping[str, str]) -> str:
    """Name a setting inside a JSON value, if that is where the difference lies."""
    try:
        was, now = json.loads(meta.get(name, "")), json.loads(provenance[name])
    except ValueError:
        return name
    if not (isinstance(was, dict) and isinstance(now, dict)):
        return name
    return f"{name} ({', '.join(sorted(key for key in was | now if was.get(key) != now.get(key)))})"


def _check_shapes(path: Path, tensors: Mapping[str, Tensor], trained: Trained) -> None:
    for name, one in trained.parameters.items():
        saved = tensors.get(f"weight.{name}")
        if saved is None or saved.shape != one.shape:
            was = "nothing" if saved is None else f"shape {tuple(saved.shape)}"
            raise ConfigError(f"{path} is of another model: {name} has {was}, not shape {tuple(one.shape)}")
