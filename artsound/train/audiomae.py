"""Conditioning that AudioLDM2 would be told by a sound itself: AudioMAE's tokens, pooled to eight.

Self-supervised on audio alone, so regression to it brings in no language. AudioLDM2 was trained on these
tokens first, then on GPT-2's rendering of them: expect a small difference.

Source:
    Liu et al. 2023, arXiv:2308.05734, section 3.1; Huang et al. 2022, arXiv:2207.06405 (AudioMAE).
"""

import warnings
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from artsound.errors import ConfigError
from artsound.models.torch_ready import torchvision_ready
from artsound.train.fingerprint import file_digest
from artsound.train.weights import folder_of

LICENCE = "CC-BY-4.0 for timm's port"
RATE = 16_000  # Hz
POOL = 8  # of 64 × 8 patches, in time and frequency


class AudioMae:
    """A vision transformer of timm over a log-mel picture of a window: 8 tokens of its width."""

    def __init__(self, weights: str) -> None:
        folder = folder_of(weights, None, LICENCE, "prior.loa_teacher")
        self._model = _load(folder)
        from transformers import ASTFeatureExtractor  # noqa: PLC0415

        size: tuple[int, int] = self._model.patch_embed.img_size
        with warnings.catch_warnings():  # the lowest of 128 bands are narrower than a bin, and empty
            warnings.simplefilter("ignore", UserWarning)
            self._extract = ASTFeatureExtractor(num_mel_bins=size[1], max_length=size[0], sampling_rate=RATE)
        self._grid: tuple[int, int] = self._model.patch_embed.grid_size
        self.dim: int = self._model.num_features
        self.fingerprint = f"audiomae-1-{file_digest(folder)}"

    def to(self, device: torch.device) -> None:
        """Move the model."""
        self._model.to(device)

    @torch.no_grad()
    def __call__(self, waves: Tensor) -> Tensor:
        """Pool the tokens of windows (B, sample) at 16 kHz: mean and maximum, halved, (B, 8, dim)."""
        listed = [wave.cpu().numpy() for wave in waves]
        pictures = self._extract(listed, sampling_rate=RATE, return_tensors="pt").input_values
        tokens = self._model.forward_features(pictures.unsqueeze(1).to(waves.device))
        patches = tokens[:, self._model.num_prefix_tokens :].transpose(1, 2).unflatten(2, self._grid)
        pooled = functional.avg_pool2d(patches, POOL) + functional.max_pool2d(patches, POOL)
        return (pooled / 2).flatten(2).transpose(1, 2)


def _load(folder: Path) -> Any:
    """Load the transformer, of which only the features are wanted.

    Raises:
        ConfigError: the folder is not what timm writes, or holds another kind of model.
    """
    torchvision_ready()
    import timm  # noqa: PLC0415

    try:
        model = timm.create_model(f"local-dir:{folder}", pretrained=True, num_classes=0)
    except (OSError, RuntimeError, KeyError, ValueError) as error:
        first = str(error).strip().splitlines()[0]
        raise ConfigError(f"prior.loa_teacher: {folder} cannot be loaded by timm: {first}") from error
    embed = getattr(model, "patch_embed", None)
    if embed is None or embed.proj.in_channels != 1 or any(side % POOL for side in embed.grid_size):
        raise ConfigError(f"prior.loa_teacher: {folder} is no AudioMAE: it does not see one mel picture")
    return model.eval().requires_grad_(False)
