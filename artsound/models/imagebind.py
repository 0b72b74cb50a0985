"""ImageBind: images, recordings and texts in one space: a picture meets a sound without words between.

The model class comes from the package imagebind-unofficial (its code and the published weights are CC BY-NC
4.0 or stricter: what is made with them is non-commercial). Preparation is ours: the package's own wants
torchaudio and a video library. The widths are read from the weights; the numbers of attention heads, which
weights do not show, are those of the published model.

Source:
    Girdhar et al. 2023, arXiv:2305.05665.
"""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float32

from artsound.errors import ConfigError
from artsound.models import files
from artsound.models.bare import IMAGEBIND, module_of
from artsound.models.checkpoints import tensors_in
from artsound.models.crop import Crop
from artsound.models.torch_ready import DTYPES, Precision, best_device, torchvision_ready
from artsound.models.vectors import unit
from artsound.models.windows import WindowRule, pooled

SIZE = 224  # pixels
RATE, LONGEST = 16_000, 2.0  # Hz, and seconds that the model hears at a time
MELS, FRAMES = 128, 204  # of a window's picture; 2 s fill 198 frames, the rest is padded
MEAN, SCALE = -4.268, 9.138  # of the log-mel values, in training
COLOUR = (
    (0.48145466, 0.4578275, 0.40821073),
    (0.26862954, 0.26130258, 0.27577711),
)  # mean, deviation: CLIP's
TOWERS = ("vision", "text", "audio", "depth", "thermal", "imu")
Tensors = Mapping[str, Any]


@dataclass(frozen=True)
class Pictures:
    """Windows of a clip as log-mel pictures by Kaldi's recipe, as AST takes them too."""

    rule: WindowRule

    @cached_property
    def _extract(self) -> Any:
        from transformers import ASTFeatureExtractor  # noqa: PLC0415  # after torchvision is ready

        with warnings.catch_warnings():  # the lowest of 128 bands are narrower than a bin, and empty
            warnings.simplefilter("ignore", UserWarning)
            # AST divides by twice the deviation, ImageBind by the deviation
            return ASTFeatureExtractor(
                num_mel_bins=MELS, max_length=FRAMES, sampling_rate=RATE, mean=MEAN, std=SCALE / 2
            )

    def __call__(self, samples: Float32[np.ndarray, " sample"]) -> Float32[np.ndarray, "window 1 mel frame"]:
        """Cut a clip and transform its windows; what is shorter than one is followed by silence."""
        shortest = RATE // 40  # 25 ms: one frame
        windows = [
            np.pad(window, (0, max(0, shortest - len(window)))) for window in self.rule.cut(samples, RATE)
        ]
        made = self._extract(
            [window - window.mean() for window in windows], sampling_rate=RATE, return_tensors="np"
        )
        return np.asarray(made["input_values"], np.float32).transpose(0, 2, 1)[:, None]


class _Bound:
    """One tower of the model."""

    tower: str

    def __init__(self, weights: Path, *, precision: Precision = "fp32") -> None:
        """Load the tower.

        Raises:
            ConfigError: no checkpoint or several, a pickle that wants to run code, or no ImageBind.
            MissingExtra: imagebind-unofficial is not installed.
        """
        found = files.weights_in(weights, kinds=files.CHECKPOINTS)
        if len(found) > 1:
            names = ", ".join(path.name for path in found)
            raise ConfigError(f"{weights} holds several checkpoints ({names}): leave one")
        self.name = files.weights_identity("", weights, precision, kinds=files.CHECKPOINTS)
        self._device, self._dtype = best_device(), DTYPES[precision]
        try:
            model, self.dim = _loaded(tensors_in(found[0]), self.tower)
        except (KeyError, RuntimeError, ValueError, AssertionError) as error:
            line = " ".join(str(error).split())[:200]
            raise ConfigError(f"{found[0]} is no checkpoint of ImageBind: {line}") from error
        self._model = model.eval().to(self._device, self._dtype)

    def _vectors(self, given: torch.Tensor) -> Float32[np.ndarray, "item dim"]:
        with torch.inference_mode():
            found = self._model({self.tower: given.to(self._device)})[self.tower]
        return unit(found.float().cpu().numpy())


