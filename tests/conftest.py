"""Shared fixtures: a store in a fresh folder, and the sample's release, built once a session."""

from pathlib import Path

import pytest
from hypothesis import settings

from artsound.store import Store
from tests.builds import artsound, sample_config

# the same examples each time, so that a test fails for what was changed; to look for new ones:
# pytest --hypothesis-profile explore
settings.register_profile("fixed", derandomize=True, deadline=None)
settings.register_profile("explore", derandomize=False, deadline=None, max_examples=2000)
settings.load_profile("fixed")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the sample pack once; returns the settings file. Tests may read, not write."""
    config = sample_config(tmp_path_factory.mktemp("demo"))
    artsound("build", "--config", str(config), "--no-prefect")
    return config
