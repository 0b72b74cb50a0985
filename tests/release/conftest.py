"""A finished small release, made once."""

import shutil
from pathlib import Path

import pyarrow as pa
import pytest

from tests.release import world

PAIRS = 24


@pytest.fixture(scope="session")
def media(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("media")
    world.make_media(folder, PAIRS)
    return folder


@pytest.fixture(scope="session")
def rows(media: Path) -> pa.Table:
    return world.plan(media, PAIRS)


@pytest.fixture(scope="session")
def finished(media: Path, rows: pa.Table) -> Path:
    """A release that tests may read but not change."""
    making = world.release(media, rows)
    world.build(making)
    return making.folder


@pytest.fixture
def copied(finished: Path, tmp_path: Path) -> Path:
    """The release, for a test to damage."""
    return Path(shutil.copytree(finished, tmp_path / finished.name))
