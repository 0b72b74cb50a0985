"""Rows of unit length."""

import numpy as np
from jaxtyping import Float32


def unit(rows: Float32[np.ndarray, "row dim"]) -> Float32[np.ndarray, "row dim"]:
    """Scale each row to length 1; a row that has no direction (zero, or not finite) becomes NaN.

    Examples:
        >>> unit(np.array([[3, 4], [0, 0]], np.float32))
        array([[0.6, 0.8],
               [nan, nan]], dtype=float32)
    """
    lengths = np.linalg.norm(rows.astype(np.float64), axis=1, keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(rows / lengths, np.float32)
