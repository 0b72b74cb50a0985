"""What a build takes is counted part by part, survives a stop, and changes no byte of what is released."""

import shutil
import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from artsound import costs
from artsound.errors import ReleaseError, StoreError
from artsound.products import release_folder
from artsound.publish.place import publish
from artsound.receive.check import check
from artsound.receive.find import find
from artsound.receive.patch import apply_patch, make_patch
from artsound.receive.pull import pull
from artsound.release.costs import COSTS, Cost, costs_text, parse_costs
from artsound.release.manifest import read_manifest
from artsound.release.verify import verify
from artsound.settings import Settings
from tests.builds import artsound


def burn(seconds: float) -> None:
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        pass


def test_parts_are_added_up_and_a_part_counted_again_replaces_itself(tmp_path: Path) -> None:
    for what in ("part-0", "part-1", "part-0"):
        with costs.counted(tmp_path, "clips", "digest", what):
            burn(0.05)
    found = costs.spent(tmp_path, "clips", "digest")
    assert found is not None
    assert found.parts == 2
    assert 0.09 <= found.cpu <= found.wall + 0.5
    assert costs.spent(tmp_path, "clips", "other") is None


def test_work_that_fails_is_not_counted(tmp_path: Path) -> None:
    with pytest.raises(StoreError), costs.counted(tmp_path, "clips", "digest", "part-0"):
        raise StoreError("")
    assert costs.spent(tmp_path, "clips", "digest") is None


def test_parts_that_run_at_once_share_the_time_of_the_processor(tmp_path: Path) -> None:
    def work(number: int) -> None:
        with costs.counted(tmp_path, "clips", "digest", f"part-{number}"):
            burn(0.1)

    before = time.process_time()
    threads = [threading.Thread(target=work, args=(n,)) for n in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    whole = time.process_time() - before
    found = costs.spent(tmp_path, "clips", "digest")
    assert found is not None
    assert found.cpu <= whole + 0.1


@pytest.mark.parametrize("held", [0, 10**9])
def test_time_on_a_gpu_is_that_of_parts_with_a_model_on_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, held: int
) -> None:
    cuda = SimpleNamespace(is_initialized=lambda: True, memory_allocated=lambda: held)
    with costs.counted(tmp_path, "clips", "digest", "plain"):
        burn(0.01)
    with monkeypatch.context() as patched:
        patched.setitem(sys.modules, "torch", SimpleNamespace(cuda=cuda))
        with costs.counted(tmp_path, "clips", "digest", "model"):
            burn(0.02)
    found = costs.spent(tmp_path, "clips", "digest")
    assert found is not None
    assert found.gpu == 0 if not held else 0.02 <= found.gpu < found.wall


def test_what_was_made_from_other_things_is_forgotten(tmp_path: Path) -> None:
    for job in ("a" * 20, "b" * 20):
        with costs.counted(tmp_path, "clips", job, "finish"):
            pass
    costs.forget_others(tmp_path, "clips", "b" * 20)
    assert costs.spent(tmp_path, "clips", "a" * 20) is None
    assert costs.spent(tmp_path, "clips", "b" * 20) is not None


SHEET = costs_text([Cost("clips", 9, 100, 2, 1.5, 3.25), Cost("pairs", 3)], {"processors": 2})


def test_a_sheet_says_what_is_known_and_adds_it_up() -> None:
    told = parse_costs(SHEET.encode())
    assert told["total"] == {
        "bytes": 100, "wall_seconds": 1.5, "cpu_seconds": 3.25, "gpu_seconds": 0, "requests": 0, "tokens": 0
    }  # fmt: skip
    assert told["steps"][1] == {"step": "pairs", "rows": 3, "wall_seconds": None, "cpu_seconds": None}


@pytest.mark.parametrize("place", range(0, len(SHEET), 3))
def test_any_changed_byte_of_a_sheet_is_found(place: int) -> None:
    data = bytearray(SHEET.encode())
    data[place] ^= 1
    with pytest.raises(ReleaseError, match=COSTS):
        parse_costs(bytes(data))


@pytest.fixture
def copied(demo: Path, tmp_path: Path) -> Path:
    folder = release_folder(Settings.load(demo))
    return Path(shutil.copytree(folder, tmp_path / folder.name))


def test_the_release_tells_what_every_step_took(demo: Path) -> None:
    settings = Settings.load(demo)
    folder = release_folder(settings)
    assert read_manifest(folder).costs == COSTS
    told = parse_costs((folder / COSTS).read_bytes())
    steps = {one["step"]: one for one in told["steps"]}
    assert {"artworks", "art_captions", "matching", "release_rows", "release"} <= steps.keys()
    assert all(one["wall_seconds"] >= 0 and one["parts"] >= 1 for one in steps.values())
    assert steps["music_measures"]["cpu_seconds"] > steps["pairs"]["cpu_seconds"]
    shards = [r for r in read_manifest(folder).files if r.role in ("parquet", "webdataset")]
    assert steps["release"]["bytes"] == sum(record.bytes for record in shards)
    assert verify(folder).problems == []


def test_a_sheet_goes_where_the_release_goes(copied: Path, tmp_path: Path) -> None:
    publish(copied, str(tmp_path / "sets"))
    name = read_manifest(copied).name
    pull(find(str(tmp_path / "sets" / name)), tmp_path / "pulled")
    assert (tmp_path / "pulled" / COSTS).read_bytes() == (copied / COSTS).read_bytes()
    assert verify(tmp_path / "pulled").problems == []
    make_patch(copied, copied, tmp_path / "patch")
    apply_patch(copied, tmp_path / "patch", tmp_path / "new")
    assert verify(tmp_path / "new").problems == []


def test_a_version_keeps_the_sheet_it_was_published_with(copied: Path, tmp_path: Path) -> None:
    publish(copied, str(tmp_path / "sets"))
    there = tmp_path / "sets" / copied.name / COSTS
    first = there.read_bytes()
    (copied / COSTS).write_text(SHEET)  # as of another run of the same build
    assert verify(copied).problems == []
    assert publish(copied, str(tmp_path / "sets")).sent == 0
    assert there.read_bytes() == first


@pytest.mark.parametrize("harm", ["missing", "damaged"])
def test_a_sheet_that_is_not_right_is_named_and_mended(copied: Path, tmp_path: Path, harm: str) -> None:
    publish(copied, str(tmp_path / "sets"))
    place = str(tmp_path / "sets" / copied.name)
    pull(find(place), tmp_path / "pulled")
    for folder in (tmp_path / "pulled", tmp_path / "sets" / copied.name):
        if harm == "missing":
            (folder / COSTS).unlink()
        else:
            (folder / COSTS).write_text(SHEET.replace("1.5", "0.5"))
    assert [problem.partition(":")[0] for problem in verify(tmp_path / "pulled").problems] == [COSTS]
    (tmp_path / "sets" / copied.name / COSTS).write_text(SHEET)
    assert check(str(tmp_path / "pulled"), mend=True).report.problems == []


def test_the_command_prints_a_sheet(demo: Path) -> None:
    folder = release_folder(Settings.load(demo))
    lines = artsound("release", "costs", str(folder)).stdout.splitlines()
    assert [line.split()[0] for line in lines[1:3]] == [
        one["step"] for one in parse_costs((folder / COSTS).read_bytes())["steps"][:2]
    ]
    assert lines[-1].startswith("total")
