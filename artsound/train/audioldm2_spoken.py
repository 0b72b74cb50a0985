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
from artsound.train.audioldm2_text import PARTS, Words
from artsound.train.fingerprint import file_digest
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
        return self._words.join(self.vectors(clips), [""] * len(clips))

    def prefix(self, clips: Float32[np.ndarray, "clip frame"]) -> Tensor:
        """Make the token of sound that GPT-2 rolls out from, (B, dim)."""
        return self._words.projected(self.vectors(clips))

    def silence(self, count: int) -> Cond:
        """Condition on the empty prompt: what guidance leads away from."""
        return {name: one.expand(count, *one.shape[1:]) for name, one in self.say([""]).items()}

    @torch.no_grad()
    def vectors(self, clips: Float32[np.ndarray, "clip frame"]) -> Tensor:
        """Hear clips as vectors of CLAP's space, of length 1."""
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


class SlotsOfSound:
    """What the slots that a projector fills hold where AudioLDM2 hears a sound by its own encoders.

    The LoA as it is rolled out; the projected vector of CLAP at every place of a prefix; what T5 makes of no
    words at every place of the T5 slot.
    """

    def __init__(self, prior: AudioLdm2) -> None:
        """Load the encoders.

        Raises:
            ConfigError: a part is missing or of another kind.
        """
        folder = folder_of(prior.settings.weights, prior.settings.revision, LICENCE)
        self._slots = dict(prior.cond_spec)
        self._spoken = Spoken(prior)
        self.fingerprint = "sound-1-" + "-".join(file_digest(folder / part)[:8] for part in PARTS)

    def __call__(self, waves: Tensor) -> dict[str, Tensor]:
        """Return the slots of windows (B, sample)."""
        clips = waves.cpu().numpy()
        places = {name: slot.tokens for name, slot in self._slots.items()}
        made = {}
        if "prefix" in places:
            made["prefix"] = self._spoken.prefix(clips).unsqueeze(1).expand(-1, places["prefix"], -1)
        if "loa" in places or "t5" in places:
            heard = self._spoken.hear(clips)
            made |= {"loa": heard["loa"]} if "loa" in places else {}
            made |= {"t5": heard["t5"][:, -1:].expand(-1, places["t5"], -1)} if "t5" in places else {}
        return {name: one.cpu() for name, one in made.items()}
