"""`artsound.load`, over both formats of a small release."""

import json
import math
import pickle
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import artsound
from artsound.errors import ConfigError, ReleaseError, SourceError
from artsound.loader.pairs import Pairs
from artsound.loader.shards import Groups, ParquetShard
from artsound.release.manifest import MANIFEST, parse_manifest
from tests.release import world

FORMATS = ["webdataset", "parquet"]


def ids(samples: Any) -> list[str]:
    return [sample["pair_id"] for sample in samples]


@pytest.fixture(params=FORMATS)
def pairs(request: pytest.FixtureRequest, finished: Path) -> Pairs:
    return artsound.load(finished, "train", format=request.param)


def test_a_pair_holds_the_bytes_that_were_packed(pairs: Pairs, rows: pa.Table, media: Path) -> None:
    own = [row for row in rows.to_pylist() if row["split"] == "train"]
    assert len(pairs) == len(own)
    assert len(pairs.shards) > 1
    for got, row in zip(pairs, own, strict=True):
        assert got == {
            "pair_id": row["pair_id"],
            "image": (media / "art" / row["image_path"]).read_bytes(),
            "audio": (media / "music" / row["audio_path"]).read_bytes(),
            "art_caption": row["art_caption"],
            "music_caption": row["music_caption"],
            "meta": row["meta"],
        }


def test_threads_may_share_a_shard(tmp_path: Path) -> None:
    texts = [f"{row:09d}" * 100 for row in range(4_000)]
    path = tmp_path / "some.parquet"
    pq.write_table(pa.table({"meta": texts}), path, row_group_size=500, use_dictionary=False)
    for _ in range(10):
        shard = ParquetShard(lambda: path, len(texts), ("meta",), Groups(1))
        with ThreadPoolExecutor(8) as pool:  # rows far from each other: a group is read nearly every time
            turns = [row * 501 % len(texts) for row in range(200)]
            assert [one["meta"] for one in pool.map(shard.read, turns)] == [texts[row] for row in turns]


def test_it_is_a_sequence(pairs: Pairs) -> None:
    keys = ids(pairs)
    assert pairs[-1]["pair_id"] == keys[-1]
    assert ids(pairs[2:9:3]) == keys[2:9:3]
    with pytest.raises(IndexError):
        pairs[len(pairs)]


@pytest.mark.parametrize("form", FORMATS)
def test_only_the_asked_for_columns_are_read(finished: Path, form: Any) -> None:
    found = artsound.load(finished, "val", format=form, columns=("music_caption", "image"))
    assert list(found[0]) == ["music_caption", "image"]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"split": "dev"}, "no split 'dev'"),
        ({"columns": ("pixels",)}, "no columns"),
    ],
)
def test_what_is_not_there_is_said(finished: Path, wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        artsound.load(finished, **wrong)


def test_a_folder_that_is_no_release_is_said_to_be_none(finished: Path, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="no release"):
        artsound.load(tmp_path)
    with pytest.raises(ReleaseError, match=r"is version 1\.0\.0, not 2\.0\.0"):
        artsound.load(finished, version="2.0.0")


def test_references_load_without_media(media: Path, rows: pa.Table, tmp_path: Path) -> None:
    making = world.release(media, rows, tmp_path, media=False)
    world.build(making)
    found = artsound.load(making.folder, "val")
    assert list(found[0]) == ["pair_id", "art_caption", "music_caption", "meta"]
    with pytest.raises(ConfigError, match="no columns"):
        artsound.load(making.folder, columns=("image",))


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("damage", [b"", b"x" * 600, None])
def test_a_damaged_shard_is_an_error_that_names_it(copied: Path, form: Any, damage: bytes | None) -> None:
    found = artsound.load(copied, "train", format=form)
    path = next(copied.glob("data/train-00001*" if form == "parquet" else "webdataset/train-000001.tar"))
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2] if damage is None else damage)
    with pytest.raises(ReleaseError, match=path.name):
        list(found)


def test_a_shard_with_other_rows_than_the_manifest_says_is_refused(copied: Path) -> None:
    tars = sorted((copied / "webdataset").glob("train-*.tar"))
    tars[0].write_bytes(tars[-1].read_bytes()[:-1024])
    made = parse_manifest((copied / MANIFEST).read_bytes())
    files = tuple(replace(file, rows=(file.rows or 0) + 1) for file in made.files)
    (copied / MANIFEST).write_text(replace(made, files=files).text())
    with pytest.raises(ReleaseError, match="the manifest says"):
        artsound.load(copied)[0]


def test_decoding_gives_arrays_of_the_asked_for_sizes(finished: Path) -> None:
    sample = artsound.load(finished, decode=artsound.Decode(size=(4, 6), rate=16_000, seconds=0.1))[0]
    assert (sample["image"].shape, sample["image"].dtype) == ((4, 6, 3), np.uint8)
    assert (sample["audio"].shape, sample["audio"].dtype) == ((1600,), np.float32)
    assert np.abs(sample["audio"][:800]).max() > 0.1
    assert not sample["audio"][-700:].any()


