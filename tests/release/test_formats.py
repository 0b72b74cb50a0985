"""A release opens in what people use, media typed and whole."""

import hashlib
import io
import json
import subprocess
from pathlib import Path
from typing import Any

import datasets
import duckdb
import numpy as np
import pandas as pd
import polars
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import soundfile

from artsound.release import parquet, sides
from artsound.release.verify import verify
from tests.release import world


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")


def _load(folder: Path, name: str, split: str) -> Any:
    if name != "webdataset":
        return datasets.load_dataset(str(folder), name, split=split)
    return _load_tars(str(folder / "webdataset"), split)


def _load_tars(path: str, split: str) -> Any:
    """Load tars where torchcodec is missing: `datasets` wants it even to wrap the audio bytes of a tar.

    The features are those that the card declares; audio goes through as bytes and is typed again after.
    """
    features = datasets.load_dataset_builder(path).info.features
    audio = [name for name, feature in features.items() if isinstance(feature, datasets.Audio)]
    plain = datasets.Features(features | dict.fromkeys(audio, datasets.Value("binary")))
    found = datasets.load_dataset(path, features=plain, split=split)
    for name in audio:
        found = found.cast_column(name, datasets.Audio(decode=False))
    return found


@pytest.mark.parametrize("config", ["parquet", "webdataset"])
def test_datasets_loads_images_and_audio_typed_and_they_decode(
    finished: Path, rows: pa.Table, config: str
) -> None:
    image, audio = ("image", "audio") if config == "parquet" else ("png", "wav")
    for split in ("train", "val", "test"):
        found = _load(finished, config, split)
        own = rows.filter(pa.compute.equal(rows["split"], split)).to_pylist()
        assert isinstance(found.features[image], datasets.Image)
        assert isinstance(found.features[audio], datasets.Audio)
        # `datasets` decodes audio by torchcodec only; who has none decodes the bytes, as here
        for got, planned in zip(found.cast_column(audio, datasets.Audio(decode=False)), own, strict=True):
            assert got[image].size[1] == 8
            assert hashlib.sha256(got[audio]["bytes"]).hexdigest() == planned["audio_sha256"]
            samples, rate = soundfile.read(io.BytesIO(got[audio]["bytes"]))
            assert (rate, np.ptp(samples) > 0) == (8000, True)


def test_datasets_loads_the_json_of_a_tar_as_declared(finished: Path, rows: pa.Table) -> None:
    found = _load(finished, "webdataset", "test").remove_columns(["png", "wav"])
    first = next(row for row in rows.to_pylist() if row["split"] == "test")
    assert found[0]["json"]["artwork"]["artwork_id"] == first["artwork_id"]
    assert found[0]["art.txt"] == first["art_caption"]


def test_the_default_configuration_is_the_media(finished: Path) -> None:
    found = datasets.load_dataset(str(finished), split="val")
    assert isinstance(found.features["image"], datasets.Image)


@pytest.mark.parametrize("config", ["captions", "scores", "items"])
def test_small_tables_load_by_name_and_join_by_pair(finished: Path, rows: pa.Table, config: str) -> None:
    found = _load(finished, config, "train")
    assert found["pair_id"][:] == [row["pair_id"] for row in rows.to_pylist() if row["split"] == "train"]


@pytest.mark.parametrize("config", ["parquet", "captions", "scores", "items"])
def test_the_card_declares_the_features_that_the_files_have(finished: Path, config: str) -> None:
    declared = datasets.load_dataset_builder(str(finished), config).info.features
    path = next(finished.glob("data/*" if config == "parquet" else f"{config}/*"))
    assert declared == datasets.Features.from_arrow_schema(pq.read_schema(path))


