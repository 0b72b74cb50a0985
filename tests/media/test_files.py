import io
import os
import pickle
import stat
import tracemalloc
import zipfile
from concurrent.futures import ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from artsound.errors import ConfigError, Reason
from artsound.media.files import Folder, Media, MediaError, fingerprint, open_media

ODD_NAMES = [
    "a b.jpg",
    "100%41.jpg",
    "ünï/日本.ogg",
    'it\'s "x".png',
    "sub/deep/c.txt",
    "a+b&c=d?.jpg",
    "back\\s.jpg",
]
CLIMBING = [
    "../secret.txt",
    "a/../../secret.txt",
    "/etc/passwd",
    "C:\\x.jpg",
    "\\\\host\\x.jpg",
    "..\\secret.txt",
]


def folder_of(root: Path, names: list[str]) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(name.encode())
    return root


def zip_of(path: Path, names: list[str], method: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", method) as file:
        for name in names:
            file.writestr(name, name.encode())
    return path


@pytest.fixture(params=["folder", "stored", "deflate", "bzip2"])
def media(request: pytest.FixtureRequest, tmp_path: Path) -> Media:
    methods = {"stored": zipfile.ZIP_STORED, "deflate": zipfile.ZIP_DEFLATED, "bzip2": zipfile.ZIP_BZIP2}
    if request.param == "folder":
        (tmp_path / "secret.txt").write_text("secret")
        return open_media(folder_of(tmp_path / "root", ODD_NAMES))
    return open_media(zip_of(tmp_path / "all.zip", ODD_NAMES, methods[request.param]))


def reason_of(media: Media, path: str) -> Reason:
    with pytest.raises(MediaError) as read:
        media.read(path)
    with pytest.raises(MediaError) as size:
        media.size(path)
    assert read.value.reason == size.value.reason
    assert read.value.detail
    return read.value.reason


def test_names_are_literal_sorted_and_readable(media: Media) -> None:
    assert media.names() == sorted(ODD_NAMES)
    for name in media.names():
        assert media.read(name) == name.encode()
        assert media.size(name) == len(name.encode())


@pytest.mark.parametrize("path", CLIMBING)
def test_a_path_that_climbs_out_is_refused(media: Media, path: str) -> None:
    assert reason_of(media, path) == Reason.UNSAFE_PATH


@pytest.mark.parametrize("path", ["nothing.jpg", "", "sub", "a%20b.jpg", "100A.jpg", "x\0y", "n" * 5000])
def test_what_is_not_there_is_missing(media: Media, path: str) -> None:
    assert reason_of(media, path) == Reason.MISSING_FILE


def test_a_copy_in_another_process_reads_the_same(media: Media) -> None:
    assert pickle.loads(pickle.dumps(media)).names() == media.names()  # noqa: S301  # our own bytes
    with get_context("fork").Pool(2) as pool:
        assert pool.map(media.read, ODD_NAMES * 20) == [name.encode() for name in ODD_NAMES * 20]


def test_threads_read_without_mixing_files(media: Media) -> None:
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(media.read, ODD_NAMES * 50)) == [name.encode() for name in ODD_NAMES * 50]


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    root = folder_of(tmp_path / "root", ["full.jpg"])
    (root / "empty.jpg").touch()
    assert reason_of(open_media(root), "empty.jpg") == Reason.EMPTY_FILE
    path = zip_of(tmp_path / "a.zip", ["full.jpg"])
    with zipfile.ZipFile(path, "a") as file:
        file.writestr("empty.jpg", b"")
    assert reason_of(open_media(path), "empty.jpg") == Reason.EMPTY_FILE


def test_a_file_beyond_the_limit_is_refused_unread(tmp_path: Path) -> None:
    with (tmp_path / "huge.wav").open("wb") as file:
        file.truncate(2**31 + 1)
    assert reason_of(open_media(tmp_path), "huge.wav") == Reason.TOO_LARGE


def test_a_link_may_stay_inside_but_not_leave(tmp_path: Path) -> None:
    root = folder_of(tmp_path / "root", ["real.jpg"])
    (tmp_path / "secret.txt").write_text("secret")
    (root / "inside.jpg").symlink_to("real.jpg")
    (root / "outside.jpg").symlink_to("../secret.txt")
    (root / "circle.jpg").symlink_to("circle.jpg")
    (root / "up").symlink_to("..")
    media = open_media(root)
    assert media.read("inside.jpg") == b"real.jpg"
    assert reason_of(media, "outside.jpg") == Reason.UNSAFE_PATH
    assert reason_of(media, "up/secret.txt") == Reason.UNSAFE_PATH
    assert reason_of(media, "circle.jpg") == Reason.MISSING_FILE
    assert media.names() == ["inside.jpg", "real.jpg"]


def test_the_root_itself_may_be_a_link(tmp_path: Path) -> None:
    folder_of(tmp_path / "root", ["a.jpg"])
    (tmp_path / "link").symlink_to("root")
    assert open_media(tmp_path / "link").read("a.jpg") == b"a.jpg"


