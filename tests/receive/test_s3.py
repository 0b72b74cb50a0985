"""Pulling and verifying from a real S3 endpoint."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import s3fs

from artsound.errors import SourceError
from artsound.receive.check import verify_far
from artsound.receive.find import find
from artsound.receive.place import MissingFile, open_place
from artsound.receive.pull import pull
from artsound.release.verify import verify
from tests import s3

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[s3.S3]:
    with s3.running(tmp_path_factory.mktemp("s3")) as running:
        yield running


@pytest.fixture
def bucket(server: s3.S3, published: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    for name, value in server.environment.items():
        monkeypatch.setenv(name, value)
    system = s3fs.S3FileSystem(skip_instance_cache=True)
    for attempt in range(50):  # the port opens before the store can write
        try:
            system.mkdir("sets")
            break
        except OSError:
            time.sleep(0.2 * (attempt < 49))
    system.put(f"{published}/", "sets/", recursive=True)
    yield "s3://sets"
    system.rm("sets", recursive=True)


def test_a_release_is_pulled_from_s3_and_verified_there_and_here(
    bucket: str, finished: Path, tmp_path: Path
) -> None:
    found = find(f"{bucket}/demo@1.0.0")
    assert verify_far(found).problems == []
    pull(found, tmp_path / "into")
    assert verify(tmp_path / "into", deep=True).problems == []
    assert pull(found, tmp_path / "into").fetched == 0
    with pytest.raises(MissingFile):
        find(f"{bucket}/demo@3.0.0")


def test_wrong_keys_are_said_in_one_line(bucket: str, monkeypatch: Any) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
    s3fs.S3FileSystem.clear_instance_cache()
    with pytest.raises(SourceError) as caught:
        open_place(bucket).read("demo/latest.json", 1000)
    assert "\n" not in str(caught.value)
    s3fs.S3FileSystem.clear_instance_cache()
