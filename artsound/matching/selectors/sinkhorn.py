"""Entropic transport on the candidates, then best shares first: near the optimum, cheap, proves nothing.

A pair's share of the plan is also a measure of how sure the choice is.
"""

import numpy as np
from jaxtyping import Float64, Int64

from artsound.matching.candidates import Candidates
from artsound.matching.scores import Fused
from artsound.matching.selectors.taking import take

SHARPNESS = 30.0  # inverse temperature, in units of 1 / spread of the candidates' scores
SWEEPS = 50


def select(_: Fused, found: Candidates) -> Int64[np.ndarray, "pair two"]:
    """Choose pairs by their share of the transport plan."""
    share = plan(found)
    return take(found, np.lexsort((found.music, found.art, -share)))


def plan(found: Candidates) -> Float64[np.ndarray, "edge"]:
    """Let each clip give 1 and no artwork take more (Cuturi 2013, arXiv:1306.0895)."""
    spread = max(float(found.score.std()), 1e-9)
    best = np.full(found.music.max() + 1, -np.inf)
    np.maximum.at(best, found.music, found.score)
    kernel = np.exp(np.maximum(SHARPNESS * (found.score - best[found.music]) / spread, -600.0))
    scale = np.ones(found.art.max() + 1)
    for _ in range(SWEEPS):
        given = 1 / np.bincount(found.music, weights=kernel * scale[found.art])
        taken = np.bincount(found.art, weights=kernel * given[found.music], minlength=len(scale))
        scale = 1 / np.maximum(taken, 1.0)
    given = 1 / np.bincount(found.music, weights=kernel * scale[found.art])
    return np.asarray(kernel * scale[found.art] * given[found.music])
