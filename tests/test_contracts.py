import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from artsound import tables
from artsound.errors import SchemaError
from artsound.schemas import write_schemas
from artsound.tables.columns import LIFE

ARTISTS = {"artist_id": ["art:a", "art:b"], "side": ["art", "art"], "name": ["A", None], "items": [1, 2]}


def artists() -> pa.Table:
    """Rows that need casting, in the order of the table; of lives nothing is known."""
    given = {**ARTISTS, "items": pa.array(ARTISTS["items"], pa.int64())}
    lives = {f.name: [[], []] if pa.types.is_list(f.type) else [None, None] for f in LIFE}
    return pa.table(given | lives)


def vectors(dim: int = 3) -> pa.Table:
    flat = pa.array(np.ones(2 * dim, np.float32))
    stored = pa.FixedSizeListArray.from_arrays(flat, dim)
    return pa.table({"item_id": ["a", "b"], "vector": stored, "model": ["m@1", "m@1"]})


def test_conform_casts_and_orders_the_columns() -> None:
    shuffled = artists().select(artists().schema.names[::-1])
    assert tables.conform("artists", shuffled).schema.equals(tables.ARTISTS)


@pytest.mark.parametrize(
    ("break_it", "message"),
    [
        (lambda t: t.drop(["side"]), "side"),
        (lambda t: t.append_column("extra", pa.array([0, 1])), "extra"),
        (lambda t: pa.concat_tables([t, t]), "2 repeated values of 'artist_id'"),
        (lambda t: t.set_column(1, "side", pa.array([None, "art"])), "side"),
        (lambda t: t.set_column(3, "items", pa.array(["one", "two"])), "artists"),
    ],
    ids=["missing", "extra", "repeated-key", "null", "type"],
)
def test_conform_refuses(break_it: Callable[[pa.Table], pa.Table], message: str) -> None:
    with pytest.raises(SchemaError, match=message):
        tables.conform("artists", break_it(artists()))


@pytest.mark.parametrize("dim", [1, 384])
def test_vectors_keep_the_length_their_model_gives(dim: int) -> None:
    kept = tables.conform("art_sentence_vectors", vectors(dim))
    assert kept.schema.field("vector").type == pa.list_(pa.float32(), dim)


def test_vectors_of_unlike_length_are_refused() -> None:
    ragged = vectors().set_column(1, "vector", pa.array([[1.0], [1.0, 2.0]], pa.list_(pa.float32())))
    with pytest.raises(SchemaError, match="fixed-size list"):
        tables.conform("art_sentence_vectors", ragged)


def test_rows_with_a_column_too_few_are_refused() -> None:
    with pytest.raises(SchemaError, match="items"):
        tables.rows_of("artists", [{"artist_id": "a", "side": "art", "name": None}])


def test_rows_with_a_value_of_another_type_are_refused() -> None:
    with pytest.raises(SchemaError, match="artists"):
        tables.rows_of("artists", [{"artist_id": "a", "side": "art", "name": None, "items": "many"}])


@pytest.mark.parametrize("name", tables.TABLES)
def test_every_column_says_what_it_is(name: str) -> None:
    assert all(field.metadata[b"about"] for field in tables.TABLES[name])


@pytest.mark.parametrize("name", tables.TABLES)
def test_published_contract_is_current(name: str) -> None:
    """A changed schema must show up in review as a changed file: run `make schemas`."""
    golden = json.loads((Path("schemas") / f"{name}.json").read_text(encoding="utf-8"))
    assert tables.contract(name) == golden


def test_the_written_contracts_are_current(tmp_path: Path) -> None:
    """Of tables, and of what is none: a sample, a manifest, the answers that captioners are asked for."""
    write_schemas(tmp_path)
    written, kept = (
        {path.name: path.read_bytes() for path in place.iterdir()} for place in (tmp_path, Path("schemas"))
    )
    assert written == kept
    assert {"art_answer.schema.json", "music_answer.schema.json"} <= set(kept)
