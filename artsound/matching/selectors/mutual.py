"""Mutual nearest neighbours: both sides agree, so few pairs are wrong; hubs leave few pairs."""

import numpy as np
from jaxtyping import Int64

from artsound.matching.candidates import Candidates
from artsound.matching.scores import Fused
from artsound.matching.selectors.taking import by_artwork


def select(_: Fused, found: Candidates) -> Int64[np.ndarray, "pair two"]:
    """Choose the pairs that are best from both sides; an artwork's best is among the clips' candidates."""
    order = np.lexsort((found.art, -found.score, found.music))
    first = order[np.unique(found.music[order], return_index=True)[1]]
    order = np.lexsort((found.music, -found.score, found.art))
    best = order[np.unique(found.art[order], return_index=True)[1]]
    both = np.intersect1d(first, best)
    return by_artwork(found.art[both], found.music[both])
