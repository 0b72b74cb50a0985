"""What of the Principles of Art can be measured: one stated number each.

Contrast is the standard deviation of L*. The others are below; what *stands out* is what differs in L*a*b*
from its surround. They describe, they do not judge: a high number says that the thing is there.
"""

import numpy as np
from jaxtyping import Float32
from scipy import ndimage

FAINT = 2.3  # L*a*b* distance that is just noticeable; a picture without more is flat
BLOCKS = 4  # the picture is compared with 4 × 4 parts of itself
HUE_BINS = 72  # of 5°


def balance(colours: Float32[np.ndarray, "height width 3"]) -> float:
    """Say how evenly left and right weigh: 1 when what stands out is centred, 0 when it is at a border."""
    weight = np.square(colours - np.median(colours, axis=(0, 1)), dtype=np.float64).sum(axis=-1)
    if weight.max() < FAINT**2:
        return 1.0
    width = weight.shape[1]
    centre = float((weight.sum(axis=0) @ (np.arange(width) + 0.5)) / (weight.sum() * width))
    return 1 - abs(2 * centre - 1)


def harmony(colours: Float32[np.ndarray, "height width 3"]) -> float:
    """Give the share of the chroma within 60° of hue and the 60° opposite, placed best.

    1: neighbouring or complementary hues, or none; 1/3: all hues alike.
    """
    strength = np.hypot(colours[..., 1], colours[..., 2])
    if strength.mean() < FAINT:
        return 1.0
    hue = np.arctan2(colours[..., 2], colours[..., 1]) / (2 * np.pi) % 1
    place = (hue * HUE_BINS).astype(int).ravel() % HUE_BINS
    wheel = np.bincount(place, strength.ravel().astype(np.float64), HUE_BINS)
    both = wheel + np.roll(wheel, HUE_BINS // 2)
    sector = ndimage.uniform_filter1d(both, HUE_BINS // 6, mode="wrap") * (HUE_BINS // 6)
    return min(1.0, float(sector.max() / wheel.sum()))


def variety(named: np.ndarray, names: int) -> float:
    """Give the entropy of the palette: 0 for one named colour, 1 for all of them in equal shares."""
    shares = np.bincount(named.ravel(), minlength=names) / named.size
    some = shares[shares > 0]
    return float(-(some * np.log(some)).sum() / np.log(names)) + 0.0


def unity(named: np.ndarray, names: int) -> float:
    """Say how much the parts are like the whole: mean overlap of their palettes with its own, 0 to 1."""
    whole = np.bincount(named.ravel(), minlength=names) / named.size
    parts = [part for row in np.array_split(named, BLOCKS) for part in np.array_split(row, BLOCKS, axis=1)]
    shares = [np.bincount(part.ravel(), minlength=names) / part.size for part in parts if part.size]
    return float(np.mean([np.minimum(whole, share).sum() for share in shares]))


def emphasis(colours: Float32[np.ndarray, "height width 3"]) -> float:
    """Say how much one place dominates: share of what stands out in the best sixteenth of the area.

    0: evenly spread, or nothing stands out; 1: all in one place.
    """
    side = max(colours.shape[:2])
    planes = np.moveaxis(colours, -1, 0)
    fine = np.stack([ndimage.gaussian_filter(plane, 0.015 * side) for plane in planes])
    coarse = np.stack([ndimage.uniform_filter(plane, max(1, round(0.4 * side))) for plane in planes])
    standing = np.square(fine - coarse, dtype=np.float64).sum(axis=0)
    if standing.max() < FAINT**2:
        return 0.0
    window = [max(1, round(length / 4)) for length in standing.shape]
    inside = ndimage.uniform_filter(standing, window, mode="constant") * np.prod(window)
    even = float(np.prod(window)) / standing.size
    return max(0.0, (float(inside.max() / standing.sum()) - even) / (1 - even)) if even < 1 else 0.0


def proportion(colours: Float32[np.ndarray, "height width 3"]) -> float:
    """Give the share of the area that the figure takes: what differs from the colour of the border (Otsu)."""
    rim = max(1, round(0.05 * min(colours.shape[:2])))
    inner = np.zeros(colours.shape[:2], bool)
    inner[rim:-rim, rim:-rim] = True
    away = np.linalg.norm(colours - np.median(colours[~inner], axis=0), axis=-1)
    return 0.0 if np.ptp(away) < FAINT else float((away > _otsu(away)).mean())


def movement(lightness: Float32[np.ndarray, "height width"]) -> float:
    """Give the share of edge energy within 22.5° of a diagonal: 0 upright and level, 0.5 all ways alike."""
    down, right = (ndimage.sobel(lightness.astype(np.float64), axis=axis, mode="nearest") for axis in (0, 1))
    energy = down**2 + right**2
    if energy.max() < FAINT:
        return 0.0
    diagonal = abs(2 * down * right) > np.sqrt(0.5) * energy  # |sin 2φ| > sin 45°
    return float(energy[diagonal].sum() / energy.sum())


def rhythm(slopes: Float32[np.ndarray, "height width"]) -> float:
    """Say how regularly accents recur across or down: best autocorrelation of the edges' profile, 0 to 1."""
    return max(_recurrence(slopes.sum(axis=axis, dtype=np.float64)) for axis in (0, 1))


def pattern(lightness: Float32[np.ndarray, "height width"]) -> float:
    """Say how well detail repeats when shifted: best autocorrelation beyond its own size, 0 to 1."""
    smooth = lightness.astype(np.float64)
    detail = smooth - ndimage.gaussian_filter(smooth, max(lightness.shape) / 16)
    height, width = lightness.shape
    spectrum = np.fft.rfft2(detail, (2 * height, 2 * width))
    shifted = np.fft.irfft2(spectrum * spectrum.conj(), (2 * height, 2 * width))
    if min(height, width) < 8 or shifted[0, 0] < FAINT**2 * 0.01 * lightness.size:
        return 0.0
    rows = np.arange(height // 2)
    columns = np.arange(-(width // 2), width // 2)
    similar = shifted[rows[:, None], columns] / shifted[0, 0]
    distance = np.hypot(rows[:, None], columns)
    rings = ndimage.mean(similar, distance.astype(int), np.arange(min(height, width) // 2))
    own = np.flatnonzero(rings <= 0)
    return float(max(0.0, similar[distance > own[0]].max())) if own.size else 0.0


def _recurrence(profile: np.ndarray) -> float:
    """Find the highest autocorrelation after the first time it falls to 0; 0 when it never does."""
    detail = profile - ndimage.gaussian_filter1d(profile, max(1.0, len(profile) / 8))
    product = np.correlate(detail, detail, "full")[len(detail) - 1 :][: max(1, len(detail) // 2)]
    fallen = np.flatnonzero(product <= 0)
    if not fallen.size or product[0] < 1e-9 * len(profile):
        return 0.0
    return float(max(0.0, product[fallen[0] :].max() / product[0]))


def _otsu(values: np.ndarray) -> float:
    """Find the threshold that parts values best into two groups (Otsu 1979)."""
    counts, borders = np.histogram(values, 128)
    centres = (borders[:-1] + borders[1:]) / 2
    below, total = np.cumsum(counts), counts.sum()
    mass, whole = np.cumsum(counts * centres), float((counts * centres).sum())
    with np.errstate(divide="ignore", invalid="ignore"):
        between = (mass * total - below * whole) ** 2 / (below * (total - below))
    return float(borders[1:][np.nanargmax(between[:-1])])
