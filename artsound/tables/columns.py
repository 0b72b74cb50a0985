"""Columns that several tables share, declared once."""

from typing import Any

import pyarrow as pa

from artsound.contracts import TEXT, WEIGHTED, WORDS, column, maybe

ARTWORK_ID = column("artwork_id", TEXT, "key of the artwork in its source; for ArtGraph `Artwork.name`")
TRACK_ID = column("track_id", TEXT, "key of the track in its source; for FMA the track id")
CLIP_ID = column("clip_id", TEXT, "key of the clip; one clip a track, so it equals the track's")
EXTRA = column("extra", TEXT, "JSON object of what else the source says; nothing is dropped silently")
SIDE = column("side", TEXT, "art or music")
ITEM_ID = column("item_id", TEXT, "artwork_id or clip_id, by side")
SPLIT = column("split", TEXT, "train, val or test; drawn by group before matching")
MODEL = column("model", TEXT, "what made it: name@sha256 of the weights; name:commit@sha256 where fetched")

WHEN = (
    maybe("date", TEXT, "as the source writes it"),
    maybe("year_from", pa.int32(), "first year the date allows; negative before the common era", unit="year"),
    maybe("year_to", pa.int32(), "last year the date allows", unit="year"),
    maybe("circa", pa.bool_(), "the source marks the date as approximate"),
)
LICENCE = (
    column(
        "licence", TEXT, "SPDX id, or LicenseRef-… where SPDX has none; LicenseRef-unknown, never guessed"
    ),
    maybe("licence_text", TEXT, "as the source writes it"),
    maybe("licence_url", TEXT, "where the source links the licence"),
    maybe("source_url", TEXT, "page of the item at its source"),
)
FILE = (
    column("sha256", TEXT, "of the original bytes"),
    column("bytes", pa.int64(), "size of the original file", unit="B"),
)

MAKER = maybe("artist", TEXT, "printed name of the artist; null when unknown")
KNOWN = (
    maybe("dimensions", TEXT, "as the source writes them"),
    maybe("image_url", TEXT, "where the source links the image"),
    maybe("period", TEXT, "period of the artist's work"),
    maybe("series", TEXT, "series the artwork belongs to"),
    maybe("gallery", TEXT, "who holds it"),
    maybe("gallery_city", TEXT, "where the gallery is"),
    maybe("gallery_country", TEXT, "where the gallery is"),
    maybe("city", TEXT, "where it was made"),
    maybe("country", TEXT, "where it was made"),
    column("emotions", WEIGHTED, "emotions named by annotators and how many named them; may be empty"),
)
CREDITS = (
    maybe("album_type", TEXT, "album, single, live performance, radio program and so on"),
    maybe("producer", TEXT, "of the album"),
    maybe("engineer", TEXT, "of the album"),
    maybe("composer", TEXT, "as the source writes it"),
    maybe("lyricist", TEXT, "as the source writes it"),
    column("labels", WORDS, "record labels of artist and track; may be empty"),
    maybe("copyright", TEXT, "copyright lines, © and ℗, as the source writes them"),
)
LIFE = (
    maybe("birth_date", TEXT, "as the source writes it"),
    maybe("death_date", TEXT, "as the source writes it"),
    maybe("birth_year", pa.int32(), "null when the date allows several", unit="year"),
    maybe("death_year", pa.int32(), "null when the date allows several", unit="year"),
    maybe("birth_place", TEXT, "as the source writes it"),
    maybe("death_place", TEXT, "as the source writes it"),
    maybe("gender", TEXT, "as the source writes it"),
    maybe("biography", TEXT, "free text"),
    maybe("image_url", TEXT, "portrait"),
    maybe("wikipedia_url", TEXT, "page of the artist"),
    maybe("dbpedia_url", TEXT, "page of the artist"),
    column("movements", WORDS, "movements; may be empty"),
    column("fields", WORDS, "fields of work; may be empty"),
    column("schools", WORDS, "schools, and persons that the source mixes with them; may be empty"),
    column("teachers", WORDS, "keys of artists in the source; may be empty"),
    column("patrons", WORDS, "patrons; may be empty"),
    column("subjects", WORDS, "categories of encyclopaedias; may be empty"),
    maybe("active_from", pa.int32(), "first year at work", unit="year"),
    maybe("active_to", pa.int32(), "last year at work", unit="year"),
    maybe("location", TEXT, "where the artist lives or works, as the source writes it"),
    maybe("members", TEXT, "of a band, as the source writes them"),
    maybe("website", TEXT, "the artist's own"),
    column("labels", WORDS, "record labels; may be empty"),
)
UNKNOWN_LIFE: dict[str, Any] = {field.name: [] if field.type == WORDS else None for field in LIFE}
