"""Pulling over real connections that break, into folders that hold something already."""

import errno
import hashlib
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from artsound import progress
from artsound.errors import ConfigError, ReleaseError, SourceError, StoreError
from artsound.receive import fetch as fetching
from artsound.receive import pull as pulling
from artsound.receive.fetch import fetch
from artsound.receive.find import find
from artsound.receive.place import open_place
from artsound.receive.pull import pull, repair
from artsound.release.manifest import MANIFEST, NOTE, SUMS, FileRecord, parse_manifest, record_of
from artsound.release.part import Selection, read_note
from artsound.release.verify import verify
from artsound.store import alone_in
from tests.receive.conftest import point
from tests.receive.web import Web
from tests.release import world


def bytes_of(folder: Path) -> dict[str, bytes]:
    found = world.contents(folder)
    found.pop(NOTE, None)
    return found


@pytest.fixture
def into(tmp_path: Path) -> Path:
    return tmp_path / "pulled" / "demo-1.0.0"


def test_a_pulled_release_is_the_published_one(web: Web, finished: Path, into: Path) -> None:
    done = pull(find(web.demo), into)
    assert bytes_of(into) == world.contents(finished)
    assert (done.files, done.bytes) == (done.fetched, sum(map(len, bytes_of(into).values())) - own(into))
    assert verify(into, deep=True).problems == []
    assert read_note(into).source == f"{web.url}/demo-1.0.0"  # type: ignore[union-attr]


def own(folder: Path) -> int:
    return sum((folder / name).stat().st_size for name in (MANIFEST, SUMS))


@pytest.mark.parametrize("address", ["demo", "demo@1.0.0", "demo-1.0.0", "demo-1.0.0@1.0.0"])
@pytest.mark.parametrize("near", [True, False])
def test_a_release_is_found_by_any_of_its_names(web: Web, published: Path, address: str, near: bool) -> None:
    found = find(f"{published if near else web.url}/{address}")
    assert (found.manifest.version, found.place.name) == ("1.0.0", "demo-1.0.0")


def test_the_newest_version_is_the_one_that_is_pointed_to(web: Web, published: Path) -> None:
    newer = published / "demo-1.1.0"
    shutil.copytree(published / "demo-1.0.0", newer)
    text = (newer / MANIFEST).read_text().replace('"version": "1.0.0"', '"version": "1.1.0"', 1)
    (newer / MANIFEST).write_text(text)
    assert find(web.demo).manifest.version == "1.0.0"
    point(published, "1.0.0", "1.1.0")
    assert find(web.demo).manifest.version == "1.1.0"
    assert find(f"{web.demo}@1.0.0").manifest.version == "1.0.0"


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("demo@2.0.0", "has no version 2.0.0, only 1.0.0"),
        ("other", "no release"),
        ("demo-1.0.0@1.0.1", "is version 1.0.0, not"),
    ],
)
def test_what_is_not_published_is_said(web: Web, address: str, message: str) -> None:
    with pytest.raises((SourceError, ReleaseError), match=message):
        find(f"{web.url}/{address}")


def test_a_manifest_other_than_the_pointer_names_is_refused(web: Web, published: Path) -> None:
    path = published / "demo-1.0.0" / MANIFEST
    path.write_text(path.read_text().replace('"fake@1"', '"fake@2"'))
    with pytest.raises(ReleaseError, match="has not the sha256"):
        find(web.demo)


def test_a_pointer_to_another_dataset_is_refused(web: Web, published: Path) -> None:
    path = published / "demo" / "latest.json"
    path.write_text(path.read_text().replace('"demo"', '"other"'))
    with pytest.raises(ReleaseError, match="another dataset"):
        find(web.demo)


@pytest.mark.parametrize(
    "path",
    ["../outside", "/etc/passwd", "a/../../x", "https://example.org/x", "a\\b", ".//x", NOTE, MANIFEST],
)
def test_a_manifest_that_names_something_outside_is_refused(web: Web, published: Path, path: str) -> None:
    place = published / "demo-1.0.0" / MANIFEST
    made = parse_manifest(place.read_bytes())
    first = made.files[0].path
    place.write_text(made.text().replace(f'"path": "{first}"', f'"path": {path!r}'.replace("'", '"')))
    with pytest.raises(ReleaseError):
        find(f"{web.url}/demo-1.0.0")
    assert not [one for one in web.files() if one != MANIFEST]


