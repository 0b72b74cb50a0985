"""Pulling a licence tier or some columns: only what is needed travels, and what lands verifies."""

import hashlib
import json
import re
import shutil
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import artsound
from artsound.errors import ConfigError, ReleaseError, SourceError, StoreError
from artsound.receive import pull as pulling
from artsound.receive.check import check
from artsound.receive.cut import Cut, pull_cut, pull_part
from artsound.receive.find import find
from artsound.receive.source import Source, SourceMedia
from artsound.release.manifest import MANIFEST, SUMS, read_manifest
from artsound.release.pieces import PIECES
from artsound.release.tiers import TIERS
from artsound.release.verify import verify
from artsound.store import alone_in
from tests.receive.conftest import point
from tests.receive.web import Web
from tests.release import world
from tests.release.test_arrays import all_arrays, expected

LICENCES = ("CC0-1.0", "CC-BY-SA-4.0", "CC-BY-NC-4.0", "CC-BY-ND-4.0", "LicenseRef-unknown")
WORDS = ("art_caption", "music_caption", "score")


def tracks(count: int = 24) -> list[dict[str, Any]]:
    return [
        {"track_id": f"t{i:04d}", "artist_id": "music:0", "licence": LICENCES[i % len(LICENCES)]}
        for i in range(count)
    ]


@pytest.fixture(scope="session")
def mixed(media: Path) -> pa.Table:
    """Pairs of every licence, side by side in every shard."""
    return world.plan(media, 24, tracks=tracks())


@pytest.fixture
def finished(media: Path, mixed: pa.Table, tmp_path: Path) -> Path:
    making = world.release(media, mixed, tmp_path / "made")
    world.build(making)
    return making.folder


@pytest.fixture
def into(tmp_path: Path) -> Path:
    return tmp_path / "pulled" / "demo"


def pairs(folder: Path) -> list[str]:
    found = [pq.read_table(path, columns=["pair_id"]) for path in sorted(folder.glob("data/*.parquet"))]
    return sorted(pa.concat_tables(found)["pair_id"].to_pylist())


def of_tier(rows: pa.Table, tier: str, split: str | None = None) -> list[str]:
    within = TIERS[: TIERS.index(tier) + 1]  # type: ignore[arg-type]
    told = rows.select(["pair_id", "tier", "split"]).to_pylist()
    return sorted(r["pair_id"] for r in told if r["tier"] in within and split in (None, r["split"]))


@pytest.mark.parametrize("tier", ["open", "share-alike", "non-commercial", "no-derivatives"])
def test_a_tier_holds_its_pairs_and_no_other_in_both_formats(
    web: Web, mixed: pa.Table, media: Path, into: Path, tier: Any
) -> None:
    pull_cut(find(web.demo), into, Cut(tier=tier))
    assert pairs(into) == of_tier(mixed, tier)
    assert verify(into, deep=True).problems == []
    held = b"".join(world.contents(into).values())
    for row in mixed.to_pylist():
        there = row["pair_id"] in of_tier(mixed, tier)
        assert ((media / "music" / row["audio_path"]).read_bytes() in held) == there
        assert (f"- {row['clip_id']}:" in (into / "ATTRIBUTION.md").read_text()) == there


def test_a_tier_of_a_split_in_one_format(web: Web, mixed: pa.Table, into: Path) -> None:
    pull_cut(find(web.demo), into, Cut(("val",), ("webdataset",), "non-commercial"))
    made = read_manifest(into)
    assert made.pairs == len(of_tier(mixed, "non-commercial", "val"))
    assert {record.role for record in made.files} == {"webdataset", "captions", "scores", "items", "document"}
    assert verify(into, deep=True).problems == []
    assert len(artsound.load(into, "val")) == made.pairs


@pytest.mark.parametrize(
    ("said", "forged"),
    [
        (rb'"split":"train"', b'"split":"../ab"'),
        (rb'"pair_id":"......', b'"pair_id":"../../'),
        (rb'"format":"png"', b'"format":"/ab"'),
        (rb'"music":\{', b'"musik":{'),
    ],
)
def test_a_pair_whose_json_would_name_files_elsewhere_is_refused(
    media: Path, mixed: pa.Table, tmp_path: Path, into: Path, said: bytes, forged: bytes
) -> None:
    making = world.release(media, mixed, tmp_path / "made", formats=("webdataset",))
    world.build(making)
    tar = making.folder / "webdataset" / "train-000000.tar"
    tar.write_bytes(re.sub(said, forged, tar.read_bytes()))
    world.rehash(making.folder)
    before = {path for path in tmp_path.rglob("*") if "pulled" not in path.parts}
    with pytest.raises(ReleaseError, match=r"^webdataset/train-000000\.tar: has "):
        pull_cut(find(str(making.folder)), into, Cut(tier="open"))
    assert {path for path in tmp_path.rglob("*") if "pulled" not in path.parts} == before
    assert not into.exists()


