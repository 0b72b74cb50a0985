"""Latents, conditioning targets and visual tokens, encoded once; training reads these and decodes nothing.

`cache/<family>/<split>-00000.safetensors`: tensors in half precision, one row a pair in the release's order.
The header says what they depend on: prior, encoder, release. A part is a safe point; a rerun makes what is
missing. Families (audio, visual) stand apart, so another image encoder leaves the audio alone.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.numpy import save
from torch import Tensor

from artsound.errors import ConfigError, StoreError
from artsound.store import write_whole

KEY = "artsound"  # one entry only: safetensors writes several in any order
NUMPY = {"F16": np.float16, "F32": np.float32}


@dataclass(frozen=True)
class Header:
    """What a part of the cache says of itself."""

    made_from: str  # fingerprint of what encoded it
    release: str  # sha256 of the release's manifest
    ids: tuple[str, ...]
    scores: tuple[float, ...]


@dataclass(frozen=True)
class Part:
    """A finished file of the cache, mapped into memory."""

    header: Header
    arrays: Mapping[str, NDArray[Any]]


def write_part(path: Path, header: Header, tensors: Mapping[str, Tensor]) -> None:
    """Write one part whole, in half precision."""
    arrays = {name: value.detach().cpu().to(torch.float16).numpy() for name, value in tensors.items()}
    data = save(arrays, metadata={KEY: json.dumps(asdict(header))})
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, lambda part: part.write_bytes(data))


def read_part(path: Path) -> Part:
    """Map one part.

    Raises:
        StoreError: the file is damaged.
    """
    try:
        with path.open("rb") as file:
            size = int.from_bytes(file.read(8), "little")
            entries = json.loads(file.read(size))
        given = json.loads(entries.pop("__metadata__")[KEY])
        header = Header(**given | {"ids": tuple(given["ids"]), "scores": tuple(given["scores"])})
        arrays = {
            name: np.memmap(
                path, NUMPY[one["dtype"]], "r", 8 + size + one["data_offsets"][0], tuple(one["shape"])
            )
            for name, one in entries.items()
        }
    except (ValueError, KeyError, TypeError, OSError, MemoryError) as error:
        raise StoreError(
            f"{path} is damaged ({error}): delete it and run `artsound train prepare`"
        ) from error
    return Part(header, arrays)


class Family:
    """One split of one family, read by row."""

    def __init__(self, parts: Sequence[Part]) -> None:
        self.ids = [one for part in parts for one in part.header.ids]
        self.scores = np.array([score for part in parts for score in part.header.scores])
        self._parts = parts
        starts = np.cumsum([0, *(len(part.header.ids) for part in parts)])
        self._starts = starts[:-1]

    def __len__(self) -> int:
        return len(self.ids)

    @cached_property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Shape of one row of every tensor."""
        return {name: array.shape[1:] for name, array in self._parts[0].arrays.items()}

    def gather(self, rows: NDArray[np.int64]) -> dict[str, Tensor]:
        """Copy some rows, in the order asked for, in half precision."""
        where = np.searchsorted(self._starts, rows, side="right") - 1
        inside = rows - self._starts[where]
        found = {}
        for name, shape in self.shapes.items():
            out = np.empty((len(rows), *shape), self._parts[0].arrays[name].dtype)
            for number, (part, row) in enumerate(zip(where, inside, strict=True)):
                out[number] = self._parts[part].arrays[name][row]
            found[name] = torch.from_numpy(out)
        return found


def open_family(folder: Path, family: str, split: str, *, made_from: str, release: str) -> Family:
    """Open a split of a family.

    Raises:
        ConfigError: it is not there, or was made by another codec or encoder, or from another release.
    """
    paths = sorted((folder / family).glob(f"{split}-*.safetensors"))
    if not paths:
        raise ConfigError(f"{folder} has no {family} of split {split}: run `artsound train prepare`")
    parts = [read_part(path) for path in paths]
    for path, part in zip(paths, parts, strict=True):
        if part.header.made_from != made_from:
            raise ConfigError(
                f"{path} was made by another {family} encoder ({part.header.made_from}, settings need "
                f"{made_from}): run `artsound train prepare`, or set back the prior and visual sections"
            )
        if part.header.release != release:
            raise ConfigError(f"{path} was made from another release: run `artsound train prepare`")
    return Family(parts)
