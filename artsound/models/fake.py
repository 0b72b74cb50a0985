"""Stand-ins with no weights, for tests: deterministic, instant, held to the same contract as real models."""

import hashlib
from collections.abc import Iterable, Sequence

import numpy as np
from jaxtyping import Float32, UInt8

from artsound.models.protocols import Answer, Item
from artsound.models.vectors import unit


class FakeCaptioner:
    """Says the item's key."""

    name = "fake@0"

    def __call__(self, items: Sequence[Item]) -> list[Answer]:
        """Return one answer an item."""
        return [
            Answer({"caption": f"It is number {item.key}.", "paragraph": f"Nothing but {item.key}."})
            for item in items
        ]


class FakeTextEncoder:
    """Hashes each text to a point on the unit sphere."""

    name = "fake@0"
    dim = 8

    def __call__(self, texts: Sequence[str]) -> Float32[np.ndarray, "text dim"]:
        """Return one unit vector a text."""
        return _points((text.encode() for text in texts), self.dim)


class FakeImageEncoder:
    """Hashes the pixels of each image to a point on the unit sphere."""

    name = "fake@0"
    dim = 8

    def __init__(self) -> None:
        self.prepare = as_it_is

    def __call__(self, prepared: Sequence[np.ndarray]) -> Float32[np.ndarray, "image dim"]:
        """Return one unit vector an image."""
        return _points((array.tobytes() for array in prepared), self.dim)


def as_it_is(pixels: UInt8[np.ndarray, "height width 3"]) -> np.ndarray:
    """Do nothing."""
    return pixels


def _points(contents: Iterable[bytes], dim: int) -> Float32[np.ndarray, "row dim"]:
    seeds = [int.from_bytes(hashlib.sha256(content).digest()[:8]) for content in contents]
    points = [np.random.default_rng(seed).standard_normal(dim).astype(np.float32) for seed in seeds]
    return unit(np.array(points, np.float32).reshape(-1, dim))
