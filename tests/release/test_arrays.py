"""Vectors and latents of a release: in Parquet and in tars, the same, of every pair."""

import io
import json
import pickle
import tarfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import datasets
import duckdb
import numpy as np
import polars
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from artsound import tables
from artsound.errors import ConfigError, ReleaseError
from artsound.loader.load import load
from artsound.release.arrays import Arrays, vectors_of
from artsound.release.manifest import ArrayRecord, ReleaseManifest, read_manifest
from artsound.release.verify import verify
from tests.release import world

SHAPE = (2, 3, 4)


def vectors(ids: list[str], name: str, key: str, *, seed: int = 0, model: str = "fake@1") -> Arrays:
    found = np.random.default_rng(seed).standard_normal((len(ids), 8)).astype(np.float32)
    found /= np.linalg.norm(found, axis=1, keepdims=True)
    lists = pa.FixedSizeListArray.from_arrays(pa.array(found.reshape(-1)), 8)
    table = tables.conform(
        "art_sentence_vectors", pa.table({"item_id": ids, "vector": lists, "model": [model] * len(ids)})
    )
    pieces = pa.concat_tables([table.slice(0, 5), table.slice(5)])  # as a store maps it: in several chunks
    return vectors_of(pieces, name, key, f"{name}-{seed}")


def latents(ids: list[str]) -> Arrays:
    values = np.random.default_rng(1).standard_normal((len(ids), *SHAPE)).astype(np.float16)
    record = ArrayRecord("latents", "latents", SHAPE, "float16", "codec@1")
    return Arrays(record, "pair_id", pa.array(ids), [values[:7], values[7:]], "latents")


def all_arrays(rows: pa.Table, seed: int = 0) -> list[Arrays]:
    """The ids come in another order than the plan's."""
    art, music, pairs = (sorted(rows[key].to_pylist()) for key in ("artwork_id", "clip_id", "pair_id"))
    return [
        vectors(art, "art_sentence", "artwork_id", seed=seed),
        vectors(music, "music_sentence", "clip_id", seed=seed + 50),
        latents(pairs),
    ]


def made(source: Path, rows: pa.Table, place: Path, arrays: list[Arrays], **options: Any) -> Path:
    making = replace(world.release(source, rows, place, **options), arrays=arrays)
    world.build(making)
    return making.folder


@pytest.fixture(scope="module")
def given(rows: pa.Table) -> list[Arrays]:
    return all_arrays(rows)


