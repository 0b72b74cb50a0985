"""Read a release's tar as strictly as it was written: anything else than plain members in order is refused.

Links, folders, devices, absolute or climbing names, long-name and extended headers cannot pass, since every
header must be, byte for byte, the one that the writer makes of its name and size.
"""

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, BinaryIO, NamedTuple

from artsound.errors import ReleaseError
from artsound.release.layout import BLOCK, MEMBERS, TEXTS
from artsound.release.webdataset import RECORD, header

LARGEST_TEXT = 16 * 2**20  # bytes of a JSON or caption; more is not ours
MEMBER = re.compile(r"([A-Za-z0-9_-]+)\.([a-z0-9]+(?:\.[a-z0-9]+)*)")


NO_ARRAYS: Mapping[str, Any] = MappingProxyType({})


class Member(NamedTuple):
    """One file in a tar."""

    key: str
    ending: str
    start: int  # of its bytes in the tar
    size: int


class Found(NamedTuple):
    """One sample as a file of the release has it."""

    pair_id: str
    image_format: str
    image_bytes: int | None  # None where it would have to be read to be known
    image: bytes  # empty unless media were asked for
    audio_format: str
    audio_bytes: int | None
    audio: bytes
    meta: str
    art_caption: str
    music_caption: str
    arrays: Mapping[str, bytes] = NO_ARRAYS  # by ending of the member; where media were asked for


def scan_tar(
    path: Path, arrays: Mapping[str, int] = MappingProxyType({}), *, deep: bool = False
) -> Iterator[Found]:
    """Yield the samples of a tar in order.

    Args:
        path: the tar.
        arrays: ending and size of the members that stand after the texts.
        deep: read media and arrays, too.

    Raises:
        ReleaseError: at the first thing that the writer would not have written.
    """
    with path.open("rb") as file:
        members, count = _members(file), MEMBERS + len(arrays)
        while first := next(members, None):
            rest = [next(members, None) for _ in range(count - 1)]
            sample = [first, *(member for member in rest if member)]
            if {member.key for member in sample} != {first.key} or len(sample) != count:
                raise ReleaseError(f"{first.key}: its {count} members do not stand together")
            if tuple(member.ending for member in sample[2:]) != (*TEXTS, *arrays):
                raise ReleaseError(
                    f"{first.key}: members are not image, audio, {', '.join([*TEXTS, *arrays])}"
                )
            if [member.size for member in sample[MEMBERS:]] != list(arrays.values()):
                raise ReleaseError(f"{first.key}: an array has not the size that the manifest says")
            yield _found(file, sample, deep=deep)


def _found(file: BinaryIO, sample: list[Member], *, deep: bool) -> Found:
    image, audio, *texts = sample[:MEMBERS]
    if any(member.size > LARGEST_TEXT for member in texts):
        raise ReleaseError(f"{image.key}: a text of more than {LARGEST_TEXT} bytes")
    media = [_read(file, member) if deep else b"" for member in (image, audio)]
    try:
        said = [_read(file, member).decode() for member in texts]
    except UnicodeDecodeError as error:
        raise ReleaseError(f"{image.key}: a text is not UTF-8 ({error.reason})") from error
    arrays = {member.ending: _read(file, member) for member in sample[MEMBERS:] if deep}
    sizes = (image.ending, image.size, media[0], audio.ending, audio.size, media[1])
    return Found(image.key, *sizes, said[0], said[1], said[2], arrays)


def _read(file: BinaryIO, member: Member) -> bytes:
    file.seek(member.start)
    return file.read(member.size)


def _members(file: BinaryIO) -> Iterator[Member]:
    total, place = os.fstat(file.fileno()).st_size, 0
    while True:
        file.seek(place)
        block = file.read(BLOCK)
        if not any(block):
            return _check_end(file, place, total)
        member = _member(block, place)
        end = member.start + member.size
        place = end + -member.size % BLOCK
        if place > total:
            raise ReleaseError(f"{member.key}.{member.ending}: reaches beyond the end of the tar")
        file.seek(end)
        if any(file.read(place - end)):
            raise ReleaseError(f"{member.key}.{member.ending}: is not padded with zeros")
        yield member


def _member(block: bytes, place: int) -> Member:
    name = block[:100].rstrip(b"\0").decode("latin-1")
    known = MEMBER.fullmatch(name)
    if known is None:
        raise ReleaseError(f"byte {place}: {name[:100]!r} is no name of a member")
    try:
        size = int(block[124:135], 8)
    except ValueError:
        size = -1
    if size < 0 or header(name, size) != block:
        raise ReleaseError(f"byte {place}: the header of {name!r} is not a plain file's")
    return Member(known[1], known[2], place + BLOCK, size)


def _check_end(file: BinaryIO, place: int, total: int) -> None:
    file.seek(place)
    if any(file.read()) or total != -(-(place + 2 * BLOCK) // RECORD) * RECORD:
        raise ReleaseError(f"byte {place}: the tar does not end as it should")
