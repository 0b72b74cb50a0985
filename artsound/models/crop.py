"""The square that image models are shown. Free of torch, so that a decoding process starts small and soon."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import UInt8
from PIL import Image


@dataclass(frozen=True)
class Crop:
    """Shorter side to `size`, bicubic, then the middle square: what open_clip does before it normalises."""

    size: int

    def __call__(self, pixels: UInt8[np.ndarray, "height width 3"]) -> UInt8[np.ndarray, "size size 3"]:
        """Scale and cut an image."""
        height, width, _ = pixels.shape
        short = min(height, width)
        scaled = (self.size * width // short, self.size * height // short)
        image = Image.fromarray(pixels).resize(scaled, Image.Resampling.BICUBIC)
        left, top = (round((side - self.size) / 2) for side in scaled)
        return np.asarray(image.crop((left, top, left + self.size, top + self.size)))
