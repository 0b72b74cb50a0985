"""What a released pair says of itself: the JSON member of a shard, derived from the tables it comes from.

One declaration serves the plan, the dataset card's features and `schemas/sample.schema.json`.
"""

import math
from typing import Any

import pyarrow as pa

from artsound import tables
from artsound.contracts import TEXT, column


def _but(schema: pa.Schema, *names: str) -> list[pa.Field]:
    return [field for field in schema if field.name not in names]


_IMAGE = ("sha256", "bytes", "format", "width", "height", "phash")

IMAGE = pa.struct([tables.ARTWORKS.field(name) for name in _IMAGE])
AUDIO = pa.struct(_but(tables.CLIPS, "clip_id", "track_id", "audio_path"))
ART_CAPTION = pa.struct(_but(tables.ART_CAPTIONS, "artwork_id"))
MUSIC_CAPTION = pa.struct(_but(tables.MUSIC_CAPTIONS, "clip_id"))

ARTWORK = pa.struct(
    [
        *_but(tables.ARTWORKS, "image_path", *_IMAGE),
        column("image", IMAGE, "the original file"),
        column("caption", ART_CAPTION, "the artwork in words"),
        column("measures", pa.struct(_but(tables.ART_MEASURES, "artwork_id")), "the artwork in numbers"),
    ]
)
MUSIC = pa.struct(
    [
        tables.CLIPS.field("clip_id"),
        *_but(tables.TRACKS, "audio_path"),
        column("audio", AUDIO, "the original file"),
        column("caption", MUSIC_CAPTION, "the clip in words"),
        column("measures", pa.struct(_but(tables.MUSIC_MEASURES, "clip_id")), "the clip in numbers"),
    ]
)
PAIR = _but(tables.PAIRS, "artwork_id", "clip_id")
SAMPLE = pa.struct(
    [
        *PAIR,
        column("tier", TEXT, "licence tier of the pair, by its more restricted side"),
        column("artwork", ARTWORK, "the artwork and its image"),
        column("music", MUSIC, "the clip and its audio"),
    ]
)


def plain(value: Any) -> Any:
    """Round what is not an integer to 6 decimals; what is not a finite number is not known."""
    if isinstance(value, float):
        return round(value, 6) if math.isfinite(value) else None
    if isinstance(value, dict):
        return {name: plain(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [plain(inner) for inner in value]
    return value


def sample_schema() -> dict[str, Any]:
    """Describe the JSON member of a shard; the content of `schemas/sample.schema.json`."""
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "ArtSound sample"}
    return head | json_schema()


def json_schema(dtype: pa.DataType = SAMPLE) -> dict[str, Any]:
    """Describe a type as JSON Schema (draft 2020-12), null allowed where the table allows it."""
    if pa.types.is_struct(dtype):
        fields = list(dtype)
        return {
            "type": "object",
            "additionalProperties": False,
            "required": [field.name for field in fields],
            "properties": {field.name: _property(field) for field in fields},
        }
    if pa.types.is_list(dtype):
        return {"type": "array", "items": json_schema(dtype.value_type)}
    return {"type": _SCALARS[str(dtype)]}


_SCALARS = {
    "string": "string",
    "bool": "boolean",
    "int32": "integer",
    "int64": "integer",
    "float": "number",
    "double": "number",
}


def _property(field: pa.Field) -> dict[str, Any]:
    made = json_schema(field.type)
    if field.nullable:
        made["type"] = [made["type"], "null"]
    about = {key.decode(): value.decode() for key, value in (field.metadata or {}).items() if value}
    notes = {"description": about["about"]} if "about" in about else {}
    return made | notes | ({"unit": about["unit"]} if "unit" in about else {})
