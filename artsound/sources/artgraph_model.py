"""ArtGraph as such: its labels and relations in both naming schemes, the published counts, a node as a row.

How the graph is reached is the matter of `artgraph` (Bolt) and `artgraph_csv` (exports); both give `Found`.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from math import isfinite
from typing import Any, NamedTuple, TypeVar

import numpy as np
import pyarrow as pa

from artsound import tables
from artsound.catalog.dates import parse_date
from artsound.errors import Reason, Reject
from artsound.sources.base import Source
from artsound.tables.columns import UNKNOWN_LIFE

SOURCE = Source(
    name="artgraph",
    side="art",
    about="ArtGraph 2.0, a knowledge graph of 116,475 artworks, kept in Neo4j.",
    homepage="https://zenodo.org/records/8172374",
    licence="not stated where it could be read; images are WikiArt's: take them as research only",
    citation="Castellano, Digeno, Sansaro, Vessio 2022, doi:10.1016/j.knosys.2022.108859",
    version="2.0",
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


TEXTS = ("title", "date", "dimensions", "image_url")  # properties of an artwork that have a column
Node = TypeVar("Node")
Felt = tuple[str, float, str]  # an emotion: name, arousal, description


def strength(arousal: Any) -> float:
    """Return how many felt an emotion; 1 where the graph does not say, or says no number."""
    with suppress(TypeError, ValueError):
        if isfinite(felt := float(arousal)):
            return felt
    return 1.0


@dataclass
class Found:
    """A node and what it is linked to: role → names, sorted."""

    name: str
    properties: Mapping[str, Any]
    links: Mapping[str, Sequence[str]]
    artist_name: str | None = None  # printed
    emotions: Sequence[Felt] = field(default_factory=list)


@dataclass
class Artworks:
    """Many artworks, by column: an export has too many for an object each. Lists of names are sorted."""

    names: list[str]
    texts: dict[str, list[Any]]  # each of `TEXTS`
    links: Mapping[str, Sequence[Sequence[str]]]  # role → names of each artwork
    artist_names: list[str | None]  # printed
    emotions: list[Sequence[Felt]]
    more: list[Mapping[str, Any]]  # properties that have no column


def in_columns(found: Sequence[Found]) -> Artworks:
    """Turn nodes into columns."""
    roles = {role for one in found for role in one.links}
    return Artworks(
        names=[one.name for one in found],
        texts={name: [one.properties.get(name) for one in found] for name in TEXTS},
        links={role: [one.links.get(role, ()) for one in found] for role in roles},
        artist_names=[one.artist_name for one in found],
        emotions=[one.emotions for one in found],
        more=[{k: v for k, v in one.properties.items() if k not in (*TEXTS, "name")} for one in found],
    )


def artwork_rows(found: Artworks) -> pa.Table:
    """Turn artworks into rows of `raw_artworks`; what has no column goes to `extra`."""
    none: list[Sequence[str]] = [()] * len(found.names)
    links = {role: found.links.get(role, none) for role in ("artist", "medium", *_PLACES, "tags")}
    own, of_city = found.links.get("country", none), found.links.get("city_country", none)
    artists = links["artist"]
    keys = [names[0] if names else None for names in artists]
    columns = {
        "artwork_id": found.names,
        "image_path": found.names,
        **{name: [_text(value) for value in values] for name, values in found.texts.items()},
        "artist": [_text(name) or key for name, key in zip(found.artist_names, keys, strict=True)],
        "artist_key": keys,
        "medium": [", ".join(names) or None for names in links["medium"]],
        **{place: ["; ".join(names) or None for names in links[place]] for place in _PLACES},
        "country": ["; ".join(these or those) or None for these, those in zip(own, of_city, strict=True)],
        "tags": links["tags"],
        "emotions": _emotions(found.emotions),
        "extra": [
            as_json(_extra(*told))
            for told in zip(found.more, artists, found.emotions, own, of_city, strict=True)
        ],
    }
    schema = tables.TABLES["raw_artworks"]
    unsaid = pa.nulls(len(found.names), pa.string())
    arrays = [_column(columns.get(name, unsaid), schema.field(name).type) for name in schema.names]
    return pa.Table.from_arrays(arrays, schema=schema)


def without_repeats(
    found: Iterable[Node], name_of: Callable[[Node], str | None], seen: set[str], kind: str = "artwork"
) -> tuple[list[Node], list[Reject]]:
    """Keep the first node of each name; one without a name has no key. `seen` is added to."""
    kept, rejects = [], list[Reject]()
    for one in found:
        if not (name := name_of(one)):
            rejects.append(unnamed(kind, len(seen)))
            seen.add(rejects[-1].item_id)
        elif name in seen:
            rejects.append(Reject(name, Reason.DUPLICATE_KEY, f"the graph has another {kind} of this name"))
        else:
            seen.add(name)
            kept.append(one)
    return kept, rejects


def unnamed(kind: str, number: int) -> Reject:
    """Refuse a node that has no name."""
    return Reject(f"{kind} without a name {number}", Reason.MISSING_FILE, "it has no key")


def _column(values: Any, dtype: pa.DataType) -> pa.Array:
    return values if isinstance(values, pa.Array) else pa.array(values, dtype)


def _emotions(felt: Sequence[Sequence[Felt]]) -> pa.ListArray:
    """Build the column from its parts: a dictionary for each emotion would cost more than all the rest."""
    counts = np.cumsum([0, *map(len, felt)], dtype=np.int32)
    flat = [one for some in felt for one in some]
    dtype = tables.TABLES["raw_artworks"].field("emotions").type
    name, value = dtype.value_type
    parts = [pa.array([n for n, _, _ in flat], name.type), pa.array([v for _, v, _ in flat], value.type)]
    return pa.ListArray.from_arrays(counts, pa.StructArray.from_arrays(parts, fields=[name, value]), dtype)


def _extra(
    more: Mapping[str, Any],
    artists: Sequence[str],
    felt: Sequence[Felt],
    country: Sequence[str],
    of_city: Sequence[str],
) -> Mapping[str, Any]:
    """Collect what has no column: other properties and artists, words on emotions, the city's country."""
    told: dict[str, str] = {}
    for name, _, about in felt:
        if about:
            told[name] = f"{told[name]}\n{about}" if name in told else about
    other = country and of_city and country != of_city
    if len(artists) < 2 and not told and not other:
        return more
    shared = {"artists": list(artists)} if len(artists) > 1 else {}
    place = {"city_country": list(of_city)} if other else {}
    return {**more, **shared, **place, **({"emotions": told} if told else {})}


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
    return (
        UNKNOWN_LIFE
        | row
        | {
            "side": "art",
            "artist_key": found.name,
            "name": name,
            "birth_year": _one_year(row["birth_date"]),
            "death_year": _one_year(row["death_date"]),
            **{role: list(found.links.get(role, ())) for role in _ROLES},
            "extra": as_json(known),
        }
    )


def _one_year(date: str | None) -> int | None:
    """Return the year of a date that allows one only."""
    years = parse_date(date)
    return years.year_from if years.year_from == years.year_to else None


def _text(value: Any) -> str | None:
    """Take empty text for none; the graph has numbers in some text properties."""
    text = value if isinstance(value, str) or value is None else str(value)
    return text if text and not text.isspace() else None


def as_json(extra: Mapping[str, Any]) -> str:
    """Write properties by name; empty ones tell nothing."""
    if not extra:
        return "{}"
    told = {name: value for name, value in extra.items() if value not in (None, "")}
    text = json.dumps(told, sort_keys=True, ensure_ascii=False, default=str)
    if "NaN" in text or "Infinity" in text:  # no JSON: told as texts
        told = json.loads(text, parse_constant=str)
        text = json.dumps(told, sort_keys=True, ensure_ascii=False)
    return text
