"""Stable Audio 3 behind the protocol: a frozen rectified-flow transformer that visual tokens are fed to.

Its transformer attends to the tokens of a prompt, 768 numbers each, and to one of the duration. Here the
image makes the prompt's tokens; no text is read and the text encoder is never loaded. Our sound is mono: it
goes in on both channels, and what comes out is mixed.

Source:
    Stability AI 2026, arXiv:2605.17991.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from artsound.errors import ConfigError
from artsound.train import losses
from artsound.train.fingerprint import file_digest, fingerprint
from artsound.train.prior import Cond, Slot
from artsound.train.sample import Predict, flow, guided, ping_pong
from artsound.train.settings import StableAudio3Prior
from artsound.train.weights import folder_of, load_part

LICENCE = "Stability AI's Community Licence; convert them to diffusers' layout first, see data/generator.md"
NOISIEST, CLEANEST = -6.2, 2.0  # log signal-to-noise ratios between which the sampler's steps are even


@dataclass(frozen=True)
class Parts:
    """The models of a checkpoint, as far as they are used."""

    transformer: Any
    vae: Any
    duration: Any
    clock: float  # what the transformer calls time 1
    distilled: bool  # few steps that draw new noise, in place of an ordinary flow
    vae_digest: str
    denoiser_digest: str  # of the transformer and the duration's embedder


class StableAudio3:
    """Windows of `seconds` as latents (channel, frame); velocity prediction by a transformer."""

    def __init__(self, settings: StableAudio3Prior, parts: Parts) -> None:
        self.settings, self.parts = settings, parts
        self.network: nn.Module = parts.transformer
        self.rate = settings.rate
        self.seconds = settings.seconds
        self._shrink: int = parts.vae.downsampling_ratio
        self._frames = -(-round(settings.seconds * settings.rate) // self._shrink)
        for frozen in (parts.transformer, parts.vae, parts.duration):
            frozen.eval().requires_grad_(False)

    @classmethod
    def load(cls, settings: StableAudio3Prior) -> "StableAudio3":
        """Load a checkpoint from a folder or the local cache of the hub.

        Raises:
            ConfigError: it is not there, or a part of it is missing or of another kind.
        """
        parts = _parts(folder_of(settings.weights, settings.revision, LICENCE))
        if (rate := parts.vae.config.sampling_rate) != settings.rate:
            raise ConfigError(f"{settings.weights} works at {rate} Hz: set prior.rate = {rate}")
        return cls(settings, parts)

    @property
    def latent_shape(self) -> tuple[int, ...]:
        """Channels, frames."""
        return (self.parts.vae.config.latent_dim, self._frames)

    @property
    def cond_spec(self) -> Mapping[str, Slot]:
        """One slot, in the place of the prompt."""
        return {"prompt": Slot(self.settings.tokens, self.parts.transformer.config.cond_token_dim)}

    @property
    def learned_spec(self) -> Mapping[str, Slot]:
        """None."""
        return {}

    @property
    def fingerprint(self) -> str:
        """Identify the autoencoder's weights and the window."""
        return fingerprint({"rate": self.rate, "frames": self._frames, "vae": self.parts.vae_digest})

    @property
    def denoiser(self) -> str:
        """Identify the weights of the transformer and of what tells it the duration."""
        return self.parts.denoiser_digest

    def to(self, device: torch.device) -> None:
        """Move all that is loaded."""
        for part in (self.parts.transformer, self.parts.vae, self.parts.duration):
            part.to(device)

    @torch.no_grad()
    def encode_audio(self, waves: Tensor) -> Tensor:
        """Code windows by the autoencoder, which is deterministic; silence fills the last frame."""
        missing = self._frames * self._shrink - waves.shape[1]
        padded = nn.functional.pad(waves, (0, missing)).unsqueeze(1)
        latents: Tensor = self.parts.vae.encode(
            padded.expand(-1, self.parts.vae.config.audio_channels, -1)
        ).latents
        return latents

    def targets(self, waves: Tensor, latents: Tensor) -> dict[str, Tensor]:
        """Give nothing: its conditioning was learned from captions alone."""
        return {}

    @torch.no_grad()
    def decode(self, latents: Tensor) -> Tensor:
        """Turn latents into windows, both channels mixed."""
        waves: Tensor = self.parts.vae.decode(latents).sample.mean(1)
        return waves[:, : round(self.seconds * self.rate)]

    def null(self) -> dict[str, Tensor]:
        """Return what the transformer learned to put where a prompt says nothing."""
        slot = self.cond_spec["prompt"]
        return {
            "prompt": self.parts.transformer.prompt_padding_embedding.detach().cpu().repeat(slot.tokens, 1)
        }

    def tunable(self) -> list[nn.Parameter]:
        """Return keys and values of the cross-attention, where the settings say so."""
        if self.settings.trainable == "none":
            return []
        return [one for name, one in self.network.named_parameters() if ".cross_attn.to_kv" in name]

    def loss(self, latents: Tensor, cond: Cond, levels: Tensor, noise: Tensor) -> Tensor:
        """Return the squared error of the velocity, (B,)."""
        times = losses.logit_normal(levels)
        noisy, velocity = losses.flow_pair(latents, noise, times)
        return losses.each((self._under(cond)(noisy, times) - velocity) ** 2)

    @torch.no_grad()
    def sample(self, cond: Cond, null: Cond | None, noise: Tensor, steps: int, guidance: float) -> Tensor:
        """Go from noise to latents, in the way that the checkpoint was trained for."""
        predict = guided(self._under(cond), self._under(null) if null else None, guidance)
        times = noise_times(steps).to(noise.device)
        return ping_pong(predict, noise, times) if self.parts.distilled else flow(predict, noise, times)

    def _under(self, cond: Cond) -> Predict:
        prompt = cond["prompt"]
        seconds = torch.full((len(prompt),), self.seconds, device=prompt.device)
        duration = self.parts.duration(seconds).to(prompt.dtype)
        context = torch.cat([prompt, duration.unsqueeze(1)], dim=1)

        def predict(noisy: Tensor, times: Tensor) -> Tensor:
            made: Tensor = self.network(
                noisy,
                times * self.parts.clock,
                encoder_hidden_states=context,
                global_hidden_states=duration,
                return_dict=False,
            )[0]
            return made

        return predict


