"""The protocol that every audio prior keeps, and the dict of factories.

A prior knows how to code audio as latents and how to make latents from conditioning tokens. Visual tokens
reach it only through a projector, so priors and projectors combine freely.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import NamedTuple, Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from artsound.errors import ConfigError
from artsound.train.settings import AudioLdm2Prior, Prior, SmallPrior, StableAudio3Prior

Cond = Mapping[str, Tensor]  # slot → tokens, (B, token, dim)


class Slot(NamedTuple):
    """Shape of one conditioning slot."""

    tokens: int
    dim: int


@runtime_checkable
class AudioPrior(Protocol):
    """Codes audio, and makes audio under conditioning.

    `network` is the denoiser: a plain module whose parameters the loop trains or leaves frozen.
    """

    @property
    def network(self) -> nn.Module:
        """The denoiser."""

    @property
    def rate(self) -> int:
        """Sample rate in Hz."""

    @property
    def seconds(self) -> float:
        """Length of the window it hears and makes."""

    @property
    def latent_shape(self) -> tuple[int, ...]:
        """Shape of the latents of one window."""

    @property
    def cond_spec(self) -> Mapping[str, Slot]:
        """Slots that the projector fills."""

    @property
    def learned_spec(self) -> Mapping[str, Slot]:
        """Slots filled by a learned constant: no language, no image."""

    @property
    def fingerprint(self) -> str:
        """Identify codec, mel and window: what cached latents depend on."""

    @property
    def denoiser(self) -> str:
        """Identify the frozen weights that a projector learns under; empty where its own file keeps them."""

    def to(self, device: torch.device) -> None:
        """Move all that it computes with."""

    def encode_audio(self, waves: Tensor) -> Tensor:
        """Code mono windows (B, sample) as latent means (B, *latent_shape)."""

    def targets(self, waves: Tensor, latents: Tensor) -> dict[str, Tensor]:
        """Derive conditioning from the audio alone; empty where the prior knows no such thing."""

    def decode(self, latents: Tensor) -> Tensor:
        """Turn latents back into mono windows (B, sample)."""

    def null(self) -> dict[str, Tensor]:
        """Return the conditioning that says nothing, (token, dim) a slot: where learned nulls start."""

    def tunable(self) -> list[nn.Parameter]:
        """Return the parameters of the network that train beside the projector; none when it is frozen."""

    def loss(self, latents: Tensor, cond: Cond, levels: Tensor, noise: Tensor) -> Tensor:
        """Return the denoising error of each sample, (B,), at noise levels in [0, 1)."""

    def sample(self, cond: Cond, null: Cond | None, noise: Tensor, steps: int, guidance: float) -> Tensor:
        """Make latents from noise; `null` is needed unless guidance is 1."""


@runtime_checkable
class CaptionTeacher(Protocol):
    """Says which conditioning a prior makes of captions: language supervision, for comparison only."""

    @property
    def fingerprint(self) -> str:
        """Identify weights and prompt."""

    def __call__(self, captions: Sequence[str]) -> dict[str, Tensor]:
        """Return the conditioning of each caption, slot → (B, token, dim)."""


@runtime_checkable
class OwnConditioning(Protocol):
    """Says which conditioning a prior's own encoders make of sounds; no word of a pair is read."""

    @property
    def fingerprint(self) -> str:
        """Identify the weights."""

    def __call__(self, waves: Tensor) -> dict[str, Tensor]:
        """Return the conditioning of windows (B, sample), slot → (B, token, dim)."""


def _small(settings: SmallPrior) -> AudioPrior:
    from artsound.train.small import SmallAudioPrior  # noqa: PLC0415

    return SmallAudioPrior(settings)


def _audioldm2(settings: AudioLdm2Prior) -> AudioPrior:
    from artsound.train.audioldm2 import AudioLdm2  # noqa: PLC0415

    return AudioLdm2.load(settings)


def _stable_audio3(settings: StableAudio3Prior) -> AudioPrior:
    from artsound.train.stable_audio3 import StableAudio3  # noqa: PLC0415

    return StableAudio3.load(settings)


PRIORS: dict[str, Callable[..., AudioPrior]] = {
    "small": _small,
    "audioldm2": _audioldm2,
    "stable_audio3": _stable_audio3,
}


def build(settings: Prior) -> AudioPrior:
    """Make the prior that the settings name; real checkpoints are loaded, the small one starts empty.

    Raises:
        ConfigError: weights are named that are not there.
    """
    return PRIORS[settings.kind](settings)


def own_conditioning(prior: AudioPrior) -> Callable[[], OwnConditioning] | None:
    """Find what loads the prior's own view of sounds; None where it derives no conditioning from them.

    What is found raises a ConfigError where weights are missing.
    """
    from artsound.train.audioldm2 import AudioLdm2  # noqa: PLC0415

    if not isinstance(prior, AudioLdm2):
        return None
    from artsound.train.audioldm2_spoken import SlotsOfSound  # noqa: PLC0415

    return partial(SlotsOfSound, prior)


def caption_teacher(settings: Prior) -> CaptionTeacher:
    """Load what says which conditioning a prior makes of captions.

    Raises:
        ConfigError: the prior reads no captions, or weights are missing.
    """
    if not isinstance(settings, AudioLdm2Prior):
        raise ConfigError(f"the prior {settings.kind} makes no conditioning of captions")
    from artsound.train.audioldm2 import AudioLdm2  # noqa: PLC0415

    return AudioLdm2.caption_teacher(settings)
