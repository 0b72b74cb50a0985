"""Caption against caption, with reuse, as ArtiCaps was made: needs no media model; hears and sees nothing."""

import numpy as np
from jaxtyping import Int64

from artsound.matching.candidates import Candidates, candidates
from artsound.matching.scores import Fused
from artsound.matching.selectors import top_k

TERM = "sentence"


def select(fused: Fused, _: Candidates) -> Int64[np.ndarray, "pair two"]:
    """Choose each clip's best artwork by the sentence term alone; by all terms where there is none.

    It finds its own candidates, hubs not corrected.
    """
    if TERM not in fused.parts:
        return top_k.select(fused, candidates(fused, 1))
    part = fused.parts[TERM]
    words = [np.ascontiguousarray(side[:, part]) for side in (fused.art, fused.music)]
    only = fused._replace(art=words[0], music=words[1], offset=fused.shifts[TERM])
    return top_k.select(only, candidates(only, 1))
