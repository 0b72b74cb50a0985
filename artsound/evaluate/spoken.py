"""AudioLDM2 the way it was meant: from words, and from sound, by its own text and audio encoders.

The text cascade says a picture's caption to the very prior that the projector feeds: CLAP and T5 read it, the
projection joins them, GPT-2 rolls out the LoA, and the U-Net attends to that and to T5's tokens. The oracle
puts CLAP's vector of the real clip in the place of CLAP's vector of the words, with nothing said to T5.

Source:
    Liu et al. 2023, arXiv:2308.05734; the cascade stands for Mozart's Touch, arXiv:2405.02801.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import soxr
import torch
from jaxtyping import Float32
from torch import Tensor
from torch.nn import functional

from artsound.errors import ConfigError
from artsound.models.torch_ready import torchvision_ready
from artsound.train.audioldm2 import LICENCE, AudioLdm2
from artsound.train.prior import Cond
from artsound.train.weights import folder_of, load_part

LONGEST = 128  # tokens that T5 reads, as the prior was trained
FEWEST_WORDS = 100  # transformers gives a nearly empty tokenizer where the files are missing
EIGHT = 8  # tokens of the LoA, where the checkpoint does not say


class Spoken:
    """The parts of a checkpoint that a projector does without: CLAP, T5, the projection, GPT-2."""

    def __init__(self, prior: AudioLdm2) -> None:
        """Load them from where the prior's weights lie.

        Raises:
            ConfigError: a part is missing or of another kind.
        """
        torchvision_ready()
        from diffusers import AudioLDM2ProjectionModel  # noqa: PLC0415
        from transformers import (  # noqa: PLC0415
            AutoTokenizer,
            ClapFeatureExtractor,
            ClapModel,
            GPT2Model,
            T5EncoderModel,
        )

        settings = prior.settings
        folder = folder_of(settings.weights, settings.revision, LICENCE)
        self._prior = prior
        self._clap: Any = load_part(ClapModel, folder, "text_encoder").eval()
        self._clap_tokens = _tokenizer(AutoTokenizer, folder, "tokenizer")
        self._t5: Any = load_part(T5EncoderModel, folder, "text_encoder_2").eval()
        self._t5_tokens = _tokenizer(AutoTokenizer, folder, "tokenizer_2")
        self._extract: Any = load_part(ClapFeatureExtractor, folder, "feature_extractor")
        self._projection: Any = load_part(AudioLDM2ProjectionModel, folder, "projection_model").eval()
        self._gpt2: Any = load_part(GPT2Model, folder, "language_model").eval()

    def say(self, prompts: Sequence[str]) -> Cond:
        """Condition on words."""
        return self._conditions(self._clap_of(prompts), prompts)

    def hear(self, clips: Float32[np.ndarray, "clip frame"]) -> Cond:
        """Condition on sound at the prior's rate."""
        return self._conditions(self._clap_heard(clips), [""] * len(clips))

    def silence(self, count: int) -> Cond:
        """Condition on the empty prompt: what guidance leads away from."""
        return self.say([""] * count)

    @torch.inference_mode()
    def _conditions(self, clap: Tensor, prompts: Sequence[str]) -> Cond:
        """Roll one clip out at a time: padding would be attended to, and lengths differ."""
        loa, t5 = [], []
        for vector, prompt in zip(clap, prompts, strict=True):
            words = self._t5_tokens(prompt, truncation=True, max_length=LONGEST, return_tensors="pt")
            read = self._t5(**words).last_hidden_state
            joined = self._projection(hidden_states=vector[None, None], hidden_states_1=read).hidden_states
            loa.append(self._roll_out(joined)[0])
            t5.append(read[0])
        longest = max(len(one) for one in t5)
        mask = torch.stack([torch.arange(longest) < len(one) for one in t5])
        padded = torch.stack([functional.pad(one, (0, 0, 0, longest - len(one))) for one in t5])
        return {"loa": torch.stack(loa), "t5": padded, "t5_mask": mask}

    def _roll_out(self, tokens: Tensor) -> Tensor:
        count = int(getattr(self._gpt2.config, "max_new_tokens", None) or EIGHT)
        for _ in range(count):
            last = self._gpt2(inputs_embeds=tokens, use_cache=False).last_hidden_state[:, -1:]
            tokens = torch.cat([tokens, last], dim=1)
        return tokens[:, -count:]

    @torch.inference_mode()
    def _clap_of(self, prompts: Sequence[str]) -> Tensor:
        longest = self._clap.config.text_config.max_position_embeddings - 2  # RoBERTa keeps two positions
        words = self._clap_tokens(
            list(prompts), padding=True, truncation=True, max_length=longest, return_tensors="pt"
        )
        return functional.normalize(self._clap.get_text_features(**words).pooler_output, dim=-1)

    @torch.inference_mode()
    def _clap_heard(self, clips: Float32[np.ndarray, "clip frame"]) -> Tensor:
        rate = int(self._extract.sampling_rate)
        found = []
        for clip in clips:
            same = soxr.resample(clip, self._prior.rate, rate, quality="HQ")[: self._extract.nb_max_samples]
            mels = self._extract(
                same, sampling_rate=rate, truncation="rand_trunc", padding="repeatpad", return_tensors="pt"
            )["input_features"]
            longer = torch.zeros((len(mels), 1), dtype=torch.bool)
            found.append(self._clap.get_audio_features(input_features=mels, is_longer=longer).pooler_output)
        return functional.normalize(torch.cat(found), dim=-1)


def _tokenizer(kind: Any, folder: Path, part: str) -> Any:
    tokenizer = load_part(kind, folder, part)
    if len(tokenizer) < FEWEST_WORDS:
        raise ConfigError(f"{folder}/{part} is incomplete: fetch the weights again")
    return tokenizer
