"""Loading over the web, shard by shard."""

import importlib
import os
from collections.abc import Callable
from itertools import islice
from pathlib import Path

import pytest

import artsound
from artsound.errors import ReleaseError, SourceError
from artsound.loader.pairs import Pairs
from artsound.receive import fetch
from artsound.receive.fetch import has
from artsound.release.layout import Format
from tests.receive.conftest import published, web
from tests.receive.web import Web

__all__ = ["published", "web"]
loading = importlib.import_module("artsound.loader.load")


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ARTSOUND_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(fetch, "PAUSE", 0.001)


def ids(pairs: Pairs) -> list[str]:
    return [pair["pair_id"] for pair in pairs]


def test_only_the_shards_that_are_read_are_fetched_and_once(web: Web, finished: Path) -> None:
    pairs = artsound.load(web.demo, "train", "1.0.0")
    web.asked.clear()
    assert pairs[0] == artsound.load(finished, "train")[0]
    assert web.files() == ["webdataset/train-000000.tar"]
    assert ids(pairs) == ids(artsound.load(finished, "train"))
    assert len(web.asked) == len(pairs.shards)
    again = artsound.load(web.demo, "train")
    web.asked.clear()
    assert ids(again) == ids(pairs)
    assert not web.asked


def test_a_stream_over_a_breaking_line_gives_every_pair(web: Web, finished: Path) -> None:
    pairs = artsound.load(web.demo, "train", format="parquet")
    web.fault = lambda path, number: "cut" if number == 0 else None
    near = artsound.load(finished, "train", format="parquet")
    assert list(pairs.stream(seed=2)) == list(near.stream(seed=2))


def test_a_shard_with_other_bytes_is_never_read(web: Web, published: Path) -> None:
    pairs = artsound.load(web.demo, "val")
    web.fault = lambda path, number: "flip"
    with pytest.raises(SourceError, match="not what the manifest says"):
        list(islice(pairs.stream(), 1))


def _wrong(path: Path) -> None:
    """Change a byte as bad software would: size and time of change stay."""
    data, before = bytearray(path.read_bytes()), path.stat()
    data[700] ^= 1
    path.write_bytes(data)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


@pytest.mark.parametrize("form", ["webdataset", "parquet"])
@pytest.mark.parametrize(
    "damage", [_wrong, Path.unlink, lambda path: path.write_bytes(path.read_bytes()[:-9])]
)
def test_a_cached_shard_that_was_damaged_is_fetched_again(
    web: Web, finished: Path, tmp_path: Path, form: Format, damage: Callable[[Path], object]
) -> None:
    near = list(artsound.load(finished, "val", format=form))
    assert list(artsound.load(web.demo, "val", format=form)) == near
    cached = (tmp_path / "cache").rglob("val-*")
    shard = min(path for path in cached if path.suffix in {".tar", ".parquet"})
    damage(shard)
    web.asked.clear()
    assert list(artsound.load(web.demo, "val", format=form)) == near
    assert [path for path in web.files() if Path(path).suffix == shard.suffix] == [
        f"{shard.parent.name}/{shard.name}"
    ]


def test_a_cached_shard_is_hashed_once_while_nobody_touches_it(
    web: Web, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hashed: list[str] = []
    monkeypatch.setattr(
        loading, "has", lambda folder, record: hashed.append(record.path) or has(folder, record)
    )
    for _ in range(3):
        assert list(artsound.load(web.demo, "val"))
    assert hashed == ["webdataset/val-000000.tar", "webdataset/val-000001.tar"]
    next((tmp_path / "cache").rglob("*.tar")).touch()
    web.asked.clear()
    assert list(artsound.load(web.demo, "val"))
    assert len(hashed) == 3
    assert not [path for path in web.files() if path.endswith(".tar")]


def rot(path: Path) -> None:
    """Change a byte as a failing disk would: nothing tells of it."""
    _wrong(path)
    note = path.with_name(f"{path.name}.hashed")
    if note.exists():
        note.write_text(loading._state(path))


def test_asked_to_verify_the_loader_sees_what_a_disk_lost(web: Web, finished: Path, tmp_path: Path) -> None:
    near = list(artsound.load(finished, "val", verify=True))
    assert list(artsound.load(web.demo, "val", verify=True)) == near
    rot(next((tmp_path / "cache").rglob("val-000000.tar")))
    web.asked.clear()
    assert list(artsound.load(web.demo, "val", verify=True)) == near
    assert [path for path in web.files() if path.endswith(".tar")] == ["webdataset/val-000000.tar"]


def test_asked_to_verify_a_damaged_release_is_not_read(copied: Path) -> None:
    rot(copied / "webdataset" / "val-000001.tar")
    pairs = artsound.load(copied, "val", verify=True)
    assert pairs[0]["pair_id"]
    with pytest.raises(ReleaseError, match=r"val-000001\.tar is not what the manifest says: verify the"):
        list(pairs)
