"""A training run from a release to a model; every step is found done when the command is run again."""

import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cached_property, partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
from torch import Tensor, nn

from artsound import __version__
from artsound.errors import ConfigError
from artsound.store import check_place, disk_errors
from artsound.train import prior as priors
from artsound.train import start, watch
from artsound.train.batches import Batches
from artsound.train.cache import Family, open_family
from artsound.train.checkpoint import PREPARE, check_provenance, read_tensors, write_tensors
from artsound.train.fingerprint import seeded
from artsound.train.loop import Job, train
from artsound.train.model import NAME, Model, new_conditioner, save_model
from artsound.train.objective import PriorObjective, ProjectorObjective
from artsound.train.prepare import (
    audio_fingerprint,
    audio_maker,
    caption_maker,
    fill,
    training_windows,
    visual_maker,
)
from artsound.train.prior import AudioPrior, CaptionTeacher, OwnConditioning
from artsound.train.settings import Loop, TrainSettings
from artsound.train.shards import Shards, check_bytes, open_shards
from artsound.train.small import SmallAudioPrior
from artsound.train.visual import VisualEncoder, visual_encoder
from artsound.train.watch import conditioned
from artsound.train.workers import first_process, own_device

__all__ = ["Prepared", "Session", "conditioned", "prepare", "recompute", "run"]

LOG = logging.getLogger(__name__)
FIT_WINDOWS = 2_000  # of the training split, that a codec is fitted to
START_WINDOWS = 256  # of it, that a prior's own encoders hear for the mean conditioning
STATISTICS_ROWS = 4_096  # of the cache, for mean and spread of the conditioning


class Prepared(NamedTuple):
    """What `prepare` did."""

    folder: Path
    made: int  # files; 0 when everything was there


class Session:
    """A release, a prior and a run folder, opened."""

    def __init__(self, settings: TrainSettings, *, fit: bool = False, model: Model | None = None) -> None:
        """Load encoder and prior, or take those of a model that was trained; `fit` a codec if need be."""
        self.settings = settings
        self.shards = open_shards(settings.release)
        if model is not None:
            self.encoder, self.prior = model.encoder, model.prior
            return
        self.prior, self.encoder = _loaded(
            partial(priors.build, settings.prior),
            partial(visual_encoder, settings.visual, captions=settings.projector.text),
        )
        if isinstance(self.prior, SmallAudioPrior):
            _codec(self.prior, self.shards, self.cache, fit=fit)

    @cached_property
    def teacher(self) -> CaptionTeacher | None:
        """What makes targets of captions, where the settings ask for that."""
        distilled = self.settings.objective.supervision == "text_distill"
        return priors.caption_teacher(self.settings.prior) if distilled else None

    @property
    def cache(self) -> Path:
        """Where latents and tokens lie."""
        return self.settings.run / "cache"

    def families(self, split: str) -> dict[str, Family]:
        """Open the cache of a split.

        Raises:
            ConfigError: it is missing, or made by another codec, encoder or from another release.
        """
        made_from = {"audio": audio_fingerprint(self.prior), "visual": self.encoder.fingerprint}
        if self.teacher:
            made_from["caption"] = self.teacher.fingerprint
        return {
            name: open_family(self.cache, name, split, made_from=one, release=self.shards.manifest)
            for name, one in made_from.items()
        }

    @property
    def start_facts(self) -> dict[str, str]:
        """Say what the mean conditioning depends on, beside the encoders that measure it."""
        return {
            "manifest": self.shards.manifest,
            "audio": audio_fingerprint(self.prior),
            "slots": start.slots_of(self.prior),
        }

    def provenance(self, *sections: str, **more: str) -> dict[str, str]:
        """Say what a file of this run comes from."""
        settings = self.settings.model_dump(mode="json", include=set(sections))
        return {
            "artsound": __version__,
            "release": f"{self.shards.name} {self.shards.version}",
            "manifest": self.shards.manifest,
            "audio": audio_fingerprint(self.prior),
            "denoiser": self.prior.denoiser,
            "visual": self.encoder.fingerprint,
            "language": self.settings.language,
            "settings": json.dumps(settings, sort_keys=True),
            **more,
        }


