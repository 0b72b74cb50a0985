"""Digests of what a cached or trained thing depends on, and initial weights that depend on a seed alone."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor


def fingerprint(*parts: Mapping[str, Any]) -> str:
    """Digest mappings of JSON values or tensors, in the order of their keys: 16 hex digits."""
    digest = hashlib.sha256()
    for part in parts:
        for name in sorted(part):
            value = part[name]
            digest.update(name.encode() + b"\0")
            if isinstance(value, Tensor):
                digest.update(value.detach().cpu().contiguous().numpy().tobytes())
            else:
                digest.update(json.dumps(value, sort_keys=True).encode())
    return digest.hexdigest()[:16]


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Draw what torch draws inside the block from a seed; the global state is left as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield


def file_digest(folder: Path) -> str:
    """Digest the weight files of a folder, by name and content: 16 hex digits."""
    digest = hashlib.sha256()
    for path in sorted([*folder.glob("*.safetensors"), *folder.glob("*.bin")]):
        with path.open("rb") as file:
            digest.update(path.name.encode() + hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()[:16]
