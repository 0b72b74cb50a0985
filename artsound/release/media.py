"""The bytes of a pair's media, held against the plan while they are packed."""

import hashlib
from collections.abc import Iterator
from typing import NamedTuple

import pyarrow as pa

from artsound.errors import ReleaseError
from artsound.media.files import Media, MediaError

BATCH = 200  # plan rows that are Python objects at one time


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


def samples(rows: pa.Table, images: Media, audio: Media) -> Iterator[Sample]:
    """Read the media of plan rows, in order, one pair at a time.

    Raises:
        ReleaseError: a file is gone, or is no longer what the plan says.
    """
    for batch in rows.to_batches(BATCH):
        for row in batch.to_pylist():
            yield Sample(
                row["pair_id"],
                _checked(images, row["image_path"], row["image_sha256"]),
                row["image_format"],
                _checked(audio, row["audio_path"], row["audio_sha256"]),
                row["audio_format"],
                row["meta"].encode(),
                row["art_caption"].encode(),
                row["music_caption"].encode(),
            )


def _checked(media: Media, path: str, sha256: str) -> bytes:
    try:
        data = media.read(path)
    except MediaError as error:
        raise ReleaseError(
            f"{error.detail}: it was there when the catalogue was made; run the build again"
        ) from error
    if hashlib.sha256(data).hexdigest() != sha256:
        raise ReleaseError(f"{path} has changed since the catalogue was made: run the build again")
    return data