def _loaded(
    prior: Callable[[], AudioPrior], encoder: Callable[[], VisualEncoder]
) -> tuple[AudioPrior, VisualEncoder]:
    """Load both, and say of both at once what is missing: weights take long to fetch."""
    try:
        made = prior()
    except ConfigError as error:
        try:
            encoder()
        except ConfigError as also:
            raise ConfigError(f"{error}; and {also}") from error
        raise
    return made, encoder()


def prepare(settings: TrainSettings) -> Prepared:
    """Encode a release once.

    Raises:
        ReleaseError: it is damaged, or a shard is not what the manifest says.
        StoreError: no space, or the run's folder cannot be written.
    """
    check_place(settings.run, "name another `run` folder")
    check_bytes(open_shards(settings.release))
    session = Session(settings, fit=True)
    session.prior.to(own_device())
    makers = [audio_maker(session.prior), visual_maker(session.encoder)]
    if session.teacher:
        makers.append(caption_maker(session.teacher))
    with disk_errors(session.cache):
        made = fill(session.cache, session.shards, makers, settings.machine.part_rows)
    return Prepared(session.cache, made + _measured(session))


def _measured(session: Session) -> bool:
    """Measure the mean conditioning where cached targets do not give it; says whether that was to be done."""
    path, wanted = session.cache / start.NAME, session.start_facts
    load = _own_conditioning(session, session.families("train"))
    if load is None or start.current(path, wanted):
        return False
    heard = training_windows(session.shards, session.prior, START_WINDOWS, "hearing the mean conditioning")
    start.measure(path, load(), heard, wanted)
    return True


def _start(session: Session, families: Mapping[str, Family]) -> start.Start:
    """Find where the projector starts."""
    found = start.NULL
    if _own_conditioning(session, families):
        found = start.read(session.cache / start.NAME, session.start_facts)
    return found.beside(_targets(families))


def _own_conditioning(
    session: Session, families: Mapping[str, Family]
) -> Callable[[], OwnConditioning] | None:
    """Find what measures the mean conditioning of slots that no cached target gives, if it is needed."""
    given = {name for one in families.values() for name in one.shapes}
    if all(f"target.{name}" in given for name in session.prior.cond_spec):
        return None
    return priors.own_conditioning(session.prior)


def run(settings: TrainSettings) -> Path:
    """Train: the small prior first, if there is one, then the projector; returns the path of the model.

    Raises:
        ConfigError: the cache or a checkpoint belongs to something else.
        TrainingError: the loss stopped being finite.
    """
    session = Session(settings)
    families = session.families("train")
    session.prior.to(own_device())
    if isinstance(session.prior, SmallAudioPrior):
        _pretrain(session, families)
    session.prior.network.requires_grad_(False)
    for one in session.prior.tunable():
        one.requires_grad_(True)
    begun = _start(session, families)
    with seeded(settings.loop.seed):
        conditioner = new_conditioner(settings, session.prior, session.encoder, begun)
    begins = {"start": begun.made_from} if begun.made_from else {}
    provenance = session.provenance(*_SECTIONS, **begins)
    model = Model(settings, session.prior, session.encoder, conditioner, provenance)
    if settings.machine.recompute:
        recompute(session.prior.network)
    if settings.warm:
        _project(
            session, families, replace(model, provenance=_before_loop(provenance)), "warm", settings.warm
        )
    _project(session, families, model, "projector", settings.loop)
    path = settings.run / NAME
    if first_process():
        save_model(path, model, provenance)
    return path


_SECTIONS = ("prior", "visual", "projector", "objective", "pretrain", "warm", "loop")


