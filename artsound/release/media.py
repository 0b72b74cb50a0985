"""The bytes of a pair's media, held against the plan while they are packed."""

import hashlib
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, NamedTuple

import pyarrow as pa

from artsound.errors import ReleaseError
from artsound.media.files import Media, MediaError

TOGETHER = 2_000_000  # bytes of media that are read as one piece of work
AHEAD = 2  # such pieces that are read while one is written, which bounds the memory


class Sample(NamedTuple):
    """One pair, ready to be packed."""

    pair_id: str
    image: bytes
    image_format: str
    audio: bytes
    audio_format: str
    meta: bytes
    art_caption: bytes
    music_caption: bytes
    arrays: tuple[tuple[str, bytes], ...] = ()  # ending of the member, its bytes


def samples(pieces: Iterable[pa.Table], images: Media, audio: Media) -> Iterator[Sample]:
    """Read the media of plan rows, in order; threads read and hash what comes next.

    Raises:
        ReleaseError: a file is gone, or is no longer what the plan says.
    """
    with ThreadPoolExecutor(AHEAD, "media") as pool:
        waiting: deque[Future[list[Sample]]] = deque()
        try:
            for rows in _works(pieces):
                waiting.append(pool.submit(_read, rows, images, audio))
                if len(waiting) > AHEAD:
                    yield from waiting.popleft().result()
            while waiting:
                yield from waiting.popleft().result()
        finally:
            pool.shutdown(cancel_futures=True)


def _works(pieces: Iterable[pa.Table]) -> Iterator[list[dict[str, Any]]]:
    """Cut plan rows into pieces of work of about the same size."""
    work: list[dict[str, Any]] = []
    size = 0
    for piece in pieces:
        for row in piece.select(_COLUMNS).to_pylist():
            work.append(row)
            size += row["image_bytes"] + row["audio_bytes"] + len(row["meta"])
            if size > TOGETHER:
                yield work
                work, size = [], 0
    if work:
        yield work


_COLUMNS = [
    *("pair_id", "meta", "art_caption", "music_caption"),
    *(f"{kind}_{name}" for kind in ("image", "audio") for name in ("path", "sha256", "bytes", "format")),
]


def _read(rows: list[dict[str, Any]], images: Media, audio: Media) -> list[Sample]:
    return [
        Sample(
            row["pair_id"],
            _checked(images, row["image_path"], row["image_sha256"]),
            row["image_format"],
            _checked(audio, row["audio_path"], row["audio_sha256"]),
            row["audio_format"],
            row["meta"].encode(),
            row["art_caption"].encode(),
            row["music_caption"].encode(),
        )
        for row in rows
    ]


def _checked(media: Media, path: str, sha256: str) -> bytes:
    try:
        data = media.read(path)
    except MediaError as error:
        raise ReleaseError(
            f"{error.detail}: it was there when the catalogue was made; run the build again"
        ) from error
    if hashlib.sha256(data, usedforsecurity=False).hexdigest() != sha256:
        raise ReleaseError(f"{path} has changed since the catalogue was made: run the build again")
    return data
