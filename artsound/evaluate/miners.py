"""Who chose the pairs: models that a release was mined with must not be the only ones to judge it.

Read from the manifest: the spaces whose weight in the matching was above 0, who wrote the captions that a
sentence space compares, and what heard the moods. The projector's own encoder counts as well.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

UNNAMED = "named by the manifest, which does not say what it was used for"
TITLES = "titles"  # captions that repeat titles say nothing that was heard
READS_CAPTIONS, READS_MOODS = "sentence", "affect"  # terms of the matching


@dataclass(frozen=True)
class Miner:
    """A model with a part in the pairs or in the generator's input."""

    family: str  # such as clip: held against the families of judges
    name: str  # name@revision
    part: str  # what it did


def miners(facts: Mapping[str, Any], visual_encoder: str) -> list[Miner]:
    """List them, from the facts of a manifest and the name of the projector's encoder.

    Examples:
        >>> facts = {
        ...     "settings": {"matching": {"clip": 1.0, "sentence": 0.0}},
        ...     "models": {"art_clip_vectors": ["vit@12"], "art_sentence_vectors": ["minilm@34"]},
        ... }
        >>> [(one.family, one.part) for one in miners(facts, "patches")]
        [('clip', 'weighs 1 in the matching'), ('patches', 'feeds the projector')]
    """
    tables: Mapping[str, list[str]] = facts.get("models", {})
    weights = facts.get("settings", {}).get("matching")
    found = [Miner(visual_encoder, visual_encoder, "feeds the projector")]
    if weights is None:
        found += [Miner(_family(name), name, UNNAMED) for name in _all(tables, "")]
        return _once(found)
    for term, weight in weights.items():
        if isinstance(weight, float) and weight > 0:
            names = _all(tables, f"_{term}_vectors")
            found += [
                Miner(
                    term if term != READS_CAPTIONS else _family(name),
                    name,
                    f"weighs {weight:g} in the matching",
                )
                for name in names
            ]
    if weights.get(READS_CAPTIONS, 0):
        found += [Miner(_family(name), name, "wrote the captions") for name in _all(tables, "_captions")]
    writers = {_family(name) for name in _all(tables, "music_captions")}
    if weights.get(READS_MOODS, 0) or (weights.get(READS_CAPTIONS, 0) and writers - {TITLES}):
        heard = _all(tables, "music_measures")
        found += [Miner(_family(name), name, "heard what captions and moods say") for name in heard]
    return _once(found)


def _all(tables: Mapping[str, list[str]], ending: str) -> list[str]:
    return [name for table, names in sorted(tables.items()) if table.endswith(ending) for name in names]


def _once(found: list[Miner]) -> list[Miner]:
    return sorted(set(found), key=lambda one: (one.family, one.name, one.part))


def _family(name: str) -> str:
    """Take the first word of a name.

    Examples:
        >>> _family("minilm-int8@2b22")
        'minilm'
    """
    return name.partition("@")[0].partition("-")[0].lower()
