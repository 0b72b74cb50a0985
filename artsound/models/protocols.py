"""What the stages ask of a model, and nothing more.

Every model has a `name` that ends in `@` and the sha256 of its weights, so vectors and captions of unlike
weights never carry the same name; before it stands the commit of the hub that they came from, where known.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float32, UInt8


@dataclass(frozen=True)
class Item:
    """One artwork or clip to be described: what is known of it, what was measured, and its file."""

    key: str
    facts: Mapping[str, Any]  # the item's row of `artworks` or `tracks`, `artist` among it
    measures: Mapping[str, Any]  # its row of `art_measures` or `music_measures`
    read: Callable[[], bytes]  # raises `MediaError`


@dataclass(frozen=True)
class Answer:
    """What a captioner says of one item."""

    fields: Mapping[str, Any] = field(default_factory=dict)  # columns of the caption table; others are null
    refused: str = ""  # why there is no caption, in one line; empty when there is one
    failed: bool = False  # refused by the way to the model, not by the model: worth asking in a later run


@runtime_checkable
class Captioner(Protocol):
    """Describes items; answer i belongs to item i."""

    name: str

    def __call__(self, items: Sequence[Item]) -> list[Answer]:
        """Return one answer an item.

        Raises:
            MediaError: never; an unreadable file is a refused answer.
        """


@runtime_checkable
class TextEncoder(Protocol):
    """Maps texts to unit vectors; row i belongs to text i, whatever else is in the batch."""

    name: str
    dim: int

    def __call__(self, texts: Sequence[str]) -> Float32[np.ndarray, "text dim"]:
        """Return one unit vector a text; no text gives shape (0, dim)."""


@runtime_checkable
class ImageEncoder(Protocol):
    """Maps images to unit vectors. `prepare` may run in another process, so it is picklable."""

    name: str
    dim: int

    @property
    def prepare(self) -> Callable[[UInt8[np.ndarray, "height width 3"]], np.ndarray]:
        """What turns sRGB pixels into what the model takes."""

    def __call__(self, prepared: Sequence[np.ndarray]) -> Float32[np.ndarray, "image dim"]:
        """Return one unit vector a prepared image; none gives shape (0, dim)."""


@runtime_checkable
class AudioEncoder(Protocol):
    """Maps clips to unit vectors. `prepare` may run in another process, so it is picklable."""

    name: str
    dim: int
    rate: int  # Hz of what `prepare` takes

    @property
    def prepare(self) -> Callable[[Float32[np.ndarray, " sample"]], np.ndarray]:
        """What turns mono samples into what the model takes."""

    def __call__(self, prepared: Sequence[np.ndarray]) -> Float32[np.ndarray, "clip dim"]:
        """Return one unit vector a prepared clip; none gives shape (0, dim)."""
