"""Stable Audio 3 the way it was meant: from words, by its own text encoder.

An evaluation says captions through it: a picture's as the text cascade, a real clip's own as the oracle, for
this prior's conditioning was learned from captions alone. Training never loads it.

Source:
    Stability AI 2026, arXiv:2605.17991.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from artsound.progress import track
from artsound.train.audioldm2_text import tokenizer
from artsound.train.prior import Cond
from artsound.train.stable_audio3 import LICENCE, StableAudio3
from artsound.train.weights import folder_of, load_part
from artsound.train.workers import own_device

LONGEST = 256  # tokens of a prompt, as the prior was trained; the rest of them is its learned padding
BATCH = 16  # prompts that are read together


class Prompts:
    """Conditioning of a prior from words."""

    parts = "T5Gemma"

    def __init__(self, prior: StableAudio3) -> None:
        """Load the text encoder from where the prior's weights lie.

        Raises:
            ConfigError: it or its tokenizer is missing or of another kind.
        """
        from transformers import T5GemmaEncoderModel  # noqa: PLC0415

        folder = folder_of(prior.settings.weights, prior.settings.revision, LICENCE)
        self._tokens: Any = tokenizer(folder, "tokenizer")
        self._encoder: Any = load_part(T5GemmaEncoderModel, folder, "text_encoder").eval()
        self._encoder.requires_grad_(False).to(own_device())
        self._padding = prior.null()["prompt"][0]

    def say(self, prompts: Sequence[str]) -> Cond:
        """Condition on words: (B, 256, dim), the padding put in as the transformer would."""
        starts = track(range(0, len(prompts), BATCH), "reading prompts")
        return {"prompt": torch.cat([self._read(prompts[start : start + BATCH]) for start in starts])}

    def silence(self, count: int) -> Cond:
        """Condition on the empty prompt: what guidance leads away from."""
        return {"prompt": self._read([""]).expand(count, -1, -1)}

    @torch.no_grad()
    def _read(self, prompts: Sequence[str]) -> Tensor:
        longest = min(LONGEST, self._tokens.model_max_length)
        words = self._tokens(
            list(prompts), padding="max_length", max_length=longest, truncation=True, return_tensors="pt"
        ).to(self._encoder.device)
        read = self._encoder(words.input_ids, attention_mask=words.attention_mask).last_hidden_state
        said = words.attention_mask.bool().unsqueeze(-1)
        found: Tensor = torch.where(said, read, self._padding.to(read.device)).cpu()
        return found