def _before_loop(provenance: Mapping[str, str]) -> dict[str, str]:
    """Leave `loop` out: it comes after the warm-up, and another learning rate there costs none of it."""
    kept = {name: one for name, one in json.loads(provenance["settings"]).items() if name != "loop"}
    return {**provenance, "settings": json.dumps(kept, sort_keys=True)}


def recompute(network: nn.Module) -> None:
    """Keep no activations of the prior.

    Raises:
        ConfigError: it cannot do without them.
    """
    switch = getattr(network, "enable_gradient_checkpointing", None)
    try:
        if switch is None:
            raise ValueError("no such switch")
        switch()
    except ValueError as error:
        raise ConfigError(f"machine.recompute: this prior does not know it ({error})") from error


def _codec(prior: SmallAudioPrior, shards: Shards, cache: Path, *, fit: bool) -> None:
    """Read the codec that was fitted to a release; fit it if it is missing or belongs elsewhere."""
    path = cache / "codec.safetensors"
    wanted = {"manifest": shards.manifest, "codec": json.dumps(prior.codec_settings, sort_keys=True)}
    if path.exists():
        tensors, meta = read_tensors(path)
        if not fit:
            check_provenance(path, meta, wanted, PREPARE)
        if all(meta.get(name) == value for name, value in wanted.items()):
            prior.codec.load_state_dict(tensors)
            return
    elif not fit:
        raise ConfigError(f"{cache} has no codec: run `artsound train prepare`")
    explained = prior.codec.fit(training_windows(shards, prior, FIT_WINDOWS, "fitting the codec"))
    LOG.info("the codec explains %.0f %% of the variance of the log-mel frames", 100 * explained)
    write_tensors(path, prior.codec.state_dict(), wanted)


def _pretrain(session: Session, families: Mapping[str, Family]) -> None:
    settings = session.settings
    audio = {"audio": families["audio"]}
    batches = Batches(
        audio, settings.objective.model_copy(update={"pair_noise": 0.0}), settings.pretrain.seed
    )
    job = Job(
        "the prior",
        PriorObjective(session.prior, settings.objective),
        batches,
        settings.pretrain,
        settings.run / "prior",
        session.provenance("prior", "pretrain", dropout=str(settings.objective.dropout)),
    )
    trained = train(job, settings.machine)
    trained.load(trained.averages)


def _project(session: Session, families: Mapping[str, Family], model: Model, name: str, loop: Loop) -> None:
    settings = session.settings
    objective = settings.objective
    if name == "warm":
        objective = objective.model_copy(update={"diffusion": 0.0})
    taught = any(key.startswith("target.") for family in families.values() for key in family.shapes)
    if not objective.diffusion and not (taught and (objective.loa or objective.contrastive)):
        raise ConfigError(
            f"nothing is left to learn in `{name}`: it needs objective.loa or contrastive above 0, and a "
            "prior that has targets (small; audioldm2 with loa_teacher or text_distill)"
        )
    job = Job(
        name,
        ProjectorObjective(session.prior, model.conditioner, objective, settings.projector.source_dropout),
        Batches(families, objective, loop.seed),
        loop,
        settings.run / name,
        model.provenance,
        partial(_watch, session, model, settings.run / "samples" / name),
    )
    trained = train(job, settings.machine)
    trained.load(trained.averages)


def _watch(session: Session, model: Model, folder: Path, seen: int) -> dict[str, float]:
    """Measure and play a little of the validation split, if there is one."""
    if "val" not in session.shards.splits:
        return {}
    families = session.families("val")
    with disk_errors(folder):
        watch.play(model, families, folder / f"{seen:09d}")
    return watch.measure(model, families)


def _targets(families: Mapping[str, Family]) -> dict[str, Tensor]:
    """Read some conditioning targets, slot → (row, token, dim)."""
    teacher = families.get("caption", families["audio"])
    found = teacher.gather(np.arange(min(STATISTICS_ROWS, len(teacher))))
    return {
        name.removeprefix("target."): one.float() for name, one in found.items() if name.startswith("target.")
    }
