"""Entropic transport on the candidates, then best shares first: near the optimum, cheap, proves nothing.

A pair's share of the plan is also a measure of how sure the choice is.
"""

import numpy as np
from jaxtyping import Float64, Int64

from artsound.matching.candidates import Candidates, Edges
from artsound.matching.scores import Fused
from artsound.matching.selectors.taking import take

SHARPNESS = 30.0  # inverse temperature, in units of 1 / spread of the candidates' scores
SWEEPS = 50


def select(_: Fused, found: Candidates) -> Int64[np.ndarray, "pair two"]:
    """Choose pairs by their share of the transport plan; who has no candidate left joins in a new plan."""
    return take(found, lambda edges: np.lexsort((edges.music, edges.art, -plan(edges))))


def plan(found: Candidates | Edges) -> Float64[np.ndarray, "edge"]:
    """Let each clip give 1 and no artwork take more (Cuturi 2013, arXiv:1306.0895)."""
    spread = max(float(found.score.std()), 1e-9)
    clips, clip = np.unique(found.music, return_inverse=True)
    artworks, artwork = np.unique(found.art, return_inverse=True)
    best = np.full(len(clips), -np.inf)
    np.maximum.at(best, clip, found.score)
    kernel = np.exp(np.maximum(SHARPNESS * (found.score - best[clip]) / spread, -600.0))
    scale = np.ones(len(artworks))
    for _ in range(SWEEPS):
        given = 1 / np.bincount(clip, weights=kernel * scale[artwork])
        taken = np.bincount(artwork, weights=kernel * given[clip])
        scale = 1 / np.maximum(taken, 1.0)
    given = 1 / np.bincount(clip, weights=kernel * scale[artwork])
    return np.asarray(kernel * scale[artwork] * given[clip])
