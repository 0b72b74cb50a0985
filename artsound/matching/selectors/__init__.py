"""Ways to choose pairs, one file each: fused scores and candidates in, positions (artwork, clip) out."""

from collections.abc import Callable

import numpy as np
from jaxtyping import Int64

from artsound.matching.candidates import Candidates
from artsound.matching.scores import Fused
from artsound.matching.selectors import (
    captions_only,
    greedy,
    greedy_sorted,
    mutual,
    optimal,
    sinkhorn,
    top_k,
)

Selector = Callable[[Fused, Candidates], Int64[np.ndarray, "pair two"]]

SELECTORS: dict[str, Selector] = {
    "optimal": optimal.select,
    "greedy": greedy.select,
    "greedy_sorted": greedy_sorted.select,
    "mutual": mutual.select,
    "top_k": top_k.select,
    "captions_only": captions_only.select,
    "sinkhorn": sinkhorn.select,
}
UNCORRECTED = ("optimal", "captions_only")  # find their own candidates, so no correction of hubs reaches them
