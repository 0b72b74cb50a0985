"""The demo release as people meet it: eight tools open it unchanged, and all its files count alike."""

import hashlib
import json
import re
import shutil
import subprocess
import tarfile
from collections import Counter
from pathlib import Path

import datasets
import duckdb
import numpy as np
import pandas as pd
import polars
import pyarrow.parquet as pq
import pytest
import webdataset
import yaml

import artsound
from artsound.products import release_folder
from artsound.release.manifest import ReleaseManifest, read_manifest
from artsound.release.verify import verify
from artsound.settings import Settings
from artsound.store import Store
from tests import builds
from tests.release.test_croissant import read

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def folder(demo: Path) -> Path:
    return release_folder(Settings.load(demo))


@pytest.fixture(scope="module")
def made(folder: Path) -> ReleaseManifest:
    return read_manifest(folder)


@pytest.fixture(scope="module")
def hashes(folder: Path) -> dict[str, tuple[str, str]]:
    """Pair → hashes of its media, as the release's own small table says."""
    tables = [pq.read_table(path).to_pylist() for path in sorted((folder / "items").iterdir())]
    return {row["pair_id"]: (row["image_sha256"], row["audio_sha256"]) for rows in tables for row in rows}


def sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def test_datasets_loads_every_configuration(
    folder: Path, made: ReleaseManifest, hashes: dict[str, tuple[str, str]], tmp_path: Path
) -> None:
    for config in ("parquet", "captions", "scores", "items"):
        found = datasets.load_dataset(str(folder), config, cache_dir=str(tmp_path))
        assert {split: len(rows) for split, rows in found.items()} == made.splits
    for split in made.splits:
        pairs = datasets.load_dataset(str(folder), split=split, cache_dir=str(tmp_path))
        assert isinstance(pairs.features["image"], datasets.Image)
        for row in pairs.cast_column("audio", datasets.Audio(decode=False)):
            assert sha(row["audio"]["bytes"]) == hashes[row["pair_id"]][1]
            assert row["image"].size[0] > 100


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # it leaves the last tar open
def test_webdataset_reads_every_pair(folder: Path, hashes: dict[str, tuple[str, str]]) -> None:
    tars = [str(path) for path in sorted((folder / "webdataset").glob("*.tar"))]
    found = {}
    for sample in webdataset.WebDataset(tars, shardshuffle=False):
        audio = next(sample[ending] for ending in ("mp3", "ogg", "wav", "flac") if ending in sample)
        found[sample["__key__"]] = (sha(sample["jpg"]), sha(audio))
        assert json.loads(sample["json"])["pair_id"] == sample["__key__"]
    assert found == hashes


def test_mlcroissant_loads_its_records(folder: Path, hashes: dict[str, tuple[str, str]]) -> None:
    found = read(folder)
    assert all(sorted(ids) == sorted(hashes) for ids in found["ids"].values())


def test_duckdb_polars_and_pandas_read_the_pairs(folder: Path, hashes: dict[str, tuple[str, str]]) -> None:
    files = str(folder / "data" / "*.parquet")
    told = duckdb.read_parquet(files).project("pair_id, sha256(image.bytes), sha256(audio.bytes)").fetchall()
    assert {key: media for key, *media in told} == {key: list(media) for key, media in hashes.items()}
    frame = polars.read_parquet(files)
    assert {k: sha(v["bytes"]) for k, v in frame.select("pair_id", "image").iter_rows()} == {
        key: image for key, (image, _) in hashes.items()
    }
    table = pd.read_parquet(folder / "data")
    assert {k: sha(v["bytes"]) for k, v in zip(table["pair_id"], table["audio"], strict=True)} == {
        key: audio for key, (_, audio) in hashes.items()
    }


def test_coreutils_and_tar_open_it(
    folder: Path, made: ReleaseManifest, hashes: dict[str, tuple[str, str]], tmp_path: Path
) -> None:
    done = subprocess.run(
        ["sha256sum", "-c", "--strict", "SHA256SUMS"], cwd=folder, capture_output=True, check=True, text=True
    )
    assert done.stdout.count(": OK") == len(made.files) + 1
    for tar in (folder / "webdataset").glob("*.tar"):
        subprocess.run(["tar", "-xf", str(tar), "-C", str(tmp_path)], check=True)
    assert {path.stem: sha(path.read_bytes()) for path in tmp_path.glob("*.jpg")} == {
        key: image for key, (image, _) in hashes.items()
    }


