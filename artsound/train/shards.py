"""Reads the pairs of a release, from whichever of its formats is there, one at a time."""

import hashlib
import json
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow.parquet as pq

from artsound.errors import ReleaseError

COLUMNS = ("pair_id", "score", "art_caption", "music_caption", "image", "audio")
ROWS = 64  # of Parquet that are in memory at one time
AUDIO = {"mp3", "ogg", "flac", "wav"}
IMAGES = {"jpg", "png", "webp", "tiff"}


class Pair(NamedTuple):
    """What training needs of a released pair."""

    pair_id: str
    score: float
    art_caption: str
    music_caption: str
    image: bytes
    audio: bytes


@dataclass(frozen=True)
class Shards:
    """A release's shards, and what identifies it."""

    folder: Path
    name: str
    version: str
    manifest: str  # sha256 of manifest.json

    @property
    def splits(self) -> list[str]:
        """List the splits that have pairs."""
        return sorted({path.name.split("-")[0] for path in self._files("*")})

    def read(self, split: str) -> Iterator[Pair]:
        """Read the pairs of one split in the release's order."""
        for path in self._files(split):
            yield from _parquet(path) if path.suffix == ".parquet" else _tar(path)

    def _files(self, split: str) -> list[Path]:
        parquet = sorted(self.folder.glob(f"data/{split}-*.parquet"))
        return parquet or sorted(self.folder.glob(f"webdataset/{split}-*.tar"))


def open_shards(folder: Path) -> Shards:
    """Open a release folder by its manifest.

    Raises:
        ReleaseError: there is no readable manifest, or no shard with media.
    """
    path = folder / "manifest.json"
    try:
        data = path.read_bytes()
        manifest: dict[str, Any] = json.loads(data)
        shards = Shards(folder, manifest["name"], manifest["version"], hashlib.sha256(data).hexdigest())
    except FileNotFoundError as error:
        raise ReleaseError(
            f"{folder} is no release: it has no manifest.json; run `artsound build`"
        ) from error
    except (ValueError, KeyError, TypeError) as error:
        raise ReleaseError(f"{path} is damaged ({error}): fetch the release again") from error
    if not shards.splits:
        raise ReleaseError(f"{folder} has no shards with media: pull or build the release with them")
    return shards


def _parquet(path: Path) -> Iterator[Pair]:
    for batch in pq.ParquetFile(path).iter_batches(ROWS, columns=list(COLUMNS)):
        for row in batch.to_pylist():
            yield Pair(**row | {"image": row["image"]["bytes"], "audio": row["audio"]["bytes"]})


def _tar(path: Path) -> Iterator[Pair]:
    """Gather the members of each sample, which stand together under one key."""
    with tarfile.open(path) as tar:
        sample: dict[str, bytes] = {}
        key = ""
        for member in tar:
            stem, _, ending = member.name.partition(".")
            if stem != key and sample:
                yield _sample(sample)
                sample = {}
            file = tar.extractfile(member)
            key, sample[ending] = stem, file.read() if file else b""
        if sample:
            yield _sample(sample)


def _sample(members: dict[str, bytes]) -> Pair:
    meta = json.loads(members["json"])
    return Pair(
        pair_id=meta["pair_id"],
        score=meta["score"],
        art_caption=members["art.txt"].decode(),
        music_caption=members["music.txt"].decode(),
        image=next(data for ending, data in members.items() if ending in IMAGES),
        audio=next(data for ending, data in members.items() if ending in AUDIO),
    )