def test_decoding_without_sizes_keeps_what_is_there(finished: Path) -> None:
    sample = artsound.load(finished, decode=artsound.Decode(rate=None))[0]
    assert sample["image"].shape[0] == 8
    assert sample["audio"].shape == (400,)


def test_what_does_not_decode_is_named(finished: Path) -> None:
    with pytest.raises(ReleaseError, match="p1 does not decode"):
        artsound.Decode()({"pair_id": "p1", "image": b"no image"})


def test_both_formats_give_the_same_pairs_unshuffled(finished: Path) -> None:
    one, other = (artsound.load(finished, "test", format=form) for form in ("webdataset", "parquet"))
    assert list(one.stream(shuffle=False)) == list(other.stream(shuffle=False)) == list(one) == list(other)


def test_a_stream_walks_new_orders_of_all_pairs_epoch_by_epoch(pairs: Pairs) -> None:
    stream = pairs.stream(seed=3)
    first, second = ids(stream), ids(stream)
    assert first != second
    assert sorted(first) == sorted(second) == sorted(ids(pairs))
    stream.set_epoch(0)
    assert ids(stream) == first


def test_a_stream_goes_on_from_a_state_that_went_through_json(pairs: Pairs) -> None:
    stream = pairs.stream(seed=3, unit=4)
    whole = ids(stream)
    stream.set_epoch(0)
    for stop in range(len(pairs) + 1):
        taken = ids(islice(stream, stop))
        state = json.loads(json.dumps(stream.state_dict()))
        again = pairs.stream(seed=3, unit=4)
        again.load_state_dict(state)
        assert taken + ids(again) == whole
        again.load_state_dict(state)
        assert ids(again) == whole[stop:]


@pytest.mark.parametrize("change", [{"seed": 4}, {"unit": 2}, {"shuffle": False}])
def test_a_state_of_another_walk_is_refused(pairs: Pairs, change: dict[str, Any]) -> None:
    state = pairs.stream(**change).state_dict()
    with pytest.raises(ConfigError, match="this state has"):
        pairs.stream().load_state_dict(state)


@pytest.mark.parametrize("place", [None, [], ["x", 0, 0], [0, 0, 0, 0], [0, -1, 0], "far"])
def test_a_state_that_is_none_is_refused(pairs: Pairs, place: Any) -> None:
    stream = pairs.stream(seed=4)
    state = {**stream.state_dict(), "place": place}
    for wrong in (state, {}):
        with pytest.raises(ConfigError, match=r"this state has|this is no state|which is no place"):
            stream.load_state_dict(wrong)


@pytest.mark.parametrize("wrong", [{"size": (0, 4)}, {"rate": -1}, {"seconds": 0}, {"seconds": math.nan}])
def test_a_decoder_of_nothing_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="must be above 0"):
        artsound.Decode(**wrong)


def test_a_state_of_another_split_is_refused(pairs: Pairs, finished: Path) -> None:
    with pytest.raises(ConfigError, match="release"):
        artsound.load(finished, "val").stream().load_state_dict(pairs.stream().state_dict())


def test_a_state_from_inside_a_batch_needs_the_same_ranks(pairs: Pairs) -> None:
    stream = pairs.stream(unit=4)
    next(iter(stream))
    state = stream.state_dict()
    with pytest.raises(ConfigError, match="inside a batch"):
        pairs.stream(unit=4, ranks=2).load_state_dict(state)


def test_a_rank_must_be_one_of_the_ranks(pairs: Pairs) -> None:
    with pytest.raises(ConfigError, match="rank 2 of 2"):
        pairs.stream(rank=2, ranks=2)


def test_two_ranks_share_an_epoch(pairs: Pairs) -> None:
    ranks = [pairs.stream(seed=1, rank=rank, ranks=2, unit=2) for rank in range(2)]
    found = [ids(stream) for stream in ranks]
    assert [len(stream) for stream in ranks] == [len(own) for own in found]
    assert sorted(found[0] + found[1]) == sorted(ids(pairs))
    even = [pairs.stream(rank=rank, ranks=2, unit=5, drop_uneven=True) for rank in range(2)]
    assert len({len(stream) for stream in even}) == 1


def test_pairs_travel_between_processes(pairs: Pairs) -> None:
    pairs[0]
    assert ids(pickle.loads(pickle.dumps(pairs))) == ids(pairs)  # noqa: S301  # our own bytes


def test_loading_does_not_wait_for_torch(finished: Path) -> None:
    code = (
        "import sys, artsound\n"
        f"pairs = artsound.load({str(finished)!r})\n"
        "assert len(pairs[0]['image']) and 'torch' not in sys.modules\n"
        "sys.modules['torch'] = None\n"
        "import importlib.util as found\n"
        "found.find_spec = lambda name: None\n"
        "assert len(list(pairs.stream())) == len(pairs)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_an_unknown_name_is_still_an_error() -> None:
    with pytest.raises(AttributeError):
        artsound.nothing  # noqa: B018
