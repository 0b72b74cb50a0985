"""What can be asked: a question with one image or one recording, and a reply in words."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from jaxtyping import Float32, UInt8

AUDIO_RATE = 16_000  # Hz; what audio–language models take


@dataclass(frozen=True)
class Question:
    """One item as a model gets it."""

    prompt: str
    schema: dict[str, Any]  # JSON schema of the answer
    seed: int
    temperature: float = 0.0
    image: UInt8[np.ndarray, "height width 3"] | None = None
    audio: Float32[np.ndarray, " sample"] | None = None  # mono at `AUDIO_RATE`


@dataclass(frozen=True)
class Reply:
    """What came back. A refusal is an answer too: the model will say no again; a failure is none."""

    text: str = ""
    refused: str = ""  # why there is no text, in one line
    failed: bool = False  # refused by the way there, not by the model: worth another try in a later run
    tokens: int | None = None  # of question and answer
    seconds: float | None = None
    thought: str = ""  # what the model wrote before its answer, where the server keeps it apart
    served: str = ""  # what the server says it answered with, such as a dated name of the model


class Backend(Protocol):
    """Something that answers. `name` is name@revision, as far as a revision can be known."""

    name: str
    weights: str | None  # sha256, where the weights are on this machine
    sampling: Mapping[str, float]  # settings that it always samples by, beside those of the question

    def __call__(self, questions: Sequence[Question]) -> Iterator[tuple[int, Reply]]:
        """Yield the position of a question and its reply as soon as it is there, in any order.

        Raises:
            SourceError: nothing can be asked any more: out of reach, or the budget is used up.
            ConfigError: the model does not exist, or refuses the key.
        """
