"""What a projector sees of an image: tokens from an encoder, chosen by name."""

from collections.abc import Callable, Mapping
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from artsound.errors import ConfigError
from artsound.media.image import resize
from artsound.train.prior import Slot
from artsound.train.settings import Visual

GRID = 4  # patches a side
PATCH = 16  # px


class VisualEncoder(Protocol):
    """Images to tokens of one or more sources."""

    @property
    def spec(self) -> Mapping[str, Slot]:
        """Tokens and width of every source."""

    @property
    def fingerprint(self) -> str:
        """Identify weights and preprocessing."""

    def __call__(self, images: list[NDArray[np.uint8]]) -> dict[str, Tensor]:
        """Encode sRGB images (height, width, 3) of any size as (B, token, dim) a source."""


class Patches:
    """Colour and texture of a 4 × 4 grid, ten numbers a patch: no weights, a stand-in for a real encoder."""

    spec: Mapping[str, Slot] = {"content": Slot(GRID * GRID, 10)}
    fingerprint = "patches-1"

    def __call__(self, images: list[NDArray[np.uint8]]) -> dict[str, Tensor]:
        """Encode images."""
        return {"content": torch.from_numpy(np.stack([_statistics(image) for image in images]))}


def _statistics(image: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Mean and spread of red, green, blue; chroma as a vector, its length, and value: (16, 10)."""
    small = resize(image, (GRID * PATCH, GRID * PATCH)).astype(np.float32) / 255
    patches = small.reshape(GRID, PATCH, GRID, PATCH, 3).swapaxes(1, 2).reshape(GRID * GRID, -1, 3)
    mean, spread = patches.mean(1), patches.std(1)
    red, green, blue = mean.T
    warm, cold = red - (green + blue) / 2, (green - blue) * np.sqrt(3) / 2
    chroma = np.hypot(warm, cold)
    hue = np.stack([warm, cold], 1) / (chroma + 1e-3)[:, None]
    value = mean.max(1)
    return np.column_stack([mean, spread, hue, chroma / (value + 1e-3), value]).astype(np.float32)


def _patches(_: Visual) -> VisualEncoder:
    return Patches()


def _clip(settings: Visual) -> VisualEncoder:
    from artsound.train.visual_clip import ClipTokens  # noqa: PLC0415

    return ClipTokens(settings)


ENCODERS: dict[str, Callable[[Visual], VisualEncoder]] = {"clip": _clip, "patches": _patches}


def visual_encoder(settings: Visual) -> VisualEncoder:
    """Make the encoder that the settings name.

    Raises:
        ConfigError: there is none of that name, or its weights are missing.
    """
    try:
        return ENCODERS[settings.encoder](settings)
    except KeyError as error:
        raise ConfigError(
            f"no visual encoder {settings.encoder!r}; there are: {', '.join(sorted(ENCODERS))}"
        ) from error
