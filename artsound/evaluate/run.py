"""An evaluation from a training run to a report: make every row, listen, measure, write.

The rows are judged on a split that was not trained on, against the real clips of its pairs. One row's clips
are in memory at a time.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from artsound.evaluate import systems
from artsound.evaluate.about import about, named_judges, named_scores, notes
from artsound.evaluate.alignment import gap, of_ranks
from artsound.evaluate.ears import Ear, Heard, listen
from artsound.evaluate.judges import Judges, assemble
from artsound.evaluate.loud import level, level_all
from artsound.evaluate.material import (
    Choice,
    check_origin,
    check_release,
    chosen_rows,
    chosen_split,
    music_captions,
    pairs_at,
)
from artsound.evaluate.measure import Measured, check_equal_counts, distances, measure
from artsound.evaluate.miners import miners
from artsound.evaluate.report import Example, Report, write_report
from artsound.evaluate.scores import NEEDED, Partners, Score, scores
from artsound.evaluate.sensitivity import AGAIN, PICTURES, by_ear
from artsound.evaluate.systems import CODED, NEAREST, Bench, Clips, Rows, Side, Training
from artsound.media.image import decode_image
from artsound.models import registry
from artsound.progress import track
from artsound.release.manifest import read_manifest
from artsound.store import check_place
from artsound.train.heldout import held_out, likelihood_ranks
from artsound.train.model import load_model
from artsound.train.prepare import MAX_MEGAPIXELS, window_of
from artsound.train.run import Session, conditioned
from artsound.train.shards import Pair

TEXT_ENCODER = "minilm-int8"  # reads captions, where a prior reads no words itself
EXAMPLES = 8  # pictures that the page plays
LIKELIHOOD = 128  # pairs whose losses are compared, each with each


class Real(NamedTuple):
    """The real clips as the ears hear them."""

    heard: Mapping[str, Heard]  # brought to the prior's rate first: both sides lack the same heights
    whole: Mapping[str, Heard]  # at full width, by ears that hear more than the prior makes


@dataclass
class Rowed:
    """What was made of the rows, as it grows."""

    measured: dict[str, Measured] = field(default_factory=dict)
    heard: dict[str, dict[str, Heard]] = field(default_factory=dict)
    played: dict[str, Clips] = field(default_factory=dict)  # the first clips of each row
    how: dict[str, str] = field(default_factory=dict)  # what a row is, where that is not plain
    absent: dict[str, str] = field(default_factory=dict)  # row that this prior cannot have → why


def evaluate(choice: Choice, folder: Path, judged_by: Mapping[str, Path] | None = None) -> Report:
    """Judge a trained model beside its baselines, and write report.json, report.md and a page.

    Args:
        choice: what to judge.
        folder: where the report goes.
        judged_by: folders with the weights of more judges, see `judges.FROM_FOLDER`.

    Raises:
        ConfigError: there is no such model, cache, split or judge, or the model is of another release.
        ReleaseError: the release does not verify.
        EvaluationError: the split has too few pairs.
        StoreError: the folder cannot be written.
    """
    check_place(folder, "name another --out")
    model = load_model(choice.run, choice.weights)
    check_release(choice.release)
    settings = model.settings.model_copy(update={"release": choice.release, "run": choice.run})
    session = Session(settings, model=model)
    check_origin(model, session.shards, choice.run)
    split = chosen_split(choice.split, session.shards.splits)
    rows = chosen_rows(len(session.families(split)["audio"]), choice, split)
    judges = assemble(judged_by or {})
    pairs = pairs_at(session.shards, split, rows)
    bench = Bench(
        model,
        _side(session, split, rows, pairs),
        _training(session),
        registry.text_encoder(TEXT_ENCODER),
        choice.seed,
    )
    real = _real(judges, pairs, bench)
    asked = scores(judges, real.heard, _partners(pairs, bench))
    made = _rows(bench, session, judges, real, asked)
    mined = miners(read_manifest(choice.release).facts, model.settings.visual.encoder)
    given = {score.name for score in asked}
    report = Report(
        about=about(model, session.shards, split, len(rows), choice.seed),
        judges=named_judges(judges, mined),
        rows=made.measured,
        scores=named_scores(asked, mined),
        miners=[asdict(one) for one in mined],
        likelihood=_likelihood(bench, session, split, rows),
        sensitivity=_sensitivity(bench, judges, real, made),
        how=made.how,
        absent=made.absent,
        missing={name: why for name, why in NEEDED.items() if name not in given},
        notes=notes(split, len(rows), model.settings.prior.rate, judges, mined, _widths(real)),
    )
    write_report(folder, report, list(_examples(pairs, bench, made)), model.prior.rate)
    return report


def _widths(real: Real) -> dict[str, int]:
    return {name: heard.vectors.shape[1] for name, heard in real.heard.items()}


def _side(session: Session, split: str, rows: Rows, pairs: Sequence[Pair]) -> Side:
    families, prior = session.families(split), session.prior
    visual = {name: one.float() for name, one in families["visual"].gather(rows).items()}
    clips = np.stack([window_of(pair.audio, prior.rate, prior.seconds) for pair in track(pairs, "decoding")])
    return Side(
        visual,
        Training(families["visual"], families["audio"], []).targets(rows),
        [pair.art_caption for pair in pairs],
        [pair.music_caption for pair in pairs],
        level_all(clips, prior.rate),
    )


def _training(session: Session) -> Training:
    families = session.families("train")
    return Training(families["visual"], families["audio"], music_captions(session.shards, "train"))


def _real(judges: Judges, pairs: Sequence[Pair], bench: Bench) -> Real:
    """Listen to the real clips at the prior's rate, and again at full width where an ear hears more."""
    rate = bench.model.prior.rate
    wider = {name: ear for name, ear in judges.ears.items() if ear.rate > rate}
    return Real(listen(judges.ears, bench.judged.clips, rate), _whole(wider, pairs, bench) if wider else {})


