"""Valence and arousal from what was measured: heuristics, stated so that they can be argued with.

Both run from −1 to 1 and are weighted sums of terms that are cut off at −1 and 1. The signs follow the
literature (Palmer et al. 2013, doi:10.1073/pnas.1212562110, for colour; Gabrielsson and Lindström 2010,
doi:10.1093/acprof:oso/9780199230143.003.0014, for music); the weights are ours, and no listener checked them.
"""

from collections.abc import Iterable, Mapping
from typing import Any

PLEASANT = ("happy", "party", "dance", "beautiful", "funk", "pop", "country", "easy listening")
UNPLEASANT = ("sad", "metal", "heavy metal", "weird", "experimental", "punk", "blues")
LIVELY = ("fast", "loud", "techno", "metal", "punk", "party", "dance", "drums", "hard rock", "beat")
CALM = ("slow", "quiet", "soft", "ambient", "mellow", "chillout", "chill", "new age", "easy listening")


def scaled(value: float, low: float, high: float) -> float:
    """Map low to −1 and high to 1, and cut off outside."""
    return min(1.0, max(-1.0, 2 * (value - low) / (high - low) - 1))


def of_music(measures: Mapping[str, Any], tags: Mapping[str, float]) -> tuple[float, float]:
    """Suggest valence and arousal of a clip.

    Args:
        measures: tempo in BPM, key and key_confidence, loudness in LUFS, onset_rate in 1/s, brightness in Hz.
        tags: musicnn tags and probabilities.
    """
    key = measures["key"] or ""
    mode = key.endswith("major") - key.endswith("minor")
    sure = min(1.0, measures["key_confidence"] / 0.1)  # a tenth of correlation ahead is a clear key
    pace = scaled(measures["tempo"], 60, 160) if measures["tempo"] else 0.0
    valence = 0.4 * mode * sure + 0.2 * pace + 0.4 * _lean(tags, PLEASANT, UNPLEASANT)
    arousal = (
        0.3 * scaled(measures["loudness"], -32, -8)
        + 0.25 * scaled(measures["onset_rate"], 0, 6)
        + 0.1 * scaled(measures["brightness"], 500, 3500)
        + 0.1 * pace
        + 0.25 * _lean(tags, LIVELY, CALM)
    )
    return valence, arousal


def of_picture(measures: Mapping[str, float]) -> tuple[float, float]:
    """Suggest valence and arousal of a picture.

    Args:
        measures: lightness and contrast in L*, saturation in C*ab, warmth −1 to 1, edge_density 0 to 1.
    """
    chroma = scaled(measures["saturation"], 5, 40)
    valence = 0.5 * scaled(measures["lightness"], 10, 70) + 0.3 * chroma + 0.2 * measures["warmth"]
    arousal = (
        0.4 * chroma
        + 0.3 * scaled(measures["contrast"], 8, 28)
        + 0.2 * scaled(measures["edge_density"], 0.1, 0.55)
        + 0.1 * measures["warmth"]
    )
    return valence, arousal


def _lean(tags: Mapping[str, float], towards: Iterable[str], away: Iterable[str]) -> float:
    """Weigh two groups of tags against one another; their probabilities are small, hence the gain."""
    pull = sum(tags.get(tag, 0.0) for tag in towards) - sum(tags.get(tag, 0.0) for tag in away)
    return scaled(pull, -0.7, 0.7)
