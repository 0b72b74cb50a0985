"""What a report says of itself: what was judged, by whom, and how to read it."""

from collections.abc import Mapping, Sequence
from typing import Any

from artsound import __version__
from artsound.evaluate.alignment import DERANGEMENTS
from artsound.evaluate.frechet import straight_from
from artsound.evaluate.judges import Judges
from artsound.evaluate.loud import LEVEL
from artsound.evaluate.measure import FEW
from artsound.evaluate.miners import Miner
from artsound.evaluate.scores import Score
from artsound.train.model import Model
from artsound.train.shards import Shards


def about(model: Model, shards: Shards, split: str, count: int, seed: int) -> dict[str, Any]:
    """Say what was judged, so that it can be judged again."""
    settings = model.settings
    return {
        "release": f"{shards.name} {shards.version}",
        "manifest_sha256": shards.manifest,
        "model_sha256": model.provenance.get("sha256", ""),
        "split": split,
        "clips": count,
        "seed": seed,
        "prior": settings.prior.kind,
        "rate": settings.prior.rate,
        "seconds": settings.prior.seconds,
        "visual_encoder": settings.visual.encoder,
        "supervision": settings.objective.supervision,
        "language": settings.language or "training read no caption",
        "sampling": settings.sampling.model_dump(),
        "loudness_lufs": LEVEL,
        "derangements": DERANGEMENTS,
        "artsound": __version__,
    }


def named_judges(judges: Judges, mined: Sequence[Miner]) -> list[dict[str, Any]]:
    """Say of each ear whether it had a part in the pairs."""
    return [
        {"ear": name, "name": ear.name, "hears_hz": ear.rate, "circular": circular(ear.families, mined)}
        for name, ear in judges.ears.items()
    ]


def named_scores(scores: Sequence[Score], mined: Sequence[Miner]) -> list[dict[str, Any]]:
    """Say of each score whose hearing it reads, and whether a model behind it had a part in the pairs."""
    return [{"name": one.name, "ear": one.ear, "circular": circular(one.families, mined)} for one in scores]


def circular(families: frozenset[str], mined: Sequence[Miner]) -> str:
    """Say what a judge's models did for the pairs; empty where they had no part."""
    return "; ".join(sorted({f"{one.family} {one.part}" for one in mined if one.family in families}))


def notes(
    split: str, count: int, rate: int, judges: Judges, mined: Sequence[Miner], widths: Mapping[str, int]
) -> list[str]:
    """Say how the figures are to be read; `widths` are of the ears' vectors."""
    wider = sorted(name for name, ear in judges.ears.items() if ear.rate > rate)
    free = sorted(name for name, ear in judges.ears.items() if not circular(ear.families, mined))
    said = [
        f"Real clips are cut to the same window and brought to {rate} Hz, the rate of the prior: both sides "
        f"lack what lies above {rate // 2} Hz.",
        f"Every clip of both sides is scaled to {LEVEL:g} LUFS.",
        "Every row has the same pictures, the same noise, the same sampler and the same number of clips; one "
        "clip a picture, none chosen.",
        f"A gap is the mean score of own partners minus that of shuffled ones, over {DERANGEMENTS} "
        "derangements; its interval is a paired bootstrap over clips. Only an interval above 0 says that the "
        "picture matters.",
        "KL is stated twice: softmax reads the tags as one distribution, sigmoid as independent answers. The "
        "inception score is of the softmax; it does not compare between classifiers.",
        f"Judges without a part in the pairs: {', '.join(free) or 'none; believe no single figure'}.",
    ]
    if split == "train":
        said.insert(0, "These pairs were trained on: no figure here says anything about other pictures.")
    if wider:
        said.append(
            f"{', '.join(wider)} hear more than {rate // 2} Hz: the distances to real clips at full width "
            "are given beside those to low-passed ones."
        )
    bent = [
        f"{name} {straight_from(width):,}" for name, width in widths.items() if count < straight_from(width)
    ]
    if bent:
        said.append(
            f"FAD∞ of {count} clips is too high, whatever its interval: compare rows with each other only. "
            f"Its line is straight from more clips on: {', '.join(bent)}."
        )
    if count < FEW:
        said.append(
            f"{count} clips are few: a Fréchet distance at this size is mostly bias. Read KAD's interval."
        )
    return said
