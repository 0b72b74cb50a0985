"""Tracks are cleaned."""

import pytest

from artsound import tables
from artsound.catalog.tracks import clean_tracks
from tests.rows import row


@pytest.mark.parametrize(
    ("given", "column", "value"),
    [
        ({"artist": "Björk"}, "artist_id", "music:bjork"),
        ({"artist": "Various Artists"}, "artist_id", "music:?7"),
        ({"artist": "Ed", "artist_key": "12"}, "artist_id", "music:12"),
        ({"album": "Début &amp; more"}, "album_id", "debut-more"),
        ({"album": "Début", "album_key": "99"}, "album_id", "99"),
        ({}, "album_id", None),
        ({"date": "2008-11-26 00:00:00"}, "year_to", 2008),
        ({"licence_url": "http://creativecommons.org/licenses/by/3.0/us/"}, "licence", "CC-BY-3.0-US"),
    ],
)
def test_texts_are_cleaned_and_keys_made(given: dict[str, str], column: str, value: object) -> None:
    outcome = clean_tracks(tables.rows_of("raw_tracks", [row("raw_tracks", track_id="7", **given)]))
    assert outcome.rows[column].to_pylist() == [value]