def test_a_release_of_mixed_media_keeps_a_shard_to_one_kind_and_types_them_all(
    media: Path, tmp_path: Path
) -> None:
    rows = world.plan(media, 8)
    kinds = [("jpg", "ogg"), ("png", "wav")]
    mixed = []
    for number, row in enumerate(rows.to_pylist()):
        meta = json.loads(row["meta"])
        row["image_format"], row["audio_format"] = kinds[number % 2]
        meta["artwork"]["image"]["format"], meta["music"]["audio"]["format"] = kinds[number % 2]
        mixed.append(row | {"meta": json.dumps(meta, sort_keys=True), "split": "train"})
    mixed.sort(key=lambda row: (row["image_format"], row["pair_id"]))
    making = world.release(media, pa.Table.from_pylist(mixed, rows.schema), tmp_path, shard_megabytes=10)
    made = world.build(making)
    assert len([record for record in made.files if record.role == "webdataset"]) == 2
    found = _load(making.folder, "webdataset", "train")
    assert [(bool(got["jpg"]), bool(got["png"])) for got in found] == [(True, False)] * 4 + [
        (False, True)
    ] * 4
    assert [(got["ogg"] is not None, got["wav"] is not None) for got in found] == [(True, False)] * 4 + [
        (False, True)
    ] * 4


def test_pandas_reads_the_parquet(finished: Path, rows: pa.Table) -> None:
    found = pd.concat([pd.read_parquet(path) for path in sorted(finished.glob("data/train-*"))])
    own = rows.filter(pa.compute.equal(rows["split"], "train"))
    assert list(found["pair_id"]) == own["pair_id"].to_pylist()
    assert [hashlib.sha256(image["bytes"]).hexdigest() for image in found["image"]] == own[
        "image_sha256"
    ].to_pylist()


def test_row_groups_stay_small_and_media_are_stored_plain(finished: Path) -> None:
    for path in finished.glob("data/*.parquet"):
        found = pq.ParquetFile(path).metadata
        for number in range(found.num_row_groups):
            group = found.row_group(number)
            assert (
                group.total_byte_size < 12_000
            )  # 4 kB of media and JSON, what does not fit a group alone, headers
            columns = {group.column(i).path_in_schema: group.column(i) for i in range(group.num_columns)}
            assert columns["image.bytes"].compression == "UNCOMPRESSED"
            assert not columns["image.bytes"].has_dictionary_page
            assert columns["meta"].compression == "ZSTD"
            assert columns["meta"].has_offset_index


def test_a_row_group_of_small_media_has_a_limited_number_of_rows(
    media: Path, rows: pa.Table, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parquet, "MEDIA_ROWS", 3)
    making = world.release(media, rows, tmp_path, row_group_megabytes=64, shard_megabytes=64)
    world.build(making)
    found = pq.ParquetFile(making.folder / "data" / "train-00000-of-00001.parquet").metadata
    assert [found.row_group(number).num_rows for number in range(found.num_row_groups)] == [3, 3, 3, 3]
    assert verify(making.folder, deep=True).problems == []


@pytest.mark.parametrize("batch", [1, 7])
def test_small_tables_are_the_same_however_few_pairs_are_in_memory(
    finished: Path, media: Path, rows: pa.Table, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, batch: int
) -> None:
    monkeypatch.setattr(sides, "BATCH", batch)
    making = world.release(media, rows, tmp_path)
    world.build(making)
    assert world.contents(making.folder) == world.contents(finished)


def test_coreutils_agree_with_the_sums(finished: Path) -> None:
    done = subprocess.run(
        ["sha256sum", "-c", "--strict", "SHA256SUMS"], cwd=finished, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stdout


def test_tar_unpacks_what_was_put_in(finished: Path, rows: pa.Table, tmp_path: Path) -> None:
    tar = finished / "webdataset" / "train-000000.tar"
    subprocess.run(["tar", "-xf", str(tar), "-C", str(tmp_path)], check=True)
    first = rows.to_pylist()[0]
    image = (tmp_path / f"{first['pair_id']}.png").read_bytes()
    assert hashlib.sha256(image).hexdigest() == first["image_sha256"]


def test_duckdb_and_polars_read_the_parquet(finished: Path, rows: pa.Table) -> None:
    files = str(finished / "data" / "train-*.parquet")
    own = [row["pair_id"] for row in rows.to_pylist() if row["split"] == "train"]
    found = duckdb.read_parquet(files).project("pair_id, octet_length(image.bytes)").fetchall()
    assert sorted(key for key, size in found if size) == sorted(own)
    frame = polars.read_parquet(files)
    assert sorted(frame["pair_id"].to_list()) == sorted(own)
    assert frame["image"].struct.field("bytes").null_count() == 0
