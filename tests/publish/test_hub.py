"""Uploads to the Hugging Face Hub, by its own client, to a server that keeps what it is sent."""

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest
from huggingface_hub import HfApi

from artsound.errors import ConfigError, ReleaseError, SourceError
from artsound.publish import hub as publishing
from artsound.publish.hub import plan_upload, upload
from artsound.release.manifest import MANIFEST, SUMS, read_manifest
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


def test_what_others_commit_meanwhile_is_not_undone(finished: Path, newer: Path, server: Hub) -> None:
    upload(finished, REPO)
    server.before_commit = lambda: server.files.update({"data/train-00000-of-00001.parquet": b"of others"})
    with pytest.raises(
        SourceError, match=r"others have committed to it meanwhile; run the same command again"
    ):
        upload(newer, REPO)
    assert server.files["data/train-00000-of-00001.parquet"] == b"of others"
    assert server.tags == {"v1.0.0": world.contents(finished)}
    server.before_commit = lambda: None
    upload(newer, REPO)
    assert server.files == world.contents(newer)


def test_readers_are_not_led_back_to_an_older_version(finished: Path, newer: Path, server: Hub) -> None:
    upload(newer, REPO)
    with pytest.raises(ReleaseError, match=r"has 2\.0\.0, and readers get .*: 1\.0\.0 cannot follow on it"):
        upload(finished, REPO)
    assert server.files == world.contents(newer)
    assert server.commits == 1


def test_a_version_that_says_too_little_is_refused_on_the_hub(
    finished: Path, newer: Path, server: Hub, tmp_path: Path
) -> None:
    upload(finished, REPO)
    shutil.copytree(newer, tmp_path / "copy")
    made = replace(read_manifest(newer), version="1.1.0")
    (tmp_path / "copy" / MANIFEST).write_text(made.text())
    (tmp_path / "copy" / SUMS).write_text(made.sums())
    with pytest.raises(ReleaseError, match=r"1\.1\.0 is not a version for what changed .* make it 2\.0\.0"):
        upload(tmp_path / "copy", REPO)
    assert server.files == world.contents(finished)


@pytest.mark.parametrize("damaged", [True, False])
def test_a_tag_that_holds_no_release_stands_in_nobodys_way_and_a_damaged_one_does(
    finished: Path, newer: Path, server: Hub, damaged: bool
) -> None:
    table = "captions/val-00000-of-00001.parquet"
    spoilt = world.contents(finished) | {table: b"spoilt"}
    server.tags["v1.0.0"] = spoilt if damaged else {"notes.md": b"own"}
    if not damaged:
        upload(newer, REPO)
        assert server.files == world.contents(newer)
        return
    with pytest.raises(SourceError, match=f"{table} of v1.0.0 in {REPO} is damaged"):
        upload(newer, REPO)
    assert server.files == {}


def test_a_name_that_no_repository_can_have_is_said_in_one_line(finished: Path, server: Hub) -> None:
    for act in (lambda name: list(plan_upload(finished, name)), lambda name: upload(finished, name)):
        with pytest.raises(ConfigError, match="'bad name' is no repository: name it owner/name"):
            act("bad name")
    assert server.files == {}


def test_a_damaged_release_is_not_uploaded(finished: Path, server: Hub, tmp_path: Path) -> None:
    shutil.copytree(finished, tmp_path / "copy")
    (tmp_path / "copy" / MANIFEST).write_bytes(b"{}")
    with pytest.raises(ReleaseError):
        upload(tmp_path / "copy", REPO)
    assert server.received == []
