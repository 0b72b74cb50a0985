"""Which image is whose: names as they are, then in other forms, and never in doubt."""

import unicodedata
import zipfile
from pathlib import Path

import pytest

from artsound import tables
from artsound.errors import Outcome, Reason
from artsound.media.files import open_media
from artsound.sources.images import find, placed


def lay(root: Path, **files: str) -> Path:
    for name, text in files.items():
        place = root / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)
    return root


def told(found: object) -> dict[str, Reason]:
    return {reject.item_id: reject.reason for reject in found.surplus}  # type: ignore[attr-defined]


@pytest.mark.parametrize("packed", [False, True])
def test_of_several_files_of_one_name_one_is_taken_and_the_others_are_told(
    tmp_path: Path, packed: bool
) -> None:
    root = lay(
        tmp_path / "in",
        **{"a/x.jpg": "one", "b/x.jpg": "one", "c/x.jpg": "two", "d/z.jpg": "", "e/z.jpg": ""},
    )
    if packed:
        with zipfile.ZipFile(tmp_path / "in.zip", "w") as archive:
            for path in sorted(root.rglob("*.jpg"), reverse=True):
                archive.write(path, path.relative_to(root))
    found = find(["x.jpg"], open_media(tmp_path / "in.zip" if packed else root))
    assert found.paths == ["a/x.jpg"]
    assert told(found) == {
        "b/x.jpg": Reason.DUPLICATE_CONTENT,
        "c/x.jpg": Reason.DUPLICATE_KEY,
        "d/z.jpg": Reason.NOT_LISTED,
        "e/z.jpg": Reason.NOT_LISTED,
    }
    assert all("a/x.jpg" in one.detail for one in found.surplus[:2])


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize(
    ("contents", "reason"),
    [(("one", "one"), Reason.DUPLICATE_CONTENT), (("one", "two"), Reason.DUPLICATE_KEY)],
)
def test_a_name_that_a_zip_holds_twice_is_told(
    tmp_path: Path, contents: tuple[str, str], reason: Reason
) -> None:
    with zipfile.ZipFile(tmp_path / "in.zip", "w") as archive:
        for content in contents:
            archive.writestr("x.jpg", content)
        archive.writestr("../out.jpg", "unsafe")
    found = find(["x.jpg"], open_media(tmp_path / "in.zip"))
    assert found.paths == ["x.jpg"]
    assert told(found) == {"x.jpg": reason, "../out.jpg": Reason.UNSAFE_PATH}


def test_what_macos_puts_beside_each_file_of_a_zip_is_told_once(tmp_path: Path) -> None:
    names = [f"{number}.jpg" for number in range(5)]
    with zipfile.ZipFile(tmp_path / "in.zip", "w") as archive:
        for name in names:
            archive.writestr(f"in/{name}", name)
            archive.writestr(f"__MACOSX/in/._{name}", "fork")
    found = find(names, open_media(tmp_path / "in.zip"))
    assert found.paths == [f"in/{name}" for name in names]
    assert [(one.reason, one.detail) for one in found.surplus] == [
        (Reason.NOT_LISTED, "5 files that macOS puts beside others: no media")
    ]


E = "caf\u00e9"


@pytest.mark.parametrize(
    ("name", "file"),
    [
        (f"{E}.jpg", unicodedata.normalize("NFD", f"{E}.jpg")),
        (unicodedata.normalize("NFD", f"{E}.jpg"), f"{E}.jpg"),
        ("caf%C3%A9.jpg", f"{E}.jpg"),
        (f"{E}.jpg", "caf%C3%A9.jpg"),
        ("caf%C3%A9.jpg", unicodedata.normalize("NFD", f"{E}.jpg")),
        (f"{E}.1.png", unicodedata.normalize("NFD", f"{E}.1.jpg")),
        ("a.b.png", "a.b.jpg"),
        ("a.b.png", "a.jpg"),
    ],
)
def test_an_image_is_found_under_another_form_of_its_name(tmp_path: Path, name: str, file: str) -> None:
    found = find([name], open_media(lay(tmp_path, **{file: "x"})))
    assert (found.paths, found.surplus) == ([file], [])


def test_the_very_name_goes_before_every_other_form(tmp_path: Path) -> None:
    decomposed = unicodedata.normalize("NFD", f"{E}.jpg")
    names = [f"{E}.jpg", "caf%C3%A9.jpg", decomposed]
    media = open_media(lay(tmp_path, **dict.fromkeys(names, "x")))
    assert find(names, media) == (names, [])
    assert find(names[1:], media).paths == names[1:]


def test_what_is_not_clear_is_told_and_not_guessed(tmp_path: Path) -> None:
    decomposed = unicodedata.normalize("NFD", f"{E}.jpg")
    media = open_media(lay(tmp_path, **{f"{E}.jpg": "x", decomposed: "y", "a.jpg": "z"}))
    names = ["caf%C3%A9.jpg", "a.1.jpg", "a.2.jpg"]
    found = find(names, media)
    assert found.paths == [None] * 3
    assert told(found) == dict.fromkeys((f"{E}.jpg", decomposed, "a.jpg"), Reason.NOT_LISTED)
    assert {one.detail for one in found.surplus} == {
        f"not clear which is whose: artworks caf%C3%A9.jpg; images {decomposed}, {E}.jpg",
        "not clear which is whose: artworks a.1.jpg, a.2.jpg; images a.jpg",
    }
    rows = tables.rows_of("raw_artworks", [tables_row(name) for name in names])
    assert [one.reason for one in placed(Outcome(rows), found.paths).rejects] == [Reason.MISSING_FILE] * 3


def tables_row(name: str) -> dict[str, object]:
    row: dict[str, object] = {
        "artwork_id": name,
        "image_path": name,
        "tags": [],
        "emotions": [],
        "extra": "{}",
    }
    return {column: row.get(column) for column in tables.TABLES["raw_artworks"].names}
