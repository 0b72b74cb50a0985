"""What a projector sees of an image: tokens from an encoder, chosen by name."""

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from artsound.errors import ConfigError
from artsound.media.image import resize
from artsound.models.protocols import TextEncoder
from artsound.models.registry import text_encoder
from artsound.train.prior import Slot
from artsound.train.settings import Visual

CONTENT, STYLE, TEXT = "content", "style", "text"  # sources; the projector treats the last two apart
Pixels = list[NDArray[np.uint8]]
DISTANCES = (1, 2, 4, 8, 16)  # px, of 64
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

    def __call__(self, images: Pixels, captions: Sequence[str] | None = None) -> dict[str, Tensor]:
        """Encode sRGB images (height, width, 3) of any size as (B, token, dim) a source.

        Captions are heard by those that have the source `text`; without captions they give no such source.
        """


class Patches:
    """Colour and texture of a 4 × 4 grid, ten numbers a patch: no weights, a stand-in for a real encoder.

    Style: how its brightness changes over distance, along both axes, and the spread of its colours.
    """

    def __init__(self, *, style: bool = False) -> None:
        self._style = style
        self.spec: Mapping[str, Slot] = {CONTENT: Slot(GRID * GRID, 10)}
        if style:
            self.spec = {**self.spec, STYLE: Slot(2, len(DISTANCES) + 3)}
        self.fingerprint = "patches-1-style" if style else "patches-1"

    def __call__(self, images: Pixels, captions: Sequence[str] | None = None) -> dict[str, Tensor]:
        """Encode images."""
        small = [resize(image, (GRID * PATCH, GRID * PATCH)).astype(np.float32) / 255 for image in images]
        made = {CONTENT: torch.from_numpy(np.stack([_statistics(one) for one in small]))}
        return made | (
            {STYLE: torch.from_numpy(np.stack([_style(one) for one in small]))} if self._style else {}
        )


def _style(small: NDArray[np.floating]) -> NDArray[np.float32]:
    """Mean change of brightness over some distances along an axis, and the spread of colours: (2, 8)."""
    grey, colours = small.mean(2), small.std((0, 1))
    changes = [
        [np.abs(np.diff(moved[::distance], axis=0)).mean() for distance in DISTANCES]
        for moved in (grey, grey.T)
    ]
    return np.array([[*change, *colours] for change in changes], np.float32)


def _statistics(small: NDArray[np.floating]) -> NDArray[np.float32]:
    """Mean and spread of red, green, blue; chroma as a vector, its length, and value: (16, 10)."""
    patches = small.reshape(GRID, PATCH, GRID, PATCH, 3).swapaxes(1, 2).reshape(GRID * GRID, -1, 3)
    mean, spread = patches.mean(1), patches.std(1)
    red, green, blue = mean.T
    warm, cold = red - (green + blue) / 2, (green - blue) * np.sqrt(3) / 2
    chroma = np.hypot(warm, cold)
    hue = np.stack([warm, cold], 1) / (chroma + 1e-3)[:, None]
    value = mean.max(1)
    return np.column_stack([mean, spread, hue, chroma / (value + 1e-3), value]).astype(np.float32)


class Captioned:
    """An image encoder and, where captions are given, their sentence vectors as one more source."""

    def __init__(self, images: VisualEncoder, texts: TextEncoder) -> None:
        self._images, self._texts = images, texts
        self.spec: Mapping[str, Slot] = {**images.spec, TEXT: Slot(1, texts.dim)}
        self.fingerprint = f"{images.fingerprint}+{texts.name}"

    def __call__(self, images: Pixels, captions: Sequence[str] | None = None) -> dict[str, Tensor]:
        """Encode images and captions."""
        made = self._images(images)
        if captions is None:
            return made
        return made | {TEXT: torch.from_numpy(self._texts(captions)).unsqueeze(1)}


def _patches(settings: Visual) -> VisualEncoder:
    return Patches(style=settings.style)


def _clip(settings: Visual) -> VisualEncoder:
    from artsound.train.visual_clip import ClipTokens  # noqa: PLC0415

    return ClipTokens(settings)


ENCODERS: dict[str, Callable[[Visual], VisualEncoder]] = {"clip": _clip, "patches": _patches}


def visual_encoder(settings: Visual, *, captions: bool = False) -> VisualEncoder:
    """Make the encoder that the settings name, which reads captions, too, if it shall.

    Raises:
        ConfigError: there is none of that name, or its weights are missing.
    """
    if settings.encoder not in ENCODERS:
        raise ConfigError(f"no visual encoder {settings.encoder!r}; there are: {', '.join(sorted(ENCODERS))}")
    images = ENCODERS[settings.encoder](settings)
    return Captioned(images, text_encoder(settings.text_encoder)) if captions else images
