"""artworks, tracks → artists."""

from collections import Counter

import pyarrow as pa

from artsound import tables
from artsound.errors import Outcome


def list_artists(artworks: pa.Table, tracks: pa.Table) -> Outcome:
    """List who made the items of both sides, by id; the usual spelling of a name stands."""
    spellings: dict[tuple[str, str], Counter[str]] = {}
    counts: Counter[tuple[str, str]] = Counter()
    for side, items in (("art", artworks), ("music", tracks)):
        for artist, name in zip(items["artist_id"].to_pylist(), items["artist"].to_pylist(), strict=True):
            counts[side, artist] += 1
            spellings.setdefault((side, artist), Counter()).update([name] if name else [])
    rows = [
        {"artist_id": artist, "side": side, "name": _usual(spellings[side, artist]), "items": count}
        for (side, artist), count in sorted(counts.items())
    ]
    return Outcome(tables.rows_of("artists", rows))


def _usual(names: Counter[str]) -> str | None:
    return min(names, key=lambda name: (-names[name], name), default=None)
