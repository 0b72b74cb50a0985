"""A trained model: prior, projector and what they were trained on, in one safetensors file."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import torch
from pydantic import ValidationError
from torch import Tensor

from artsound.errors import ConfigError
from artsound.settings import first_problem
from artsound.train import prior as priors
from artsound.train.checkpoint import read_tensors, write_tensors
from artsound.train.prepare import audio_fingerprint
from artsound.train.prior import AudioPrior
from artsound.train.projector import Conditioner, Ends
from artsound.train.settings import TrainSettings
from artsound.train.small import SmallAudioPrior
from artsound.train.start import NULL, Start
from artsound.train.visual import VisualEncoder, visual_encoder
from artsound.train.workers import own_device

NAME = "model.safetensors"


@dataclass
class Model:
    """What generates: an image goes through encoder, conditioner and prior."""

    settings: TrainSettings
    prior: AudioPrior
    encoder: VisualEncoder
    conditioner: Conditioner
    provenance: Mapping[str, str] = field(default_factory=dict)  # of its file, with the file's sha256

    @property
    def device(self) -> torch.device:
        """Where it computes."""
        return next(self.conditioner.parameters()).device

    def to(self, device: torch.device) -> None:
        """Move prior and projector; an encoder of images has found its device itself."""
        self.prior.to(device)
        self.conditioner.to(device)

    def seen(self, visual: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Make the conditioning of visual tokens, wherever they lie: slot → (B, token, dim)."""
        made: dict[str, Tensor] = self.conditioner(
            {name: one.float().to(self.device) for name, one in visual.items()}
        )
        return made


def new_conditioner(
    settings: TrainSettings, prior: AudioPrior, encoder: VisualEncoder, start: Start
) -> Conditioner:
    """Make an untrained conditioner at the mean conditioning; a slot without one starts at its null."""
    null = prior.null()
    mean = {name: start.mean.get(name, null[name]) for name in prior.cond_spec}
    spread = {name: start.spread.get(name, torch.ones_like(null[name])) for name in prior.cond_spec}
    ends = Ends(dict(encoder.spec), dict(prior.cond_spec), mean, spread, null)
    return Conditioner(ends, settings.projector, prior.learned_spec)


def save_model(path: Path, model: Model, provenance: Mapping[str, str]) -> None:
    """Write what was trained; weights of a frozen prior from elsewhere are named, not copied.

    Raises:
        StoreError: no space, or the folder cannot be written.
    """
    tensors = {f"conditioner.{name}": value for name, value in model.conditioner.state_dict().items()}
    tensors |= own_tensors(model.prior)
    meta = {**provenance, "model": model.settings.model_dump_json(exclude={"release", "run", "machine"})}
    write_tensors(path, tensors, meta)


def load_model(path: Path, weights: str = "") -> Model:
    """Read a trained model, and load the weights of the prior that it names; on the GPU if there is one.

    Args:
        path: the file, or its folder.
        weights: of the prior, where they do not lie where the training run found them.

    Raises:
        ConfigError: there is no model, it is not one, or weights it needs are missing.
    """
    if path.is_dir():
        path = path / NAME
    if not path.exists():
        raise ConfigError(
            f"{path} does not exist: train a model with `artsound train run`, or name the folder of one"
        )
    if path.suffix != ".safetensors":
        raise ConfigError(f"{path} is no model: name a model.safetensors, or its folder")
    tensors, meta = read_tensors(path)
    if "model" not in meta:
        raise ConfigError(f"{path} is no model of ours: it does not say what it was trained with")
    settings = _settings(path, meta.pop("model"), weights)
    prior = priors.build(settings.prior)
    encoder = visual_encoder(settings.visual, captions=settings.projector.text)
    conditioner = new_conditioner(settings, prior, encoder, NULL)
    try:
        conditioner.load_state_dict(_under(tensors, "conditioner."))
        load_own(prior, tensors)
    except RuntimeError as error:
        raise ConfigError(f"{path} is of another projector or prior: {str(error).splitlines()[0]}") from error
    here = {
        "audio": audio_fingerprint(prior),
        "denoiser": prior.denoiser,
        "visual": encoder.fingerprint,
    }
    for part, found in here.items():
        if meta.get(part, found) != found:
            raise ConfigError(
                f"{path} was trained with another {_PARTS[part]} than the weights named now ({meta[part]}, "
                f"these are {found}): name the folder of the same weights"
            )
    with path.open("rb") as file:
        meta["sha256"] = hashlib.file_digest(file, "sha256").hexdigest()
    model = Model(settings, prior, encoder, conditioner, meta)
    model.to(own_device())
    return model


def _settings(path: Path, said: str, weights: str) -> TrainSettings:
    """Read what a model was trained with."""
    given = json.loads(said)
    if weights and given["prior"]["kind"] == "small":
        raise ConfigError(f"{path} keeps the weights of its small prior itself: leave --weights out")
    if weights:
        given["prior"]["weights"] = weights
    try:
        return TrainSettings(release=Path(), run=path.parent, **given)
    except ValidationError as error:
        raise ConfigError(
            f"{path} was trained with settings that are refused now: {first_problem(error)}"
        ) from error


_PARTS = {"audio": "audio encoder", "denoiser": "denoiser", "visual": "visual encoder"}


def own_tensors(prior: AudioPrior) -> dict[str, Tensor]:
    """Return what a prior must keep itself: all of a small one, what was tuned of another."""
    network = dict(prior.network.named_parameters())
    if isinstance(prior, SmallAudioPrior):
        codec = {f"codec.{name}": value for name, value in prior.codec.state_dict().items()}
        return codec | {f"network.{name}": one for name, one in network.items()}
    tuned = {id(one) for one in prior.tunable()}
    return {f"network.{name}": one for name, one in network.items() if id(one) in tuned}


def load_own(prior: AudioPrior, tensors: Mapping[str, Tensor]) -> None:
    """Put back what `own_tensors` gave."""
    if isinstance(prior, SmallAudioPrior):
        prior.codec.load_state_dict(_under(tensors, "codec."))
    found = prior.network.load_state_dict(_under(tensors, "network."), strict=False)
    if found.unexpected_keys or (isinstance(prior, SmallAudioPrior) and found.missing_keys):
        raise RuntimeError(f"unlike parameters: {[*found.unexpected_keys, *found.missing_keys][:3]}")


def _under(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}
