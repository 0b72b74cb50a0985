"""What `verify` finds."""

import errno
import importlib
import json
from dataclasses import replace
from pathlib import Path

import jsonschema
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from artsound.errors import ReleaseError
from artsound.release.manifest import (
    MANIFEST,
    SUMS,
    FileRecord,
    manifest_schema,
    parse_manifest,
    record_of,
    sound_manifest,
)
from artsound.release.verify import verify
from tests.release import world

verifying = importlib.import_module("artsound.release.verify")


def test_a_sound_release_has_no_problems(finished: Path) -> None:
    found = verify(finished, deep=True)
    assert found.problems == []
    assert found.pairs == 24


@pytest.mark.slow
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_any_changed_missing_or_extra_byte_is_found(copied: Path, data: st.DataObject) -> None:
    path = copied / data.draw(st.sampled_from(sorted(world.contents(copied))))
    whole = path.read_bytes()
    place = data.draw(st.integers(0, len(whole) - 1))
    bit = 1 << data.draw(st.integers(0, 7))
    damaged = data.draw(
        st.sampled_from(
            [
                whole[:place] + bytes([whole[place] ^ bit]) + whole[place + 1 :],
                whole[:place],
                whole[:place] + whole[place + 1 :],
                whole + b"\0",
                None,
            ]
        )
    )
    try:
        path.unlink() if damaged is None else path.write_bytes(damaged)
        assert verify(copied).problems
    finally:
        path.write_bytes(whole)
    assert verify(copied).problems == []


def test_the_damaged_file_is_named(copied: Path) -> None:
    path = copied / "webdataset" / "train-000001.tar"
    data = bytearray(path.read_bytes())
    data[1000] ^= 1
    path.write_bytes(data)
    (copied / "captions" / "val-00000-of-00001.parquet").unlink()
    (copied / "stray.txt").write_text("x")
    assert verify(copied).problems == [
        "captions/val-00000-of-00001.parquet: missing",
        "'stray.txt': is not part of the release",
        "webdataset/train-000001.tar: its bytes were changed (sha256 differs)",
    ]


