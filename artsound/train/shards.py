"""Reads the pairs of a release, from whichever of its formats is there, one at a time."""

import hashlib
import json
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import NamedTuple

import pyarrow.parquet as pq

from artsound.errors import ReleaseError
from artsound.release.manifest import MANIFEST, local_manifest
from artsound.release.part import read_note
from artsound.release.verify import byte_problems, count_problems, sum_problems

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
        return sorted({path.name.split("-")[0] for path in self.files("*")})

    def read(self, split: str) -> Iterator[Pair]:
        """Read the pairs of one split in the release's order."""
        for path in self.files(split):
            yield from _parquet(path) if path.suffix == ".parquet" else _tar(path)

    def files(self, split: str) -> list[Path]:
        """List the shards of a split, of one format."""
        parquet = sorted(self.folder.glob(f"data/{split}-*.parquet"))
        return parquet or sorted(self.folder.glob(f"webdataset/{split}-*.tar"))


def open_shards(folder: Path) -> Shards:
    """Open a release folder by its manifest.

    Raises:
        ReleaseError: there is no sound manifest, or no shard with media.
    """
    try:
        made = local_manifest(folder)
    except ReleaseError as error:
        raise ReleaseError(f"{folder}: {error}: name the folder of a release, or pull it again") from error
    digest = hashlib.sha256((folder / MANIFEST).read_bytes()).hexdigest()
    shards = Shards(folder, made.name, made.version, digest)
    if not shards.splits:
        raise ReleaseError(f"{folder} has no shards with media: pull or build the release with them")
    return shards


def check_bytes(shards: Shards) -> None:
    """Hash the shards that are read, against the manifest: what is trained on is what was published.

    Raises:
        ReleaseError: a shard is missing, is not part of the release, or has other bytes, or the manifest
            disagrees with itself or with the list of sums; names it.
    """
    folder, made = shards.folder, local_manifest(shards.folder)
    note = read_note(folder)
    listed = [one for one in (note.part.of(made) if note else made).files if one.split]
    there = {path.relative_to(folder).as_posix() for split in shards.splits for path in shards.files(split)}
    formats = {path.split("/")[0] for path in there}
    wanted = [one for one in listed if one.path.split("/")[0] in formats]
    problems = chain(
        sum_problems(folder, made),
        count_problems(made),
        (f"{path}: missing" for path in sorted({one.path for one in wanted} - there)),
        (f"{path}: is not part of the release" for path in sorted(there - {one.path for one in wanted})),
        byte_problems(folder, wanted),
    )
    if first := next(problems, None):
        raise ReleaseError(f"{folder}/{first}: run `artsound verify {folder}`, then pull again")


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
