"""Each clip takes its best artworks, used or not: every clip is served, hubs are used a thousand times."""

import numpy as np
from jaxtyping import Int64

from artsound.matching.candidates import Candidates
from artsound.matching.scores import Fused
from artsound.matching.selectors.taking import by_artwork


def select(_: Fused, found: Candidates, k: int = 1) -> Int64[np.ndarray, "pair two"]:
    """Choose each clip's `k` best."""
    order = np.lexsort((found.art, -found.score, found.music))
    starts = np.searchsorted(found.music[order], found.music[order])
    chosen = order[np.arange(len(order)) - starts < k]
    return by_artwork(found.art[chosen], found.music[chosen])
