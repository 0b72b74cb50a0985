"""What changes a piece: the picture, or the noise? Cosine distances after what all real clips share is gone.

A model that ignores pictures has `swapped` 0: the same noise under another picture sounds the same. One that
knows a single tune to a picture has `again` 0 and a Vendi score of 1.
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from artsound.evaluate.alignment import cosine
from artsound.evaluate.diversity import pairwise_distance, vendi
from artsound.evaluate.ears import Heard

PICTURES = 16  # for which several pieces are made, at most
AGAIN = 4  # pieces a picture


class Sensitivity(NamedTuple):
    """Of one ear; distances are 0 to 2."""

    swapped: float  # same noise, another picture
    again: float  # same picture, other noise
    apart: float  # other picture, other noise
    vendi_again: float  # effectively different pieces of one picture, 1 to `AGAIN`


def sensitivity(
    ours: Float[np.ndarray, "clip dim"],
    swapped: Float[np.ndarray, "clip dim"],
    again: Float[np.ndarray, "piece dim"],
    mean: Float[np.ndarray, " dim"],
) -> Sensitivity:
    """Compare pieces of one ear.

    Args:
        ours: clip i of the model.
        swapped: clip i from the same noise under another picture.
        again: `AGAIN` pieces of each of some pictures, picture by picture.
        mean: of the real clips.
    """
    pieces = (again - mean).reshape(-1, AGAIN, again.shape[1])
    return Sensitivity(
        float(1 - cosine(ours - mean, swapped - mean).mean()),
        float(np.mean([pairwise_distance(one) for one in pieces])),
        pairwise_distance(ours - mean),
        float(np.mean([vendi(one) for one in pieces])),
    )


def by_ear(
    ours: Mapping[str, Heard],
    swapped: Mapping[str, Heard],
    again: Mapping[str, Heard],
    real: Mapping[str, Heard],
) -> dict[str, dict[str, float]]:
    """Compare pieces, ear by ear."""
    return {
        ear: sensitivity(
            one.vectors, swapped[ear].vectors, again[ear].vectors, real[ear].vectors.mean(axis=0)
        )._asdict()
        for ear, one in ours.items()
    }
