"""FMA's artists and albums, from raw_artists.csv and raw_albums.csv: told once, not on every track."""

import json
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from artsound import tables
from artsound.catalog.dates import parse_date
from artsound.catalog.names import clean_text, plain_text, printed_name
from artsound.errors import Outcome, Reason, Reject
from artsound.sources.fma_metadata import Line, Metadata, labels, literal
from artsound.tables.columns import UNKNOWN_LIFE

_ARTIST = {  # our column → FMA's
    "location": "artist_location",
    "members": "artist_members",
    "website": "artist_website",
    "wikipedia_url": "artist_wikipedia_page",
}
_ALBUM = {"album_type": "album_type", "producer": "album_producer", "engineer": "album_engineer"}


def read_musicians(metadata: Path) -> Outcome:
    """List the artists, as rows of `raw_artists`; raises as `fma.read_tracks`."""
    return _read(metadata, "raw_artists.csv", "artist_id", "raw_musicians", _artist)


def read_albums(metadata: Path) -> Outcome:
    """List the albums, cleaned; raises as `fma.read_tracks`."""
    return _read(metadata, "raw_albums.csv", "album_id", "albums", _album)


def _read(metadata: Path, name: str, key: str, table: str, row: Callable[[Line], dict[str, Any]]) -> Outcome:
    """Turn the lines of a CSV into rows, by key; of several of one key the last, which is told."""
    with Metadata(metadata) as given:
        listed = given.raw(name)
    lines = {line[key]: line for line in listed if line[key]}
    times = Counter(line[key] for line in listed)
    rejects = [Reject(f"{name} without {key}", Reason.MISSING_FILE, "it has no key")] * times.pop("", 0)
    for item, count in sorted(times.items()):
        rejects += [Reject(item, Reason.DUPLICATE_KEY, f"{name}: a later line has this {key}")] * (count - 1)
    return Outcome(tables.rows_of(table, [row(lines[key]) for key in sorted(lines)]), rejects)


def _artist(line: Line) -> dict[str, Any]:
    used = {"artist_id", "artist_name", "artist_bio", "artist_associated_labels", *_ARTIST.values()}
    return {
        **UNKNOWN_LIFE,
        **{ours: line.get(theirs) or None for ours, theirs in _ARTIST.items()},
        "side": "music",
        "artist_key": line["artist_id"],
        "name": line.get("artist_name") or None,
        "biography": plain_text(line.get("artist_bio")),
        "active_from": parse_date(line.get("artist_active_year_begin")).year_from,
        "active_to": parse_date(line.get("artist_active_year_end")).year_to,
        "labels": labels(line.get("artist_associated_labels", "")),
        "extra": _extra(line, used),
    }


def _album(line: Line) -> dict[str, Any]:
    date = line.get("album_date_released") or None
    used = {
        *("album_id", "album_title", "artist_name", "album_date_released", "album_information", "tags"),
        *("album_url", *_ALBUM.values()),
    }
    return {
        "album_id": line["album_id"],
        "title": clean_text(line.get("album_title")),
        "artist": printed_name(line.get("artist_name")),
        **{ours: clean_text(line.get(theirs)) for ours, theirs in _ALBUM.items()},
        "date": date,
        **parse_date(date)._asdict(),
        "information": plain_text(line.get("album_information")),
        "tags": [str(tag) for tag in literal(line.get("tags", ""))],
        "url": line.get("album_url") or None,
        "extra": _extra(line, used),
    }


def _extra(line: Line, used: Iterable[str]) -> str:
    rest = {name: value for name, value in line.items() if name not in {*used} and value not in ("", "[]")}
    return json.dumps(rest, sort_keys=True, ensure_ascii=False)
