"""What listens to clips in an evaluation: embeddings, and tags where the model knows some.

A distance is a statement about its encoder, too, so there are always several; none saw the generated clips.
The ears here are packaged; those that need weights stand in `judges`.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple, Protocol

import numpy as np
import soxr
from jaxtyping import Float32

from artsound.models.musicnn import RATE, Musicnn, log_mel
from artsound.progress import track


class Heard(NamedTuple):
    """What an ear makes of clips."""

    vectors: Float32[np.ndarray, "clip dim"]
    tags: Float32[np.ndarray, "clip tag"] | None  # probabilities, each tag by itself


class Ear(Protocol):
    """Embeds clips, one row each; the same clip gives the same row."""

    name: str  # name@revision
    rate: int  # Hz that it hears at
    families: frozenset[str]  # of models that it is, to be held against those that chose the pairs

    def __call__(self, clips: Float32[np.ndarray, "clip frame"]) -> Heard:
        """Listen to mono clips at `rate`."""


class MusicnnEar:
    """Layer before the tags, and the tags, of one of the two packaged taggers."""

    rate = RATE
    families = frozenset({"musicnn"})

    def __init__(self, part: str) -> None:
        self._model = Musicnn()
        self._part = part
        self.name = f"musicnn-{part.lower()}@{self._model.name.partition('@')[2]}"

    def __call__(self, clips: Float32[np.ndarray, "clip frame"]) -> Heard:
        """Listen."""
        heard = [self._model.hear(clip, self._part) for clip in track(clips, f"listening with {self.name}")]
        return Heard(np.stack([vector for vector, _ in heard]), np.stack([tags for _, tags in heard]))


class MelEar:
    """Mean and spread of every mel band: no learned weights, so no training set to be biased to."""

    name = "mel-statistics@1"
    rate = RATE
    families: frozenset[str] = frozenset()

    def __call__(self, clips: Float32[np.ndarray, "clip frame"]) -> Heard:
        """Listen."""
        frames = (log_mel(clip) for clip in track(clips, "measuring spectra"))
        return Heard(np.stack([np.concatenate([one.mean(0), one.std(0)]) for one in frames]), None)


PACKAGED: Mapping[str, Callable[[], Ear]] = {
    "musicnn-mtt": lambda: MusicnnEar("MTT"),
    "musicnn-msd": lambda: MusicnnEar("MSD"),
    "mel": MelEar,
}


def listen(ears: Mapping[str, Ear], clips: Float32[np.ndarray, "clip frame"], rate: int) -> dict[str, Heard]:
    """Bring clips to each ear's rate, and let every ear listen."""
    at: dict[int, Float32[np.ndarray, "clip frame"]] = {}
    for wanted in {ear.rate for ear in ears.values()}:
        if wanted == rate:
            at[wanted] = clips
            continue
        resampled = track(clips, f"resampling to {wanted} Hz")
        at[wanted] = np.stack([soxr.resample(one, rate, wanted, quality="HQ") for one in resampled])
    return {name: ear(at[ear.rate]) for name, ear in ears.items()}
