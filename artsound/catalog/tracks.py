"""raw_tracks → tracks: texts cleaned, dates and licences read. Their audio is checked in `clips`."""

import json
from collections.abc import Mapping
from typing import Any

import pyarrow as pa

from artsound import tables
from artsound.catalog.dates import parse_date
from artsound.catalog.licences import spdx
from artsound.catalog.names import artist_id, clean_text, printed_name, slug
from artsound.errors import Outcome

_LABELS = ("label", "record_label", "publisher", "track.publisher", "artist.associated_labels")  # in `extra`
_AS_THEY_ARE = ("track_id", "audio_path", "genres", "tags", "language", "licence_url", "source_url")
_PRINTED = ("title", "description", "album_type", "producer", "engineer", "composer", "lyricist", "copyright")


def clean_tracks(raw_tracks: pa.Table) -> Outcome:
    """Clean what the source says of its tracks; none is refused."""
    return Outcome(tables.rows_of("tracks", [_described(raw) for raw in raw_tracks.to_pylist()]))


def _described(raw: Mapping[str, Any]) -> dict[str, Any]:
    artist, album = printed_name(raw["artist"]), clean_text(raw["album"])
    return {
        **{name: raw[name] for name in _AS_THEY_ARE},
        **{name: clean_text(raw[name]) for name in _PRINTED},
        "labels": [label for text in raw["labels"] if (label := clean_text(text))],
        "artist_id": artist_id("music", raw["track_id"], artist, raw["artist_key"]),
        "artist": artist,
        "album": album,
        "album_id": raw["album_key"] or (slug(album) if album else None),
        "label": _label(raw["extra"]),
        "date": raw["date"],
        **parse_date(raw["date"])._asdict(),
        "licence": spdx(raw["licence"], raw["licence_url"]),
        "licence_text": raw["licence"],
    }


def _label(extra: str) -> str | None:
    """Find who put the record out, among what else the source says."""
    given = json.loads(extra)
    found = [clean_text(str(given[name])) for name in _LABELS if given.get(name)]
    return "; ".join(dict.fromkeys(name for name in found if name)) or None
