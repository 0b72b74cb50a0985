"""What was measured of a recording's form, production and voices, in words."""

from collections.abc import Mapping, Sequence
from typing import Any

from artsound.captions.vocabulary import VOICES, VOICES_BY_GENRE
from artsound.captions.words import level, listed, nth

Row = Mapping[str, Any]

BUSY = [(1.5, "sparse"), (3.5, "flowing"), (6.0, "busy")]  # note onsets a second
EVENNESS = [(4.0, "even in level"), (9.0, "moderate in range")]  # loudness range, LU
WIDTH = [(0.001, "mono"), (0.05, "narrow stereo"), (0.25, "stereo")]  # share of the energy that differs
PEAKS = [(10.0, "densely levelled"), (17.0, "with moderate peaks")]  # crest factor, dB
CLIPPED = 0.001  # share of samples at full scale from which clipping is told
CHANGE = 4.0  # dB between two sections that one hears
COUNTS = ("no", "one", "two", "three", "four", "five", "six")


def texture(found: Row) -> str:
    """Say how dense the notes are."""
    return level(found["onset_rate"], BUSY, "crowded")


def structure(found: Row) -> str:
    """Say how many sections there are, which return, how their level changes, and how dense the notes are."""
    parts = found["sections"]
    if len(parts) < 2:
        return f"one section without a marked change, {texture(found)} texture"
    letters = " ".join(part["label"] for part in parts)
    count = COUNTS[len(parts)] if len(parts) < len(COUNTS) else str(len(parts))
    said = [f"{count} sections ({letters})", _return(parts), _level(parts)]
    return f"{', '.join(part for part in said if part)}, {texture(found)} texture"


def production(found: Row) -> str:
    """State width, peaks and level as measured; the mix itself was not judged."""
    spread = level(found["loudness_range"], EVENNESS, "wide in range")
    return (
        f"{level(found['stereo'], WIDTH, 'wide stereo')}, {level(found['crest'], PEAKS, 'with high peaks')}, "
        f"{spread}: about {found['loudness']:.0f} LUFS with a range of {found['loudness_range']:.0f} LU"
    )


def vocals(facts: Row, likely: Sequence[str]) -> str | None:
    """Say who is heard, by the catalogue's genres, else by the likely tags; None where neither knows."""
    given = [VOICES_BY_GENRE[genre.lower()] for genre in facts["genres"] if genre.lower() in VOICES_BY_GENRE]
    return next(iter(given), None) or next((VOICES[tag] for tag in VOICES if tag in likely), None)


def _return(parts: Sequence[Row]) -> str:
    """Name the sections that sound like an earlier one."""
    labels = [part["label"] for part in parts]
    back = [nth(at + 1) for at, label in enumerate(labels) if label in labels[:at]]
    return f"the {listed(back)} like an earlier one" if back else ""


def _level(parts: Sequence[Row]) -> str:
    """Name the loudest section where it stands out, else what becomes of the level."""
    levels = [part["level"] for part in parts]
    loudest = max(range(len(levels)), key=lambda at: levels[at])
    if max(levels) - min(levels) < CHANGE:
        return "at about the same level"
    return f"the {nth(loudest + 1)} the {'louder' if len(levels) == 2 else 'loudest'}"