def test_every_file_counts_the_same(folder: Path, made: ReleaseManifest) -> None:
    counts = {"manifest": made.splits}
    tars = sorted((folder / "webdataset").glob("*.tar"))
    members = {path.name: samples_of(path) for path in tars}
    counts["tars"] = by_split(members)
    sizes = json.loads((folder / "webdataset" / "sizes.json").read_text())
    assert sizes == members
    meta = folder / "webdataset" / ".nv-meta"
    assert json.loads((meta / ".info.json").read_text())["shard_counts"] == members
    parts = yaml.safe_load((meta / "split.yaml").read_text())["split_parts"]
    counts["nv-meta"] = {split: sum(members[name] for name in names) for split, names in parts.items()}
    for role in ("data", "captions", "scores", "items"):
        rows = {path.name: pq.read_metadata(path).num_rows for path in sorted((folder / role).iterdir())}
        counts[role] = by_split(rows)
    described = json.loads((folder / "croissant.json").read_text())
    splits = next(each for each in described["recordSet"] if each["@id"] == "splits")
    counts["croissant"] = {row["splits/name"]: row["splits/pairs"] for row in splits["data"]}
    card = (folder / "README.md").read_text()
    lines = re.findall(r"^\| (train|val|test) \| (\d+) \|$", card, re.MULTILINE)
    counts["card, table"] = {name: int(n) for name, n in lines}
    for path in ("README.md", "webdataset/README.md"):
        header = yaml.safe_load((folder / path).read_text().split("---\n")[1])
        for info in header["dataset_info"]:
            counts[f"{path}, {info['config_name']}"] = {s["name"]: s["num_examples"] for s in info["splits"]}
    log = (folder / "CHANGELOG.md").read_text()
    counts["changelog"] = {name: int(n) for n, name in re.findall(r"(\d+) (train|val|test)", log)}
    assert {what: told for what, told in counts.items() if told != made.splits} == {}
    assert f"{made.pairs} pairs" in card
    assert f"{made.pairs} pairs:" in log
    assert f"{made.pairs} pairs" in described["description"]
    assert sum(made.tiers.values()) == made.pairs == sum(made.licences["art"].values())
    assert (folder / "ATTRIBUTION.md").read_text().count("\n- ") == 2 * made.pairs
    assert made.facts["tables"]["release_rows"]["rows"] == made.pairs
    statement = json.loads((folder / "certificate" / "certificate.json").read_text())
    assert {one["split"]: one["pairs"] for one in statement["splits"]} == made.splits


def test_the_manifest_tells_what_the_release_is_made_from(made: ReleaseManifest) -> None:
    for side, name in (("art", "artworks"), ("music", "music")):
        told, place = made.facts["sources"][side], Path("data/sample") / name
        tables = {path.name: sha(path.read_bytes()) for path in place.glob("*.csv")}
        assert {file["name"]: file["sha256"] for file in told["files"]} == tables
        listed = [f"{sha(path.read_bytes())}  {path.name}\n" for path in sorted(place.iterdir())]
        media = [line for line in listed if not line.endswith(".csv\n")]
        assert told["media"]["files"] == len(media)
        assert told["media"]["sha256"] == sha("".join(media).encode())


def samples_of(path: Path) -> int:
    with tarfile.open(path) as tar:
        return len({name.partition(".")[0] for name in tar.getnames()})


def by_split(rows: dict[str, int]) -> dict[str, int]:
    counted: Counter[str] = Counter()
    for name, count in rows.items():
        counted[name.split("-")[0]] += count
    return {split: counted[split] for split in ("train", "val", "test")}


def test_the_card_says_what_shuffles_score_and_what_to_know(folder: Path, made: ReleaseManifest) -> None:
    card = (folder / "README.md").read_text()
    rows = {row["split"]: row for row in made.facts["chance"]}
    assert rows.keys() == made.splits.keys()
    for split, row in rows.items():
        assert (
            f"| {split} | {row['mean']:.4f} | {row['worst_decile']:.4f} | {row['chance_mean']:.4f} |" in card
        )
        assert row["mean"] >= row["chance_low"]
    assert "Too few pairs for an evaluation: train, val, test" in card


