"""Archives from servers that misbehave."""

import hashlib
import shutil
from collections import namedtuple
from pathlib import Path

import pytest
from typer.testing import CliRunner

from artsound.cli import app
from artsound.errors import SourceError, StoreError
from artsound.sources import download as module
from artsound.sources import fma
from artsound.sources.base import Remote
from artsound.sources.download import Patience, download, files_of_record
from tests.sources.rude import IMAGE, RudeServer, address

HASTY = Patience(timeout=0.5, tries=2, wait=0.0)
SHA1 = "sha1:" + hashlib.sha1(IMAGE, usedforsecurity=False).hexdigest()
SHA256 = "sha256:" + hashlib.sha256(IMAGE).hexdigest()


@pytest.fixture(autouse=True)
def _small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PIECE", 500)


def remote(server: RudeServer, path: str, checksum: str = SHA1) -> Remote:
    return Remote(path, address(server, path), checksum)


def test_a_download_that_is_cut_off_again_and_again_comes_whole(server: RudeServer, tmp_path: Path) -> None:
    assert download(remote(server, "part.zip"), tmp_path, patience=HASTY).read_bytes() == IMAGE
    assert server.seen["/part.zip"] > len(IMAGE) // 1000
    assert [path.name for path in tmp_path.iterdir()] == ["part.zip"]


def test_a_later_run_goes_on_where_an_earlier_one_was_stopped(server: RudeServer, tmp_path: Path) -> None:
    (tmp_path / "part.zip.part").write_bytes(IMAGE[:9_500])
    download(remote(server, "part.zip", SHA256), tmp_path, patience=HASTY)
    assert server.seen["/part.zip"] == 1
    download(remote(server, "part.zip"), tmp_path)
    assert server.seen["/part.zip"] == 1


def test_a_server_without_ranges_begins_anew(server: RudeServer, tmp_path: Path) -> None:
    (tmp_path / "good.zip.part").write_bytes(IMAGE[:900])
    assert download(remote(server, "good.zip"), tmp_path, patience=HASTY).read_bytes() == IMAGE


def test_what_was_begun_with_other_bytes_is_begun_anew_once(server: RudeServer, tmp_path: Path) -> None:
    (tmp_path / "part.zip.part").write_bytes(b"x" * 2_000)
    assert download(remote(server, "part.zip"), tmp_path, patience=HASTY).read_bytes() == IMAGE


def test_mirrors_are_asked_in_order_before_the_address_itself(server: RudeServer, tmp_path: Path) -> None:
    mirrors = [address(server, "none"), address(server, "good") + "/"]
    found = download(remote(server, "broken.zip"), tmp_path, mirrors=mirrors, patience=HASTY)
    assert found.read_bytes() == IMAGE
    assert list(server.seen) == ["/none/broken.zip", "/good/broken.zip"]


@pytest.mark.parametrize(
    ("way", "cause"),
    [
        ("missing.zip", "HTTP 404"),
        ("broken.zip", "HTTP 500"),
        ("page.zip", "a web page instead"),
        ("loop.zip", "redirects without end"),
        ("silent.zip", "ConnectionError|ReadTimeout"),
        ("good-other.zip", "other bytes than published"),
        ("busy.zip", "HTTP 429"),
    ],
)
def test_every_cause_is_told_and_nothing_unsound_is_left(
    server: RudeServer, tmp_path: Path, way: str, cause: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LONGEST_WAIT", 1.0)
    wanted = remote(server, way, "sha1:" + 40 * "0")
    with pytest.raises(SourceError, match=rf"127\.0\.0\.1:\d+: .*({cause}).*Run again to go on"):
        download(wanted, tmp_path, patience=HASTY)
    assert list(tmp_path.iterdir()) == []


def test_a_range_that_was_not_asked_for_is_refused(server: RudeServer, tmp_path: Path) -> None:
    (tmp_path / "otherrange.zip.part").write_bytes(IMAGE[:900])
    with pytest.raises(SourceError, match="another range"):
        download(remote(server, "otherrange.zip"), tmp_path, patience=HASTY)
    assert (tmp_path / "otherrange.zip.part").read_bytes() == IMAGE[:900]


def test_a_busy_server_is_asked_again(server: RudeServer, tmp_path: Path) -> None:
    patience = Patience(timeout=0.5, tries=3, wait=0.0)
    assert download(remote(server, "overload.zip"), tmp_path, patience=patience).exists()
    assert server.seen["/overload.zip"] == 3


def test_what_lies_there_with_other_bytes_is_told_and_left(server: RudeServer, tmp_path: Path) -> None:
    (tmp_path / "good.zip").write_bytes(b"mine")
    with pytest.raises(SourceError, match="other bytes than published: move it away"):
        download(remote(server, "good.zip"), tmp_path)
    assert (tmp_path / "good.zip").read_bytes() == b"mine"


def test_a_full_disk_is_told_before_anything_is_fetched(
    server: RudeServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(StoreError, match="are free: free some"):
        download(remote(server, "vast.zip"), tmp_path)
    usage = namedtuple("usage", "free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(1000))
    with pytest.raises(StoreError, match="needs 0 MB more and 0 MB are free"):
        download(remote(server, "good.zip"), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_record_lists_files_with_their_checksums(server: RudeServer, tmp_path: Path) -> None:
    found = files_of_record(address(server, "record"))
    assert [(one.name, one.bytes, one.checksum[:4]) for one in found] == [
        ("graph.dump", len(IMAGE), "md5:"),
        ("images.zip", len(IMAGE), "md5:"),
    ]
    with pytest.raises(SourceError, match="does not list its files"):
        files_of_record(address(server, "good"))


def test_graph_fetch_brings_what_the_record_lists(server: RudeServer, tmp_path: Path) -> None:
    command = ["graph", "fetch", str(tmp_path / "to"), "--record", address(server, "record")]
    done = CliRunner().invoke(app, command)
    assert done.exit_code == 0
    assert {path.name: path.read_bytes() for path in (tmp_path / "to").iterdir()} == {
        "graph.dump": IMAGE,
        "images.zip": IMAGE,
    }
    assert done.stdout.count("as published") == 2


def test_fma_fetch_takes_mirrors_from_the_settings(
    server: RudeServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    published = tuple(
        Remote(name, "http://127.0.0.1:1/" + name, SHA1) for name in ("fma_metadata.zip", "fma_small.zip")
    )
    monkeypatch.setattr(fma, "SOURCE", fma.SOURCE.__class__(**{**vars(fma.SOURCE), "remotes": published}))
    config = tmp_path / "mine.toml"
    mirrors = f'mirrors = ["{address(server, "good")}"]'
    config.write_text(f'root = "b"\n[artworks]\npath = "a"\n[tracks]\npath = "t"\n{mirrors}\n')
    command = ["fma", "fetch", str(tmp_path / "to"), "--size", "small", "--config", str(config)]
    done = CliRunner().invoke(app, command)
    assert done.exit_code == 0, done.output
    assert list(server.seen) == ["/good/fma_metadata.zip", "/good/fma_small.zip"]
    assert (tmp_path / "to/fma_small.zip").read_bytes() == IMAGE
