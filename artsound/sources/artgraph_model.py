"""ArtGraph as such: its labels and relations in both naming schemes, the published counts, a node as a row.

How the graph is reached is the matter of `artgraph` (Bolt) and `artgraph_csv` (exports); both give `Found`.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from artsound import tables
from artsound.catalog.dates import parse_date
from artsound.errors import Outcome, Reason, Reject
from artsound.sources.base import Remote, Source

SOURCE = Source(
    name="artgraph",
    side="art",
    about="ArtGraph 2.0, a knowledge graph of 116,475 artworks, kept in Neo4j.",
    homepage="https://zenodo.org/records/8172374",
    licence="not stated where it could be read; images are WikiArt's: take them as research only",
    citation="Castellano, Digeno, Sansaro, Vessio 2022, doi:10.1016/j.knosys.2022.108859",
    remotes=(
        Remote("artgraph2.0.dump", "https://zenodo.org/records/8172374/files/artgraph2.0.dump"),
        Remote("imagesf2.zip", "https://zenodo.org/records/8172374"),
    ),
)

NODE_COUNTS = {  # published, of the graph before emotions were added
    "Artwork": 116_475, "Subject": 6_985, "Tag": 5_424, "Artist": 2_501, "Gallery": 1_099, "Serie": 823,
    "City": 596, "Training": 268, "Movement": 243, "Period": 186, "Media": 167, "People": 109, "Country": 58,
    "Field": 54, "Style": 32, "Genre": 18,
}  # fmt: skip


class Relation(NamedTuple):
    """One kind of edge, by its role for us; `old` of the f2 graph, `new` of the 2.0 dump."""

    role: str
    head: str
    old: str
    new: str
    tail: str
    published: int  # how many


RELATIONS = (
    Relation("artist", "Artwork", "Author", "createdBy", "Artist", 116_475),
    Relation("genre", "Artwork", "Genre", "hasGenre", "Genre", 116_475),
    Relation("style", "Artwork", "Style", "hasStyle", "Style", 116_475),
    Relation("tags", "Artwork", "About", "about", "Tag", 342_984),
    Relation("medium", "Artwork", "Media", "madeOf", "Media", 83_824),
    # `locatedIn` means *made in* for cities and countries, *held by* for galleries. The 39,020 are published
    # for both tails together; so are the 1,713 of `inCountry`, of which one export has 608 from cities.
    Relation("city", "Artwork", "CompletedIn", "locatedIn", "City", 19_510),
    Relation("country", "Artwork", "CompletedIn", "locatedIn", "Country", 19_510),
    Relation("gallery", "Artwork", "LocatedIn", "locatedIn", "Gallery", 19_504),
    Relation("series", "Artwork", "Serie", "partOf", "Serie", 8_322),
    Relation("period", "Artwork", "Period", "hasPeriod", "Period", 5_748),
    Relation("subjects", "Artist", "Subject", "hasSubject", "Subject", 21_054),
    Relation("movements", "Artist", "Movement", "belongsToMovement", "Movement", 1_056),
    Relation("fields", "Artist", "Field", "belongsToField", "Field", 988),
    Relation("schools", "Artist", "Training", "relatedToSchool", "Training", 498),
    Relation("patrons", "Artist", "Patrons", "hasPatron", "People", 124),
    Relation("teachers", "Artist", "Teacher", "trainedBy", "Artist", 47),
    Relation("gallery_country", "Gallery", "Country", "inCountry", "Country", 1_105),
    Relation("gallery_city", "Gallery", "City", "inCity", "City", 1_109),
    Relation("city_country", "City", "Country", "inCountry", "Country", 608),
)
EMOTION = Relation("emotions", "Artwork", "elicit", "elicits", "Emotion", 0)  # only in the newer graph
NEEDED = ("artist", "genre", "style")  # a graph without them is no ArtGraph


@dataclass
class Found:
    """A node and what it is linked to: role → names, sorted."""

    name: str
    properties: Mapping[str, Any]
    links: Mapping[str, Sequence[str]]
    artist_name: str | None = None  # printed
    emotions: Sequence[tuple[str, float, str]] = field(default_factory=list)  # name, arousal, description


def artwork_rows(batch: Iterable[Found], seen: set[str]) -> Outcome:
    """Turn artworks into rows; of several of one name the first stands. `seen` is added to."""
    rows, rejects = [], []
    for found in batch:
        if found.name in seen:
            rejects.append(
                Reject(found.name, Reason.DUPLICATE_KEY, "the graph has another artwork of this name")
            )
        else:
            seen.add(found.name)
            rows.append(artwork_row(found))
    return Outcome(tables.rows_of("raw_artworks", rows), rejects)


def artwork_row(found: Found) -> dict[str, Any]:
    """Turn an artwork into a row of `raw_artworks`; what has no column goes to `extra`."""
    links, known = found.links, dict(found.properties)
    known.pop("name", None)
    row = {name: _text(known.pop(name, None)) for name in ("title", "date", "dimensions", "image_url")}
    artists = list(links.get("artist", ()))
    told = {text: about for text, _, about in found.emotions if about}
    extra = known | ({"artists": artists} if len(artists) > 1 else {}) | ({"emotions": told} if told else {})
    return row | {
        "artwork_id": found.name,
        "image_path": found.name,
        "artist": _text(found.artist_name) or (artists[0] if artists else None),
        "artist_key": artists[0] if artists else None,
        "licence": None,
        "licence_url": None,
        "source_url": None,
        "culture": None,
        "medium": _joined(links.get("medium", ()), ", "),
        **{name: _joined(links.get(name, ()), "; ") for name in _PLACES},
        "country": _joined(links.get("country") or links.get("city_country", ()), "; "),
        "tags": list(links.get("tags", ())),
        "emotions": [{"name": name, "value": value} for name, value, _ in sorted(found.emotions)],
        "extra": _json(extra),
    }


_PLACES = ("style", "genre", "period", "series", "gallery", "gallery_city", "gallery_country", "city")
_LIFE = ("birth_date", "death_date", "birth_place", "death_place", "gender", "biography")
_LINKS = ("image_url", "wikipedia_url", "dbpedia_url")
_ROLES = ("movements", "fields", "schools", "teachers", "patrons", "subjects")


def artist_row(found: Found) -> dict[str, Any]:
    """Turn an artist into a row of `raw_artists`."""
    known = dict(found.properties)
    known.pop("name", None)
    name = _text(known.pop("printed_name", None))
    row = {name: _text(known.pop(name, None)) for name in (*_LIFE, *_LINKS)}
    return row | {
        "artist_key": found.name,
        "name": name,
        "birth_year": _one_year(row["birth_date"]),
        "death_year": _one_year(row["death_date"]),
        **{role: list(found.links.get(role, ())) for role in _ROLES},
        "extra": _json(known),
    }


def _one_year(date: str | None) -> int | None:
    """Return the year of a date that allows one only."""
    years = parse_date(date)
    return years.year_from if years.year_from == years.year_to else None


def _text(value: Any) -> str | None:
    """Take empty text for none; the graph has numbers in some text properties."""
    return None if value is None or not str(value).strip() else str(value)


def _joined(names: Iterable[str], by: str) -> str | None:
    return by.join(names) or None


def _json(extra: Mapping[str, Any]) -> str:
    told = {name: value for name, value in extra.items() if value not in (None, "")}
    return json.dumps(told, sort_keys=True, ensure_ascii=False, default=str)
