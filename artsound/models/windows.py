"""The window rule: what a model hears of a clip that is longer than its ear, and how the parts are pooled.

Windows of `seconds` begin every `hop` seconds, as long as they fit; a clip shorter than one window is one
window, shorter than the others. `middle` is the one window in the middle of the clip.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float32

from artsound.models.vectors import unit


@dataclass(frozen=True)
class WindowRule:
    """Configured by `embeddings.clap`; part of the digest, so a changed rule makes new vectors."""

    seconds: float
    hop: float
    pooling: Literal["mean", "middle"]

    def cut(self, samples: Float32[np.ndarray, " sample"], rate: int) -> list[Float32[np.ndarray, " sample"]]:
        """Cut a clip into its windows.

        Examples:
            >>> rule = WindowRule(seconds=2, hop=1, pooling="mean")
            >>> [window.tolist() for window in rule.cut(np.arange(4, dtype=np.float32), rate=1)]
            [[0.0, 1.0], [1.0, 2.0], [2.0, 3.0]]
        """
        length = round(self.seconds * rate)
        last = max(0, len(samples) - length)
        if self.pooling == "middle":
            return [samples[last // 2 : last // 2 + length]]
        return [
            samples[start : start + length] for start in range(0, last + 1, max(1, round(self.hop * rate)))
        ]


def pooled(vectors: Float32[np.ndarray, "window dim"], counts: list[int]) -> Float32[np.ndarray, "clip dim"]:
    """Average the unit vectors of each clip's windows, and make the averages unit again."""
    ends = np.cumsum(counts)
    means = [vectors[end - count : end].mean(axis=0) for end, count in zip(ends, counts, strict=True)]
    return unit(np.stack(means)) if means else vectors[:0]
