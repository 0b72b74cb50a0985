"""Who made the items."""

from artsound import tables
from artsound.catalog.artists import list_artists
from artsound.tables.columns import LIFE
from tests.rows import artworks, row, tracks


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
    rows = list_artists(art, music).rows.select(["artist_id", "side", "name", "items"])
    assert rows.to_pylist() == [
        {"artist_id": "art:x", "side": "art", "name": "X", "items": 3},
        {"artist_id": "music:?2", "side": "music", "name": None, "items": 1},
        {"artist_id": "music:x", "side": "music", "name": "X", "items": 1},
    ]


def test_what_the_source_knows_of_its_artists_comes_along() -> None:
    known = {
        "birth_date": "c.1840",
        "birth_year": 1840,
        "death_date": None,
        "birth_place": "Paris &amp; around",
        "movements": ["impressionism"],
        "teachers": ["boudin"],
    }
    lives = [
        row("raw_artists", side="art", artist_key="x", **known),
        row("raw_artists", side="art", artist_key="unused"),
    ]
    art = artworks({"artwork_id": "1", "artist_id": "art:x"}, {"artwork_id": "2", "artist_id": "art:?2"})
    music = tracks({"track_id": "1", "artist_id": "music:x"})
    rows = {
        one["artist_id"]: one
        for one in list_artists(art, music, tables.rows_of("raw_artists", lives)).rows.to_pylist()
    }
    assert set(rows) == {"art:x", "art:?2", "music:x"}
    assert {name: rows["art:x"][name] for name in known} == known | {"birth_place": "Paris & around"}
    for unknown in ("art:?2", "music:x"):
        assert all(rows[unknown][field.name] in (None, []) for field in LIFE)
