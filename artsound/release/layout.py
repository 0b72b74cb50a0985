"""How a release is cut into files: by sizes known beforehand, so that every run cuts alike."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from artsound.release.manifest import ArrayRecord
from artsound.release.rows import WORDS, Plan
from artsound.release.tiers import Within

Format = Literal["parquet", "webdataset"]
MEGA = 1_000_000
BLOCK = 512  # tar stores everything in blocks of so many bytes
TEXTS = ("json", "art.txt", "music.txt")  # members of a sample after image and audio
MEMBERS = 2 + len(TEXTS)  # of a sample without arrays


@dataclass(frozen=True)
class ReleaseOptions:
    """What is published, under which name, version and terms; every field is a setting of the same name."""

    name: str
    version: str
    formats: tuple[Format, ...] = ("parquet", "webdataset")
    shard_megabytes: float = 500.0  # a shard is closed before it would grow larger
    row_group_megabytes: float = 64.0  # uncompressed; what a reader must hold at one time
    tier: Within = "any"  # only pairs whose licences allow at least this; `any` is not to be passed on
    media: bool = True  # False: references only, that is ids, links, hashes, captions, scores; no tars
    vectors: tuple[str, ...] = ()  # spaces whose vectors are published, both sides where they have them
    npy: bool = False  # vectors and latents also as .npy members of the tars
    plots: bool = False  # pictures for the card; needs the extra `publish`
    creator: str = ""  # who publishes
    url: str = ""  # where it is published
    citation: str = ""  # how to cite it
    published: str = ""  # day of publication, as YYYY-MM-DD
    changes: tuple[str, ...] = ()  # what is new in this version, a line each, for the changelog

    @property
    def folder_name(self) -> str:
        """Name the folder, and with it the release."""
        return f"{self.name}-{self.version}"


@dataclass(frozen=True)
class Shard:
    """One file of samples: the rows `start` to `stop` of the plan."""

    role: str  # parquet, webdataset, or the family of arrays that it holds
    split: str
    path: str  # relative to the release
    start: int
    stop: int


def plan_shards(plan: Plan, options: ReleaseOptions, arrays: Sequence[ArrayRecord] = ()) -> list[Shard]:
    """Cut the plan into shards; pairs are cut alike in both formats, arrays by their own size.

    A shard has one split, and with media one kind of them.
    """
    members = [record.member_bytes for record in arrays if options.npy]
    limit = int(options.shard_megabytes * MEGA)
    kinds = _kinds(plan)
    pairs = _cuts(kinds, _tar_sizes(plan.brief, members, media=options.media), limit)
    roles: tuple[str, ...] = options.formats if options.media else ("parquet",)
    cuts = dict.fromkeys(roles, pairs)
    for family in dict.fromkeys(record.family for record in arrays):
        size = sum(record.row_bytes for record in arrays if record.family == family)
        cuts[family] = _cuts(plan.coded("split")[0].tolist(), np.full(len(plan), size), limit)
    return [shard for role, ranges in cuts.items() for shard in _named(role, ranges, plan)]


def expected_bytes(plan: Plan, options: ReleaseOptions, shards: Sequence[Shard]) -> list[int]:
    """Estimate what each shard of samples will take, before it is written."""
    ends = np.concatenate([[0], np.cumsum(_tar_sizes(plan.brief, (), media=options.media))])
    return [int(ends[shard.stop] - ends[shard.start]) for shard in shards]


def shard_path(role: str, split: str, number: int, total: int) -> str:
    """Name a shard as the readers of its format expect."""
    if role == "webdataset":
        return f"webdataset/{split}-{number:06d}.tar"
    return f"{FOLDERS.get(role, role)}/{split}-{number:05d}-of-{total:05d}.parquet"


FOLDERS = {"parquet": "data"}  # role → folder, where they differ


def _named(role: str, ranges: Sequence[tuple[int, int]], plan: Plan) -> Iterator[Shard]:
    for split, (first, last) in plan.ranges().items():
        own = [(start, stop) for start, stop in ranges if first <= start < last]
        for number, (start, stop) in enumerate(own):
            yield Shard(role, split, shard_path(role, split, number, len(own)), start, stop)


def _kinds(plan: Plan) -> list[int]:
    """Give equal numbers to rows of one split and one kind of media."""
    number = np.zeros(len(plan), np.int64)
    for column in ("split", "image_format", "audio_format"):
        codes, names = plan.coded(column)
        number = number * len(names) + codes
    return number.tolist()


def _cuts(kinds: Sequence[int], sizes: NDArray[np.int64], limit: int) -> list[tuple[int, int]]:
    """Cut before a row of another kind, and before one that would make the shard too large."""
    made, start, size = [], 0, 0
    for number, more in enumerate(sizes.tolist()):
        if number > start and (kinds[number] != kinds[number - 1] or size + more > limit):
            made.append((start, number))
            start, size = number, 0
        size += more
    return [*made, (start, len(kinds))] if kinds else []


def _tar_sizes(brief: pa.Table, members: Sequence[int], *, media: bool) -> NDArray[np.int64]:
    """Compute what each sample takes in a tar; in Parquet it is a little less."""
    sizes = [brief[name].to_numpy() for name in (*(("image_bytes", "audio_bytes") if media else ()), *WORDS)]
    total = np.full(len(brief), (MEMBERS + len(members)) * BLOCK, np.int64)
    for size in [*sizes, *members]:
        total += -(-size // BLOCK) * BLOCK
    return total
