"""Conditional scores: how well each generated clip goes with each partner of the split, higher is better.

A score is a matrix, clip by partner; the own partner stands on the diagonal. Its mean, what shuffled partners
score, and retrieval all come from the same matrix.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Float32, UInt8

from artsound.evaluate import classes
from artsound.evaluate.alignment import imsm_profiles, unit
from artsound.evaluate.ears import Ear, Heard
from artsound.evaluate.judges import Judges
from artsound.models.protocols import ImageEncoder
from artsound.progress import track

CLAP_SCORE, IMAGEBIND_SCORE, IMSM = "CLAP score", "ImageBind score", "IMSM"
NEEDED = {  # score → why it is not there, and how it would be
    CLAP_SCORE: "no CLAP weights: `--judge clap=FOLDER`, such as laion/larger_clap_music (Apache-2.0)",
    IMAGEBIND_SCORE: "no ImageBind weights: `--judge imagebind=FOLDER` (CC-BY-NC-SA-4.0, not commercial)",
    IMSM: "needs CLIP and CLAP weights: `--judge clip=FOLDER --judge clap=FOLDER`",
}
BANK = 512  # captions of the training split that IMSM goes through, at most

Matrix = Float[np.ndarray, "clip partner"]


class Score(NamedTuple):
    """One conditional score."""

    name: str
    ear: str  # whose hearing it reads
    families: frozenset[str]  # of all models that it goes through
    matrix: Callable[[Heard], Matrix]


class Partners(NamedTuple):
    """What the clips are held against, row by row."""

    images: Sequence[UInt8[np.ndarray, "height width 3"]]
    music_captions: Sequence[str]
    bank: Sequence[str]  # captions of other pairs


def scores(judges: Judges, real: Mapping[str, Heard], partners: Partners) -> list[Score]:
    """List every score that these judges can give."""
    made = [one for name, ear in judges.ears.items() for one in _of_sound(name, ear, real[name])]
    return [*made, *_of_words_and_pictures(judges, partners)]


def _of_sound(name: str, ear: Ear, real: Heard) -> Iterator[Score]:
    """Hold clips against the real clips that belong to the pictures."""
    mean = real.vectors.mean(axis=0)  # common to all real clips: with it every cosine is near 1
    partners = unit(real.vectors - mean)
    yield Score(
        f"same sound, {name}", name, ear.families, lambda ours: unit(ours.vectors - mean) @ partners.T
    )
    if real.tags is None:
        return
    tags = real.tags
    softmax = classes.softmax(classes.logits(tags))

    def minus_softmax(ours: Heard) -> Matrix:
        return -classes.divergences(softmax, classes.softmax(classes.logits(_tags(ours))))

    def minus_sigmoid(ours: Heard) -> Matrix:
        heard = _tags(ours)
        yes, no = classes.divergences(tags, heard), classes.divergences(1 - tags, 1 - heard)
        made: np.ndarray = -(yes + no)
        return made

    yield Score(f"minus KL (softmax), {name}", name, ear.families, minus_softmax)
    yield Score(f"minus KL (sigmoid), {name}", name, ear.families, minus_sigmoid)


def _of_words_and_pictures(judges: Judges, partners: Partners) -> Iterator[Score]:
    if judges.clap_words is not None:
        words = judges.clap_words(list(partners.music_captions))
        yield Score(CLAP_SCORE, "clap", frozenset({"clap"}), lambda ours: ours.vectors @ words.T)
        if judges.clip_words is not None and judges.clip_sights is not None:
            bank = sorted(set(partners.bank))[:BANK]
            by_sound = judges.clap_words(bank)
            pictures = imsm_profiles(_seen(judges.clip_sights, partners.images), judges.clip_words(bank))
            yield Score(
                IMSM,
                "clap",
                frozenset({"clap", "clip"}),
                lambda ours: imsm_profiles(ours.vectors, by_sound) @ pictures.T,
            )
    if judges.bound_sights is not None:
        sights = _seen(judges.bound_sights, partners.images)
        yield Score(
            IMAGEBIND_SCORE, "imagebind", frozenset({"imagebind"}), lambda ours: ours.vectors @ sights.T
        )


def _seen(encoder: ImageEncoder, images: Sequence[np.ndarray]) -> Float32[np.ndarray, "image dim"]:
    return np.concatenate(
        [encoder([encoder.prepare(image)]) for image in track(images, f"seeing with {encoder.name}")]
    )


def _tags(heard: Heard) -> Float32[np.ndarray, "clip tag"]:
    if heard.tags is None:
        raise ValueError("an ear gave tags for the real clips and none for the others")
    return heard.tags
