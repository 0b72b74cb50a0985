"""The plan of a release."""

import json
from pathlib import Path

import jsonschema
import pyarrow as pa
import pytest

from artsound.errors import SchemaError
from artsound.release.sample import sample_schema
from tests.release import world


def test_splits_stand_in_their_order_and_pairs_by_id(rows: pa.Table) -> None:
    order = ["train", "val", "test"]
    keys = [(order.index(row["split"]), row["pair_id"]) for row in rows.to_pylist()]
    assert keys == sorted(keys)


def test_the_order_of_the_inputs_does_not_matter(media: Path, rows: pa.Table) -> None:
    found = world.plan(media, len(rows))
    assert found.equals(rows)


def test_every_json_is_what_the_published_schema_says(rows: pa.Table) -> None:
    for meta in rows["meta"].to_pylist():
        jsonschema.validate(json.loads(meta), sample_schema())


def test_the_published_schema_is_current() -> None:
    assert sample_schema() == json.loads(Path("schemas/sample.schema.json").read_text(encoding="utf-8"))


def test_numbers_in_the_json_are_the_short_ones(rows: pa.Table) -> None:
    meta = json.loads(rows["meta"][0].as_py())
    assert meta["artwork"]["measures"]["lightness"] == 0.1  # not 0.10000000149011612


def test_an_unknown_artist_has_no_name(rows: pa.Table) -> None:
    makers = {json.loads(meta)["artwork"]["artist"] for meta in rows["meta"].to_pylist()}
    assert makers == {"Maker art:0", "Maker art:1", None}


def test_a_pair_of_something_unknown_is_refused(media: Path) -> None:
    with pytest.raises(SchemaError, match="1 pairs name something that art_captions does not have"):
        world.plan(media, 1, art_captions=[])