def _whole(ears: Mapping[str, Ear], pairs: Sequence[Pair], bench: Bench) -> dict[str, Heard]:
    rate, seconds = max(ear.rate for ear in ears.values()), bench.model.prior.seconds
    decoded = track(pairs, f"decoding at {rate} Hz")
    clips = np.stack([level(window_of(pair.audio, rate, seconds), rate) for pair in decoded])
    return listen(ears, clips, rate)


def _partners(pairs: Sequence[Pair], bench: Bench) -> Partners:
    images = [decode_image(pair.image, max_megapixels=MAX_MEGAPIXELS).pixels for pair in pairs]
    return Partners(images, bench.judged.music_captions, bench.training.music_captions)


def _rows(bench: Bench, session: Session, judges: Judges, real: Real, asked: Sequence[Score]) -> Rowed:
    """Make, level, hear and measure one row after the other."""
    made, rate = Rowed(), bench.model.prior.rate
    count = len(systems.CONDITIONS) + len((NEAREST, CODED))
    for name, clips in track(_clips(bench, session, made), "making and judging rows", count):
        loud = level_all(clips, rate)
        heard = listen(judges.ears, loud, rate)
        check_equal_counts(heard, real.heard, name)
        made.heard[name], made.played[name] = heard, loud[:EXAMPLES]
        measured = measure(heard, real.heard, asked, seed=bench.seed)
        wider = {ear: heard[ear] for ear in real.whole}
        made.measured[name] = measured | {"whole": distances(wider, real.whole, seed=bench.seed)}
    return made


def _clips(bench: Bench, session: Session, made: Rowed) -> Iterator[tuple[str, Clips]]:
    """Make the clips of every row; a row that this prior cannot have is named with the reason."""
    for name, condition in systems.CONDITIONS.items():
        played = condition(bench)
        if isinstance(played, str):
            made.absent[name] = played
            continue
        if played.how:
            made.how[name] = played.how
        yield name, systems.play(bench, played)
    nearest = pairs_at(session.shards, "train", systems.nearest_pictures(bench))
    prior = bench.model.prior
    yield NEAREST, np.stack([window_of(pair.audio, prior.rate, prior.seconds) for pair in nearest])
    yield CODED, systems.coded(bench.model, bench.judged.clips)


def _sensitivity(bench: Bench, judges: Judges, real: Real, made: Rowed) -> dict[str, Any]:
    """Compare the model's pieces under another picture and under other noise."""
    rate = bench.model.prior.rate
    again = level_all(systems.play_again(bench, PICTURES, AGAIN), rate)
    return by_ear(
        made.heard["model"], made.heard["shuffled pictures"], listen(judges.ears, again, rate), real.heard
    )


def _likelihood(bench: Bench, session: Session, split: str, rows: Rows) -> dict[str, Any]:
    """Ask the model itself: does the own picture explain a real clip better than others do?"""
    some = rows[:LIKELIHOOD]
    latents, cond = conditioned(bench.model, session.families(split), some)
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
        "retrieval": asdict(of_ranks(ranks, len(some))),
    }


def _examples(pairs: Sequence[Pair], bench: Bench, made: Rowed) -> Iterator[Example]:
    for at, pair in enumerate(pairs[:EXAMPLES]):
        clips = {name: clips[at] for name, clips in made.played.items()}
        yield Example(pair.pair_id, pair.art_caption, pair.image, bench.judged.clips[at], clips)
