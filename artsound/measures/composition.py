"""Composition of an image, from its lightness: edges, symmetry, lines of thirds."""

import numpy as np
from jaxtyping import Float32
from scipy import ndimage

EDGE = 4.0  # L* a pixel: a step that the eye takes for a line
BAND = 0.05  # half the width of a line of thirds, as a share of the side; the four cover 36 % of the area


def edges(lightness: Float32[np.ndarray, "height width"]) -> Float32[np.ndarray, "height width"]:
    """Give the slope of L* at every pixel, in L* a pixel."""
    down, right = (ndimage.sobel(lightness, axis=axis, mode="nearest") / 8 for axis in (0, 1))
    return np.asarray(np.hypot(down, right), dtype=np.float32)


def edge_density(slopes: Float32[np.ndarray, "height width"]) -> float:
    """Give the share of pixels that lie on an edge."""
    return float((slopes > EDGE).mean())


def symmetry(lightness: Float32[np.ndarray, "height width"]) -> float:
    """Correlate L* with its left-right mirror image; 1 for a flat image, which equals its mirror image."""
    centred = lightness - lightness.mean(dtype=np.float64)
    power = float(np.square(centred).sum())
    if power < 1e-6 * lightness.size:
        return 1.0
    return float((centred * centred[:, ::-1]).sum()) / power


def thirds_energy(slopes: Float32[np.ndarray, "height width"]) -> float:
    """Give the share of the edge energy near the four lines of thirds; evenly spread edges give 0.36."""
    energy = np.square(slopes, dtype=np.float64)
    if not energy.any():
        return 0.0
    rows, columns = (_near_thirds(length) for length in slopes.shape)
    return float(energy[rows[:, None] | columns].sum() / energy.sum())


def _near_thirds(length: int) -> np.ndarray:
    place = (np.arange(length) + 0.5) / length
    near: np.ndarray = np.minimum(abs(place - 1 / 3), abs(place - 2 / 3)) <= BAND
    return near
