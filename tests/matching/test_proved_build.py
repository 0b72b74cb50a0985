"""A whole build that publishes vectors: `verify` proves it over all pairs, and finds what was changed.

Every change is made with right hashes, in all files that tell of it: only the arithmetic can find it.
"""

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from artsound import pipeline
from artsound.products import release_folder
from artsound.release.certificate import PAIRS, PRICES, VECTORS
from artsound.release.manifest import MANIFEST, SUMS, read_manifest, record_of
from artsound.release.verify import verify
from artsound.settings import Settings
from tests.matching.conftest import ART, MUSIC

pytestmark = pytest.mark.slow

Rows = list[dict[str, Any]]


@pytest.fixture
def release(config: Path) -> Path:
    config.write_text(config.read_text() + '[release]\nversion = "0.2.0"\nvectors = ["sentence"]\n')
    pipeline.build(config)
    return release_folder(Settings.load(config))


def change(release: Path, path: str, how: Callable[[Rows], None]) -> None:
    table = pq.read_table(release / path)
    rows = table.to_pylist()
    how(rows)
    pq.write_table(pa.Table.from_pylist(rows, schema=table.schema), release / path)
    made = read_manifest(release)
    old = next(one for one in made.files if one.path == path)
    new = record_of(release, path, role=old.role, split=old.split, rows=old.rows)
    made = replace(made, files=tuple(new if one == old else one for one in made.files))
    (release / MANIFEST).write_text(made.text())
    (release / SUMS).write_text(made.sums())


def dearer(rows: Rows) -> None:
    """Raise a price, and lower one of the other side by as much: their sum stays."""
    for side, step in (("art", 0.25), ("music", -0.25)):
        max((row for row in rows if row["side"] == side), key=lambda row: row["price"])["price"] += step


def exchanged(rows: Rows) -> None:
    rows[0]["clip_id"], rows[1]["clip_id"] = rows[1]["clip_id"], rows[0]["clip_id"]


def turned(rows: Rows) -> None:
    rows[0]["vector"] = [-value for value in rows[0]["vector"]]


def test_the_bound_is_computed_anew_over_all_pairs(release: Path) -> None:
    report = verify(release, deep=True)
    assert report.problems == []
    sizes = f"{len(ART)} × {len(MUSIC)}"
    assert [line for line in report.proved if f"from vectors and prices over all {sizes} pairs" in line]
    assert "proved gap 0.000000 %" in report.proved[0]


@pytest.mark.parametrize(
    ("path", "how", "says"),
    [
        (PRICES, dearer, "over all pairs of the vectors it is|prices are not the best"),
        (PAIRS, exchanged, "is not of"),
        (VECTORS["art"], turned, "over all pairs of the vectors it is|prices are not the best"),
        (VECTORS["music"], turned, "are not the vectors of the certificate"),
    ],
    ids=["prices", "pairs", "a vector", "a published vector"],
)
def test_what_was_changed_is_found(release: Path, path: str, how: Callable[[Rows], None], says: str) -> None:
    change(release, path, how)
    problems = verify(release).problems
    assert all(problem.startswith("certificate") for problem in problems)
    assert any(re.search(says, problem) for problem in problems)
