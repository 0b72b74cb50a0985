"""Log-mel pictures of a clip's windows, as CLAP takes them. Free of torch: workers start soon.

The same numbers as ClapFeatureExtractor of transformers gives, by one transform of all frames at once.
"""

from dataclasses import dataclass

import numpy as np
import scipy.fft
from jaxtyping import Float32, Float64

from artsound.models.windows import WindowRule

FAINTEST = 1e-10  # power that counts as silence: −100 dB


@dataclass(frozen=True, eq=False)
class Mels:
    """What becomes of a window: repeated as often as it fits, then silence, then a picture in dB."""

    rule: WindowRule
    filters: Float64[np.ndarray, "frequency mel"]
    rate: int  # Hz
    longest: int  # samples that the model hears at a time
    size: int  # samples of a frame
    hop: int  # samples between two frames
    views: int = 1  # 4 for a model that fuses a long clip's views: of a window all are the same

    def __call__(
        self, samples: Float32[np.ndarray, " sample"]
    ) -> Float32[np.ndarray, "window view frame mel"]:
        """Cut a clip and transform its windows."""
        made = np.stack([self._picture(window) for window in self.rule.cut(samples, self.rate)])
        return np.repeat(made[:, None], self.views, axis=1)

    def _picture(self, window: Float32[np.ndarray, " sample"]) -> Float32[np.ndarray, "frame mel"]:
        filled = np.zeros(self.longest)
        whole = np.tile(window, self.longest // max(1, len(window)))
        filled[: len(whole)] = whole
        padded = np.pad(filled, self.size // 2, mode="reflect")
        frames = np.lib.stride_tricks.sliding_window_view(padded, self.size)[:: self.hop]
        taper = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(self.size) / self.size)  # Hann's, periodic
        power = np.abs(scipy.fft.rfft(frames * taper)) ** 2
        decibels = 10 * np.log10(np.maximum(power @ self.filters, FAINTEST))
        return np.asarray(decibels, np.float32)
