"""Best pairs first, each item once: high scores at the top, a long poor tail and clips left out."""

import numpy as np
from jaxtyping import Int64

from artsound.matching.candidates import Candidates
from artsound.matching.scores import Fused
from artsound.matching.selectors.taking import take


def select(_: Fused, found: Candidates) -> Int64[np.ndarray, "pair two"]:
    """Choose pairs; ties go to the lower artwork, then the lower clip."""
    return take(found, np.lexsort((found.music, found.art, -found.score)))
