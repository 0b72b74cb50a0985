"""An evaluation from a training run to a report: make every row, listen, measure, write.

The rows are judged on a split that was not trained on, against the real clips of its pairs.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Int

from artsound import __version__
from artsound.errors import ConfigError, EvaluationError
from artsound.evaluate import systems
from artsound.evaluate.alignment import gap, of_ranks
from artsound.evaluate.ears import EARS, listen
from artsound.evaluate.measure import FEW, check_equal_counts, measure
from artsound.evaluate.report import Example, Report, write_report
from artsound.evaluate.systems import CODED, NEAREST, Bench, Clips, Side
from artsound.models import registry
from artsound.progress import track
from artsound.train.cache import Family
from artsound.train.heldout import held_out, likelihood_ranks
from artsound.train.model import load_model
from artsound.train.prepare import window_of
from artsound.train.run import Session, conditioned
from artsound.train.settings import TrainSettings
from artsound.train.shards import Pair

TEXT_ENCODER = "minilm-int8"  # reads captions for the text cascade
SPLITS = ("test", "val")
EXAMPLES = 8  # pictures that the page plays
WRITTEN_FROM = {"offline": "musicnn"}  # captioner → the tagger whose words it uses

Rows = Int[np.ndarray, " row"]


@dataclass(frozen=True)
class Choice:
    """What to evaluate, and how."""

    release: Path  # the release that the run was trained on
    run: Path  # folder of the training run, with its cache
    split: str = ""  # empty: test, or val where there is no test
    clips: int = 256  # at most
    seed: int = 0


def evaluate(choice: Choice, folder: Path) -> Report:
    """Judge a trained model beside its baselines, and write report.json, report.md and a page.

    Raises:
        ConfigError: there is no such model, release, cache or split.
        EvaluationError: the split has too few pairs.
    """
    model = load_model(choice.run)
    settings = model.settings.model_copy(update={"release": choice.release, "run": choice.run})
    session = Session(settings)
    split = _split(choice.split, session.shards.splits)
    families, training = session.families(split), session.families("train")
    rows = _chosen(len(families["audio"]), choice)
    judged, pairs = _side(session, split, families, rows)
    others, _ = _side(session, "train", training, np.arange(len(training["audio"])), keep=0)
    bench = Bench(model, judged, others, registry.text_encoder(TEXT_ENCODER), choice.seed)
    reference = np.stack([_window(pair, settings) for pair in pairs])
    clips, missing = _clips(bench, session, reference)
    ears = {name: make() for name, make in EARS.items()}
    heard = {name: listen(ears, made, model.prior.rate) for name, made in clips.items()}
    real = listen(ears, reference, model.prior.rate)
    count = check_equal_counts(heard, real)
    measured = {name: measure(one, real, seed=choice.seed) for name, one in heard.items()}
    report = Report(
        about=_about(choice, session, split, count),
        judges=_judges([ear.name for ear in ears.values()], _miners(session, settings)),
        rows=measured,
        likelihood=_likelihood(bench, families, rows),
        missing=missing | NOT_MEASURED,
        notes=_notes(count, settings),
    )
    examples = [
        Example(
            pair.pair_id,
            pair.art_caption,
            pair.image,
            reference[at],
            {n: made[at] for n, made in clips.items()},
        )
        for at, pair in enumerate(pairs[:EXAMPLES])
    ]
    write_report(folder, report, examples, model.prior.rate)
    return report


def _split(asked: str, there: list[str]) -> str:
    found = [name for name in ((asked,) if asked else SPLITS) if name in there]
    if not found:
        raise ConfigError(
            f"the release has no split {asked or ' or '.join(SPLITS)!r}; it has {', '.join(there)}"
        )
    return found[0]


def _chosen(there: int, choice: Choice) -> Rows:
    """Draw the judged rows, in order."""
    if (count := min(there, choice.clips)) < 2:
        raise EvaluationError(f"{count} pairs cannot be evaluated: choose more, or a split with more")
    order = np.random.default_rng(choice.seed).permutation(there)
    made: Rows = np.sort(order[: choice.clips])
    return made


def _side(
    session: Session, split: str, families: Mapping[str, Family], rows: Rows, keep: int | None = None
) -> tuple[Side, list[Pair]]:
    """Read what a split's chosen rows say, and keep the first `keep` pairs whole (None: all)."""
    audio = families["audio"].gather(rows)
    targets = {name.removeprefix("target."): one.float() for name, one in audio.items() if "target." in name}
    visual = {name: one.float() for name, one in families["visual"].gather(rows).items()}
    wanted = set(rows.tolist())
    pairs: list[Pair] = []
    art: list[str] = []
    music: list[str] = []
    for number, pair in enumerate(track(session.shards.read(split), f"reading {split}")):
        if number in wanted:
            art.append(pair.art_caption)
            music.append(pair.music_caption)
            pairs += [pair] if keep is None or len(pairs) < keep else []
    return Side(visual, targets, art, music), pairs


