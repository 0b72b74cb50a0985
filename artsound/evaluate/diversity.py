"""How unlike are the generated clips? A model that always plays the same tune scores 1 and 0."""

import numpy as np
from jaxtyping import Float

from artsound.evaluate.alignment import unit


def vendi(rows: Float[np.ndarray, "n dim"]) -> float:
    """Count effectively different clips, 1 to n: exp of the entropy of the cosine kernel's eigenvalues.

    Source:
        Friedman and Dieng 2022, arXiv:2210.02410.

    Examples:
        >>> round(vendi(np.eye(3)), 6), round(vendi(np.ones((5, 2))), 6)
        (3.0, 1.0)
    """
    values = np.linalg.svd(unit(rows.astype(np.float64)), compute_uv=False) ** 2 / len(rows)
    kept = values[values > 1e-12]
    return float(np.exp(-(kept * np.log(kept)).sum()))


def pairwise_distance(rows: Float[np.ndarray, "n dim"]) -> float:
    """Mean cosine distance between two unlike clips, 0 to 2.

    Raises:
        ValueError: fewer than two clips.
    """
    if len(rows) < 2:
        raise ValueError("one clip has no distance to others")
    total = unit(rows.astype(np.float64)).sum(axis=0)
    lengths = (unit(rows.astype(np.float64)) ** 2).sum()
    return float(1 - (total @ total - lengths) / (len(rows) * (len(rows) - 1)))