def test_unsafe_zip_members_are_refused_and_not_listed(tmp_path: Path) -> None:
    path = zip_of(tmp_path / "a.zip", ["good.jpg", "../climbs.jpg", "/absolute.jpg"])
    with zipfile.ZipFile(path, "a") as file:
        link = zipfile.ZipInfo("link.jpg")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        file.writestr(link, "/etc/passwd")
    media = open_media(path)
    assert media.names() == ["good.jpg"]
    for name in ["../climbs.jpg", "/absolute.jpg", "link.jpg"]:
        assert reason_of(media, name) == Reason.UNSAFE_PATH


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2])
def test_a_member_with_damaged_bytes_is_unreadable(tmp_path: Path, method: int) -> None:
    path, content = tmp_path / "a.zip", bytes(range(256)) * 40
    with zipfile.ZipFile(path, "w", method) as file:
        file.writestr("a.bin", content)
        file.writestr("b.bin", content)
    damaged = bytearray(path.read_bytes())
    damaged[60] ^= 0xFF
    path.write_bytes(damaged)
    media = open_media(path)
    with pytest.raises(MediaError) as error:
        media.read("a.bin")
    assert error.value.reason == Reason.UNREADABLE
    assert media.read("b.bin") == content


def test_an_encrypted_member_is_unreadable(tmp_path: Path) -> None:
    path = zip_of(tmp_path / "a.zip", ["a.jpg"])
    damaged = bytearray(path.read_bytes())
    damaged[6] |= 1  # flag of the local header
    damaged[damaged.index(b"PK\x01\x02") + 8] |= 1  # and of the central directory
    path.write_bytes(damaged)
    with pytest.raises(MediaError) as error:
        open_media(path).read("a.jpg")
    assert error.value.reason == Reason.UNREADABLE


def test_what_is_no_source_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "text.zip").write_text("not a zip")
    whole = zip_of(tmp_path / "whole.zip", ["a" * 50, "b" * 50]).read_bytes()
    (tmp_path / "cut.zip").write_bytes(whole[: len(whole) // 2])
    zip_of(tmp_path / "none.zip", [])
    for name in ["absent", "empty", "text.zip", "cut.zip", "none.zip"]:
        for call in (open_media, fingerprint):
            with pytest.raises(ConfigError, match=name):
                call(tmp_path / name)


def test_fingerprint_tells_changes_and_only_changes(tmp_path: Path) -> None:
    root = folder_of(tmp_path / "root", ["a.jpg", "b/c.jpg"])
    first = fingerprint(root)
    assert fingerprint(root) == first
    root.rename(tmp_path / "moved")
    root = tmp_path / "moved"
    assert fingerprint(root) == first, "where it lies does not matter"
    os.utime(root / "a.jpg", ns=(0, 12345))
    second = fingerprint(root)
    (root / "a.jpg").rename(root / "z.jpg")
    assert len({first, second, fingerprint(root)}) == 3


def test_fingerprint_of_a_zip_depends_on_content_not_on_time(tmp_path: Path) -> None:
    prints = []
    for number, content in enumerate(["same", "same", "else"]):
        path = tmp_path / f"{number}.zip"
        with zipfile.ZipFile(path, "w") as file:
            file.writestr(zipfile.ZipInfo("a.jpg", date_time=(2000 + number, 1, 1, 0, 0, 0)), content)
        prints.append(fingerprint(path))
    assert prints[0] == prints[1] != prints[2]


@example(".")
@given(st.text(min_size=1))
def test_no_path_whatsoever_leaves_the_root(path: str) -> None:
    with pytest.raises(MediaError) as error:
        Folder(Path(__file__).parent / "nothing-here").read(path)
    assert error.value.reason in {Reason.UNSAFE_PATH, Reason.MISSING_FILE}


class Unseekable(io.RawIOBase):
    """A place to write to that cannot go back: sizes come behind each member."""

    def __init__(self, file: io.BufferedWriter) -> None:
        self._file = file

    def writable(self) -> bool:
        return True

    def write(self, data: bytes) -> int:  # type: ignore[override]
        return self._file.write(data)


def test_members_read_as_zipfile_reads_them_however_they_were_written(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    contents = {f"{number // 10:03d}/ä{number}.bin": bytes([number]) * 10 * number for number in range(1, 30)}
    methods = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)
    with path.open("wb") as file, zipfile.ZipFile(Unseekable(file), "w") as archive:  # type: ignore[arg-type]
        for number, (name, content) in enumerate(contents.items()):
            info = zipfile.ZipInfo(name)
            info.compress_type = methods[number % 4]
            with archive.open(info, "w", force_zip64=number % 3 == 0) as member:
                member.write(content)
        archive.mkdir("empty")
        archive.comment = b"a comment"
    whole = path.read_bytes()
    (tmp_path / "b.zip").write_bytes(b"a program that unpacks itself" + whole)
    for place in (path, tmp_path / "b.zip"):
        media = open_media(place)
        assert {name: media.read(name) for name in media.names()} == contents
    (tmp_path / "c.zip").write_bytes(whole[:-60])
    with pytest.raises(ConfigError, match="nor a sound"):
        open_media(tmp_path / "c.zip")


def test_more_members_than_a_plain_zip_can_count_are_read(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as file:
        for number in range(65_540):
            file.writestr(zipfile.ZipInfo(f"{number}"), b"x" if number % 10_000 == 0 else b"")
    tracemalloc.start()
    media = open_media(tmp_path / "a.zip")
    grown, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (len(media.names()), media.read("60000")) == (65_540, b"x")
    assert grown < 65_540 * 330, "zipfile's own entries take more than 600 bytes each"


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_the_last_of_members_of_one_name_is_read(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as file:
        for content in ("first", "second"):
            file.writestr("a.jpg", content)
    media = open_media(tmp_path / "a.zip")
    assert (media.names(), media.read("a.jpg")) == (["a.jpg"], b"second")
