"""CLAP by transformers: recordings and texts in one space. Weights from disk, never the network."""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float32

from artsound.errors import ConfigError
from artsound.models import files
from artsound.models.mels import Mels
from artsound.models.torch_ready import DTYPES, UNLOADABLE, Precision, best_device, torchvision_ready
from artsound.models.vectors import unit
from artsound.models.windows import WindowRule, pooled

LOG = logging.getLogger("artsound")
TOKENS = 77  # LAION trained on texts cut to this; RoBERTa would take more
LAION = {"frequency_min": 50, "layer_norm_eps": 1e-5}  # what LAION's code computes with
LEAST_TOKENS = 100  # transformers gives a tokenizer of five tokens where the vocabulary is missing


class _Clap:
    """What recordings and texts share."""

    def __init__(self, weights: Path, *, precision: Precision = "fp32") -> None:
        """Load the weights.

        Raises:
            ConfigError: nothing there, a pickle, or not a CLAP model.
        """
        torchvision_ready()
        from transformers import ClapModel, ClapProcessor, utils  # noqa: PLC0415  # needs torchvision ready

        utils.logging.disable_progress_bar()  # a bar of its own, in the middle of ours
        self.name = files.weights_identity("", weights, precision)
        self._device, self._dtype = best_device(), DTYPES[precision]
        try:
            model: Any = ClapModel.from_pretrained(
                str(weights), local_files_only=True, use_safetensors=True, dtype=self._dtype
            )
            self._processor: Any = ClapProcessor.from_pretrained(str(weights), local_files_only=True)
        except UNLOADABLE as error:
            line = " ".join(str(error).split())[:200]
            raise ConfigError(f"cannot load a CLAP model from {weights}: {line}") from error
        if len(self._processor.tokenizer) < LEAST_TOKENS:
            raise ConfigError(f"the tokenizer in {weights} has no vocabulary: copy all files of the model")
        _compare_with_laion(weights, model, self._processor)
        self._model = model.eval().to(self._device)
        self.dim = int(model.config.projection_dim)


class ClapSounds(_Clap):
    """One unit vector a clip."""

    def __init__(self, weights: Path, *, rule: WindowRule, precision: Precision = "fp32") -> None:
        """Load the weights.

        Raises:
            ConfigError: they do not load, or the window is longer than the model hears.
        """
        super().__init__(weights, precision=precision)
        extractor = self._processor.feature_extractor
        longest = extractor.nb_max_samples / extractor.sampling_rate
        if rule.seconds > longest:
            raise ConfigError(
                f"`embeddings.clap.window` is {rule.seconds:g} s, the model hears {longest:g} s"
            )
        self.rate = int(extractor.sampling_rate)
        fused = self._model.config.audio_config.enable_fusion
        self.prepare = Mels(
            rule,
            filters=extractor.mel_filters if fused else extractor.mel_filters_slaney,
            rate=self.rate,
            longest=int(extractor.nb_max_samples),
            size=int(extractor.fft_window_size),
            hop=int(extractor.hop_length),
            views=4 if fused else 1,
        )

    def __call__(self, prepared: Sequence[np.ndarray]) -> Float32[np.ndarray, "clip dim"]:
        """Return one unit vector a prepared clip."""
        if not prepared:
            return np.empty((0, self.dim), np.float32)
        mels = torch.from_numpy(np.concatenate(prepared)).to(self._device, self._dtype)
        longer = torch.zeros((len(mels), 1), dtype=torch.bool, device=self._device)
        with torch.inference_mode():
            found = self._model.get_audio_features(input_features=mels, is_longer=longer).pooler_output
        return pooled(unit(found.float().cpu().numpy()), [len(one) for one in prepared])


class ClapTexts(_Clap):
    """One unit vector a text; longer texts are cut by the tokenizer."""

    def __call__(self, texts: Sequence[str]) -> Float32[np.ndarray, "text dim"]:
        """Return one unit vector a text."""
        if not texts:
            return np.empty((0, self.dim), np.float32)
        # RoBERTa keeps two positions
        longest = min(TOKENS, self._model.config.text_config.max_position_embeddings - 2)
        tokens = self._processor.tokenizer(
            list(texts), padding=True, truncation=True, max_length=longest, return_tensors="pt"
        )
        with torch.inference_mode():
            found = self._model.get_text_features(**tokens.to(self._device)).pooler_output
        return unit(found.float().cpu().numpy())


def _compare_with_laion(weights: Path, model: Any, processor: Any) -> None:
    """Warn where the settings beside the weights are not LAION's: vectors are then near theirs, not equal."""
    found = {
        "frequency_min": processor.feature_extractor.frequency_min,
        "layer_norm_eps": model.config.text_config.layer_norm_eps,
    }
    other = [
        f"{name} {found[name]:g} (LAION: {LAION[name]:g})" for name in LAION if found[name] != LAION[name]
    ]
    if other:
        told = ", ".join(other)
        LOG.warning("%s computes with %s: vectors differ a little from those of laion_clap", weights, told)
