"""Tables that are brought into another order by way of the disk."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from artsound.errors import Outcome
from artsound.release import gather as gathering
from artsound.release.gather import gather
from artsound.release.plan import plan_release
from artsound.store import Store
from artsound.tables import conform
from tests.release import world


@pytest.fixture(autouse=True)
def _small_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gathering, "BUCKET", 7)


@pytest.mark.parametrize("on_disk", [True, False])
@pytest.mark.parametrize("seed", range(5))
def test_rows_come_in_the_order_asked_for_whatever_piece_is_read(
    tmp_path: Path, seed: int, on_disk: bool
) -> None:
    random = np.random.default_rng(seed)
    rows = pa.table({"id": [f"r{i}" for i in range(40)], "words": [["a"] * (i % 3) for i in range(40)]})
    pq.write_table(rows, tmp_path / "rows.parquet", row_group_size=9)
    wanted = random.integers(0, random.integers(1, 41), size=30)  # some rows twice, some never
    found = gather(tmp_path / "rows.parquet" if on_disk else rows, wanted, tmp_path / "ordered")
    start, stop = sorted(random.choice(31, 2, replace=False).tolist())
    assert found.read(start, stop).equals(rows.take(wanted[start:stop]))


def test_a_plan_is_the_same_however_it_is_cut(media: Path, rows: pa.Table, tmp_path: Path) -> None:
    for table, made in world.tables_of(media, len(rows)).items():
        Store(tmp_path).write(table, [Outcome(made)], "test")
    sources = {table: Store(tmp_path).path(table) for table in world.tables_of(media, 1)}
    planned = plan_release(sources, tmp_path / "ordered")
    for step in (1, 5, len(rows), 2 * len(rows)):
        pieces = [planned(at, at + step).rows for at in range(0, len(rows) + step, step)]
        assert pa.concat_tables([conform("release_rows", piece) for piece in pieces]).equals(rows)
