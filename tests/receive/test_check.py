"""Verifying a release where it is published."""

from pathlib import Path

import pytest

from artsound.errors import MissingExtra, SourceError
from artsound.receive.check import verify_far
from artsound.receive.find import find
from artsound.receive.place import MissingFile, open_place
from artsound.release.manifest import SUMS
from tests.receive.web import Web

FILES = (".tar", ".parquet", ".md")


def test_a_sound_release_has_no_problems(web: Web, finished: Path) -> None:
    report = verify_far(find(web.demo))
    assert (report.problems, report.pairs) == ([], 24)
    assert report.bytes == sum(record.bytes for record in find(str(finished)).manifest.files)


def test_every_damaged_file_is_named(web: Web, published: Path) -> None:
    folder = published / "demo-1.0.0"
    (folder / "README.md").unlink()
    for name in ("data/val-00000-of-00002.parquet", "webdataset/test-000000.tar"):
        path = folder / name
        path.write_bytes(path.read_bytes()[:-1] + b"\1")
    (folder / "ATTRIBUTION.md").write_bytes((folder / "ATTRIBUTION.md").read_bytes() + b"x")
    (folder / SUMS).write_bytes(b"")
    problems = verify_far(find(web.demo)).problems
    assert [problem.partition(":")[0] for problem in problems] == [
        SUMS,
        "ATTRIBUTION.md",
        "README.md",
        "data/val-00000-of-00002.parquet",
        "webdataset/test-000000.tar",
    ]


def test_what_is_wrong_is_said_exactly(web: Web, published: Path) -> None:
    folder, found = published / "demo-1.0.0", find(web.demo)
    short, long = (folder / f"webdataset/{split}-000000.tar" for split in ("val", "test"))
    size = short.stat().st_size
    short.write_bytes(short.read_bytes()[:-512])
    long.write_bytes(long.read_bytes() + b"xy")
    web.fault = lambda path, number: 503 if path.endswith("README.md") else None
    told = dict(problem.split(": ", 1) for problem in verify_far(found).problems)
    assert "503" in told.pop("README.md")
    assert "503" in told.pop("webdataset/README.md")
    assert told == {
        "webdataset/test-000000.tar": f"has more than {long.stat().st_size - 2} bytes",
        "webdataset/val-000000.tar": f"has {size - 512} bytes, not {size}",
    }


def test_a_line_that_breaks_now_and_then_is_no_problem(web: Web) -> None:
    found = find(web.demo)
    web.fault = lambda path, number: (None, "cut", 500)[number % 3] if path.endswith(FILES) else None
    for _ in range(2):
        assert verify_far(found).problems == []


def test_a_place_that_answers_with_errors_is_a_problem_not_a_crash(web: Web) -> None:
    found = find(web.demo)
    web.fault = lambda path, number: 500
    with pytest.raises(SourceError):
        verify_far(found)


def test_a_password_in_an_address_is_not_shown() -> None:
    place = open_place("https://user:secret@127.0.0.1:1/demo")
    with pytest.raises(SourceError) as caught:
        place.read("x", 1)
    assert "secret" not in str(caught.value)


def test_a_transport_that_is_not_installed_names_the_extra() -> None:
    with pytest.raises(MissingExtra, match="publish"):
        open_place("gs://bucket/demo").read("x", 1)


def test_a_missing_file_is_told_from_a_broken_place(web: Web) -> None:
    with pytest.raises(MissingFile):
        open_place(web.url).read("nothing", 1)
    with pytest.raises(SourceError, match="more than 3 bytes"):
        open_place(web.url).read("demo/latest.json", 3)
