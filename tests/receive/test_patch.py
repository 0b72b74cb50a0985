"""A patch turns one version into another, or into nothing."""

import json
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from artsound.errors import ReleaseError, StoreError
from artsound.receive.patch import PLAN, apply_patch, make_patch
from artsound.release.manifest import MANIFEST
from artsound.release.verify import verify
from artsound.store import alone_in
from tests.release import world


@pytest.fixture(scope="session")
def patch(finished: Path, newer: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = make_patch(finished, newer, tmp_path_factory.mktemp("patch") / "demo.patch")
    assert made.bytes == made.path.stat().st_size
    return made.path


def test_the_new_version_comes_out_byte_for_byte(
    finished: Path, newer: Path, patch: Path, tmp_path: Path
) -> None:
    done = apply_patch(finished, patch, tmp_path / "new")
    assert world.contents(tmp_path / "new") == world.contents(newer)
    assert verify(tmp_path / "new", deep=True).problems == []
    assert done.files == done.fetched
    assert apply_patch(finished, patch, tmp_path / "new").fetched == 0


def test_the_same_versions_give_the_same_patch(
    finished: Path, newer: Path, patch: Path, tmp_path: Path
) -> None:
    assert make_patch(finished, newer, tmp_path / "again").path.read_bytes() == patch.read_bytes()


def test_a_patch_to_the_same_version_holds_nothing_new(finished: Path, tmp_path: Path) -> None:
    assert make_patch(finished, finished, tmp_path / "none").new_bytes == 0
    apply_patch(finished, tmp_path / "none", tmp_path / "new")
    assert world.contents(tmp_path / "new") == world.contents(finished)


def test_a_few_changes_make_a_small_patch(tmp_path: Path) -> None:
    from tests.receive import versions

    media = tmp_path / "media"
    world.make_media(media, versions.OLD + 2)
    for path in (media / "music").iterdir():
        path.write_bytes(world.wav(int(path.stem.split()[1]) * 7 + 1, 30_000))
    one = versions.build(media, tmp_path, "1.0.0")
    other = versions.build(media, tmp_path, "2.0.0", art_captions=versions.captions())
    made = make_patch(one, other, tmp_path / "patch")
    fetched = sum(path.stat().st_size for path in other.rglob("*") if path.is_file())
    assert made.bytes < 0.25 * fetched
    apply_patch(one, tmp_path / "patch", tmp_path / "new")
    assert world.contents(tmp_path / "new") == world.contents(other)


def test_what_a_stopped_run_finished_is_kept(
    finished: Path, newer: Path, patch: Path, tmp_path: Path
) -> None:
    into = tmp_path / "new"
    shutil.copytree(newer, into)
    (into / MANIFEST).unlink()
    missing = sorted(path for path in into.rglob("*.tar"))[::2]
    for path in missing:
        path.unlink()
    assert apply_patch(finished, patch, into).fetched == len(missing)
    assert world.contents(into) == world.contents(newer)


def test_a_folder_that_another_run_writes_to_is_left_to_it(
    finished: Path, patch: Path, tmp_path: Path
) -> None:
    into = tmp_path / "new"
    with alone_in(into), pytest.raises(StoreError, match="another run is writing to"):
        apply_patch(finished, patch, into)
    assert not into.exists()


def test_a_patch_for_another_release_is_refused(newer: Path, patch: Path, tmp_path: Path) -> None:
    with pytest.raises(ReleaseError, match="for another release"):
        apply_patch(newer, patch, tmp_path / "new")


def test_it_is_not_put_over_another_release(finished: Path, copied: Path, patch: Path) -> None:
    before = world.contents(copied)
    with pytest.raises(ReleaseError, match="another release"):
        apply_patch(finished, patch, copied)
    assert world.contents(copied) == before


def test_it_is_not_put_among_files_of_somebody_else(finished: Path, patch: Path, tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("mine")
    with pytest.raises(ReleaseError, match=r"holds README\.md, and no release"):
        apply_patch(finished, patch, tmp_path)
    assert world.contents(tmp_path) == {"README.md": b"mine"}


def test_a_damaged_old_version_is_named(copied: Path, patch: Path, tmp_path: Path) -> None:
    for path in copied.glob("webdataset/*.tar"):
        path.write_bytes(bytes(path.stat().st_size))
    with pytest.raises(ReleaseError, match="verify"):
        apply_patch(copied, patch, tmp_path / "new")
    assert not (tmp_path / "new" / MANIFEST).exists()
    for path in copied.glob("webdataset/*.tar"):
        path.unlink()
    with pytest.raises(ReleaseError, match="cannot read"):
        apply_patch(copied, patch, tmp_path / "new")


def _forge(patch: Path, into: Path, change: Callable[[dict[str, Any]], Any]) -> Path:
    """Change the plan of a patch as an attacker would, checksums mended."""
    with zipfile.ZipFile(patch) as old, zipfile.ZipFile(into, "w") as new:
        for name in old.namelist():
            data = old.read(name)
            if name == PLAN:
                told = json.loads(data)
                change(told)
                data = json.dumps(told).encode()
            new.writestr(name, data)
    return into


@pytest.mark.parametrize(
    "change",
    [
        lambda told: told["files"][0].__setitem__(0, [99, 0, 1]),
        lambda told: told["files"][0].__setitem__(0, [-2, 0, 1]),
        lambda told: told["files"][0].__setitem__(0, [0, -5, 1]),
        lambda told: told["files"][0].__setitem__(0, [0, 0, -1]),
        lambda told: told["files"][0].__setitem__(0, [0, 0, 10**18]),
        lambda told: told["files"][0].__setitem__(0, ["0", 0, 1]),
        lambda told: told["files"][0].__setitem__(0, [0, 0]),
        lambda told: told["files"][0].append([-1, 0, 10**18]),
        lambda told: told["files"].pop(),
        lambda told: told.update(files=3),
        lambda told: told.update(after="0" * 64),
        lambda told: told.update(format="other"),
        lambda told: told.update(more=1),
    ],
)
def test_a_forged_plan_is_refused(
    finished: Path, patch: Path, tmp_path: Path, change: Callable[[dict[str, Any]], Any]
) -> None:
    forged = _forge(patch, tmp_path / "forged", change)
    with pytest.raises(ReleaseError):
        apply_patch(finished, forged, tmp_path / "new")
    assert not (tmp_path / "new" / MANIFEST).exists()


@pytest.mark.parametrize("damage", ["cut", "flip", "none"])
def test_a_damaged_patch_is_refused(finished: Path, patch: Path, tmp_path: Path, damage: str) -> None:
    data = bytearray(patch.read_bytes())
    if damage == "flip":
        data[len(data) // 3] ^= 1
    (tmp_path / "patch").write_bytes(
        data[: len(data) // 2] if damage == "cut" else b"" if damage == "none" else data
    )
    with pytest.raises(ReleaseError):
        apply_patch(finished, tmp_path / "patch", tmp_path / "new")
    assert not (tmp_path / "new" / MANIFEST).exists()


def test_a_patch_that_names_a_file_outside_is_refused(finished: Path, patch: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(patch) as old, zipfile.ZipFile(tmp_path / "forged", "w") as new:
        for name in old.namelist():
            data = old.read(name)
            new.writestr(name, data.replace(b'"README.md"', b'"../out.md"') if name == MANIFEST else data)
    with pytest.raises(ReleaseError, match="not a path inside"):
        apply_patch(finished, tmp_path / "forged", tmp_path / "new")
    assert not (tmp_path / "out.md").exists()
