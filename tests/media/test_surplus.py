"""What a collection holds and does not list is told."""

import os
import zipfile
from pathlib import Path

import pytest

from artsound.errors import Reason
from artsound.media.files import open_media
from artsound.media.surplus import alike, left_out, others


def test_links_and_names_that_cannot_be_followed_are_told(tmp_path: Path) -> None:
    root = tmp_path / "in"
    (root / "deep").mkdir(parents=True)
    (root / "a.jpg").write_bytes(b"a")
    (root / "deep/inside.jpg").symlink_to(root / "a.jpg")
    (root / "outside.jpg").symlink_to(tmp_path / "elsewhere.jpg")
    (tmp_path / "elsewhere.jpg").write_bytes(b"b")
    (root / "nowhere.jpg").symlink_to(root / "gone.jpg")
    (root / "linked").symlink_to(root / "deep")
    Path(os.fsdecode(os.fsencode(root) + b"/caf\xe9.jpg")).write_bytes(b"c")
    media = open_media(root)
    assert media.names() == ["a.jpg", "deep/inside.jpg"]
    assert {one.item_id: one.reason for one in left_out(media)} == {
        "outside.jpg": Reason.UNSAFE_PATH,
        "nowhere.jpg": Reason.MISSING_FILE,
        "linked": Reason.UNSAFE_PATH,
        "caf\N{REPLACEMENT CHARACTER}.jpg": Reason.UNREADABLE,
    }


def test_a_folder_that_may_not_be_looked_into_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "shut").mkdir()
    (tmp_path / "shut/a.jpg").write_bytes(b"a")
    (tmp_path / "b.jpg").write_bytes(b"b")
    look = os.scandir

    def refuse(path: str) -> object:
        if str(path).endswith("shut"):
            raise PermissionError(13, "Permission denied", str(path))
        return look(path)

    monkeypatch.setattr(os, "scandir", refuse)
    media = open_media(tmp_path)
    assert media.names() == ["b.jpg"]
    assert [(one.item_id, one.detail) for one in left_out(media)] == [
        ("shut", "Permission denied: not looked into")
    ]


@pytest.mark.parametrize("packed", [False, True])
def test_copies_are_told_from_other_files_of_a_name(tmp_path: Path, packed: bool) -> None:
    root = tmp_path / "in"
    for name, content in (("a/x", b"one"), ("b/x", b"one"), ("c/x", b"two"), ("d/x", b"longer")):
        (root / name).parent.mkdir(parents=True)
        (root / name).write_bytes(content)
    if packed:
        with zipfile.ZipFile(tmp_path / "in.zip", "w") as archive:
            for path in root.rglob("x"):
                archive.write(path, path.relative_to(root))
    media = open_media(tmp_path / "in.zip" if packed else root)
    names = ["a/x", "b/x", "c/x", "d/x"]
    assert [alike(media, "a/x", name) for name in names] == [True, True, False, False]
    told = others(media, names)
    copy, key = Reason.DUPLICATE_CONTENT, Reason.DUPLICATE_KEY
    assert [(one.item_id, one.reason) for one in told] == list(zip(names[1:], (copy, key, key), strict=True))
    assert left_out(media) == []
