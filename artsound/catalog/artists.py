"""artworks, tracks → artists; where a source lists its artists, with their lives."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

import pyarrow as pa

from artsound import tables
from artsound.catalog.names import clean_text
from artsound.errors import Outcome
from artsound.tables.columns import UNKNOWN_LIFE

_PRINTED = (
    "birth_place",
    "death_place",
    "gender",
    "biography",
    "location",
    "members",
)  # may hold HTML entities


def list_artists(artworks: pa.Table, tracks: pa.Table, *known: pa.Table) -> Outcome:
    """List who made the items of both sides, by id; the usual spelling of a name stands.

    Args:
        artworks: rows of `artworks`.
        tracks: rows of `tracks`.
        known: what the sources know of their artists, where they list them: rows of `raw_artists`.
    """
    spellings: dict[tuple[str, str], Counter[str]] = {}
    counts: Counter[tuple[str, str]] = Counter()
    for side, items in (("art", artworks), ("music", tracks)):
        for artist, name in zip(items["artist_id"].to_pylist(), items["artist"].to_pylist(), strict=True):
            counts[side, artist] += 1
            spellings.setdefault((side, artist), Counter()).update([name] if name else [])
    lives = {f"{raw['side']}:{raw['artist_key']}": raw for some in known for raw in some.to_pylist()}
    rows = [
        {
            "artist_id": artist,
            "side": side,
            "name": _usual(spellings[side, artist]),
            "items": count,
            **_life(lives.get(artist)),
        }
        for (side, artist), count in sorted(counts.items())
    ]
    return Outcome(tables.rows_of("artists", rows))


def _usual(names: Counter[str]) -> str | None:
    return min(names, key=lambda name: (-names[name], name), default=None)


def _life(raw: Mapping[str, Any] | None) -> dict[str, Any]:
    if raw is None:
        return UNKNOWN_LIFE
    return {name: clean_text(raw[name]) if name in _PRINTED else raw[name] for name in UNKNOWN_LIFE}
