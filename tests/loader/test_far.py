"""Loading over the web, shard by shard."""

from itertools import islice
from pathlib import Path

import pytest

import artsound
from artsound.errors import SourceError
from artsound.loader.pairs import Pairs
from artsound.receive import fetch
from tests.receive.conftest import published, web
from tests.receive.web import Web

__all__ = ["published", "web"]


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
