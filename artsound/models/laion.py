"""CLAP by the package laion_clap: LAION's own checkpoints as they are published, one `.pt` file.

A folder holds the checkpoint and the tokenizer of roberta-base (`vocab.json`, `merges.txt`). The sizes of
both halves are read from the weights, so that any HTSAT checkpoint without fusion loads. The waveform is not
rounded to 16 bits before the spectrogram, as the package's own helper does: then both routes agree, given
that the settings beside transformers' weights say what LAION's code does (`frequency_min` 50 Hz,
`layer_norm_eps` 1e-5).
"""

import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from jaxtyping import Float32

from artsound.errors import ConfigError
from artsound.models import files
from artsound.models.bare import LAION_CLAP, module_of
from artsound.models.checkpoints import tensors_in
from artsound.models.clap import LEAST_TOKENS, TOKENS
from artsound.models.torch_ready import best_device, torchvision_ready
from artsound.models.vectors import unit
from artsound.models.windows import WindowRule, pooled

RATE, LONGEST = 48_000, 480_000  # Hz, and samples that the model hears at a time
HEAD = 64  # numbers a head of RoBERTa
AUDIO = {"sample_rate": RATE, "window_size": 1024, "hop_size": 480, "fmin": 50, "fmax": 14_000}
OLD = ("position_ids", "token_type_ids")  # counters that older versions of transformers kept
FIXED = (
    "spectrogram_extractor.",
    "logmel_extractor.",
    "attn_mask",
)  # computed from the settings, not trained
FUSED = ("audio_branch.patch_embed.mel_conv2d", "audio_branch.patch_embed.fusion_model")
Tensors = Mapping[str, Any]


