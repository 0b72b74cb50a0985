"""Files that threads hash and write: what goes wrong in one is told, and no thread or half file is left."""

import hashlib
import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from artsound.errors import ReleaseError, StoreError
from artsound.media.files import Folder
from artsound.release import hashing, parquet
from artsound.release.hashing import TOGETHER, HashedFile
from artsound.release.parquet import write_parquet
from tests.release import world

FULL = Path("/dev/full")
PIECE = bytes(range(256)) * (TOGETHER // 256)


@pytest.fixture(autouse=True)
def _no_thread_is_left() -> Iterator[None]:
    before = set(threading.enumerate())
    yield
    assert set(threading.enumerate()) <= before


def test_a_file_has_the_bytes_and_the_hash_of_what_was_written(tmp_path: Path) -> None:
    given = [b"", b"a", PIECE[:-3], bytearray(b"bc"), memoryview(PIECE), *[b"small"] * 2000]
    with HashedFile(tmp_path / "file") as file:
        assert [file.write(one) for one in given] == [len(one) for one in given]
    data = b"".join(given)
    assert (tmp_path / "file").read_bytes() == data
    assert (file.size, file.sha256) == (len(data), hashlib.sha256(data).hexdigest())


def test_what_the_system_takes_in_parts_is_written_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = os.write

    def some_of(handle: int, pieces: Sequence[bytes]) -> int:
        return write(handle, b"".join(pieces)[:1000])

    monkeypatch.setattr(hashing.os, "writev", some_of)
    monkeypatch.setattr(hashing.os, "write", lambda handle, data: write(handle, data[:70_000]))
    with HashedFile(tmp_path / "file") as file:
        for piece in (PIECE, b"a", PIECE):
            file.write(piece)
    assert (tmp_path / "file").read_bytes() == PIECE + b"a" + PIECE


def test_a_closed_file_takes_no_more(tmp_path: Path) -> None:
    with HashedFile(tmp_path / "file") as file:
        file.write(b"all")
    with pytest.raises(ValueError, match="the file is closed"):
        file.write(b"more")
    file.close()
    assert (tmp_path / "file").read_bytes() == b"all"


@pytest.mark.skipif(not FULL.exists(), reason="no /dev/full on this system")
def test_a_full_disk_is_told_by_every_call_that_follows() -> None:
    file = HashedFile(FULL)
    with suppress(OSError):
        for _ in range(50):
            file.write(PIECE)
    for _ in range(50):  # more than a thread may lag behind
        with pytest.raises(OSError, match="No space left"):
            file.write(PIECE)
    with pytest.raises(OSError, match="No space left"):
        file.close()


@pytest.mark.parametrize("lane", ["_update", "_store"])
def test_what_goes_wrong_in_a_thread_is_raised_where_the_file_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lane: str
) -> None:
    def breaks(_: HashedFile, pieces: list[bytes]) -> None:
        raise MemoryError(f"{len(pieces)} pieces")

    monkeypatch.setattr(HashedFile, lane, breaks)

    def write() -> None:
        with HashedFile(tmp_path / "file") as file:
            for _ in range(50):
                file.write(PIECE)

    with pytest.raises(MemoryError, match="1 pieces"):
        write()


@pytest.mark.skipif(not FULL.exists(), reason="no /dev/full on this system")
@pytest.mark.parametrize("kind", [ReleaseError, KeyboardInterrupt])
def test_the_first_error_is_the_one_that_is_told(kind: type[BaseException]) -> None:
    with pytest.raises(kind, match="stop"), HashedFile(FULL) as file:  # noqa: PT012
        file.write(b"what the disk will refuse when the file is closed")
        raise kind("stop")


@pytest.mark.skipif(not FULL.exists(), reason="no /dev/full on this system")
def test_a_full_disk_ends_a_parquet_file_of_many_row_groups(media: Path, rows: pa.Table) -> None:
    def write() -> None:
        with HashedFile(FULL) as file:
            write_parquet(
                file,
                [rows] * 50,
                images=Folder(media / "art"),
                audio=Folder(media / "music"),
                group_bytes=5000,
            )

    with pytest.raises(OSError, match="No space left"):
        write()


class Failing(Folder):
    """A folder whose files can be read some times, and then not."""

    def __init__(self, root: Path, error: BaseException, times: int) -> None:
        super().__init__(root)
        self.error, self.times = error, times

    def read(self, path: str) -> bytes:
        self.times -= 1
        if self.times < 0:
            raise self.error
        return super().read(path)


@pytest.mark.parametrize("error", [KeyboardInterrupt("stop"), OSError(5, "stop"), ReleaseError("stop")])
@pytest.mark.parametrize("times", [0, 20])
def test_media_that_cannot_be_read_leave_no_file(
    media: Path, rows: pa.Table, tmp_path: Path, error: BaseException, times: int
) -> None:
    making = world.release(media, rows, tmp_path)
    broken: Any = Failing(media / "art", error, times)
    object.__setattr__(making, "images", broken)
    kind = StoreError if isinstance(error, OSError) else type(error)
    with pytest.raises(kind, match="stop"):
        world.build(making)
    assert not making.folder.exists()
    assert not list(tmp_path.rglob("*.part"))
    again = world.release(media, rows, tmp_path)
    world.build(again)


def test_row_groups_are_no_larger_than_32_bits_can_tell(
    media: Path, rows: pa.Table, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parquet, "LARGEST_GROUP", 6000)
    made = world.build(world.release(media, rows, tmp_path, row_group_megabytes=1e9, shard_megabytes=64))
    assert made.pairs == len(rows)
    monkeypatch.setattr(parquet, "LARGEST_GROUP", 500)
    with pytest.raises(ReleaseError, match=r"a file of 8\d\d bytes is too large for a Parquet column"):
        world.build(world.release(media, rows, tmp_path, row_group_megabytes=1e8, shard_megabytes=64))
