"""Ears that are models of transformers, read from a folder: AudioSet's classes, and a neural codec.

Both split a clip into windows and average over them.
"""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float32

from artsound.errors import ConfigError
from artsound.evaluate.ears import Heard
from artsound.models import files
from artsound.models.torch_ready import best_device, torchvision_ready
from artsound.progress import track


class _Network:
    """A network of transformers."""

    kind: str

    def __init__(self, folder: Path) -> None:
        """Load the weights.

        Raises:
            ConfigError: they are not there, or of another kind.
        """
        self.name = files.weights_identity("", folder, "fp32")
        self._model = _loaded(self.kind, folder, use_safetensors=True).eval().to(best_device())


class AstEar(_Network):
    """Audio Spectrogram Transformer: pooled vector, and 527 AudioSet classes read as independent answers.

    Source:
        Gong et al. 2021, arXiv:2104.01778; weights such as MIT/ast-finetuned-audioset-10-10-0.4593.
    """

    families = frozenset({"ast"})
    kind = "ASTForAudioClassification"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._extract = _loaded("ASTFeatureExtractor", folder)
        self.rate = int(self._extract.sampling_rate)
        self._window = round(self._extract.max_length * 0.01 * self.rate)  # one frame is 10 ms

    @torch.inference_mode()
    def __call__(self, clips: Float32[np.ndarray, "clip frame"]) -> Heard:
        """Listen."""
        vectors, tags = [], []
        for clip in track(clips, f"listening with {self.name}"):
            pieces = [clip[start : start + self._window] for start in _starts(len(clip), self._window)]
            mels = self._extract(pieces, sampling_rate=self.rate, return_tensors="pt").input_values
            pooled = self._model.audio_spectrogram_transformer(mels.to(best_device())).pooler_output
            vectors.append(pooled.mean(0).float().cpu().numpy())
            tags.append(self._model.classifier(pooled).sigmoid().mean(0).float().cpu().numpy())
        return Heard(np.stack(vectors), np.stack(tags))


class EncodecEar(_Network):
    """Mean over time of EnCodec's continuous latents: how it sounds, not what it is.

    Source:
        Défossez et al. 2022, arXiv:2210.13438; weights such as facebook/encodec_24khz.
    """

    families = frozenset({"encodec"})
    kind = "EncodecModel"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.rate = int(self._model.config.sampling_rate)

    @torch.inference_mode()
    def __call__(self, clips: Float32[np.ndarray, "clip frame"]) -> Heard:
        """Listen."""
        channels = int(self._model.config.audio_channels)
        vectors = []
        for clip in track(clips, f"listening with {self.name}"):
            wave = torch.from_numpy(clip).to(best_device()).expand(1, channels, -1)
            vectors.append(self._model.encoder(wave)[0].mean(-1).float().cpu().numpy())
        return Heard(np.stack(vectors), None)


def _starts(frames: int, window: int) -> range:
    """Begin whole windows side by side; a shorter clip is one window."""
    return range(0, max(1, frames - window + 1), window)


def _loaded(kind: str, folder: Path, **more: Any) -> Any:
    torchvision_ready()
    import transformers  # noqa: PLC0415

    try:
        return getattr(transformers, kind).from_pretrained(str(folder), local_files_only=True, **more)
    except (OSError, ValueError, RuntimeError, KeyError, TypeError) as error:
        line = " ".join(str(error).split())[:200]
        raise ConfigError(f"cannot load {kind} from {folder}: {line}") from error
