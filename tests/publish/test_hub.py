"""Uploads to the Hugging Face Hub, by its own client, to a server that keeps what it is sent."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest
from huggingface_hub import HfApi

from artsound.errors import ReleaseError, SourceError
from artsound.publish import hub as publishing
from artsound.publish.hub import plan_upload, upload
from artsound.release.manifest import MANIFEST, read_manifest
from tests.publish.hub import Hub, hub
from tests.release import world

REPO = "someone/demo"
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")  # within its client


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    with hub() as told:
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_DISABLE_XET", True)
        monkeypatch.setattr(publishing, "_api", lambda: HfApi(endpoint=told.url, token="hf_test"))  # noqa: S106
        yield told


def large(folder: Path) -> set[str]:
    return {one.sha256 for one in read_manifest(folder).files if one.path.endswith((".tar", ".parquet"))}


def test_a_release_arrives_whole_in_one_commit_with_its_tag(finished: Path, server: Hub) -> None:
    assert upload(finished, REPO).startswith(server.url)
    assert server.files == world.contents(finished) == server.tags["v1.0.0"]
    assert server.commits == 1


def test_the_list_names_what_the_upload_then_does(finished: Path, server: Hub) -> None:
    lines = list(plan_upload(finished, REPO))
    assert server.files == {}
    upload(finished, REPO)
    added = {line.split()[1]: line.split()[-1] for line in lines if line.startswith("add ")}
    assert added.keys() == server.files.keys()
    assert {added[one.path] for one in read_manifest(finished).files} == {
        one.sha256 for one in read_manifest(finished).files
    }


def test_an_upload_that_broke_goes_on_and_sends_nothing_twice(finished: Path, server: Hub) -> None:
    server.broken = lambda method, path: path.startswith("/large/") and len(server.received) >= 2
    with pytest.raises(
        SourceError, match=r"the Hub did not take someone/demo: .*; run the same command again"
    ):
        upload(finished, REPO)
    assert 0 < len(server.received) < len(large(finished))
    assert (server.files, server.tags) == ({}, {})  # readers see nothing of it
    server.broken = lambda method, path: False
    upload(finished, REPO)
    assert sorted(server.received) == sorted(large(finished))
    assert server.files == world.contents(finished)


@pytest.mark.parametrize("broken", ["commit", "tag"])
def test_one_that_broke_at_its_end_ends_with_one_commit_and_the_tag(
    finished: Path, server: Hub, broken: str
) -> None:
    server.broken = lambda method, path: f"/{broken}/" in path
    with pytest.raises(SourceError):
        upload(finished, REPO)
    assert server.tags == {}
    server.broken = lambda method, path: False
    upload(finished, REPO)
    assert server.tags == {"v1.0.0": world.contents(finished)}
    assert server.commits == 1
    assert len(server.received) == len(large(finished))


def test_a_version_that_is_there_is_left_alone_and_never_replaced(
    finished: Path, media: Path, rows: pa.Table, server: Hub, tmp_path: Path
) -> None:
    upload(finished, REPO)
    assert upload(finished, REPO).endswith("/tree/v1.0.0")
    other = world.release(media, rows, tmp_path, shard_megabytes=1)
    world.build(other)
    with pytest.raises(ReleaseError, match=r"v1\.0\.0 is on the Hub already, with other content: bump it"):
        upload(other.folder, REPO)
    assert server.files == world.contents(finished)
    assert server.commits == 1


def test_files_of_the_version_before_do_not_mix_with_the_new_ones(
    finished: Path, newer: Path, server: Hub
) -> None:
    upload(finished, REPO)
    server.files |= {"data/train-00000-of-00099.parquet": b"old", ".gitattributes": b"", "notes.md": b"own"}
    upload(newer, REPO)
    assert server.files == world.contents(newer) | {".gitattributes": b"", "notes.md": b"own"}
    assert server.tags["v1.0.0"] == world.contents(finished)


def test_a_damaged_release_is_not_uploaded(finished: Path, server: Hub, tmp_path: Path) -> None:
    shutil.copytree(finished, tmp_path / "copy")
    (tmp_path / "copy" / MANIFEST).write_bytes(b"{}")
    with pytest.raises(ReleaseError):
        upload(tmp_path / "copy", REPO)
    assert server.received == []
