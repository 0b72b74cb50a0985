"""AudioLDM2 behind the protocol: a frozen latent-diffusion prior that visual tokens are fed to.

The U-Net attends to eight tokens that AudioLDM2 calls the language of audio (LoA) and to T5 tokens. Here an
image makes the LoA directly (`direct_loa`), or a prefix from which GPT-2 rolls it out (`gpt2_prefix`, the way
of Art2Mus). No text of a pair is read, unless it is asked to teach. Only what is needed is loaded.

Source:
    Liu et al. 2023, arXiv:2308.05734; ArtToMus, arXiv:2602.17599; Art2Mus, arXiv:2410.04906.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from artsound.errors import ConfigError
from artsound.train import losses
from artsound.train.audioldm2_text import LoaOfCaptions, prompt_tokens, roll_out
from artsound.train.audiomae import RATE, AudioMae
from artsound.train.fingerprint import file_digest, fingerprint
from artsound.train.mel import mel_filters, mel_spectra
from artsound.train.prior import Cond, Slot
from artsound.train.sample import Predict, ddim, guided
from artsound.train.settings import AudioLdm2Prior
from artsound.train.weights import folder_of, load_part

LICENCE = "CC-BY-NC-SA-4.0: research use only, not commercial"
FFT, HOP, HIGHEST = 1024, 160, 8000.0  # samples, samples, Hz: as the prior was trained
QUIETEST = 1e-5  # magnitude below which the logarithm is cut


@dataclass(frozen=True)
class Parts:
    """The models of a checkpoint, as far as they are used."""

    unet: Any
    vae: Any
    vocoder: Any
    kept: Tensor  # ᾱ of every training time step
    prediction: str  # epsilon or v_prediction
    language_model: Any | None  # GPT-2, for `gpt2_prefix`
    constant: Tensor | None  # T5 tokens (token, dim) of the one prompt, for the constant slot
    vae_digest: str
    denoiser_digest: str  # of the U-Net and what conditions it besides the image
    teacher: AudioMae | None  # of the LoA, from the audio alone


class AudioLdm2:
    """Windows of `seconds` as VAE latents (channel, time, mel); noise prediction by a U-Net."""

    def __init__(self, settings: AudioLdm2Prior, parts: Parts) -> None:
        self.settings, self.parts = settings, parts
        self.network: nn.Module = parts.unet
        self.rate: int = parts.vocoder.config.sampling_rate
        self.seconds = settings.seconds
        self._mels: int = parts.vocoder.config.model_in_dim
        self._filters = mel_filters(self.rate, FFT, self._mels, min(HIGHEST, self.rate / 2))
        self._shrink = 2 ** (len(parts.vae.config.block_out_channels) - 1)
        self._frames = -(-round(settings.seconds * self.rate / HOP) // self._shrink) * self._shrink
        for frozen in (parts.unet, parts.vae, parts.vocoder, parts.language_model):
            if frozen is not None:
                frozen.eval().requires_grad_(False)  # GPT-2's dropout would make the conditioning random

    @classmethod
    def load(cls, settings: AudioLdm2Prior) -> "AudioLdm2":
        """Load a checkpoint from a folder or the local cache of the hub.

        Raises:
            ConfigError: it is not there, or a part of it is missing or of another kind.
        """
        made = cls(settings, _parts(folder_of(settings.weights, settings.revision, LICENCE), settings))
        if (teacher := made.parts.teacher) and (teacher.dim, made.rate) != (made.cond_spec["loa"].dim, RATE):
            raise ConfigError(
                f"prior.loa_teacher gives tokens of {teacher.dim} at {RATE} Hz; the U-Net takes "
                f"{made.cond_spec['loa'].dim} at {made.rate} Hz"
            )
        return made

    @classmethod
    def caption_teacher(cls, settings: AudioLdm2Prior) -> LoaOfCaptions:
        """Load what says the LoA of captions.

        Raises:
            ConfigError: weights of it are missing.
        """
        return LoaOfCaptions(folder_of(settings.weights, settings.revision, LICENCE))

    @property
    def latent_shape(self) -> tuple[int, ...]:
        """Channels, time, mel."""
        return (
            self.parts.vae.config.latent_channels,
            self._frames // self._shrink,
            self._mels // self._shrink,
        )

    @cached_property
    def _widths(self) -> tuple[int, int]:
        """Width of the LoA and of the T5 tokens, as the U-Net attends to them."""
        dims = [dim for dim in self.parts.unet.config.cross_attention_dim[0] if dim is not None]
        return dims[0], dims[1]

    @property
    def cond_spec(self) -> Mapping[str, Slot]:
        """One slot for the LoA or its prefix; one for T5 where the image fills it."""
        loa, t5 = self._widths
        first = {"loa": Slot(8, loa)}
        if self.settings.interface == "gpt2_prefix":
            first = {"prefix": Slot(self.settings.prefix_tokens, loa)}
        return first | ({"t5": Slot(8, t5)} if self.settings.t5_slot == "visual" else {})

    @property
    def learned_spec(self) -> Mapping[str, Slot]:
        """One T5 token where neither language nor image fills the slot."""
        return {"t5": Slot(1, self._widths[1])} if self.settings.t5_slot == "null" else {}

    @property
    def fingerprint(self) -> str:
        """Identify the VAE's weights, the mel spectrum, the window, and what derives the targets."""
        facts = {"fft": FFT, "hop": HOP, "mels": self._mels, "rate": self.rate, "frames": self._frames}
        teacher = {"teacher": self.parts.teacher.fingerprint} if self.parts.teacher else {}
        return fingerprint(facts, {"vae": self.parts.vae_digest}, teacher)

    @property
    def denoiser(self) -> str:
        """Identify the U-Net's weights, GPT-2's where they roll out the prefix, and the constant prompt."""
        return self.parts.denoiser_digest

    def to(self, device: torch.device) -> None:
        """Move all that is loaded."""
        parts = self.parts
        for part in (parts.unet, parts.vae, parts.vocoder, parts.language_model, parts.teacher):
            if part is not None:
                part.to(device)

    @torch.no_grad()
    def encode_audio(self, waves: Tensor) -> Tensor:
        """Code windows as scaled means of the VAE."""
        mel = mel_spectra(waves.clamp(-1, 1), self._filters, hop=HOP, frames=self._frames)
        short = self._frames - mel.shape[1]
        mel = nn.functional.pad(mel, (0, 0, 0, max(0, short))).clamp(min=QUIETEST).log()
        coded = self.parts.vae.encode(mel.unsqueeze(1))  # time first: (B, 1, frame, mel)
        latents: Tensor = coded.latent_dist.mean
        scaling: float = self.parts.vae.config.scaling_factor
        return latents * scaling

    def targets(self, waves: Tensor, latents: Tensor) -> dict[str, Tensor]:
        """Let AudioMAE say the LoA of windows; nothing where the settings name no weights of it."""
        return {"loa": self.parts.teacher(waves)} if self.parts.teacher else {}

    @torch.no_grad()
    def decode(self, latents: Tensor) -> Tensor:
        """Turn latents into windows by VAE and vocoder."""
        vae = self.parts.vae
        mel = vae.decode(latents / vae.config.scaling_factor).sample
        waves: Tensor = self.parts.vocoder(mel.squeeze(1))
        return waves[:, : round(self.seconds * self.rate)]

    def null(self) -> dict[str, Tensor]:
        """Return zeros: AudioLDM2's own unconditional LoA."""
        return {name: torch.zeros(*slot) for name, slot in self.cond_spec.items()}

    def tunable(self) -> list[nn.Parameter]:
        """Return keys and values of the cross-attention to the LoA, where the settings say so."""
        if self.settings.trainable == "none":
            return []
        wanted = ("attn2.to_k.weight", "attn2.to_v.weight")
        return [
            one
            for name, one in self.network.named_parameters()
            if name.endswith(wanted) and one.shape[1] == self._widths[0]
        ]

    def loss(self, latents: Tensor, cond: Cond, levels: Tensor, noise: Tensor) -> Tensor:
        """Return the squared error of the prediction under min-SNR weights, (B,)."""
        kept = self.parts.kept.to(latents.device)
        times = (levels * len(kept)).long().clamp(max=len(kept) - 1)
        alpha = kept[times].view(-1, 1, 1, 1)
        noisy = alpha.sqrt() * latents + (1 - alpha).sqrt() * noise
        wanted = noise
        if self.parts.prediction == "v_prediction":
            wanted = alpha.sqrt() * noise - (1 - alpha).sqrt() * latents
        snr = kept[times] / (1 - kept[times])
        weight = losses.min_snr_weight(snr, self.settings.min_snr_gamma, self.parts.prediction)
        return weight * losses.each((self._under(cond)(noisy, times) - wanted) ** 2)

    def sample(self, cond: Cond, null: Cond | None, noise: Tensor, steps: int, guidance: float) -> Tensor:
        """Take DDIM steps from noise to latents."""
        kept = self.parts.kept.to(noise.device)
        with torch.no_grad():
            predict = guided(self._epsilon(cond), self._epsilon(null) if null else None, guidance)
            return ddim(predict, noise, steps, kept)

    def _epsilon(self, cond: Cond) -> Predict:
        """Predict noise, whatever the network predicts."""
        predict = self._under(cond)
        if self.parts.prediction == "epsilon":
            return predict

        def epsilon(noisy: Tensor, times: Tensor) -> Tensor:
            alpha = self.parts.kept.to(noisy.device)[times].view(-1, 1, 1, 1)
            return alpha.sqrt() * predict(noisy, times) + (1 - alpha).sqrt() * noisy

        return epsilon

    def _under(self, cond: Cond) -> Predict:
        loa = roll_out(self.parts.language_model, cond["prefix"]) if "prefix" in cond else cond["loa"]
        t5 = self._t5(cond, len(loa)).to(loa.device)
        # Only prompts of unlike length have a mask: gradient checkpointing fails with one (diffusers 0.42.1).
        words = {"encoder_hidden_states_1": t5, "encoder_attention_mask_1": cond.get("t5_mask")}

        def predict(noisy: Tensor, times: Tensor) -> Tensor:
            made: Tensor = self.network(noisy, times, encoder_hidden_states=loa, **words, return_dict=False)[
                0
            ]
            return made

        return predict

    def _t5(self, cond: Cond, count: int) -> Tensor:
        if "t5" in cond:
            return cond["t5"]
        if self.parts.constant is None:
            raise ValueError("the T5 slot has neither a constant nor tokens")
        return self.parts.constant.expand(count, -1, -1)


