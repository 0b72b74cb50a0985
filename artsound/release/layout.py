"""How a release is cut into files: by sizes known beforehand, so that every run cuts alike."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import pyarrow as pa
import pyarrow.compute as pc

from artsound.release.tiers import Within

Format = Literal["parquet", "webdataset"]
MEGA = 1_000_000
BLOCK = 512  # tar stores everything in blocks of so many bytes
TEXTS = ("json", "art.txt", "music.txt")  # members of a sample after image and audio
MEMBERS = 2 + len(TEXTS)


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

    format: Format
    split: str
    path: str  # relative to the release
    start: int
    stop: int


def plan_shards(rows: pa.Table, options: ReleaseOptions) -> list[Shard]:
    """Cut the plan into shards, the same rows in each format; a shard has one split and one media kind."""
    cuts: dict[str, list[tuple[int, int]]] = {}
    for split, start, stop in _cuts(rows, int(options.shard_megabytes * MEGA), media=options.media):
        cuts.setdefault(split, []).append((start, stop))
    return [
        Shard(form, split, shard_path(form, split, number, len(ranges)), start, stop)
        for form in (options.formats if options.media else ("parquet",))
        for split, ranges in cuts.items()
        for number, (start, stop) in enumerate(ranges)
    ]


def shard_path(form: Format, split: str, number: int, total: int) -> str:
    """Name a shard as the readers of its format expect."""
    if form == "webdataset":
        return f"webdataset/{split}-{number:06d}.tar"
    return f"data/{split}-{number:05d}-of-{total:05d}.parquet"


def _cuts(rows: pa.Table, limit: int, *, media: bool) -> Iterator[tuple[str, int, int]]:
    kinds = zip(*(rows[name].to_pylist() for name in ("split", "image_format", "audio_format")), strict=True)
    start, size, last = 0, 0, None
    for number, (kind, more) in enumerate(zip(kinds, _tar_sizes(rows, media=media), strict=True)):
        if last is not None and (kind != last or size + more > limit):
            yield last[0], start, number
            start, size = number, 0
        last, size = kind, size + more
    if last is not None:
        yield last[0], start, len(rows)


def _tar_sizes(rows: pa.Table, *, media: bool) -> list[int]:
    """Compute what each sample takes in a tar; in Parquet it is a little less."""
    texts = [
        pc.cast(pc.binary_length(rows[name]), pa.int64()) for name in ("meta", "art_caption", "music_caption")
    ]
    total = pa.scalar(MEMBERS * BLOCK)
    for size in [*(rows[name] for name in ("image_bytes", "audio_bytes") if media), *texts]:
        blocks = pc.divide(pc.add(size, BLOCK - 1), BLOCK)
        total = pc.add(total, pc.multiply(blocks, BLOCK))
    return list(total.to_pylist())


def counts(rows: pa.Table) -> dict[str, int]:
    """Count the pairs of each split, in the plan's order."""
    return dict(Counter(rows["split"].to_pylist()))
