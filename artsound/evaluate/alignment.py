"""Does the sound go with the picture? Cosine scores, IMSM, retrieval, and what shuffled pairs score."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

DERANGEMENTS = 5  # at least; a single one leaves chance correlations of up to 0.3
ROUNDS = 2000  # of the bootstrap
BANK_TEMPERATURE = 0.05  # of the softmax over captions


@dataclass(frozen=True)
class Gap:
    """How much better own pairs score than others, in the score's unit; above 0 where higher is better."""

    matched: float
    shuffled: float
    difference: float
    low: float  # 95 % interval of the difference, over clips
    high: float
    win_rate: float  # share of clips whose own partner beats the mean of the others


@dataclass(frozen=True)
class Retrieval:
    """How well queries find their own partner."""

    recall_at_1: float  # share in [0, 1]
    recall_at_5: float
    recall_at_10: float
    median_rank: float  # 1 is best
    candidates: int  # by chance, recall at k is k / candidates


def unit(rows: Float[np.ndarray, "n dim"]) -> Float[np.ndarray, "n dim"]:
    """Scale rows to length 1; a zero row stays."""
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    made: np.ndarray = rows / np.where(length > 0, length, 1)
    return made


def cosine(one: Float[np.ndarray, "n dim"], other: Float[np.ndarray, "n dim"]) -> Float[np.ndarray, " n"]:
    """Score pairs by cosine: the CLAP score of CLAP's text and audio, the ImageBind score of its sides."""
    if one.shape != other.shape:
        raise ValueError(f"{one.shape} and {other.shape}: rows must be pairs in one space")
    made: np.ndarray = (unit(one) * unit(other)).sum(axis=1)
    return made


def imsm(
    images: Float[np.ndarray, "n dim"],
    captions_by_image: Float[np.ndarray, "caption dim"],
    sounds: Float[np.ndarray, "n sound"],
    captions_by_sound: Float[np.ndarray, "caption sound"],
) -> Float[np.ndarray, " n"]:
    """Image–music similarity through a bank of captions that both spaces know.

    It is the cosine of the two softmax profiles. Language mediates, so this belongs to evaluation only.

    Args:
        images: in the image–text space (CLIP).
        captions_by_image: the bank in that space.
        sounds: in the text–audio space (CLAP).
        captions_by_sound: the same bank in that space.

    Source:
        After the metric of MeLFusion, arXiv:2406.04673; temperature and normalisation are ours.
    """
    return cosine(imsm_profiles(images, captions_by_image), imsm_profiles(sounds, captions_by_sound))


def _profile(rows: np.ndarray, bank: np.ndarray) -> np.ndarray:
    scores = unit(rows) @ unit(bank).T / BANK_TEMPERATURE
    raised = np.exp(scores - scores.max(axis=1, keepdims=True))
    made: np.ndarray = raised / raised.sum(axis=1, keepdims=True)
    return made


def imsm_profiles(
    rows: Float[np.ndarray, "n dim"], bank: Float[np.ndarray, "caption dim"]
) -> Float[np.ndarray, "n caption"]:
    """Say of each row which captions of a bank it is like: a softmax over cosines, at unit length."""
    return unit(_profile(rows, bank))


def retrieval(similarity: Float[np.ndarray, "n n"]) -> Retrieval:
    """Rank each row's own column, which has the row's number."""
    return of_ranks(ranks(similarity), similarity.shape[1])


def ranks(similarity: Float[np.ndarray, "n n"]) -> Int[np.ndarray, " n"]:
    """Rank each row's own column; 1 is best, and ties count against it, so a constant finds nothing."""
    own = np.diagonal(similarity)[:, None]
    made: np.ndarray = (similarity >= own).sum(axis=1)
    return made


def of_ranks(found: Int[np.ndarray, " n"], candidates: int) -> Retrieval:
    """Summarise ranks; also of likelihood retrieval, where the own image should give the lowest loss."""
    at_1, at_5, at_10 = (float((found <= k).mean()) for k in (1, 5, 10))
    return Retrieval(at_1, at_5, at_10, float(np.median(found)), candidates)


def found_gap(similarity: Float[np.ndarray, "n n"], *, k: int = 10, seed: int = 0) -> Gap:
    """Compare how often the own column, and how often a shuffled one, is among the best `k` of a row.

    Where there are fewer than 2k columns the better half counts, else everything would be found.
    """
    count = len(similarity)
    best = min(k, count // 2)
    rows = np.arange(count)

    def hit(order: np.ndarray) -> np.ndarray:
        made: np.ndarray = (similarity >= similarity[rows, order][:, None]).sum(axis=1) <= best
        return made.astype(np.float64)

    return shuffled_gap(hit, count, seed=seed)


def derangements(count: int, *, seed: int = 0, number: int = DERANGEMENTS) -> Int[np.ndarray, "number count"]:
    """Draw orders in which nothing stays in place: rotations of random circles.

    Raises:
        ValueError: there are fewer than two, or fewer than five orders are asked for.
    """
    if count < 2 or number < DERANGEMENTS:
        raise ValueError(f"{count} pairs, {number} orders: at least 2 and {DERANGEMENTS} are needed")
    made = np.empty((number, count), np.int64)
    for row in range(number):
        circle = np.random.default_rng([seed, row]).permutation(count)
        made[row, circle] = np.roll(circle, 1)
    return made


def shuffled_gap(
    score: Callable[[Int[np.ndarray, " n"]], Float[np.ndarray, " n"]], count: int, *, seed: int = 0
) -> Gap:
    """Score own pairs against shuffled ones.

    Args:
        score: gives the score of each clip when it meets the partner of the given number; higher is better.
        count: how many pairs there are.
        seed: of orders and bootstrap.
    """
    matched = score(np.arange(count))
    return gap(matched, np.stack([score(order) for order in derangements(count, seed=seed)]), seed=seed)


def gap(matched: Float[np.ndarray, " n"], shuffled: Float[np.ndarray, "order n"], *, seed: int = 0) -> Gap:
    """Compare the same clips under own and other partners; the bootstrap draws clips, so it stays paired.

    Raises:
        ValueError: fewer than five derangements.
    """
    if len(shuffled) < DERANGEMENTS:
        raise ValueError(f"{len(shuffled)} derangements: at least {DERANGEMENTS}")
    differences = matched - shuffled.mean(axis=0)
    rng = np.random.default_rng([seed, len(matched)])
    drawn = rng.integers(len(matched), size=(ROUNDS, len(matched)))
    low, high = np.quantile(differences[drawn].mean(axis=1), [0.025, 0.975])
    wins = float((differences > 0).mean())
    return Gap(
        float(matched.mean()),
        float(shuffled.mean()),
        float(differences.mean()),
        float(low),
        float(high),
        wins,
    )
