"""CLIP by open_clip: images and texts in one space. Weights from disk, never the network.

A directory holds `open_clip_config.json` and `open_clip_model.safetensors`, as open_clip's hub layout has it;
a single `.safetensors` file needs the name of its architecture.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float32

from artsound.errors import ConfigError
from artsound.models import files
from artsound.models.crop import Crop
from artsound.models.torch_ready import (
    DTYPES,
    UNLOADABLE,
    Precision,
    best_device,
    off_the_network,
    torchvision_ready,
)
from artsound.models.vectors import unit


class _Clip:
    """What images and texts share."""

    def __init__(self, weights: Path, *, model: str = "", precision: Precision = "fp32") -> None:
        """Load the weights.

        Raises:
            ConfigError: nothing there, a pickle, an unknown architecture, or weights of another shape.
        """
        self.name = files.weights_identity(model, weights, precision)
        self._device, self._dtype = best_device(), DTYPES[precision]
        loaded, self.dim = _loaded(weights, model)
        self._model = loaded.eval().to(self._device, self._dtype)


class ClipImages(_Clip):
    """One unit vector an image."""

    def __init__(self, weights: Path, *, model: str = "", precision: Precision = "fp32") -> None:
        super().__init__(weights, model=model, precision=precision)
        visual = self._model.visual
        size, given = visual.image_size, visual.preprocess_cfg
        height, width = size if isinstance(size, Sequence) else (size, size)
        if height != width:
            raise ConfigError(f"{self.name} looks at images of {width} × {height} px: only squares are made")
        self.prepare = Crop(
            height,
            mode=given["resize_mode"],
            bilinear=given["interpolation"] == "bilinear",
            fill=int(given["fill_color"]),
        )
        self._mean, self._scale = (
            torch.tensor(given[what], device=self._device).view(1, 3, 1, 1) * 255 for what in ("mean", "std")
        )

    def __call__(self, prepared: Sequence[np.ndarray]) -> Float32[np.ndarray, "image dim"]:
        """Return one unit vector a prepared image."""
        if not prepared:
            return np.empty((0, self.dim), np.float32)
        pixels = torch.from_numpy(np.stack(prepared)).to(self._device).permute(0, 3, 1, 2)
        with torch.inference_mode():
            found = self._model.encode_image(((pixels - self._mean) / self._scale).to(self._dtype))
        return unit(found.float().cpu().numpy())


class ClipTexts(_Clip):
    """One unit vector a text; longer texts are cut by the tokenizer."""

    def __init__(self, weights: Path, *, model: str = "", precision: Precision = "fp32") -> None:
        super().__init__(weights, model=model, precision=precision)
        import open_clip  # noqa: PLC0415  # needs torchvision ready

        try:
            with off_the_network():
                self._tokenize: Any = open_clip.get_tokenizer(
                    model if weights.is_file() else f"local-dir:{weights.resolve()}"
                )
        except UNLOADABLE as error:
            line = " ".join(str(error).split())[:200]
            raise ConfigError(f"no tokenizer for {weights}: copy all files of the model ({line})") from error

    def __call__(self, texts: Sequence[str]) -> Float32[np.ndarray, "text dim"]:
        """Return one unit vector a text."""
        if not texts:
            return np.empty((0, self.dim), np.float32)
        tokens = self._tokenize(list(texts)).to(self._device)
        with torch.inference_mode():
            found = self._model.encode_text(tokens)
        return unit(found.float().cpu().numpy())


def repository_of(model: str, tag: str) -> str:
    """Name the hub's repository of one of open_clip's pretrained tags.

    Raises:
        ConfigError: open_clip knows no such tag for the architecture; lists those it knows.
    """
    torchvision_ready()
    import open_clip  # noqa: PLC0415  # needs torchvision ready

    found = open_clip.get_pretrained_cfg(model, tag).get("hf_hub", "").rstrip("/")
    if not found:
        known = ", ".join(open_clip.list_pretrained_tags_by_model(model)) or "none: is the name right?"
        raise ConfigError(f"open_clip has no weights {tag!r} of {model!r} on the hub; tags: {known}")
    return str(found)


def _loaded(weights: Path, model: str) -> tuple[Any, int]:
    """Load a model and say how many numbers its vectors have."""
    torchvision_ready()
    import open_clip  # noqa: PLC0415  # needs torchvision ready

    if weights.is_file() and (weights.suffix != ".safetensors" or not model):
        raise ConfigError(f"{weights} must be a .safetensors file, with `model` naming its architecture")
    try:
        with off_the_network():
            if weights.is_file():
                about = open_clip.get_model_config(model)
                loaded = open_clip.create_model(model, pretrained=str(weights), device="cpu")
            else:
                about = json.loads((weights / "open_clip_config.json").read_text(encoding="utf-8"))[
                    "model_cfg"
                ]
                loaded = open_clip.create_model(f"local-dir:{weights.resolve()}", device="cpu")
        return loaded, int(about["embed_dim"])
    except UNLOADABLE as error:
        line = " ".join(str(error).split())[:200]
        raise ConfigError(f"cannot load a CLIP model from {weights}: {line}") from error