class BoundImages(_Bound):
    """One unit vector an image."""

    tower = "vision"
    prepare = Crop(SIZE)

    def __call__(self, prepared: Sequence[np.ndarray]) -> Float32[np.ndarray, "image dim"]:
        """Return one unit vector a prepared image."""
        if not prepared:
            return np.empty((0, self.dim), np.float32)
        pixels = torch.from_numpy(np.stack(prepared)).to(self._device).permute(0, 3, 1, 2)
        mean, scale = (torch.tensor(each, device=self._device).view(1, 3, 1, 1) * 255 for each in COLOUR)
        return self._vectors(((pixels - mean) / scale).to(self._dtype))


class BoundSounds(_Bound):
    """One unit vector a clip."""

    tower = "audio"
    rate = RATE

    def __init__(self, weights: Path, *, rule: WindowRule, precision: Precision = "fp32") -> None:
        """Load the tower.

        Raises:
            ConfigError: it does not load, or the window is longer than the model hears.
        """
        if rule.seconds > LONGEST:
            raise ConfigError(
                f"`embeddings.imagebind.window` is {rule.seconds:g} s, the model hears {LONGEST:g} s"
            )
        super().__init__(weights, precision=precision)
        self.prepare = Pictures(rule)

    def __call__(self, prepared: Sequence[np.ndarray]) -> Float32[np.ndarray, "clip dim"]:
        """Return one unit vector a prepared clip."""
        if not prepared:
            return np.empty((0, self.dim), np.float32)
        heard = self._vectors(torch.from_numpy(np.concatenate(prepared)).to(self._dtype))
        return pooled(heard, [len(one) for one in prepared])


class BoundTexts(_Bound):
    """One unit vector a text; longer texts are cut by the tokenizer, which is CLIP's."""

    tower = "text"

    def __init__(self, weights: Path, *, precision: Precision = "fp32") -> None:
        super().__init__(weights, precision=precision)
        import open_clip  # noqa: PLC0415  # needs torchvision ready

        self._tokenize: Any = open_clip.get_tokenizer("ViT-B-32")

    def __call__(self, texts: Sequence[str]) -> Float32[np.ndarray, "text dim"]:
        """Return one unit vector a text."""
        if not texts:
            return np.empty((0, self.dim), np.float32)
        return self._vectors(self._tokenize(list(texts)))


def _loaded(tensors: Tensors, tower: str) -> tuple[Any, int]:
    """Build one tower in the widths of the weights and fill it; KeyError where they are of another model."""
    torchvision_ready()
    package = module_of("imagebind", "models.imagebind_model", install=IMAGEBIND)
    dim = int(tensors[f"modality_heads.{tower}.{'proj.1' if tower == 'text' else '2'}.weight"].shape[0])
    sizes = {f"{tower}_embed_dim": _width(tensors, tower), f"{tower}_num_blocks": _depth(tensors, tower)}
    for unwanted in (name for name in TOWERS if name != tower):  # next to nothing is built of them
        sizes |= {f"{unwanted}_embed_dim": 1, f"{unwanted}_num_blocks": 0}
    heads = {"vision_num_heads": 16, "text_num_heads": 16, "audio_num_heads": 12}
    model = package.ImageBindModel(out_embed_dim=dim, **sizes, **heads)
    for part in model.children():
        for name in [name for name in part if name != tower]:
            del part[name]
    model.load_state_dict({name: tensor for name, tensor in tensors.items() if f".{tower}." in f"{name}."})
    return model, dim


def _width(tensors: Tensors, tower: str) -> int:
    return int(tensors[f"modality_trunks.{tower}.blocks.0.norm_1.weight"].shape[0])


def _depth(tensors: Tensors, tower: str) -> int:
    start = f"modality_trunks.{tower}.blocks."
    return len({name[len(start) :].split(".")[0] for name in tensors if name.startswith(start)})