@pytest.mark.parametrize("formats", [("webdataset",), ("parquet",)])
def test_a_release_of_one_format_is_cut_as_well(
    media: Path, mixed: pa.Table, tmp_path: Path, into: Path, formats: Any
) -> None:
    making = world.release(media, mixed, tmp_path, formats=formats)
    world.build(making)
    pull_cut(find(str(making.folder)), into, Cut(tier="open"))
    assert read_manifest(into).pairs == len(of_tier(mixed, "open"))
    assert verify(into, deep=True).problems == []


def test_a_tier_takes_fewer_bytes_than_the_release(web: Web, finished: Path, into: Path) -> None:
    pull_cut(find(web.demo), into, Cut(tier="open", formats=("parquet",)))
    assert not [path for path in web.files() if path.endswith(".tar")]
    whole = sum(len(data) for name, data in world.contents(finished).items() if name.startswith("data/"))
    assert web.sent < whole + sum((finished / name).stat().st_size for name in (MANIFEST, PIECES)) * 2


def test_columns_arrive_without_the_media_beside_them(
    web: Web, mixed: pa.Table, finished: Path, into: Path
) -> None:
    web.sent = 0
    pull_cut(find(web.demo), into, Cut(columns=WORDS))
    found = pa.concat_tables([pq.read_table(path) for path in sorted(into.glob("data/*"))])
    assert set(found.column_names) == {"pair_id", *WORDS}
    told = {row["pair_id"]: row for row in mixed.to_pylist()}
    for row in found.to_pylist():
        assert {name: told[row["pair_id"]][name] for name in row} == row
    assert len(found) == len(mixed)
    media = sum(mixed["image_bytes"].to_pylist() + mixed["audio_bytes"].to_pylist())
    other = sum((finished / name).stat().st_size for name in (MANIFEST, PIECES, "ATTRIBUTION.md"))
    footers = sum(_footer(path) for path in finished.glob("data/*"))
    assert web.sent - 2 * other - footers < media / 2
    assert verify(into, deep=True).problems == []


def _footer(path: Path) -> int:
    return int(pq.read_metadata(path).serialized_size) + 8


def test_columns_with_media_are_held_against_the_pairs_own_hashes(web: Web, media: Path, into: Path) -> None:
    pull_cut(find(web.demo), into, Cut(columns=("image",), tier="share-alike"))
    rows = [row for path in into.glob("data/*") for row in pq.read_table(path).to_pylist()]
    files = {path.read_bytes() for path in (media / "art").iterdir()}
    assert rows
    assert all(row["image"]["bytes"] in files for row in rows)
    assert verify(into, deep=True).problems == []
    sample = artsound.load(into, "train")[0]
    assert set(sample) == {"pair_id", "image"}


def test_other_libraries_read_what_was_cut(web: Web, into: Path, tmp_path: Path) -> None:
    import datasets
    import polars

    pull_cut(find(web.demo), into, Cut(columns=WORDS))
    found = datasets.load_dataset(str(into), split="train", cache_dir=str(tmp_path / "cache"))
    assert set(found.column_names) == {"pair_id", *WORDS}
    assert polars.scan_parquet(f"{into}/data/*.parquet").collect().height == 24


@pytest.mark.parametrize("cut", [Cut(tier="non-commercial"), Cut(columns=WORDS, tier="open")])
def test_a_second_pull_fetches_nothing_and_a_damaged_file_alone_is_made_anew(
    web: Web, into: Path, cut: Cut
) -> None:
    pull_cut(find(web.demo), into, cut)
    before = world.contents(into)
    assert pull_cut(find(web.demo), into, cut).fetched == 0
    name = next(name for name in before if name.startswith("data/train"))
    data = before[name]
    (into / name).write_bytes(data[:100] + bytes([data[100] ^ 1]) + data[101:])
    (into / SUMS).unlink()
    assert verify(into).problems
    done = check(str(into), mend=True)
    assert (done.report.problems, world.contents(into)) == ([], before)
    assert 0 < done.fetched < len(before)


@pytest.mark.parametrize("cut", [Cut(tier="open"), Cut(columns=WORDS)])
def test_two_runs_do_not_cut_the_same_part_at_one_time(web: Web, into: Path, cut: Cut) -> None:
    scratch = into.with_name(f".{into.name}.source")
    with alone_in(scratch), pytest.raises(StoreError, match="another run is writing to"):
        pull_cut(find(web.demo), into, cut)
    assert not scratch.exists()
    assert not into.exists()


