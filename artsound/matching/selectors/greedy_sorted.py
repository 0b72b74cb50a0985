"""Best pairs first, each item once: high scores at the top, a long poor tail."""

import numpy as np
from jaxtyping import Int64

from artsound.matching.candidates import Candidates, Edges
from artsound.matching.scores import Fused
from artsound.matching.selectors.taking import take


def best_first(edges: Edges) -> Int64[np.ndarray, "edge"]:
    """Order edges by score; ties go to the lower artwork, then the lower clip."""
    return np.lexsort((edges.music, edges.art, -edges.score))


def select(_: Fused, found: Candidates) -> Int64[np.ndarray, "pair two"]:
    """Choose pairs until a side is used up."""
    return take(found, best_first)