def _parts(folder: Path, settings: AudioLdm2Prior) -> Parts:
    """Load what the settings need of a checkpoint."""
    from artsound.models.torch_ready import torchvision_ready  # noqa: PLC0415

    torchvision_ready()
    from diffusers import AudioLDM2UNet2DConditionModel, AutoencoderKL, DDIMScheduler  # noqa: PLC0415
    from transformers import GPT2Model, SpeechT5HifiGan  # noqa: PLC0415

    prefixed = settings.interface == "gpt2_prefix"
    scheduler = load_part(DDIMScheduler, folder, "scheduler")
    constant = prompt_tokens(folder, settings.prompt) if settings.t5_slot == "constant" else None
    digests = {part: file_digest(folder / part) for part in ("unet", *["language_model"] * prefixed)}
    return Parts(
        unet=load_part(AudioLDM2UNet2DConditionModel, folder, "unet"),
        vae=load_part(AutoencoderKL, folder, "vae"),
        vocoder=load_part(SpeechT5HifiGan, folder, "vocoder"),
        kept=scheduler.alphas_cumprod.float(),
        prediction=scheduler.config.prediction_type,
        language_model=load_part(GPT2Model, folder, "language_model") if prefixed else None,
        constant=constant,
        vae_digest=file_digest(folder / "vae"),
        denoiser_digest=fingerprint(digests, {} if constant is None else {"constant": constant}),
        teacher=AudioMae(settings.loa_teacher) if settings.loa_teacher else None,
    )
