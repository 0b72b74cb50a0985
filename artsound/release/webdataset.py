"""Plan rows → a WebDataset tar: bit for bit what `tarfile` writes as USTAR, faster, and hashed on the way.

Members of a sample stand together, in this order: image, audio, `.json`, `.art.txt`, `.music.txt`, then the
`.npy` of each array that is published in the tars.
The media keep their original bytes and extension.
"""

from collections.abc import Iterable, Iterator

from artsound.errors import ReleaseError
from artsound.release.hashing import HashedFile
from artsound.release.layout import BLOCK, TEXTS
from artsound.release.media import Sample

RECORD = 20 * BLOCK  # a tar ends at a multiple of this
_SIZE_LIMIT = 8**11  # what eleven octal digits hold
_MODE_AND_OWNER = b"0000644\0" + b"0000000\0" * 2
_TIME = b"00000000000\0"
_REST = b"0" + bytes(100) + b"ustar\x0000" + bytes(247)  # a regular file, nobody's, no device, no prefix
_SUM_BUT_NAME_AND_SIZE = sum(_MODE_AND_OWNER) + sum(_TIME) + sum(_REST) + 8 * ord(" ")


def member_names(sample: Sample) -> list[str]:
    """Name the members of a sample, in their order."""
    ends = (sample.image_format, sample.audio_format, *TEXTS, *(end for end, _ in sample.arrays))
    return [f"{sample.pair_id}.{end}" for end in ends]


def write_tar(file: HashedFile, samples: Iterable[Sample]) -> int:
    """Write the samples; returns how many."""
    count = 0
    for sample in samples:
        for piece in _pieces(sample):
            file.write(piece)
        count += 1
    file.write(bytes(2 * BLOCK))
    file.write(bytes(-file.size % RECORD))
    return count


def header(name: str, size: int) -> bytes:
    """Build a member's header block.

    Raises:
        ReleaseError: USTAR cannot hold this name or size.
    """
    if size >= _SIZE_LIMIT or len(name) >= 100 or not name.isascii():
        raise ReleaseError(f"{name}: {size} bytes cannot stand in a USTAR archive")
    stem = name.encode().ljust(100, b"\0")
    length = b"%011o\0" % size
    check = b"%06o\0 " % (_SUM_BUT_NAME_AND_SIZE + sum(stem) + sum(length))
    return b"".join((stem, _MODE_AND_OWNER, length, _TIME, check, _REST))


def _pieces(sample: Sample) -> Iterator[bytes]:
    """Yield a sample in few pieces: media as they are, what is small joined."""
    image, audio, *texts = member_names(sample)
    yield header(image, len(sample.image))
    yield sample.image
    yield _padding(sample.image) + header(audio, len(sample.audio))
    yield sample.audio
    tail = [_padding(sample.audio)]
    small = (sample.meta, sample.art_caption, sample.music_caption, *(data for _, data in sample.arrays))
    for name, data in zip(texts, small, strict=True):
        tail += [header(name, len(data)), data, _padding(data)]
    yield b"".join(tail)


def _padding(data: bytes) -> bytes:
    return bytes(-len(data) % BLOCK)