@pytest.fixture(scope="module")
def folder(
    media: Path, rows: pa.Table, given: list[Arrays], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    return made(media, rows, tmp_path_factory.mktemp("arrays"), given, npy=True, shard_megabytes=0.03)


def expected(rows: pa.Table, arrays: Arrays) -> Iterator[tuple[str, np.ndarray]]:
    whole = np.concatenate([chunk.reshape(len(chunk), *arrays.record.shape) for chunk in arrays.chunks])
    place = {item: number for number, item in enumerate(arrays.ids.to_pylist())}
    for row in rows.to_pylist():
        yield row["pair_id"], whole[place[row[arrays.key]]]


def columns(folder: Path, family: str, made: ReleaseManifest) -> pa.Table:
    paths = [record.path for record in made.files if record.role == family]
    order = {split: number for number, split in enumerate(made.splits)}
    paths.sort(key=lambda path: (order[Path(path).name.split("-")[0]], path))
    return pa.concat_tables([pq.read_table(folder / path) for path in paths])


def test_every_pair_has_its_own_arrays_in_the_order_of_the_pairs(
    folder: Path, rows: pa.Table, given: list[Arrays]
) -> None:
    manifest = read_manifest(folder)
    for arrays in given:
        table = columns(folder, arrays.record.family, manifest)
        for (key, own), found_key, found in zip(
            expected(rows, arrays),
            table["pair_id"].to_pylist(),
            table[arrays.record.name].to_pylist(),
            strict=True,
        ):
            assert key == found_key
            assert np.array_equal(np.array(found, own.dtype).reshape(own.shape), own)


def test_the_tars_hold_the_same_arrays_of_their_shapes(
    folder: Path, rows: pa.Table, given: list[Arrays]
) -> None:
    members: dict[str, bytes] = {}
    for path in sorted((folder / "webdataset").glob("*.tar")):
        with tarfile.open(path) as tar:
            members |= {one.name: tar.extractfile(one).read() for one in tar}  # type: ignore[union-attr]
    for arrays in given:
        for key, own in expected(rows, arrays):
            found = np.load(io.BytesIO(members[f"{key}.{arrays.record.member}"]), allow_pickle=False)
            assert (found.dtype, found.shape) == (own.dtype, own.shape)
            assert np.array_equal(found, own)


def test_every_sample_has_the_same_endings_and_no_tar_outgrows_the_limit(folder: Path) -> None:
    for path in (folder / "webdataset").glob("*.tar"):
        with tarfile.open(path) as tar:
            names = [member.name.partition(".")[::2] for member in tar]
        endings = [ending for _, ending in names]
        assert len(endings) % 8 == 0
        assert endings == endings[:8] * (len(endings) // 8)
        samples = len(endings) // 8
        assert path.stat().st_size <= 30_000 + 10_240 or samples == 1


def test_a_release_with_arrays_is_sound_and_says_where_they_are_from(folder: Path) -> None:
    assert verify(folder, deep=True).problems == []
    manifest = read_manifest(folder)
    assert [(one.name, one.model) for one in manifest.arrays] == [
        ("art_sentence", "fake@1"),
        ("music_sentence", "fake@1"),
        ("latents", "codec@1"),
    ]
    card = (folder / "README.md").read_text()
    assert all(one.name in card and one.model in card for one in manifest.arrays)


@pytest.mark.parametrize("what", ["column", "member", "order"])
def test_arrays_that_disagree_are_found_though_every_hash_is_right(
    media: Path, rows: pa.Table, tmp_path: Path, what: str
) -> None:
    arrays = all_arrays(rows)
    if what == "column":
        arrays[0] = replace(arrays[0], chunks=[2 * chunk for chunk in arrays[0].chunks])
    if what == "order":
        arrays[0] = replace(arrays[0], ids=pa.array(reversed(arrays[0].ids.to_pylist())))
    folder = made(media, rows, tmp_path, arrays, npy=True)
    if what == "column":
        assert any("not of unit length" in problem for problem in verify(folder).problems)
        return
    other = made(media, rows, tmp_path / "other", all_arrays(rows), npy=True)
    for path in (folder / "webdataset").iterdir():
        if path.suffix == ".tar" and what == "order":
            path.write_bytes((other / "webdataset" / path.name).read_bytes())
        if path.suffix == ".tar" and what == "member":
            data = bytearray(path.read_bytes())
            data[data.index(b"\x93NUMPY") + 130] ^= 1  # in the values of the first array
            path.write_bytes(data)
    world.rehash(folder)
    assert any("differs from its column" in problem for problem in verify(folder, deep=True).problems)


def test_encoding_anew_rewrites_no_media(folder: Path, media: Path, rows: pa.Table, tmp_path: Path) -> None:
    before = made(media, rows, tmp_path / "a", all_arrays(rows))
    after = made(media, rows, tmp_path / "b", all_arrays(rows, seed=9))
    changed = {
        path
        for path, data in world.contents(before).items()
        if world.contents(after)[path] != data and not path.endswith((".json", ".md", "SHA256SUMS"))
    }
    assert changed
    assert {path.partition("/")[0] for path in changed} == {"vectors"}


def test_a_pair_without_a_vector_stops_the_release(media: Path, rows: pa.Table, tmp_path: Path) -> None:
    ids = sorted(rows["artwork_id"].to_pylist())[1:]
    making = replace(
        world.release(media, rows, tmp_path), arrays=[vectors(ids, "art_sentence", "artwork_id")]
    )
    with pytest.raises(
        ReleaseError, match=r"1 pairs have no art_sentence, a0000 the first.*release\.vectors"
    ):
        world.build(making)


def test_values_that_are_not_finite_are_refused(media: Path, rows: pa.Table, tmp_path: Path) -> None:
    arrays = latents(rows["pair_id"].to_pylist())
    arrays.chunks[1][3, 0, 0, 0] = np.inf
    with pytest.raises(ReleaseError, match="latents has values that are not finite"):
        made(media, rows, tmp_path, [arrays])


def test_vectors_of_two_models_are_not_published_as_one(rows: pa.Table) -> None:
    table = pa.table({"item_id": ["a", "b"], "vector": [[1.0], [1.0]], "model": ["one", "two"]})
    with pytest.raises(ReleaseError, match="of one model"):
        vectors_of(table, "art_sentence", "artwork_id", "")


@pytest.mark.parametrize("family", ["vectors", "latents"])
def test_datasets_duckdb_and_polars_read_them(
    folder: Path, rows: pa.Table, family: str, tmp_path: Path
) -> None:
    name, size = {"vectors": ("art_sentence", 8), "latents": ("latents", 24)}[family]
    cache = str(tmp_path)
    found = datasets.load_dataset(str(folder), family, split="train", cache_dir=cache)
    assert found.features[name].length == size
    assert len(found) == rows.filter(pa.compute.equal(rows["split"], "train")).num_rows
    assert datasets.load_dataset_builder(str(folder), family, cache_dir=cache).info.features == found.features
    files = str(folder / family / "*.parquet")
    assert len(duckdb.read_parquet(files).project(name).fetchall()) == len(rows)
    assert polars.read_parquet(files)[name].dtype.size == size  # type: ignore[attr-defined]


def test_datasets_reads_the_tars_as_their_card_says(folder: Path) -> None:
    header = (folder / "webdataset" / "README.md").read_text()
    assert "art.sentence.npy" in header
    assert "latents.npy" in header


def test_the_loader_reads_pairs_of_tars_with_arrays(folder: Path, rows: pa.Table) -> None:
    for form in ("webdataset", "parquet"):
        found = load(folder, "train", format=form)  # type: ignore[arg-type]
        own = [row for row in rows.to_pylist() if row["split"] == "train"]
        assert [one["pair_id"] for one in found] == [row["pair_id"] for row in own]
        assert json.loads(found[3]["meta"]) == json.loads(own[3]["meta"])


@pytest.mark.parametrize("npy", [True, False])
@pytest.mark.parametrize("form", ["webdataset", "parquet"])
def test_the_loader_gives_every_pair_its_arrays_in_either_format(
    media: Path, rows: pa.Table, given: list[Arrays], tmp_path: Path, form: Any, npy: bool
) -> None:
    place = made(media, rows, tmp_path, given, npy=npy, shard_megabytes=0.02)
    values = {one.record.name: dict(expected(rows, one)) for one in given}
    found = pickle.loads(pickle.dumps(load(place, "train", format=form)))  # as a worker gets it  # noqa: S301
    assert len(found) == rows["split"].to_pylist().count("train")
    for sample in [*found.stream(seed=3)]:
        for name, own in values.items():
            assert sample[name].dtype == own[sample["pair_id"]].dtype
            assert np.array_equal(sample[name], own[sample["pair_id"]])
    alone = load(place, "val", format=form, columns=("latents",))
    assert alone[0].keys() == {"latents"}
    with pytest.raises(ConfigError, match=r"choose from .*art_sentence, music_sentence, latents"):
        load(place, "train", format=form, columns=("clip",))


def test_batches_carry_the_arrays(folder: Path) -> None:
    batch = next(iter(load(folder, "train", columns=("art_sentence", "latents")).loader(batch_size=4)))
    assert batch["latents"].shape == (4, *SHAPE)
    assert batch["art_sentence"].shape == (4, 8)


def test_arrays_of_other_pairs_are_found_when_they_are_read(
    media: Path, rows: pa.Table, tmp_path: Path
) -> None:
    place = made(media, rows, tmp_path, all_arrays(rows))
    path = next((place / "vectors").glob("train-*"))
    table = pq.read_table(path)
    pq.write_table(table.take(list(reversed(range(len(table))))), path)
    with pytest.raises(ReleaseError, match=r"where [0-9a-f]{16} should be: verify it"):
        load(place, "train")[0]


def test_references_may_come_with_vectors(media: Path, rows: pa.Table, tmp_path: Path) -> None:
    folder = made(media, rows, tmp_path, all_arrays(rows)[:2], media=False)
    assert {record.role for record in read_manifest(folder).files} == {
        *("parquet", "captions", "scores", "items", "vectors", "document")
    }
    assert verify(folder, deep=True).problems == []


def test_a_rebuild_has_the_same_bytes(folder: Path, media: Path, rows: pa.Table, tmp_path: Path) -> None:
    again = made(media, rows, tmp_path, all_arrays(rows), npy=True, shard_megabytes=0.03)
    assert world.contents(again) == world.contents(folder)
