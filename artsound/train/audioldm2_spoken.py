"""AudioLDM2 the way it was meant: from words, and from sound, by its own text and audio encoders.

The text cascade says a picture's caption to the very prior that the projector feeds. The oracle puts CLAP's
vector of the real clip in the place of CLAP's vector of the words, with nothing said to T5.

Source:
    The cascade stands for Mozart's Touch, arXiv:2405.02801.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import soxr
import torch
from jaxtyping import Float32
from torch import Tensor
from torch.nn import functional

from artsound.train.audioldm2 import LICENCE, AudioLdm2
from artsound.train.audioldm2_text import Words
from artsound.train.prior import Cond
from artsound.train.weights import folder_of, load_part


class Spoken:
    """Conditioning of a prior from words and from sound."""

    parts = "CLAP, T5 and GPT-2"

    def __init__(self, prior: AudioLdm2) -> None:
        """Load what it takes from where the prior's weights lie.

        Raises:
            ConfigError: a part is missing or of another kind.
        """
        from transformers import ClapFeatureExtractor  # noqa: PLC0415

        folder = folder_of(prior.settings.weights, prior.settings.revision, LICENCE)
        self._rate = prior.rate
        self._words = Words(folder)
        self._extract: Any = load_part(ClapFeatureExtractor, folder, "feature_extractor")

    def say(self, prompts: Sequence[str]) -> Cond:
        """Condition on words."""
        return self._words.say(prompts)

    def hear(self, clips: Float32[np.ndarray, "clip frame"]) -> Cond:
        """Condition on sound at the prior's rate."""
        return self._words.join(self._heard(clips), [""] * len(clips))

    def silence(self, count: int) -> Cond:
        """Condition on the empty prompt: what guidance leads away from."""
        return {name: one.expand(count, *one.shape[1:]) for name, one in self.say([""]).items()}

    @torch.no_grad()
    def _heard(self, clips: Float32[np.ndarray, "clip frame"]) -> Tensor:
        rate, device = int(self._extract.sampling_rate), self._words.device
        found = []
        for clip in clips:
            same = soxr.resample(clip, self._rate, rate, quality="HQ")[: self._extract.nb_max_samples]
            mels = self._extract(
                same, sampling_rate=rate, truncation="rand_trunc", padding="repeatpad", return_tensors="pt"
            )["input_features"].to(device)
            longer = torch.zeros((len(mels), 1), dtype=torch.bool, device=device)
            heard = self._words.clap.get_audio_features(input_features=mels, is_longer=longer)
            found.append(heard.pooler_output)
        return functional.normalize(torch.cat(found), dim=-1)
