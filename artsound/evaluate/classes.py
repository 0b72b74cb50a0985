"""Metrics on a classifier's probabilities: KL divergence from the paired reference, and the inception score.

The two readings of a tagger's outputs give very different numbers, so a report must say which one it used.
"""

import numpy as np
from jaxtyping import Float

SMALLEST = 1e-7  # probabilities are clipped, since a tagger may give exact zeros


def softmax(logits: Float[np.ndarray, "clip tag"]) -> Float[np.ndarray, "clip tag"]:
    """Read logits as one distribution over classes, per clip."""
    raised = np.exp(logits - logits.max(axis=1, keepdims=True))
    made: np.ndarray = raised / raised.sum(axis=1, keepdims=True)
    return made


def logits(probabilities: Float[np.ndarray, "clip tag"]) -> Float[np.ndarray, "clip tag"]:
    """Undo a sigmoid."""
    clipped = np.clip(probabilities.astype(np.float64), SMALLEST, 1 - SMALLEST)
    made: np.ndarray = np.log(clipped / (1 - clipped))
    return made


def kl_softmax(
    reference: Float[np.ndarray, "clip tag"], ours: Float[np.ndarray, "clip tag"]
) -> Float[np.ndarray, " clip"]:
    """KL of each clip's class distribution from its reference's, in nats: Σ p ln(p / q).

    Args:
        reference: logits of the clip that belongs to the picture.
        ours: logits of the generated clip, row by row.
    """
    return _kl(softmax(reference), softmax(ours))


def kl_sigmoid(
    reference: Float[np.ndarray, "clip tag"], ours: Float[np.ndarray, "clip tag"]
) -> Float[np.ndarray, " clip"]:
    """Sum over tags of the KL between yes-or-no answers, in nats; arguments are probabilities."""
    made: np.ndarray = _kl(reference, ours) + _kl(1 - reference, 1 - ours)
    return made


def divergences(
    reference: Float[np.ndarray, "clip tag"], ours: Float[np.ndarray, "clip tag"]
) -> Float[np.ndarray, "clip partner"]:
    """KL in nats of every clip's distribution (row) from every reference's (column)."""
    p, q = (np.clip(one.astype(np.float64), SMALLEST, 1) for one in (reference, ours))
    entropy = (reference * np.log(p)).sum(axis=1)
    made: np.ndarray = entropy[None, :] - np.log(q) @ reference.T
    return made


def inception_score(distributions: Float[np.ndarray, "clip tag"]) -> float:
    """Return exp of the mean KL of each clip's classes from the mean over clips: 1 to the number of classes.

    Not comparable between classifiers.

    Source:
        Salimans et al. 2016, arXiv:1606.03498.

    Examples:
        >>> round(inception_score(np.eye(4)), 6), round(inception_score(np.full((3, 4), 0.25)), 6)
        (4.0, 1.0)
    """
    mean = np.broadcast_to(distributions.mean(axis=0), distributions.shape)
    return float(np.exp(_kl(distributions, mean).mean()))


def _kl(reference: np.ndarray, ours: np.ndarray) -> np.ndarray:
    if reference.shape != ours.shape:
        raise ValueError(f"{reference.shape} and {ours.shape}: the clips must be pairs")
    p, q = (np.clip(one.astype(np.float64), SMALLEST, 1) for one in (reference, ours))
    made: np.ndarray = (reference * np.log(p / q)).sum(axis=1)
    return made
