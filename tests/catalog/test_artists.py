"""Who made the items."""

from artsound.catalog.artists import list_artists
from tests.rows import artworks, tracks


def test_artists_of_both_sides_are_counted_apart() -> None:
    art = artworks(
        {"artwork_id": "1", "artist_id": "art:x", "artist": "Éx"},
        {"artwork_id": "2", "artist_id": "art:x", "artist": "X"},
        {"artwork_id": "3", "artist_id": "art:x", "artist": "X"},
    )
    music = tracks(
        {"track_id": "1", "artist_id": "music:x", "artist": "X"},
        {"track_id": "2", "artist_id": "music:?2", "artist": None},
    )
    assert list_artists(art, music).rows.to_pylist() == [
        {"artist_id": "art:x", "side": "art", "name": "X", "items": 3},
        {"artist_id": "music:?2", "side": "music", "name": None, "items": 1},
        {"artist_id": "music:x", "side": "music", "name": "X", "items": 1},
    ]