def test_a_second_pull_fetches_nothing(web: Web, into: Path) -> None:
    pull(find(web.demo), into)
    before = bytes_of(into)
    web.asked.clear()
    assert pull(find(web.demo), into).fetched == 0
    assert set(web.files()) <= {"/demo/manifest.json", "/demo/latest.json", MANIFEST}
    assert bytes_of(into) == before


def test_only_what_is_bad_or_missing_is_fetched_again(web: Web, finished: Path, into: Path) -> None:
    pull(find(web.demo), into)
    (into / "README.md").unlink()
    damaged = into / "webdataset" / "train-000000.tar"
    data = bytearray(damaged.read_bytes())
    data[700] ^= 4
    damaged.write_bytes(data)
    web.asked.clear()
    assert repair(find(web.demo), into).fetched == 2
    assert sorted(web.files())[-3:] == ["README.md", MANIFEST, "webdataset/train-000000.tar"]
    assert bytes_of(into) == world.contents(finished)


def test_a_file_that_the_disk_does_not_give_is_fetched_again(
    web: Web, finished: Path, into: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pull(find(web.demo), into)
    looked: list[str] = []

    def failing(folder: Path, path: str, *, role: str) -> FileRecord:
        looked.append(path)
        if path == "README.md":
            raise OSError(errno.EIO, "Input/output error")
        return record_of(folder, path, role=role)

    monkeypatch.setattr(fetching, "record_of", failing)
    assert pull(find(web.demo), into).fetched == 1
    assert "README.md" in looked
    assert bytes_of(into) == world.contents(finished)


def test_a_damaged_manifest_is_repaired(web: Web, finished: Path, into: Path) -> None:
    pull(find(web.demo), into)
    (into / MANIFEST).write_bytes(b"{" + (into / MANIFEST).read_bytes())
    (into / NOTE).write_text("{")
    with pytest.raises(ReleaseError):
        pull(find(web.demo), into)
    assert repair(find(web.demo), into).fetched == 0
    assert bytes_of(into) == world.contents(finished)


def test_a_folder_with_another_version_is_left_alone(web: Web, published: Path, into: Path) -> None:
    pull(find(web.demo), into)
    text = (into / MANIFEST).read_text().replace('"version": "1.0.0"', '"version": "0.9.0"', 1)
    (into / MANIFEST).write_text(text)
    with pytest.raises(ReleaseError, match="another release"):
        pull(find(web.demo), into)
    with pytest.raises(ConfigError, match=r"is demo 0\.9\.0"):
        repair(find(web.demo), into)
    assert (into / MANIFEST).read_text() == text


@pytest.mark.parametrize(
    ("part", "there"),
    [
        (Selection(splits=("val",)), {"captions", "data", "items", "scores", "webdataset"}),
        (Selection(holds=("captions", "scores")), {"captions", "scores", "webdataset"}),
        (Selection(splits=("test",), holds=("parquet",)), {"data", "webdataset"}),
    ],
)
def test_a_part_is_pulled_verified_and_grown(
    web: Web, finished: Path, into: Path, part: Selection, there: set[str]
) -> None:
    pull(find(web.demo), into, part)
    got = bytes_of(into)
    assert got.items() <= world.contents(finished).items()
    assert {name.partition("/")[0] for name in got if "/" in name} == there  # webdataset/ has its documents
    assert not [name for name in got if "train" in name and part.splits]
    assert verify(into, deep=True).problems == []
    pull(find(web.demo), into)
    assert bytes_of(into) == world.contents(finished)
    assert verify(into).problems == []


def test_what_a_part_misses_is_found(web: Web, into: Path) -> None:
    pull(find(web.demo), into, Selection(splits=("val",)))
    next(into.glob("data/val-*")).unlink()
    assert "missing" in verify(into).problems[0]


@pytest.mark.parametrize("part", [Selection(splits=("dev",)), Selection(holds=("videos",))])
def test_a_part_that_is_not_there_is_refused(web: Web, into: Path, part: Selection) -> None:
    with pytest.raises(ConfigError, match="has no"):
        pull(find(web.demo), into, part)
    assert not into.exists()


@pytest.mark.parametrize("ranges", [True, False])
@pytest.mark.parametrize("fault", ["cut", 500, 503])
def test_a_place_that_breaks_now_and_then_is_asked_again(
    web: Web, finished: Path, into: Path, fault: Any, ranges: bool
) -> None:
    web.ranges = ranges
    found = find(web.demo)
    web.fault = lambda path, number: fault if number < 2 else None
    pull(found, into)
    assert bytes_of(into) == world.contents(finished)


def test_after_a_cut_only_the_rest_is_asked_for(web: Web, published: Path, into: Path) -> None:
    record = _large(published)
    web.fault = lambda path, number: "cut" if number == 0 else None
    fetch(open_place(web.url), record, into)
    assert (into / "large").read_bytes() == (published / "large").read_bytes()
    assert web.sent < 1.5 * record.bytes
    assert web.asked[1][1].startswith("bytes=")


def _large(place: Path) -> FileRecord:
    data = random.Random(1).randbytes(8_000_000)  # noqa: S311
    (place / "large").write_bytes(data)
    return FileRecord("large", "document", None, None, len(data), hashlib.sha256(data).hexdigest())


def test_what_was_fetched_before_a_stop_is_gone_on_with(web: Web, finished: Path, into: Path) -> None:
    name = "webdataset/train-000000.tar"
    data = (finished / name).read_bytes()
    (into / "webdataset").mkdir(parents=True)
    (into / f"{name}.part").write_bytes(data[:1000])
    pull(find(web.demo), into)
    assert (f"/demo-1.0.0/{name}", "bytes=1000-") in web.asked
    assert bytes_of(into) == world.contents(finished)


def test_what_came_before_a_place_broke_for_good_is_gone_on_with(
    web: Web, published: Path, into: Path
) -> None:
    record = _large(published)
    web.fault = lambda path, number: "cut" if number == 0 else 500
    with pytest.raises(SourceError, match=r"500.*; asked 5 times, try the same command later"):
        fetch(open_place(web.url), record, into)
    came = (into / "large.part").stat().st_size
    assert came > record.bytes // 4
    web.fault = lambda path, number: None
    fetch(open_place(web.url), record, into)
    assert web.asked[-1] == ("/large", f"bytes={came}-")
    assert (into / "large").read_bytes() == (published / "large").read_bytes()


def test_what_never_came_leaves_no_half_file(web: Web, into: Path) -> None:
    found = find(web.demo)
    web.fault = lambda path, number: 404 if path.endswith(".tar") else None
    with pytest.raises(SourceError, match="is not there"):
        pull(found, into)
    assert not list(into.rglob("*.tar.part"))


def test_a_folder_that_another_run_writes_to_is_left_to_it(web: Web, into: Path) -> None:
    found = find(web.demo)
    web.asked.clear()
    with alone_in(into), pytest.raises(StoreError, match="another run is writing to"):
        pull(found, into)
    assert not web.asked
    assert not into.exists()
    pull(found, into)
    assert verify(into).problems == []


@pytest.mark.parametrize("left", [b"x" * 1000, b"x" * 10_000_000])
def test_a_spoilt_half_file_is_fetched_anew(web: Web, finished: Path, into: Path, left: bytes) -> None:
    (into / "webdataset").mkdir(parents=True)
    (into / "webdataset" / "train-000000.tar.part").write_bytes(left)
    pull(find(web.demo), into)
    assert bytes_of(into) == world.contents(finished)


@pytest.mark.parametrize("fault", ["flip", 500, 403, 404])
def test_a_place_that_never_gives_the_right_bytes_is_named(web: Web, into: Path, fault: Any) -> None:
    found = find(web.demo)
    web.fault = lambda path, number: fault if path.endswith("val-000000.tar") else None
    with pytest.raises(SourceError, match=r"val-000000\.tar"):
        pull(found, into)
    assert not (into / "webdataset" / "val-000000.tar").exists()
    assert not (into / MANIFEST).exists()
    web.fault = lambda path, number: None
    pull(found, into)
    assert verify(into).problems == []


def test_a_link_in_the_folder_is_not_followed(web: Web, into: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    into.mkdir(parents=True)
    (into / "data").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ReleaseError, match="is a link"):
        pull(find(web.demo), into)
    assert not list((tmp_path / "elsewhere").iterdir())


@pytest.mark.parametrize("name", ["README.md", "notes.txt", "film.mp4.part", "data/own.csv"])
def test_a_folder_with_files_of_somebody_else_is_left_alone(
    web: Web, published: Path, into: Path, name: str
) -> None:
    (into / name).parent.mkdir(parents=True)
    (into / name).write_text("mine")
    with pytest.raises(
        ReleaseError, match=f"holds {Path(name).name}, and no release: name a new or an empty"
    ):
        pull(find(web.demo), into)
    assert world.contents(into) == {name: b"mine"}


def test_a_disk_that_is_too_small_is_said_before_anything_is_fetched(
    web: Web, into: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pulling, "SPARE", 10**18)
    found = find(web.demo)
    web.asked.clear()
    with pytest.raises(StoreError, match=r"MB more, beside \d+ MB that stay free, and \d+\.\d MB are free"):
        pull(found, into)
    assert not web.asked


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written_is_said(web: Web, into: Path) -> None:
    into.parent.mkdir()
    into.parent.chmod(0o500)
    with pytest.raises(StoreError, match="cannot write"):
        pull(find(web.demo), into)


def test_a_file_where_the_folder_should_be_is_said(web: Web, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ReleaseError, match="not a folder"):
        pull(find(web.demo), tmp_path / "file")
    with pytest.raises((ReleaseError, StoreError)):
        pull(find(web.demo), tmp_path / "file" / "below")


PULL = """
import signal, sys
from pathlib import Path
from artsound.receive.find import find
from artsound.receive.pull import pull
signal.signal(signal.SIGINT, signal.default_int_handler)
print("ready", flush=True)
pull(find(sys.argv[1]), Path(sys.argv[2]), workers=2)
"""


@pytest.mark.slow
def test_killed_at_any_moment_it_goes_on_and_ends_the_same(web: Web, finished: Path, into: Path) -> None:
    whole = world.contents(finished)
    web.fault = lambda path, number: time.sleep(0.02)
    for seed in range(4):
        job = subprocess.Popen(
            [sys.executable, "-c", PULL, web.demo, str(into)], stdout=subprocess.PIPE, text=True
        )
        assert job.stdout
        job.stdout.readline()
        time.sleep(random.Random(seed).random() * 0.6)  # noqa: S311  # any moment will do
        job.send_signal(signal.SIGKILL)
        job.communicate()
        named = {name: data for name, data in world.contents(into).items() if not name.endswith(".part")}
        named.pop(NOTE, None)
        assert named.items() <= whole.items()
        if MANIFEST in named:
            break
    pull(find(web.demo), into)
    assert bytes_of(into) == whole


@pytest.mark.slow
def test_interrupted_it_stops_where_it_is_and_goes_on_from_there(
    web: Web, finished: Path, into: Path
) -> None:
    name = "webdataset/train-000000.tar"
    web.fault = lambda path, number: "slow" if path.endswith(name) else None
    job = subprocess.Popen([sys.executable, "-c", PULL, web.demo, str(into)], stderr=subprocess.PIPE)
    part = into / f"{name}.part"
    while not (part.exists() and part.stat().st_size):
        assert job.poll() is None
        time.sleep(0.02)
    job.send_signal(signal.SIGINT)
    assert b"KeyboardInterrupt" in job.communicate()[1]
    came = part.stat().st_size
    assert 0 < came < (finished / name).stat().st_size
    web.fault = lambda path, number: None
    pull(find(web.demo), into)
    assert (f"/demo-1.0.0/{name}", f"bytes={came}-") in web.asked
    assert bytes_of(into) == world.contents(finished)


class Bytes(progress.Silent):
    """Adds up the bytes that are told."""

    def __init__(self) -> None:
        self.total, self.seen = 0, 0

    def start(self, label: str, total: int | None, unit: str = "") -> int:
        self.total += (total or 0) if unit == "B" else 0
        return int(unit == "B")

    def advance(self, job: int, by: int) -> None:
        self.seen += by * job


@pytest.mark.parametrize("fault", [None, "cut", 500])
def test_the_bytes_of_a_pull_are_counted_once_whatever_happens_on_the_way(
    web: Web, finished: Path, into: Path, fault: Any
) -> None:
    found, told = find(web.demo), Bytes()
    (into / "webdataset").mkdir(parents=True)
    (into / "webdataset" / "train-000000.tar.part").write_bytes(b"x" * 1000)  # spoilt: taken back
    web.fault = lambda path, number: fault if number < 2 else None
    with progress.using(told):
        pull(found, into, workers=1)
    assert told.seen == told.total == sum(record.bytes for record in found.manifest.files)
    assert bytes_of(into) == world.contents(finished)