def test_the_card_says_what_stands_in_two_splits(folder: Path) -> None:
    card = (folder / "README.md").read_text()
    leaks = card.split("## Leaks between splits")[1].split("\n## ")[0]
    assert "| in more than one split | groups | artists | albums | clusters |\n" in leaks
    assert "| artworks | 0 | 0 | 0 | 0 |\n| artworks, if drawn one by one | 0.0 |" in leaks
    assert "| music | 0 | 0 | 0 | 0 |\n" in leaks
    assert "| items that were drawn | test | train | val | in the largest group |\n" in leaks
    assert "| artworks | 5 | 37 | 6 | 2.1 % |" in leaks
    assert "Clips for which" not in leaks


# ---- versions of the demo


@pytest.fixture
def again(demo: Path, tmp_path: Path) -> Path:
    """The demo's store and settings, for a test to go on with."""
    shutil.copytree(demo.parent / "store", tmp_path / "store")
    return builds.sample_config(tmp_path)


def with_release(config: Path, version: str, *more: str) -> None:
    text = config.read_text().replace('version = "0.1.0"', f'version = "{version}"')
    config.write_text("\n".join([text, *more]))


def build(config: Path, code: int = 0) -> str:
    done = builds.artsound("build", "--config", str(config), "--no-prefect", code=code)
    return done.stderr if code else done.stdout


def test_vectors_go_from_the_settings_to_the_loader(again: Path) -> None:
    with_release(again, "0.2.0", 'vectors = ["sentence", "image"]', "npy = true")
    build(again)
    settings = Settings.load(again)
    place = release_folder(settings)
    made = read_manifest(place)
    assert [one.name for one in made.arrays] == ["art_sentence", "music_sentence", "art_image"]
    assert verify(place, deep=True).problems == []
    log = (place / "CHANGELOG.md").read_text().replace("\\", "")
    assert "Since 0.1.0: New: art_image, art_sentence, music_sentence." in log
    assert log.index("## 0.2.0") < log.index("## 0.1.0")
    table = Store(settings.root).read("art_sentence_vectors")
    own = dict(zip(table["item_id"].to_pylist(), table["vector"].to_pylist(), strict=True))
    for form in ("webdataset", "parquet"):
        for sample in artsound.load(place, "train", format=form):  # type: ignore[arg-type]
            artwork = json.loads(sample["meta"])["artwork"]["artwork_id"]
            assert np.array_equal(sample["art_sentence"], np.array(own[artwork], np.float32))


def test_a_version_that_says_too_little_is_refused_before_anything_is_written(again: Path) -> None:
    with_release(again, "0.1.1", 'vectors = ["sentence"]')
    for spelled in ("bump", "--bump"):
        proposed = builds.artsound("release", spelled, "--config", str(again), code=1)
        assert "0.1.0 → 0.2.0: minor" in proposed.stdout
        assert "0.1.1 is not a version" in proposed.stderr
    said = build(again, code=1)
    what = "0.1.1 is not a version for what changed since 0.1.0 (2 gained): make it 0.2.0"
    assert said.splitlines()[-1].endswith(what)
    there = [path.name for path in (Settings.load(again).root / "release").iterdir()]
    assert sorted(there) == ["artsound-sample-0.1.0", "artsound-sample-0.1.0-audit"]


def test_latents_of_a_real_cache_are_released(again: Path, tmp_path: Path) -> None:
    pytest.importorskip("torch")
    first = release_folder(Settings.load(again))
    train = tmp_path / "train.toml"
    train.write_text(f'release = "{first}"\nrun = "{tmp_path / "run"}"\n')
    builds.artsound("train", "prepare", "--config", str(train))
    with_release(again, "0.2.0", f'latents = "{tmp_path / "run" / "cache"}"', "npy = true")
    build(again)
    place = release_folder(Settings.load(again))
    made = read_manifest(place)
    assert [one.family for one in made.arrays] == ["latents"]
    assert verify(place, deep=True).problems == []
    from artsound.train.cache import read_part

    parts = [read_part(path) for path in sorted((tmp_path / "run" / "cache" / "audio").glob("*.safetensors"))]
    cached = {key: part.arrays["latents"][n] for part in parts for n, key in enumerate(part.header.ids)}
    for split in made.splits:
        for sample in artsound.load(place, split):
            assert np.array_equal(sample["latents"], cached[sample["pair_id"]])
