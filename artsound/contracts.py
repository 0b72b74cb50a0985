"""How a table is declared, and the one gate that holds rows against the declaration."""

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from artsound.errors import SchemaError

TEXT = pa.string()
WORDS = pa.list_(pa.string())
# stored as a fixed-size list, of float16 where the rows bring that; the length belongs to the model
VECTOR = pa.list_(pa.float32())
WEIGHTED = pa.list_(pa.struct([pa.field("name", TEXT, False), pa.field("value", pa.float32(), False)]))


def column(name: str, dtype: pa.DataType, about: str, *, unit: str = "", nullable: bool = False) -> pa.Field:
    """Declare a column together with what a reader must know of it."""
    return pa.field(name, dtype, nullable, metadata={"about": about, "unit": unit})


def maybe(name: str, dtype: pa.DataType, about: str, *, unit: str = "") -> pa.Field:
    """Declare a column that may be null: null means *not known*, never zero or empty."""
    return column(name, dtype, about, unit=unit, nullable=True)


def table(
    *columns: pa.Field, key: str, about: str, mapped: bool = False, group_rows: int | None = None
) -> pa.Schema:
    """Declare a table.

    Args:
        columns: in the order in which they are stored.
        key: column or columns, joined by a comma, whose values never repeat; empty where rows may.
        about: one sentence for the contract.
        mapped: store as uncompressed Arrow IPC, which is read without copying; else as Parquet.
        group_rows: rows that are in memory at one time while it is stored, fewer for wide ones; None: the
            store's own number.
    """
    metadata = {"key": key, "about": about, "mapped": str(mapped).lower()}
    return pa.schema(columns, metadata | ({"group_rows": str(group_rows)} if group_rows else {}))


def rows_of(name: str, schema: pa.Schema, kept: Sequence[Mapping[str, Any]]) -> pa.Table:
    """Build a table from row dictionaries; each must have exactly the table's columns.

    Raises:
        SchemaError: a row has a column too many or too few, or a value of another type.
    """
    for row in kept:
        if unlike := set(schema.names) ^ set(row):
            raise SchemaError(f"{name}: missing or unexpected columns {sorted(unlike)}")
    try:
        return pa.Table.from_pylist(list(kept), schema=schema)
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise SchemaError(f"{name}: {error}") from error


def key_of(schema: pa.Schema) -> list[str]:
    """Return the key columns of a table; an empty list when rows may repeat."""
    return [part for part in schema.metadata[b"key"].decode().split(",") if part]


def conform(name: str, schema: pa.Schema, rows: pa.Table) -> pa.Table:
    """Cast rows to the table's schema and check its key.

    Raises:
        SchemaError: a column is missing, extra or of another type; a required value is null; a key repeats.
    """
    if unlike := set(schema.names) ^ set(rows.schema.names):
        raise SchemaError(f"{name}: missing or unexpected columns {sorted(unlike)}")
    try:
        rows = rows.select(schema.names).cast(_sized(name, schema, rows))
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, ValueError) as error:
        raise SchemaError(f"{name}: {error}") from error
    for field in schema:
        if not field.nullable and rows[field.name].null_count:
            raise SchemaError(f"{name}: null in {field.name!r}")
    check_key(name, schema, rows)
    return rows


def check_key(name: str, schema: pa.Schema, rows: pa.Table) -> None:
    """Refuse a repeated key; `rows` needs the key columns only.

    Raises:
        SchemaError: says how many rows repeat a key.
    """
    if (key := key_of(schema)) and (repeats := len(rows) - len(rows.group_by(key).aggregate([]))):
        raise SchemaError(f"{name}: {repeats} repeated values of {','.join(key)!r}")


def _sized(name: str, schema: pa.Schema, rows: pa.Table) -> pa.Schema:
    """Give vector columns the fixed length that the rows bring: the schema leaves it to the model."""
    for position, field in enumerate(schema):
        if field.type == VECTOR:
            given = rows.schema.field(field.name).type
            if not pa.types.is_fixed_size_list(given):
                raise SchemaError(f"{name}: {field.name} must be a fixed-size list, got {given}")
            number = pa.float16() if given.value_type == pa.float16() else pa.float32()
            schema = schema.set(position, field.with_type(pa.list_(number, given.list_size)))
    return schema


def contract(name: str, schema: pa.Schema) -> dict[str, Any]:
    """Describe a table for readers outside Python."""
    return {
        "table": name,
        "about": schema.metadata[b"about"].decode(),
        "key": key_of(schema),
        "columns": [
            {
                "name": field.name,
                "type": str(field.type),
                "nullable": field.nullable,
                **{k.decode(): v.decode() for k, v in field.metadata.items() if v},
            }
            for field in schema
        ],
    }
