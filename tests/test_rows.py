"""The example rows that other tests start from."""

import pytest

from artsound import tables
from tests.rows import row

PLAIN = [name for name in tables.TABLES if not name.endswith("_vectors")]


@pytest.mark.parametrize("name", PLAIN)
def test_an_example_row_passes_the_gate_of_its_table(name: str) -> None:
    assert len(tables.conform(name, tables.rows_of(name, [row(name)]))) == 1
