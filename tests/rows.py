"""Example rows, valid as they are; a test names only what it is about."""

from typing import Any

import pyarrow as pa

from artsound import tables

_SAMPLES: dict[str, Any] = {"licence": "CC0-1.0", "sha256": "0" * 64, "phash": "0" * 16, "bytes": 1}


def row(table: str, **given: Any) -> dict[str, Any]:
    """Give a row of a table: null, empty or a plain value wherever `given` says nothing."""
    schema = tables.TABLES[table]
    assert not (unknown := set(given) - set(schema.names)), f"not columns of {table}: {sorted(unknown)}"
    return {field.name: given.get(field.name, _plain(field)) for field in schema}


def _plain(field: pa.Field) -> Any:
    if field.nullable:
        return None
    if field.name in _SAMPLES:
        return _SAMPLES[field.name]
    if pa.types.is_list(field.type):
        return []
    if pa.types.is_boolean(field.type):
        return False
    if pa.types.is_string(field.type):
        return "{}" if field.name in ("extra", "meta") else field.name
    return 1


def artworks(*given: dict[str, Any]) -> pa.Table:
    """Build a table of artworks."""
    return tables.rows_of("artworks", [row("artworks", **some) for some in given])


def tracks(*given: dict[str, Any]) -> pa.Table:
    """Build a table of tracks."""
    return tables.rows_of("tracks", [row("tracks", **some) for some in given])


def clips(*given: dict[str, Any]) -> pa.Table:
    """Build a table of clips."""
    return tables.rows_of("clips", [row("clips", **some) for some in given])
