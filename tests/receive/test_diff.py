"""What two versions differ in."""

import shutil
from pathlib import Path

import pytest

from artsound.errors import ReleaseError
from artsound.receive.diff import Rematch, diff
from artsound.receive.find import find
from tests.receive import versions
from tests.receive.web import Web
from tests.release import world


def same(number: str) -> str:
    return versions.pair_id(f"a{number}", f"t{number}")


def test_every_kind_of_change_is_told(finished: Path, newer: Path) -> None:
    found = diff(find(str(finished)), find(str(newer)))
    one, other = versions.SWAPPED
    assert found.added == tuple(sorted(same(number) for number in versions.ADDED))
    assert found.removed == (same(versions.REMOVED),)
    assert found.rematched == (
        Rematch(f"t{one}", f"a{one}", f"a{other}"),
        Rematch(f"t{other}", f"a{other}", f"a{one}"),
    )
    assert found.recaptioned == (same(versions.RECAPTIONED),)
    assert found.rescored == (same(versions.RESCORED),)
    assert found.moved == (same(versions.MOVED),)
    assert found.bump() == "major"
    sums = (finished / "SHA256SUMS").read_text()
    assert found.fetch == tuple(r for r in find(str(newer)).manifest.files if r.sha256 not in sums)
    assert found.summary()["fetch_bytes"] == sum(
        (newer / record.path).stat().st_size for record in found.fetch
    )


def test_backwards_the_additions_are_removals(finished: Path, newer: Path) -> None:
    there, back = (diff(*map(find, map(str, both))) for both in ((finished, newer), (newer, finished)))
    assert (there.added, there.removed) == (back.removed, back.added)


def test_a_version_does_not_differ_from_itself_near_or_far(web: Web, finished: Path) -> None:
    found = diff(find(web.demo), find(str(finished)))
    assert {name for name, count in found.summary().items() if count} == {"before", "after", "bump"}
    assert found.bump() == "patch"
    assert not [path for path in web.files() if path.startswith(("data/", "webdataset/train"))]


def test_a_clip_with_several_artworks_is_told_of_when_one_goes(media: Path, tmp_path: Path) -> None:
    rows = [
        {"pair_id": versions.pair_id(art, "t0000"), "artwork_id": art, "clip_id": "t0000"}
        | {"split": "train", "score": 0.5}
        for art in ("a0000", "a0001", "a0002")
    ]
    places = []
    for count in (3, 2):
        making = world.release(media, world.plan(media, 3, pairs=rows[:count]), tmp_path / str(count))
        world.build(making)
        places.append(find(str(making.folder)))
    found = diff(*places)
    assert found.rematched == (Rematch("t0000", "a0000, a0001, a0002", "a0000, a0001"),)
    assert found.bump() == "major"


def test_additions_alone_are_a_minor_step(finished: Path, tmp_path: Path) -> None:
    world.make_media(tmp_path, versions.OLD + 2)
    more = versions.build(tmp_path, tmp_path / "out", "1.1.0")
    assert diff(find(str(finished)), find(str(more))).bump() == "minor"


def test_a_release_without_small_tables_is_said_to_be_one(finished: Path, tmp_path: Path) -> None:
    from artsound.release.manifest import MANIFEST, parse_manifest

    folder = Path(shutil.copytree(finished, tmp_path / "less"))
    made = parse_manifest((folder / MANIFEST).read_bytes())
    files = tuple(record for record in made.files if record.role != "scores")
    (folder / MANIFEST).write_text(type(made)(**{**vars(made), "files": files}).text())
    with pytest.raises(ReleaseError, match="no table of scores"):
        diff(find(str(folder)), find(str(finished)))
