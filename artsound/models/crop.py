"""The square that image models are shown. Free of torch, so that a decoding process starts small and soon."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import UInt8
from PIL import Image


@dataclass(frozen=True)
class Crop:
    """What open_clip does before it normalises, by the names that its settings have."""

    size: int
    mode: Literal["shortest", "longest", "squash"] = "shortest"  # side that becomes `size`; squash: both
    bilinear: bool = False  # else bicubic
    fill: int = 0  # level of what is added beside an image whose longest side fits

    def __call__(self, pixels: UInt8[np.ndarray, "height width 3"]) -> UInt8[np.ndarray, "size size 3"]:
        """Scale an image, and cut its middle square or fill it up to one."""
        kind = Image.Resampling.BILINEAR if self.bilinear else Image.Resampling.BICUBIC
        height, width, _ = pixels.shape
        image = Image.fromarray(pixels).resize(self._scaled(height, width), kind)
        if self.mode == "longest":
            left, top = ((self.size - side) // 2 for side in image.size)
            square = Image.new("RGB", (self.size, self.size), (self.fill,) * 3)
            square.paste(image, (left, top))
            return np.asarray(square)
        left, top = (round((side - self.size) / 2) for side in image.size)
        return np.asarray(image.crop((left, top, left + self.size, top + self.size)))

    def _scaled(self, height: int, width: int) -> tuple[int, int]:
        """Give width and height of the scaled image, rounded as open_clip rounds them."""
        if self.mode == "squash":
            return self.size, self.size
        if self.mode == "longest":
            ratio = max(height, width) / self.size
            return max(1, round(width / ratio)), max(1, round(height / ratio))
        short = min(height, width)
        return self.size * width // short, self.size * height // short
