"""Every metric of every system, from what the ears heard. Arrays in, plain numbers out.

Distances compare the set with real clips of the split; the conditional scores compare each clip with what
belongs to its picture, and are worth something only against shuffled partners.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from artsound.errors import EvaluationError
from artsound.evaluate import classes
from artsound.evaluate.alignment import found_gap, retrieval, shuffled_gap
from artsound.evaluate.diversity import pairwise_distance, vendi
from artsound.evaluate.ears import Heard
from artsound.evaluate.frechet import FEWEST, frechet, frechet_infinity
from artsound.evaluate.kernel import kernel_interval
from artsound.evaluate.scores import Score

FEW = 100  # below this many clips a plain Fréchet distance is mostly its own bias

Measured = dict[str, Any]  # metric → ear → number; score → named numbers


def check_equal_counts(heard: Mapping[str, Heard], reference: Mapping[str, Heard], system: str) -> None:
    """Hold a system's number of clips against the reference's: the bias of distances depends on it.

    Raises:
        EvaluationError: it has more or fewer.
    """
    for ear, one in heard.items():
        if len(one.vectors) != len(reference[ear].vectors):
            raise EvaluationError(
                f"{system} has {len(one.vectors)} clips against {len(reference[ear].vectors)} real ones: "
                "give equal numbers"
            )


def measure(
    heard: Mapping[str, Heard], reference: Mapping[str, Heard], scores: Sequence[Score], *, seed: int = 0
) -> Measured:
    """Measure one system: row i of `heard` was made for the picture of row i of `reference`."""
    made: Measured = {
        name: {} for name in ("fad", "fad_infinity", "kad", "vendi", "pairwise_distance", "inception_score")
    }
    for ear, ours in heard.items():
        made["vendi"][ear] = vendi(ours.vectors)
        made["pairwise_distance"][ear] = pairwise_distance(ours.vectors)
        if ours.tags is not None:
            made["inception_score"][ear] = classes.inception_score(classes.softmax(classes.logits(ours.tags)))
    made |= distances(heard, reference, seed=seed)
    made["scores"] = {one.name: _scored(one, heard[one.ear], seed) for one in scores}
    return made


def distances(heard: Mapping[str, Heard], reference: Mapping[str, Heard], *, seed: int = 0) -> Measured:
    """Measure how far the set is from the real one, by every ear."""
    made: Measured = {"fad": {}, "fad_infinity": {}, "kad": {}}
    for ear, ours in heard.items():
        one, other = ours.vectors.astype(np.float64), reference[ear].vectors.astype(np.float64)
        made["fad"][ear] = frechet(one, other)
        enough = len(one) >= FEWEST
        made["fad_infinity"][ear] = frechet_infinity(one, other, seed=seed)._asdict() if enough else None
        made["kad"][ear] = kernel_interval(one, other, seed=seed)._asdict()
    return made


def _scored(score: Score, heard: Heard, seed: int) -> dict[str, Any]:
    """Read mean, gap and retrieval off one matrix."""
    matrix = score.matrix(heard)
    count = len(matrix)
    rows = np.arange(count)
    return {
        "gap": asdict(shuffled_gap(lambda order: matrix[rows, order], count, seed=seed)),
        "retrieval": asdict(retrieval(matrix)),
        "found_gap": asdict(found_gap(matrix, seed=seed)),
    }
