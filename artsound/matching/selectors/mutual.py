"""Mutual nearest neighbours: both sides agree, so few pairs are wrong; hubs leave few pairs."""

import numpy as np
from jaxtyping import Int64

from artsound.matching.candidates import Candidates
from artsound.matching.scores import Fused
from artsound.matching.selectors.taking import by_artwork


def select(_: Fused, found: Candidates) -> Int64[np.ndarray, "pair two"]:
    """Choose the pairs that are best from both sides; takes an exact pass from the artworks' side."""
    order = np.lexsort((found.art, -found.score, found.music))
    clips, first = np.unique(found.music[order], return_index=True)
    nearest = found.art[order][first]
    both = found.finder.best_clips()[nearest] == clips
    return by_artwork(nearest[both], clips[both])
