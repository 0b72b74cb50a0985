"""Clips in hash order, each takes its best free artwork: one cheap pass; who comes late gets what is left."""

import numpy as np
from jaxtyping import Int64

from artsound.matching.candidates import Candidates
from artsound.matching.optimal import hashes
from artsound.matching.scores import Fused
from artsound.matching.selectors.taking import take


def select(fused: Fused, found: Candidates) -> Int64[np.ndarray, "pair two"]:
    """Choose pairs until a side is used up."""
    turn = np.argsort(np.argsort(hashes("music", fused.music_ids), kind="stable"))
    return take(found, lambda edges: np.lexsort((edges.art, -edges.score, turn[edges.music])))