@pytest.mark.parametrize("folder", [".", ".."])
def test_the_folder_that_one_stands_in_is_not_replaced(
    web: Web, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder: str
) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    with pytest.raises(ConfigError, match="name a folder you do not stand in"):
        pull_cut(find(web.demo), Path(folder), Cut(tier="open"))
    assert (tmp_path / "here").is_dir()


def test_what_stands_in_the_folder_is_not_written_over(web: Web, into: Path) -> None:
    into.mkdir(parents=True)
    (into / "mine.txt").write_text("x")
    with pytest.raises(ReleaseError):
        pull_cut(find(web.demo), into, Cut(tier="open"))
    assert world.contents(into) == {"mine.txt": b"x"}
    (into / "mine.txt").unlink()
    pull_cut(find(web.demo), into, Cut(tier="open"))
    with pytest.raises(ReleaseError, match="another part"):
        pull_cut(find(web.demo), into, Cut(tier="share-alike"))
    (into / "mine.txt").write_text("x")
    (into / "README.md").unlink()
    with pytest.raises(ReleaseError, match=r"mine\.txt"):
        pull_cut(find(web.demo), into, Cut(tier="open"))
    assert (into / "mine.txt").exists()


@pytest.mark.parametrize(
    ("part", "message"),
    [
        (((), (), "free", ()), "no tier 'free'"),
        (((), (), "any", ("captions",)), "no column captions, only"),
        (((), ("scores",), "open", ()), "takes parquet or webdataset"),
        (((), ("webdataset",), "any", ("score",)), "leave --only out"),
        ((("dev",), (), "open", ()), "has no dev"),
    ],
)
def test_a_part_that_is_not_there_is_refused_in_words(web: Web, into: Path, part: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        pull_part(find(web.demo), into, part, workers=2)
    assert not into.exists()


def test_a_tier_without_pairs_is_said(media: Path, tmp_path: Path, into: Path) -> None:
    making = world.release(media, world.plan(media, 8), tmp_path)
    world.build(making)
    for cut in (Cut(tier="open"), Cut(tier="open", columns=WORDS)):
        if "open" not in read_manifest(making.folder).tiers:
            with pytest.raises(ConfigError, match="no pairs of the tier"):
                pull_cut(find(str(making.folder)), into, cut)


@pytest.mark.parametrize("cut", [Cut(tier="open"), Cut(columns=("audio",)), Cut(columns=WORDS)])
@pytest.mark.parametrize("place", range(0, 100, 7))
def test_any_changed_byte_on_the_way_is_found_or_was_not_wanted(
    web: Web, published: Path, finished: Path, into: Path, cut: Cut, place: int
) -> None:
    found = find(web.demo)
    for path in (published / "demo-1.0.0" / "data").iterdir():
        data = bytearray(path.read_bytes())
        data[place * (len(data) - 1) // 100] ^= 16
        path.write_bytes(data)
    try:
        pull_cut(found, into, cut)
    except SourceError:
        assert not into.exists()
    else:
        assert verify(into, deep=True).problems == []
    point_back(published, finished)
    pull_cut(found, into, cut)
    assert verify(into, deep=True).problems == []


def test_threads_that_find_wrong_media_in_one_shard_all_say_so_and_go_on_when_it_is_mended(
    web: Web, published: Path, finished: Path, media: Path, mixed: pa.Table, tmp_path: Path
) -> None:
    """One that forgets what was fetched takes nothing away from the others."""
    source = Source(find(web.demo), find(web.demo).manifest, tmp_path / "scratch")
    rows = [row for row in source.rows().to_pylist() if row["audio_path"].startswith("0/")]
    assert len(rows) > 1
    for path in (published / "demo-1.0.0" / "data").iterdir():
        data = path.read_bytes()
        for one in (media / "music").iterdir():
            data = data.replace(one.read_bytes(), bytes(one.stat().st_size))
        path.write_bytes(data)
    sound = SourceMedia(source, "audio")
    start = threading.Barrier(len(rows))

    def read(row: dict[str, Any]) -> str:
        start.wait()
        try:
            sound.read(row["audio_path"])
        except SourceError as error:
            return str(error)
        return ""

    with ThreadPoolExecutor(len(rows)) as pool:
        for _ in range(5):
            assert all("its audio is not that of its JSON" in said for said in pool.map(read, rows))
    point_back(published, finished)
    for row in rows:
        assert hashlib.sha256(sound.read(row["audio_path"])).hexdigest() == row["audio_sha256"]


def point_back(published: Path, finished: Path) -> None:
    for path in (finished / "data").iterdir():
        (published / "demo-1.0.0" / "data" / path.name).write_bytes(path.read_bytes())
    point(published, "1.0.0")


def test_a_list_of_pieces_that_is_none_is_refused(web: Web, published: Path, into: Path) -> None:
    place = published / "demo-1.0.0"
    for text in (
        "[]",
        "{",
        '{"data/train-00000-of-00004.parquet": {"footer": -1, "sha256": "", "groups": []}}',
    ):
        (place / PIECES).write_text(text)
        given = json.loads((place / MANIFEST).read_text())
        record = next(one for one in given["files"] if one["path"] == PIECES)
        record.update(bytes=len(text), sha256=hashlib.sha256(text.encode()).hexdigest())
        (place / MANIFEST).write_text(json.dumps(given, indent=2, ensure_ascii=False) + "\n")
        with pytest.raises(ReleaseError):
            pull_cut(find(f"{web.url}/demo-1.0.0"), into, Cut(tier="open"))


@pytest.fixture
def with_arrays(media: Path, mixed: pa.Table, tmp_path: Path) -> Path:
    making = replace(world.release(media, mixed, tmp_path / "arrays", npy=True), arrays=all_arrays(mixed))
    world.build(making)
    return making.folder


def values_of(rows: pa.Table) -> dict[str, dict[str, np.ndarray]]:
    return {one.record.name: dict(expected(rows, one)) for one in all_arrays(rows)}


@pytest.mark.parametrize("formats", [(), ("parquet",), ("webdataset",)])
def test_a_tier_keeps_the_arrays_of_its_pairs(
    mixed: pa.Table, with_arrays: Path, into: Path, formats: Any
) -> None:
    pull_cut(find(str(with_arrays)), into, Cut(tier="share-alike", formats=formats))
    assert verify(into, deep=True).problems == []
    found = {s["pair_id"]: s for split in read_manifest(into).splits for s in artsound.load(into, split)}
    assert sorted(found) == of_tier(mixed, "share-alike")
    for name, values in values_of(mixed).items():
        assert all(np.array_equal(sample[name], values[key]) for key, sample in found.items())


def test_columns_may_be_arrays_of_which_only_those_travel(
    web: Web, published: Path, mixed: pa.Table, with_arrays: Path, into: Path
) -> None:
    shutil.rmtree(published / "demo-1.0.0")
    shutil.copytree(with_arrays, published / "demo-1.0.0")
    point(published, "1.0.0")
    web.sent = 0
    pull_cut(find(web.demo), into, Cut(columns=("art_caption", "latents"), tier="open"))
    made = read_manifest(into)
    assert [one.name for one in made.arrays] == ["latents"]
    assert not (into / "vectors").exists()
    assert verify(into, deep=True).problems == []
    found = {s["pair_id"]: s for split in made.splits for s in artsound.load(into, split)}
    assert sorted(found) == of_tier(mixed, "open")
    own = values_of(mixed)["latents"]
    assert all(np.array_equal(sample["latents"], own[key]) for key, sample in found.items())
    assert not [path for path in web.files() if path.startswith(("vectors/", "webdataset/train"))]


def test_a_cut_whose_arrays_are_of_other_pairs_is_found(with_arrays: Path, into: Path) -> None:
    pull_cut(find(str(with_arrays)), into, Cut(columns=("score", "latents")))
    path = next((into / "latents").glob("train-*"))
    table = pq.read_table(path)
    pq.write_table(table.take(list(reversed(range(len(table))))), path)
    world.rehash(into)
    assert verify(into).problems == ["train: latents is not of the same pairs, or in another order"]


@pytest.mark.parametrize("cut", [Cut(tier="open"), Cut(columns=("image", "latents"))])
def test_a_disk_that_is_too_small_for_a_cut_is_said_before_media_are_fetched(
    web: Web, into: Path, monkeypatch: pytest.MonkeyPatch, cut: Cut
) -> None:
    monkeypatch.setattr(pulling, "SPARE", 10**18)
    wanted = replace(cut, columns=tuple(name for name in cut.columns if name != "latents"))
    with pytest.raises(StoreError, match="MB are free"):
        pull_cut(find(web.demo), into, wanted)
    assert not into.exists()


def test_a_cut_with_a_damaged_manifest_is_cut_anew(web: Web, into: Path) -> None:
    """The note beside the manifest still tells what was cut."""
    pull_cut(find(web.demo), into, Cut(tier="open"))
    before = world.contents(into)
    (into / MANIFEST).write_bytes(b"{" + (into / MANIFEST).read_bytes())
    (into / "README.md").write_text("")
    done = check(str(into), mend=True)
    assert done.report.problems == []
    assert done.fetched
    assert world.contents(into) == before