def test_a_file_that_the_disk_does_not_give_is_named(copied: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(folder: Path, path: str, *, role: str) -> FileRecord:
        if path == "README.md":
            raise OSError(errno.EIO, "Input/output error")
        return record_of(folder, path, role=role)

    monkeypatch.setattr(verifying, "record_of", failing)
    assert verify(copied).problems == ["README.md: cannot be read (Input/output error)"]


def test_a_folder_that_cannot_be_listed_is_named(copied: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(folder: Path) -> list[Path]:
        raise PermissionError(errno.EACCES, "Permission denied", str(folder / "data"))

    monkeypatch.setattr(verifying, "files_in", failing)
    assert verify(copied).problems == [f"{copied / 'data'}: cannot be read (Permission denied)"]


def test_missing_sums_are_one_problem_and_a_link_to_them_is_one(copied: Path, tmp_path: Path) -> None:
    (copied / SUMS).rename(tmp_path / SUMS)
    assert verify(copied).problems == [f"{SUMS}: missing"]
    (copied / SUMS).symlink_to(tmp_path / SUMS)
    assert verify(copied).problems == [f"{SUMS}: is not a plain file"]


@pytest.mark.parametrize("side", ["artwork", "clip"])
@pytest.mark.parametrize("most", [1, 2])
def test_an_item_may_stand_in_as_many_pairs_as_the_matching_was_allowed(
    media: Path, tmp_path: Path, side: str, most: int
) -> None:
    both = [(0, 0), (1, 1), (0, 2) if side == "artwork" else (2, 0)]
    rows = [
        {"pair_id": f"{number:016x}", "artwork_id": f"a{art:04d}", "clip_id": f"t{clip:04d}"}
        | {"split": "train", "score": 0.5}
        for number, (art, clip) in enumerate(both)
    ]
    setting = {"artwork": "clips_per_artwork", "clip": "artworks_per_clip"}[side]
    plain = world.release(media, world.plan(media, 3, pairs=rows), tmp_path)
    making = replace(plain, facts=plain.facts | {"settings": {"matching": {setting: most}}})
    world.build(making)
    item = "artwork_id a0000" if side == "artwork" else "clip_id t0000"
    expected = [] if most == 2 else [f"scores: {item} stands in it 2 times"]
    assert verify(making.folder).problems == expected


def test_a_pair_that_stands_in_two_splits_is_found(media: Path, tmp_path: Path) -> None:
    row = {"pair_id": "0" * 16, "artwork_id": "a0000", "clip_id": "t0000", "score": 0.5}
    both = [world.plan(media, 1, pairs=[row | {"split": split}]) for split in ("train", "val")]
    making = world.release(media, pa.concat_tables(both), tmp_path)
    world.build(making)
    assert f"scores: pair_id {'0' * 16} stands in it 2 times" in verify(making.folder).problems


def test_the_manifest_is_what_its_published_schema_says(finished: Path) -> None:
    schema = json.loads(Path("schemas/manifest.schema.json").read_text(encoding="utf-8"))
    assert schema == manifest_schema()
    jsonschema.validate(json.loads((finished / MANIFEST).read_text()), schema)


def test_a_folder_that_is_no_release_is_said_to_be_none(tmp_path: Path) -> None:
    assert "manifest.json: missing" in verify(tmp_path).problems[0]


@pytest.mark.parametrize(
    "path",
    [
        "../../outside",
        "/etc/passwd",
        "data/../../x",
        "https://example.org/x",
        "a\\b",
        "./x",
        "a//b",
        "",
        "x\ny",
        MANIFEST,
    ],
)
def test_a_name_that_leaves_the_release_is_refused_and_never_opened(copied: Path, path: str) -> None:
    _forge(copied, lambda files: files[0].update(path=path))
    assert any("not a path inside a release" in p or "names itself" in p for p in verify(copied).problems)


@pytest.mark.parametrize(
    ("key", "name"), [("name", "/evil"), ("name", "../evil"), ("version", "../1.0.0"), ("version", "1.0")]
)
def test_a_release_whose_own_name_leads_elsewhere_is_refused(copied: Path, key: str, name: str) -> None:
    given = json.loads((copied / MANIFEST).read_text())
    (copied / MANIFEST).write_text(json.dumps(given | {key: name}, indent=2) + "\n")
    assert [problem for problem in verify(copied).problems if "no name and version" in problem]


@pytest.mark.parametrize("split", ["../../train", "/train", "a b", "a/b", ""])
def test_a_split_whose_name_leads_elsewhere_is_refused(copied: Path, split: str) -> None:
    text = (copied / MANIFEST).read_text()
    forged = text.replace('"split": "train"', f'"split": "{split}"').replace('"train": ', f'"{split}": ')
    (copied / MANIFEST).write_text(forged)
    assert [problem for problem in verify(copied).problems if "is no name of a split" in problem]


@pytest.mark.parametrize("forged", [{"split": "elsewhere"}, {"role": "anything"}])
def test_a_file_of_no_split_or_kind_of_a_release_is_refused(copied: Path, forged: dict[str, str]) -> None:
    given = json.loads((copied / MANIFEST).read_text())
    given["files"][0] |= forged
    (copied / MANIFEST).write_text(json.dumps(given, indent=2) + "\n")
    assert [problem for problem in verify(copied).problems if "is of the kind" in problem]


def test_a_name_that_stands_twice_is_refused(copied: Path) -> None:
    _forge(copied, lambda files: files[1].update(path=files[0]["path"].upper()))
    assert any("named 2 times" in problem for problem in verify(copied).problems)


def test_a_link_is_refused_even_to_the_right_bytes(copied: Path, tmp_path: Path) -> None:
    path = next(copied.glob("data/*"))
    path.rename(tmp_path / "outside")
    path.symlink_to(tmp_path / "outside")
    assert f"{path.relative_to(copied)}: is a link, or lies behind one" in verify(copied).problems


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", "null", '{"files": 3}', "[" * 100_000, '{"format": "artsound-release/1"}', "\udcff"],
)
def test_a_manifest_that_is_none_is_one_problem(copied: Path, text: str) -> None:
    (copied / MANIFEST).write_bytes(text.encode(errors="surrogateescape"))
    assert len(verify(copied).problems) == 1


def _forge(folder: Path, change) -> None:  # type: ignore[no-untyped-def]
    """Change the manifest as someone would who also mends the sums."""
    given = json.loads((folder / MANIFEST).read_text())
    change(given["files"])
    made = parse_manifest(json.dumps(given).encode())
    (folder / MANIFEST).write_text(made.text())
    (folder / SUMS).write_text(made.sums())


def test_a_manifest_from_before_a_key_was_added_is_called_older_not_changed(finished: Path) -> None:
    given = json.loads((finished / MANIFEST).read_bytes())
    del given["costs"]
    with pytest.raises(ReleaseError, match="has no costs: an older version of artsound wrote it"):
        sound_manifest((json.dumps(given, indent=2, ensure_ascii=False) + "\n").encode())