def noise_times(steps: int) -> Tensor:
    """Cut the path from time 1 to 0 into steps that are even in the log signal-to-noise ratio.

    Examples:
        >>> noise_times(2)
        tensor([1.0000, 0.8909, 0.0000])
    """
    ratios = torch.linspace(NOISIEST, CLEANEST, steps + 1)
    times = torch.sigmoid(-ratios)
    times[0], times[-1] = 1.0, 0.0
    return times


def _parts(folder: Path) -> Parts:
    from artsound.models.torch_ready import torchvision_ready  # noqa: PLC0415

    torchvision_ready()
    from diffusers import AutoencoderSAME, FlowMatchEulerDiscreteScheduler, StableAudio3DiTModel  # noqa: PLC0415
    from diffusers.pipelines.stable_audio_3 import StableAudio3DurationEmbedder  # noqa: PLC0415

    scheduler = load_part(FlowMatchEulerDiscreteScheduler, folder, "scheduler")
    digests = {part: file_digest(folder / part) for part in ("transformer", "duration_embedder")}
    return Parts(
        transformer=load_part(StableAudio3DiTModel, folder, "transformer"),
        vae=load_part(AutoencoderSAME, folder, "vae"),
        duration=load_part(StableAudio3DurationEmbedder, folder, "duration_embedder"),
        clock=float(scheduler.config.num_train_timesteps),
        distilled=bool(scheduler.config.stochastic_sampling),
        vae_digest=file_digest(folder / "vae"),
        denoiser_digest=fingerprint(digests),
    )
