"""The small release that the tests of `release` make, published behind a web server that can misbehave."""

import hashlib
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from artsound.receive import fetch
from artsound.release.manifest import MANIFEST
from artsound.release.pointer import POINTER, Pointer
from tests.receive import versions
from tests.receive.web import Web, serve
from tests.release import world
from tests.release.conftest import copied, finished, media, rows

__all__ = ["copied", "finished", "media", "rows"]


@pytest.fixture
def published(finished: Path, tmp_path: Path) -> Path:
    """A place with one dataset of one version."""
    place = tmp_path / "published"
    shutil.copytree(finished, place / "demo-1.0.0")
    point(place, "1.0.0")
    return place


def point(place: Path, *versions: str) -> None:
    pointer = Pointer("demo", "", {})
    for version in versions:
        data = (place / f"demo-{version}" / MANIFEST).read_bytes()
        pointer = pointer.switched(version, hashlib.sha256(data).hexdigest())
    (place / "demo").mkdir(exist_ok=True)
    (place / "demo" / POINTER).write_text(pointer.text())


@pytest.fixture(scope="session")
def newer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A second version, which tests may read but not change."""
    media = tmp_path_factory.mktemp("more")
    world.make_media(media, versions.OLD + len(versions.ADDED))
    return versions.build(media, media, "2.0.0", pairs=versions.pairs(), art_captions=versions.captions())


@pytest.fixture
def web(published: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Web]:
    monkeypatch.setattr(fetch, "PAUSE", 0.001)
    with serve(published) as running:
        yield running
