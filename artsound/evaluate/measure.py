"""Every metric of every system, from what the ears heard. Arrays in, plain numbers out.

Distances compare the set with real clips of the split; the conditional metrics compare each clip with the
real clip that belongs to its picture, and are worth something only against shuffled pictures.
"""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np
from jaxtyping import Float

from artsound.errors import EvaluationError
from artsound.evaluate import classes
from artsound.evaluate.alignment import cosine, retrieval, shuffled_gap, unit
from artsound.evaluate.diversity import pairwise_distance, vendi
from artsound.evaluate.ears import Heard
from artsound.evaluate.frechet import frechet, frechet_infinity
from artsound.evaluate.kernel import kernel_interval

FEWEST = 16  # clips from which FAD∞ is extrapolated
FEW = 100  # below this many clips a plain Fréchet distance is mostly its own bias

Measured = dict[str, Any]  # metric → number, or ear → number, or a named group of numbers


def check_equal_counts(systems: Mapping[str, Mapping[str, Heard]], reference: Mapping[str, Heard]) -> int:
    """Return the number of clips, which must be the same for all: the bias of distances depends on it.

    Raises:
        EvaluationError: a system has more or fewer clips than the reference, or there are fewer than two.
    """
    counts = {name: {len(one.vectors) for one in heard.values()} for name, heard in systems.items()}
    (count,) = {len(one.vectors) for one in reference.values()}
    unlike = {name: found for name, found in counts.items() if found != {count}}
    if unlike:
        raise EvaluationError(
            f"systems of unlike size: {unlike} against {count} real clips; give equal numbers"
        )
    if count < 2:
        raise EvaluationError(f"{count} clips cannot be evaluated: choose a split with more pairs")
    return count


def measure(heard: Mapping[str, Heard], reference: Mapping[str, Heard], *, seed: int = 0) -> Measured:
    """Measure one system: row i of `heard` was made for the picture of row i of `reference`."""
    made: Measured = {name: {} for name in ("fad", "fad_infinity", "kad", "vendi", "pairwise_distance")}
    for ear, ours in heard.items():
        one, other = ours.vectors.astype(np.float64), reference[ear].vectors.astype(np.float64)
        made["fad"][ear] = frechet(one, other)
        made["fad_infinity"][ear] = _infinity(one, other, seed)
        made["kad"][ear] = kernel_interval(one, other, seed=seed)._asdict()
        made["vendi"][ear] = vendi(one)
        made["pairwise_distance"][ear] = pairwise_distance(one)
    made["retrieval"] = {ear: asdict(_found(heard[ear], reference[ear])) for ear in heard}
    made["gap"] = {f"same sound, {ear}": asdict(_same(heard[ear], reference[ear], seed)) for ear in heard}
    for ear, ours in heard.items():
        real = reference[ear]
        if ours.tags is not None and real.tags is not None:
            made |= _tagged(ear, ours.tags, real.tags, made, seed)
    return made


def _infinity(one: np.ndarray, other: np.ndarray, seed: int) -> dict[str, float] | None:
    return frechet_infinity(one, other, seed=seed)._asdict() if len(one) >= FEWEST else None


def _centred(ours: Heard, reference: Heard) -> tuple[np.ndarray, np.ndarray]:
    """Take what is common to all real clips away: else every cosine is near 1."""
    mean = reference.vectors.mean(axis=0)
    return ours.vectors - mean, reference.vectors - mean


def _found(ours: Heard, reference: Heard) -> Any:
    """Let each generated clip look for the real clip of its picture among all real clips."""
    one, other = _centred(ours, reference)
    return retrieval(unit(one) @ unit(other).T)


def _same(ours: Heard, reference: Heard, seed: int) -> Any:
    one, other = _centred(ours, reference)
    return shuffled_gap(lambda order: cosine(one, other[order]), len(one), seed=seed)


def _tagged(
    ear: str,
    ours: Float[np.ndarray, "clip tag"],
    reference: Float[np.ndarray, "clip tag"],
    made: Measured,
    seed: int,
) -> Measured:
    """Add what a tagger says: KL both ways of reading it, inception score, and the gap of the KL."""
    one, other = classes.logits(ours), classes.logits(reference)
    gap = shuffled_gap(lambda order: -classes.kl_softmax(other[order], one), len(one), seed=seed)
    return {
        "kl_softmax": made.get("kl_softmax", {}) | {ear: float(classes.kl_softmax(other, one).mean())},
        "kl_sigmoid": made.get("kl_sigmoid", {}) | {ear: float(classes.kl_sigmoid(reference, ours).mean())},
        "inception_score": made.get("inception_score", {})
        | {ear: classes.inception_score(classes.softmax(one))},
        "gap": made["gap"] | {f"minus KL (softmax), {ear}": asdict(gap)},
    }
