"""A mel codec that is fitted, not trained: log-mel patches as whitened principal components.

It fits in a second, is exactly reproducible, and inverts to audio; it is for machines without weights.
"""

import math
from collections.abc import Iterable

import numpy as np
import torch
from torch import Tensor, nn

from artsound.progress import track
from artsound.train.mel import mel_filters, mel_spectra
from artsound.train.settings import SmallPrior

FLOOR = 1e-4  # added before the logarithm, so silence stays finite
ROUNDS, MOMENTUM = 32, 0.99  # of Griffin and Lim's iteration


class MelCodec(nn.Module):
    """Mono windows (B, sample) ↔ latents (B, token, component) of unit variance."""

    mean: Tensor
    basis: Tensor
    scale: Tensor

    def __init__(self, settings: SmallPrior) -> None:
        super().__init__()
        self.settings = settings
        dim, components = settings.patch * settings.mels, settings.components
        self.register_buffer("mean", torch.zeros(dim))
        self.register_buffer("basis", torch.eye(dim, components))
        self.register_buffer("scale", torch.ones(components))
        self._filters = mel_filters(settings.rate, settings.fft, settings.mels)

    def mel(self, waves: Tensor) -> Tensor:
        """Return log-mel frames (B, frame, mel) of magnitude spectra."""
        spectra = mel_spectra(waves, self._filters, hop=self.settings.hop, frames=self.settings.frames)
        return torch.log(spectra + FLOOR)

    def fit(self, batches: Iterable[Tensor]) -> float:
        """Fit the components to windows; returns the share of variance that they explain."""
        total, second = self.mean.double() * 0, self.mean.double().outer(self.mean.double()) * 0
        count = 0
        for waves in batches:
            patches = self._patches(self.mel(waves)).double().flatten(0, 1)
            total, second, count = total + patches.sum(0), second + patches.T @ patches, count + len(patches)
        mean = total / max(count, 1)
        values, vectors = torch.linalg.eigh(second / max(count, 1) - mean.outer(mean))
        values, vectors = values.flip(0), vectors.flip(1)[:, : self.settings.components]
        vectors = vectors * vectors.gather(0, vectors.abs().argmax(0, keepdim=True)).sign()
        self.mean.copy_(mean)
        self.basis.copy_(vectors)
        self.scale.copy_(values[: self.settings.components].mean().clamp(min=1e-8).sqrt())
        return float(values[: self.settings.components].sum() / values.sum())

    def encode(self, waves: Tensor) -> Tensor:
        """Code windows as latents."""
        return (self._patches(self.mel(waves)) - self.mean) @ self.basis / self.scale

    def mel_of(self, latents: Tensor) -> Tensor:
        """Turn latents into log-mel frames (B, frame, mel)."""
        patches = latents * self.scale @ self.basis.T + self.mean
        return patches.reshape(len(latents), -1, self.settings.mels)

    def decode(self, latents: Tensor) -> Tensor:
        """Turn latents into windows; the phase is found by Griffin and Lim's iteration from a fixed start."""
        mel = torch.exp(self.mel_of(latents)).sub(FLOOR).clamp(min=0).cpu().double().numpy()
        spectra = np.clip(mel @ np.linalg.pinv(self._filters.double().numpy()).T, 0, None)
        spectra = np.pad(spectra, ((0, 0), (0, 1), (0, 0)), mode="edge").transpose(0, 2, 1)  # centred frames
        samples = self.settings.frames * self.settings.hop
        return find_phases(torch.from_numpy(spectra).float(), hop=self.settings.hop, samples=samples)

    def _patches(self, mel: Tensor) -> Tensor:
        """Cut (B, frame, mel) into (B, token, patch × mel)."""
        return mel.reshape(len(mel), -1, self.settings.patch * self.settings.mels)


def find_phases(magnitudes: Tensor, *, hop: int, samples: int) -> Tensor:
    """Turn magnitude spectra (B, bin, frame), centred, into waves (B, sample), all from the same phases.

    Source:
        Griffin and Lim 1984; Perraudin et al. 2013 for the momentum.
    """
    fft = 2 * (magnitudes.shape[1] - 1)
    window = torch.hann_window(fft)
    turns = torch.rand(magnitudes.shape[1:], generator=torch.Generator().manual_seed(0))
    phases = torch.polar(torch.ones_like(turns), 2 * math.pi * turns).expand_as(magnitudes)
    before = torch.zeros_like(phases)
    for _ in track(range(ROUNDS), "finding phases"):
        waves = torch.istft(magnitudes * phases, fft, hop, window=window, length=samples)
        now = torch.stft(waves, fft, hop, window=window, pad_mode="constant", return_complex=True)
        ahead = now - MOMENTUM / (1 + MOMENTUM) * before
        phases, before = ahead / ahead.abs().clamp(min=1e-16), now
    return torch.istft(magnitudes * phases, fft, hop, window=window, length=samples)
