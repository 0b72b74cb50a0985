"""Fréchet distance between sets of embeddings (FAD), and its value for endless sets.

The distance of finite sets is biased upwards, by an amount of the order of dim/N: compare systems at equal
N only, and prefer FAD∞. A distance per clip is meaningless: it is the bias.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from artsound.progress import track

SIZES = 12  # subset sizes that the line is fitted to
REPEATS = 4  # subsets drawn of each size
SMALLEST = 0.25  # of N: the smallest subset
AGAIN, AGAIN_SIZES, AGAIN_REPEATS = (
    8,
    6,
    2,
)  # fits to clips drawn anew, coarser ones, and what each is made of
FEWEST = 16  # clips from which a line is fitted


class Extrapolated(NamedTuple):
    """A distance at N → ∞, and how well the line fits."""

    value: float
    within: float  # 95 % interval either way, rather too wide than too narrow
    slope: float  # the bias of N samples is slope / N
    r2: float  # share of the variance over subset sizes that the line explains


def frechet(ours: Float[np.ndarray, "n dim"], reference: Float[np.ndarray, "m dim"]) -> float:
    """Distance between normal distributions fitted to two sets: |Δμ|² + tr(Σ₁ + Σ₂ − 2(Σ₁Σ₂)^½).

    The trace of the root is the sum of the singular values of R₁R₂ᵀ, where RᵀR = Σ; this needs no root of a
    matrix, and sets smaller than the dimension are no special case.

    Raises:
        ValueError: fewer than two rows, or unlike dimensions.

    Source:
        Dowson and Landau 1982; Kilgour et al. 2019, arXiv:1812.08466.

    Examples:
        >>> frechet(np.array([[0.0], [2.0]]), np.array([[3.0], [5.0]]))
        9.0
    """
    (mean, root), (other_mean, other_root) = _moments(ours), _moments(reference)
    if mean.shape != other_mean.shape:
        raise ValueError(f"embeddings of unlike dimensions: {len(mean)} and {len(other_mean)}")
    shared = np.linalg.svd(root @ other_root.T, compute_uv=False).sum()
    spread = (root**2).sum() + (other_root**2).sum() - 2 * shared
    return float(((mean - other_mean) ** 2).sum() + max(spread, 0.0))


def frechet_infinity(
    ours: Float[np.ndarray, "n dim"], reference: Float[np.ndarray, "m dim"], *, seed: int = 0
) -> Extrapolated:
    """Extrapolate the distance to endless sets: a line in 1/N through subsets of both sets, at 1/N = 0.

    The line is straight from `straight_from` clips on; with fewer the value is too high, and no interval says
    so. The interval is of clips and subsets drawn anew, with replacement.

    Raises:
        ValueError: fewer than `FEWEST` rows in the smaller set.

    Source:
        Chong and Forsyth 2020, arXiv:1911.07023; for audio Gui et al. 2023, arXiv:2311.01616.
        Both sides are cut here, so the bias of the reference goes, too.
    """
    most = min(len(ours), len(reference))
    if most < FEWEST:
        raise ValueError(f"{most} clips are too few to extrapolate from: at least {FEWEST}")
    rng = np.random.default_rng([seed, most])
    sizes, distances = _shrunk(ours, reference, SIZES, REPEATS, rng)
    slope, value = np.polyfit(1 / sizes, distances, 1)
    left = np.square(distances - (value + slope / sizes)).sum()
    total = np.square(distances - np.mean(distances)).sum()
    again = [
        np.polyfit(1 / few, found, 1)[1]
        for few, found in (
            _shrunk(_anew(ours, rng), _anew(reference, rng), AGAIN_SIZES, AGAIN_REPEATS, rng)
            for _ in track(range(AGAIN), "interval of FAD∞")
        )
    ]
    within = 1.96 * float(np.std(again, ddof=1))
    return Extrapolated(float(value), within, float(slope), float(1 - left / total) if total > 0 else 1.0)


def straight_from(dim: int) -> int:
    """Count the clips that the smallest subset needs to have as many rows as the embedding has numbers.

    Examples:
        >>> straight_from(128)
        512
    """
    return round(dim / SMALLEST)


def _shrunk(
    ours: np.ndarray, reference: np.ndarray, sizes: int, repeats: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Return sizes of subsets, evenly spaced in 1/N, and the mean distance at each."""
    most = min(len(ours), len(reference))
    counts = np.round(1 / np.linspace(1 / most, 1 / (SMALLEST * most), sizes)).astype(int)
    distances = [
        np.mean([frechet(_some(ours, size, rng), _some(reference, size, rng)) for _ in range(repeats)])
        for size in track(counts, "extrapolating FAD∞")
    ]
    return counts, np.array(distances)


def _anew(rows: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return rows[rng.integers(len(rows), size=len(rows))]


def _moments(rows: Float[np.ndarray, "n dim"]) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean and a matrix R with RᵀR the unbiased covariance."""
    if len(rows) < 2:
        raise ValueError(f"{len(rows)} clips have no covariance: at least 2")
    mean = rows.mean(axis=0, dtype=np.float64)
    return mean, np.linalg.qr(rows - mean, mode="r") / np.sqrt(len(rows) - 1)


def _some(rows: np.ndarray, size: int, rng: np.random.Generator) -> np.ndarray:
    return rows[rng.choice(len(rows), size, replace=False)]
