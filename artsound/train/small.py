"""The small prior: trains from scratch on a CPU in minutes, for users without weights and for CI."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from artsound.train import losses
from artsound.train.codec import MelCodec
from artsound.train.dit import DiT
from artsound.train.fingerprint import fingerprint, seeded
from artsound.train.prior import Cond, Slot
from artsound.train.sample import Predict, flow, guided
from artsound.train.settings import SmallPrior


class SmallAudioPrior:
    """Mel codec and flow-matching transformer behind the protocol `AudioPrior`."""

    def __init__(self, settings: SmallPrior) -> None:
        slot = Slot(settings.loa_tokens, settings.components)
        self.settings = settings
        self.codec = MelCodec(settings)
        with seeded(settings.seed):
            self.network = DiT(
                settings.components, slot, width=settings.width, blocks=settings.blocks, heads=settings.heads
            )
        self.rate = settings.rate
        self.seconds = settings.seconds
        self.latent_shape = (settings.tokens, settings.components)
        self.cond_spec: Mapping[str, Slot] = {"loa": slot}
        self.learned_spec: Mapping[str, Slot] = {}

    @property
    def fingerprint(self) -> str:
        """Identify the fitted codec and the window."""
        return fingerprint(self.codec.state_dict(), self.codec_settings)

    @property
    def denoiser(self) -> str:
        """Return nothing: the network is trained here and kept in the model's file."""
        return ""

    @property
    def codec_settings(self) -> dict[str, Any]:
        """Return the settings that the codec depends on."""
        return self.settings.model_dump(include=set(_CODEC_SETTINGS))

    def to(self, device: torch.device) -> None:
        """Move codec and network."""
        self.codec.to(device)
        self.network.to(device)

    def encode_audio(self, waves: Tensor) -> Tensor:
        """Code windows (B, sample) as (B, token, component)."""
        return self.codec.encode(waves)

    def targets(self, waves: Tensor, latents: Tensor) -> dict[str, Tensor]:
        """Pool the latents over time: (mean + maximum) / 2 of each group, as AudioLDM2 pools AudioMAE."""
        groups = latents.reshape(len(latents), self.settings.loa_tokens, -1, latents.shape[-1])
        return {"loa": (groups.mean(2) + groups.amax(2)) / 2}

    def decode(self, latents: Tensor) -> Tensor:
        """Turn latents into windows (B, sample)."""
        return self.codec.decode(latents)

    def null(self) -> dict[str, Tensor]:
        """Return the null that the network learned."""
        return {"loa": self.network.null.detach().clone()}

    def tunable(self) -> list[nn.Parameter]:
        """Return keys and values of the cross-attention, where the settings say so."""
        if self.settings.trainable == "none":
            return []
        return [one for name, one in self.network.named_parameters() if "cross.key_value" in name]

    def loss(self, latents: Tensor, cond: Cond, levels: Tensor, noise: Tensor) -> Tensor:
        """Return the squared error of the velocity, (B,)."""
        times = losses.logit_normal(levels)
        noisy, velocity = losses.flow_pair(latents, noise, times)
        return losses.each((self.network(noisy, times, cond["loa"]) - velocity) ** 2)

    def sample(self, cond: Cond, null: Cond | None, noise: Tensor, steps: int, guidance: float) -> Tensor:
        """Follow the velocity from noise to latents."""
        return flow(guided(self._under(cond), self._under(null) if null else None, guidance), noise, steps)

    def _under(self, cond: Cond) -> Predict:
        return lambda noisy, times: self.network(noisy, times, cond["loa"])


_CODEC_SETTINGS = ("kind", "rate", "seconds", "mels", "fft", "hop", "patch", "components", "loa_tokens")
