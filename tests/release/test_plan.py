"""The plan of a release."""

import json
from collections import Counter
from pathlib import Path

import jsonschema
import pyarrow as pa
import pytest

from artsound.errors import ReleaseError, SchemaError
from artsound.release.rows import Plan
from artsound.release.sample import sample_schema
from artsound.release.tiers import Within
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


@pytest.mark.parametrize("within", ["any", "share-alike"])
def test_counts_and_ranges_are_those_of_the_rows_in_their_order(rows: pa.Table, within: Within) -> None:
    tiers = ["unknown", "open", "share-alike", "open"] * (len(rows) // 4)
    place = rows.schema.get_field_index("tier")
    mixed = rows.set_column(place, rows.schema.field(place), [tiers])
    pieces = pa.concat_tables([mixed.slice(start, 5) for start in range(0, len(mixed), 5)])
    kept = [row for row in mixed.to_pylist() if within == "any" or row["tier"] != "unknown"]
    plan = Plan(pieces, within)
    for column in ("split", "tier", "image_format", "art_licence"):
        assert list(plan.counts(column).items()) == list(Counter(row[column] for row in kept).items())
    for split, (start, stop) in plan.ranges().items():
        assert [row["split"] for row in kept[start:stop]] == [split] * (stop - start)
    assert sum(stop - start for start, stop in plan.ranges().values()) == len(kept) == len(plan)


def test_a_plan_whose_splits_do_not_stand_together_is_refused(rows: pa.Table) -> None:
    torn = pa.concat_tables([rows.slice(len(rows) - 1), rows.slice(0, 1), rows.slice(len(rows) - 1)])
    with pytest.raises(ReleaseError, match="the plan is not in order: test stands in it at two places"):
        Plan(torn).ranges()
