"""Where a projector starts: at the mean conditioning, so that before it has learned it plays average music.

Cached targets have a mean and a spread. A slot without targets takes those of what the prior's own encoders
make of training sounds, measured once, beside the cache. A prior that derives nothing from sound starts at
its null, which says nothing and plays what it was trained on, on average.
"""

import json
import logging
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from artsound.errors import ConfigError
from artsound.train.checkpoint import PREPARE, check_provenance, read_tensors, write_tensors
from artsound.train.prior import AudioPrior, OwnConditioning, Slot

LOG = logging.getLogger(__name__)
NAME = "start.safetensors"


class Start(NamedTuple):
    """Mean and spread of the conditioning, slot → (token, dim); what is not there starts at the null."""

    mean: Mapping[str, Tensor]
    spread: Mapping[str, Tensor]
    made_from: str = ""  # identifies what measured it; empty where cached targets did

    def beside(self, targets: Mapping[str, Tensor]) -> "Start":
        """Take mean and spread of targets, slot → (row, token, dim), where there are some."""
        return Start(
            {**self.mean, **{name: one.mean(0) for name, one in targets.items()}},
            {**self.spread, **{name: _deviation(one) for name, one in targets.items()}},
            self.made_from,
        )


NULL = Start({}, {})


def measure(path: Path, own: OwnConditioning, windows: Iterable[Tensor], wanted: Mapping[str, str]) -> None:
    """Let the prior's own encoders hear windows (B, sample), and keep mean and spread of what they say.

    A slot that all sounds share is scaled by the spread of its own numbers.

    Raises:
        StoreError: no space.
    """
    heard = [own(batch) for batch in windows]
    made: dict[str, Tensor] = {}
    for name in heard[0]:
        rows = torch.cat([one[name] for one in heard]).float()
        made[f"mean.{name}"] = rows.mean(0)
        spread = _deviation(rows)
        made[f"spread.{name}"] = torch.where(spread > 0, spread, rows.mean(0).std())
    write_tensors(path, made, {**wanted, "own": own.fingerprint})


def _deviation(rows: Tensor) -> Tensor:
    """Give the standard deviation over the rows; of a single one that of its own numbers, not no number."""
    return rows.std(0) if len(rows) > 1 else rows[0].std().expand_as(rows[0])


def read(path: Path, wanted: Mapping[str, str]) -> Start:
    """Read what `measure` wrote.

    Raises:
        ConfigError: it is missing, or made from another release, codec or conditioning.
        StoreError: it is damaged.
    """
    if not path.exists():
        raise ConfigError(f"{path} does not exist: run `artsound train prepare`")
    tensors, meta = read_tensors(path)
    check_provenance(path, meta, wanted, PREPARE)
    mean, spread = (
        {name.removeprefix(part): one for name, one in tensors.items() if name.startswith(part)}
        for part in ("mean.", "spread.")
    )
    return Start(mean, spread, meta["own"])


def current(path: Path, wanted: Mapping[str, str]) -> bool:
    """Say whether what was measured is what would be measured now."""
    if not path.exists():
        return False
    _, meta = read_tensors(path)
    return all(meta.get(name) == value for name, value in wanted.items())


def slots_of(prior: AudioPrior) -> str:
    """Name the slots of a prior and their shapes, for the provenance."""
    spec: Mapping[str, Slot] = prior.cond_spec
    return json.dumps({name: list(slot) for name, slot in spec.items()}, sort_keys=True)