@dataclass(frozen=True)
class Waves:
    """Windows of a clip as waveforms of one length; shorter windows are repeated, the rest is silence."""

    rule: WindowRule

    def __call__(self, samples: Float32[np.ndarray, " sample"]) -> Float32[np.ndarray, "window 480000"]:
        """Cut a clip and fill its windows."""
        windows = self.rule.cut(samples, RATE)
        filled = np.zeros((len(windows), LONGEST), np.float32)
        for row, window in zip(filled, windows, strict=True):
            whole = np.tile(window, LONGEST // max(1, len(window)))
            row[: len(whole)] = whole
        return filled


class _Laion:
    """What recordings and texts share."""

    def __init__(self, weights: Path) -> None:
        """Load the checkpoint.

        Raises:
            ConfigError: no checkpoint or several, a pickle that wants to run code, or no HTSAT CLAP.
            MissingExtra: laion_clap is not installed.
        """
        found = files.weights_in(weights, kinds=files.CHECKPOINTS)
        if len(found) > 1:
            names = ", ".join(path.name for path in found)
            raise ConfigError(f"{weights} holds several checkpoints ({names}): leave one")
        self.name = files.folder_identity("", weights, kinds=files.CHECKPOINTS)
        self._device = best_device()
        tensors = tensors_in(found[0])
        if any(name.startswith(FUSED) for name in tensors):
            raise ConfigError(
                f"{found[0]} is a fused checkpoint (enable_fusion): take its weights for transformers with "
                'library = "transformers", or a checkpoint without fusion'
            )
        try:
            self._model = _loaded(tensors).eval().to(self._device)
        except (KeyError, RuntimeError, ValueError) as error:
            line = " ".join(str(error).split())[:200]
            raise ConfigError(
                f"{found[0]} is no CLAP checkpoint of HTSAT and RoBERTa without fusion: {line}"
            ) from error
        self.dim = int(self._model.joint_embed_shape)


class LaionSounds(_Laion):
    """One unit vector a clip."""

    rate = RATE

    def __init__(self, weights: Path, *, rule: WindowRule) -> None:
        super().__init__(weights)
        if rule.seconds > LONGEST / RATE:
            raise ConfigError(f"`embeddings.clap.window` is {rule.seconds:g} s, the model hears 10 s")
        self.prepare = Waves(rule)

    def __call__(self, prepared: Sequence[np.ndarray]) -> Float32[np.ndarray, "clip dim"]:
        """Return one unit vector a prepared clip."""
        if not prepared:
            return np.empty((0, self.dim), np.float32)
        waves = torch.from_numpy(np.concatenate(prepared)).to(self._device)
        with torch.inference_mode():
            heard = self._model.encode_audio({"waveform": waves}, device=self._device)["embedding"]
            found = self._model.audio_projection(heard)
        return pooled(unit(found.cpu().numpy()), [len(one) for one in prepared])


class LaionTexts(_Laion):
    """One unit vector a text; longer texts are cut by the tokenizer."""

    def __init__(self, weights: Path) -> None:
        super().__init__(weights)
        from transformers import RobertaTokenizer  # noqa: PLC0415  # after torchvision is ready

        folder = weights if weights.is_dir() else weights.parent
        try:
            self._tokenize: Any = RobertaTokenizer.from_pretrained(str(folder), local_files_only=True)
        except (OSError, ValueError, TypeError) as error:
            raise ConfigError(f"no tokenizer in {folder}: copy the files of roberta-base there") from error
        if len(self._tokenize) < LEAST_TOKENS:
            raise ConfigError(
                f"no tokenizer in {folder}: copy vocab.json and merges.txt of roberta-base there"
            )

    def __call__(self, texts: Sequence[str]) -> Float32[np.ndarray, "text dim"]:
        """Return one unit vector a text."""
        if not texts:
            return np.empty((0, self.dim), np.float32)
        longest = min(TOKENS, self._model.text_branch.config.max_position_embeddings - 2)
        tokens = self._tokenize(
            list(texts), padding=True, truncation=True, max_length=longest, return_tensors="pt"
        )
        with torch.inference_mode():
            found = self._model.encode_text(tokens, device=self._device)
        return unit(found.cpu().numpy())


def _loaded(tensors: Tensors) -> Any:
    """Build LAION's model in the sizes of the weights, and fill it; KeyError where they are of another."""
    torchvision_ready()
    package = module_of("laion_clap", "clap_module.model", install=LAION_CLAP)
    heard = module_of("laion_clap", "clap_module.htsat", install=LAION_CLAP)
    joint = int(tensors["audio_projection.2.weight"].shape[0])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the package is older than the torch that it warns about
        htsat = _htsat(heard, tensors)
    with _sized(package, _roberta(tensors), htsat):
        model = package.CLAP(
            embed_dim=htsat.num_features,
            audio_cfg=AUDIO | {"model_type": "HTSAT", "model_name": "sized"},
            text_cfg=package.CLAPTextCfg(TOKENS, 0, 0, 0, 0, "roberta"),
            joint_embed_shape=joint,
        )
    known = {name: tensor for name, tensor in tensors.items() if not name.endswith(OLD)}
    missing, unknown = model.load_state_dict(known, strict=False)
    if lacking := [name for name in missing if not any(part in name for part in FIXED)] + unknown:
        raise KeyError(f"{len(lacking)} weights missing or unknown, such as {lacking[0]}")
    return model


@contextmanager
def _sized(package: Any, roberta: Any, htsat: Any) -> Iterator[None]:
    """Let LAION's constructor take halves that are there, where it would fetch one and knows three sizes."""
    kept = package.RobertaModel, package.create_htsat_model
    package.RobertaModel = SimpleNamespace(from_pretrained=lambda _: roberta)
    package.create_htsat_model = lambda *_: htsat
    try:
        yield
    finally:
        package.RobertaModel, package.create_htsat_model = kept


def _roberta(tensors: Tensors) -> Any:
    from transformers import RobertaConfig, RobertaModel  # noqa: PLC0415  # after torchvision is ready

    words = "text_branch.embeddings."
    count, width = tensors[f"{words}word_embeddings.weight"].shape
    layers = _count(tensors, "text_branch.encoder.layer.")
    config = RobertaConfig(
        vocab_size=count,
        hidden_size=width,
        num_hidden_layers=layers,
        num_attention_heads=max(1, width // HEAD),
        intermediate_size=tensors["text_branch.encoder.layer.0.intermediate.dense.weight"].shape[0],
        max_position_embeddings=tensors[f"{words}position_embeddings.weight"].shape[0],
        type_vocab_size=tensors[f"{words}token_type_embeddings.weight"].shape[0],
        layer_norm_eps=1e-5,
    )
    return RobertaModel(config)


def _htsat(package: Any, tensors: Tensors) -> Any:
    layers = range(_count(tensors, "audio_branch.layers."))
    bias = "audio_branch.layers.{}.blocks.0.attn.relative_position_bias_table"
    mels = tensors["audio_branch.bn0.weight"].shape[0]
    return package.HTSAT_Swin_Transformer(
        spec_size=256,
        patch_size=4,
        patch_stride=(4, 4),
        num_classes=tensors["audio_branch.head.weight"].shape[0],
        embed_dim=tensors["audio_branch.patch_embed.proj.weight"].shape[0],
        depths=[_count(tensors, f"audio_branch.layers.{layer}.blocks.") for layer in layers],
        num_heads=[tensors[bias.format(layer)].shape[1] for layer in layers],
        window_size=8,
        config=SimpleNamespace(
            **AUDIO, mel_bins=mels, class_num=tensors["audio_branch.head.weight"].shape[0]
        ),
    )


def _count(tensors: Tensors, prefix: str) -> int:
    """Count the numbered modules after a prefix."""
    numbers = {name[len(prefix) :].split(".")[0] for name in tensors if name.startswith(prefix)}
    if not numbers:
        raise KeyError(f"{prefix}0")
    return len(numbers)
