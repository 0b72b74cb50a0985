"""The language side of AudioLDM2: T5 tokens of the one constant prompt, and what it makes of words.

CLAP and T5 read a prompt, the projection joins them, GPT-2 rolls out the LoA. As a teacher of captions this
is language supervision: it is here to be compared with, behind `supervision = "text_distill"`, and reported
apart. An evaluation says captions through it as a baseline. The direct way never loads it.

Source:
    Liu et al. 2023, arXiv:2308.05734.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from artsound.errors import ConfigError
from artsound.models.torch_ready import torchvision_ready
from artsound.train.fingerprint import file_digest
from artsound.train.prior import Cond
from artsound.train.weights import load_part
from artsound.train.workers import own_device

SMALLEST_VOCABULARY = 100  # transformers 5 gives a nearly empty tokenizer when its files are missing
LONGEST = 128  # tokens that T5 reads, as the prior was trained
EIGHT = 8  # tokens of the LoA, where the checkpoint does not say
PARTS = ("text_encoder", "text_encoder_2", "projection_model", "language_model")


def roll_out(language_model: Any, prefix: Tensor) -> Tensor:
    """Let GPT-2 append its last hidden state, token by token: prefix (B, n, dim) → LoA (B, 8, dim)."""
    if language_model is None:
        raise ValueError("the roll-out needs the language model")
    count = int(getattr(language_model.config, "max_new_tokens", None) or EIGHT)
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
    words = tokenizer(folder, "tokenizer_2")(prompt, return_tensors="pt")
    tokens: Tensor = encoder(**words).last_hidden_state[0]
    return tokens


class Words:
    """The parts of a checkpoint that a projector does without: CLAP, T5, the projection, GPT-2."""

    def __init__(self, folder: Path) -> None:
        """Load them.

        Raises:
            ConfigError: a part is missing or of another kind.
        """
        torchvision_ready()
        from diffusers import AudioLDM2ProjectionModel  # noqa: PLC0415
        from transformers import ClapModel, GPT2Model, T5EncoderModel  # noqa: PLC0415

        self._clap_tokens, self._t5_tokens = tokenizer(folder, "tokenizer"), tokenizer(folder, "tokenizer_2")
        kinds = (ClapModel, T5EncoderModel, AudioLDM2ProjectionModel, GPT2Model)
        loaded = (load_part(kind, folder, part) for kind, part in zip(kinds, PARTS, strict=True))
        self.device = own_device()
        self.clap, self._t5, self._projection, self._gpt2 = (
            one.eval().requires_grad_(False).to(self.device) for one in loaded
        )

    def say(self, prompts: Sequence[str]) -> Cond:
        """Condition on words."""
        return self.join(self._clap_of(prompts), prompts)

    @torch.no_grad()
    def join(self, clap: Tensor, prompts: Sequence[str]) -> Cond:
        """Condition on vectors of CLAP's space and on prompts, one by one: padding would be attended to."""
        loa, t5 = [], []
        for vector, prompt in zip(clap, prompts, strict=True):
            words = self._t5_tokens(prompt, truncation=True, max_length=LONGEST, return_tensors="pt")
            read = self._t5(**words.to(self.device)).last_hidden_state
            joined = self._projection(hidden_states=vector[None, None], hidden_states_1=read).hidden_states
            loa.append(roll_out(self._gpt2, joined)[0])
            t5.append(read[0])
        longest = max(len(one) for one in t5)
        mask = torch.stack([torch.arange(longest) < len(one) for one in t5]).to(self.device)
        padded = torch.stack([functional.pad(one, (0, 0, 0, longest - len(one))) for one in t5])
        return {"loa": torch.stack(loa), "t5": padded, "t5_mask": mask}

    @torch.no_grad()
    def projected(self, clap: Tensor) -> Tensor:
        """Bring vectors of CLAP's space (B, dim) to GPT-2's width."""
        made: Tensor = self._projection.projection(clap)
        return made

    @torch.no_grad()
    def _clap_of(self, prompts: Sequence[str]) -> Tensor:
        longest = self.clap.config.text_config.max_position_embeddings - 2  # RoBERTa keeps two positions
        words = self._clap_tokens(
            list(prompts), padding=True, truncation=True, max_length=longest, return_tensors="pt"
        )
        said = self.clap.get_text_features(
            input_ids=words.input_ids.to(self.device), attention_mask=words.attention_mask.to(self.device)
        )
        return functional.normalize(said.pooler_output, dim=-1)


class LoaOfCaptions:
    """Teaches which LoA the prior makes of a caption."""

    def __init__(self, folder: Path) -> None:
        self._words = Words(folder)
        self.fingerprint = "captions-2-" + "-".join(file_digest(folder / part)[:8] for part in PARTS)

    def __call__(self, captions: Sequence[str]) -> dict[str, Tensor]:
        """Return the LoA of each caption, (B, 8, dim)."""
        return {"loa": self._words.say(captions)["loa"]}


def tokenizer(folder: Path, part: str) -> Any:
    """Load a tokenizer, whichever kind it is.

    Raises:
        ConfigError: it is missing, or its files are.
    """
    from transformers import AutoTokenizer  # noqa: PLC0415

    found = load_part(AutoTokenizer, folder, part)
    if len(found) < SMALLEST_VOCABULARY:
        raise ConfigError(f"{folder / part} has no vocabulary: fetch the weights again")
    return found