def _clips(bench: Bench, session: Session, reference: Clips) -> tuple[dict[str, Clips], dict[str, str]]:
    """Make the clips of every row; a row that this prior cannot have is named with the reason."""
    clips, missing = {}, {}
    for name, condition in systems.CONDITIONS.items():
        cond = condition(bench)
        if cond is None:
            missing[name] = "this prior derives no conditioning from audio"
        else:
            clips[name] = systems.play(bench, cond)
    clips[NEAREST] = _real(session, systems.nearest_pictures(bench))
    clips[CODED] = systems.coded(bench.model, reference)
    return clips, missing


def _real(session: Session, rows: Rows) -> Clips:
    """Read real training clips by row."""
    wanted = set(rows.tolist())
    found = {
        number: _window(pair, session.settings)
        for number, pair in enumerate(session.shards.read("train"))
        if number in wanted
    }
    return np.stack([found[row] for row in rows.tolist()])


def _window(pair: Pair, settings: TrainSettings) -> np.ndarray:
    return window_of(pair.audio, settings.prior.rate, settings.prior.seconds)


def _likelihood(bench: Bench, families: Mapping[str, Family], rows: Rows) -> dict[str, Any]:
    """Ask the model itself: does the own picture explain a real clip better than others do?"""
    latents, cond = conditioned(bench.model, families, rows)
    found = held_out(bench.model, latents, cond, seed=bench.seed)
    ranks = likelihood_ranks(bench.model, latents, cond, seed=bench.seed)
    return {
        "loss": {
            "matched": float(found.matched.mean()),
            "shuffled": float(found.shuffled.mean()),
            "null": float(found.null.mean()),
        },
        "relative_gap": found.gap,
        "gap": asdict(gap(-found.matched, -found.shuffled, seed=bench.seed)),
        "retrieval": asdict(of_ranks(ranks, len(rows))),
    }


def _about(choice: Choice, session: Session, split: str, count: int) -> dict[str, Any]:
    settings = session.settings
    return {
        "release": f"{session.shards.name} {session.shards.version}",
        "manifest_sha256": session.shards.manifest,
        "split": split,
        "clips": count,
        "seed": choice.seed,
        "prior": settings.prior.kind,
        "rate": settings.prior.rate,
        "seconds": settings.prior.seconds,
        "visual_encoder": settings.visual.encoder,
        "supervision": settings.objective.supervision,
        "sampling": settings.sampling.model_dump(),
        "artsound": __version__,
    }


def _miners(session: Session, settings: TrainSettings) -> set[str]:
    """Name the models that chose the pairs or feed the projector, without their revisions."""
    manifest = json.loads((settings.release / "manifest.json").read_text(encoding="utf-8"))
    listed = manifest.get("facts", {}).get("models", {}).values()  # of each table of the build
    names = [settings.visual.encoder, *chain.from_iterable(listed)]
    found = {name.partition("@")[0] for name in names}
    return found | {WRITTEN_FROM[name] for name in found if name in WRITTEN_FROM}


def _judges(names: list[str], miners: set[str]) -> list[dict[str, Any]]:
    """Say of each judge whether it had a part in choosing what it judges."""
    family = {name: name.partition("@")[0].partition("-")[0] for name in names}
    return [
        {"name": name, "circular": family[name] in {one.partition("-")[0] for one in miners}}
        for name in names
    ]


NOT_MEASURED = {
    "CLAP score": "no CLAP weights here; `alignment.cosine` scores given vectors",
    "ImageBind score": "no ImageBind weights here (non-commercial); `alignment.cosine` scores given vectors",
    "IMSM": "needs CLIP and CLAP weights; `alignment.imsm` scores given vectors",
}


def _notes(count: int, settings: TrainSettings) -> list[str]:
    rate = settings.prior.rate
    notes = [
        f"Real clips are cut to the same window and brought to {rate} Hz, the rate of the prior: both sides "
        f"lack what lies above {rate // 2} Hz.",
        "Every row has the same pictures, the same noise and the same number of clips.",
        "A gap is the mean score of own pairs minus that of shuffled pairs, over 5 derangements; its "
        "interval is a paired bootstrap over clips. Only an interval above 0 says that the picture matters.",
        "KL is stated twice: softmax reads the tags as one distribution, sigmoid as independent answers.",
    ]
    if count < FEW:
        notes.append(
            f"{count} clips are few: a Fréchet distance at this size is mostly bias. Read KAD's interval."
        )
    return notes
