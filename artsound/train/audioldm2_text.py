"""The language side of AudioLDM2: T5 tokens of the one constant prompt, and the LoA it makes of captions.

The latter is language supervision. It is here to be compared with, behind `supervision = "text_distill"`, and
is reported apart; the direct way never loads it.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from artsound.errors import ConfigError
from artsound.train.fingerprint import file_digest
from artsound.train.weights import load_part
from artsound.train.workers import own_device

SMALLEST_VOCABULARY = 100  # transformers 5 gives a nearly empty tokenizer when its files are missing
PARTS = ("text_encoder", "text_encoder_2", "projection_model", "language_model")


def roll_out(language_model: Any, prefix: Tensor) -> Tensor:
    """Let GPT-2 append its last hidden state, token by token: prefix (B, n, dim) → LoA (B, 8, dim)."""
    if language_model is None:
        raise ValueError("the roll-out needs the language model")
    count: int = language_model.config.max_new_tokens
    tokens = prefix
    for _ in range(count):
        last = language_model(inputs_embeds=tokens, use_cache=False).last_hidden_state[:, -1:]
        tokens = torch.cat([tokens, last], dim=1)
    return tokens[:, -count:]


@torch.no_grad()
def prompt_tokens(folder: Path, prompt: str) -> Tensor:
    """Encode the one constant prompt; T5 is let go afterwards."""
    from transformers import T5EncoderModel  # noqa: PLC0415

    encoder = load_part(T5EncoderModel, folder, "text_encoder_2").eval()
    tokens: Tensor = encoder(
        **_tokenizer(folder, "tokenizer_2")(prompt, return_tensors="pt")
    ).last_hidden_state[0]
    return tokens


class LoaOfCaptions:
    """CLAP and T5 read a caption, GPT-2 says the LoA: one caption at a time, so that nothing is padded."""

    def __init__(self, folder: Path) -> None:
        from diffusers import AudioLDM2ProjectionModel  # noqa: PLC0415
        from transformers import ClapModel, GPT2Model, T5EncoderModel  # noqa: PLC0415

        self._clap_words = _tokenizer(folder, "tokenizer")
        self._t5_words = _tokenizer(folder, "tokenizer_2")
        kinds = (ClapModel, T5EncoderModel, AudioLDM2ProjectionModel, GPT2Model)
        loaded = (load_part(kind, folder, part) for kind, part in zip(kinds, PARTS, strict=True))
        self._device = own_device()
        self._clap, self._t5, self._projection, self._gpt2 = (
            one.eval().requires_grad_(False).to(self._device) for one in loaded
        )
        self.fingerprint = "captions-1-" + "-".join(file_digest(folder / part)[:8] for part in PARTS)

    @torch.no_grad()
    def __call__(self, captions: Sequence[str]) -> dict[str, Tensor]:
        """Return the LoA of each caption, (B, 8, dim)."""
        return {"loa": torch.cat([self._one(caption) for caption in captions])}

    def _one(self, caption: str) -> Tensor:
        words, longer = (
            tokenizer(caption, truncation=True, max_length=512, return_tensors="pt").to(self._device)
            for tokenizer in (self._clap_words, self._t5_words)
        )
        heard = self._clap.get_text_features(
            words.input_ids, attention_mask=words.attention_mask
        ).pooler_output
        read = self._t5(longer.input_ids, attention_mask=longer.attention_mask).last_hidden_state
        prefix = self._projection(
            hidden_states=heard.unsqueeze(1),
            hidden_states_1=read,
            attention_mask=heard.new_ones(1, 1),
            attention_mask_1=longer.attention_mask,
        ).hidden_states
        return roll_out(self._gpt2, prefix)


def _tokenizer(folder: Path, part: str) -> Any:
    from transformers import AutoTokenizer  # noqa: PLC0415

    tokenizer = load_part(AutoTokenizer, folder, part)
    if len(tokenizer) < SMALLEST_VOCABULARY:
        raise ConfigError(f"{folder}/{part} is incomplete: fetch the weights again")
    return tokenizer
