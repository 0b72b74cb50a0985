"""Shared fixtures: a store in a fresh folder, and the sample's release, built once a session."""

from pathlib import Path

import pytest

from artsound.store import Store
from tests.builds import artsound, sample_config


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the sample pack once; returns the settings file. Tests may read, not write."""
    config = sample_config(tmp_path_factory.mktemp("demo"))
    artsound("build", "--config", str(config), "--no-prefect")
    return config
