"""Shared fixtures: a store in a fresh folder, and the numbers of a table of five artworks."""

from pathlib import Path

import pytest

from artsound.store import Store


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")
