"""What changed between two versions, told by their small tables: no media are read."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

import pyarrow.parquet as pq

from artsound.errors import ReleaseError
from artsound.receive.find import Published
from artsound.receive.pull import pull
from artsound.release.manifest import FileRecord
from artsound.release.part import Selection

BATCH = 5000  # rows that are Python objects at one time
_TABLES = ("captions", "scores")
_KEYS = ("pair_id", "artwork_id", "clip_id")


class Rematch(NamedTuple):
    """A clip that has another artwork now."""

    clip_id: str
    before: str
    after: str


@dataclass(frozen=True)
class Diff:
    """How one version becomes another. A pair that stays is told of only where something of it changed."""

    before: str
    after: str
    added: tuple[str, ...]  # pairs whose clip is new
    removed: tuple[str, ...]  # pairs whose clip is gone
    rematched: tuple[Rematch, ...]
    recaptioned: tuple[str, ...]  # pairs with another caption, or another fact about one
    rescored: tuple[str, ...]
    moved: tuple[str, ...]  # pairs in another split
    fetch: tuple[FileRecord, ...]  # files of the later version that the earlier one has not

    @property
    def fetch_bytes(self) -> int:
        """What has to be fetched without a patch."""
        return sum(record.bytes for record in self.fetch)

    def bump(self) -> Literal["major", "minor", "patch"]:
        """Name the part of the version that must rise, by the rules of Croissant."""
        if self.removed or self.rematched or self.recaptioned or self.rescored or self.moved:
            return "major"
        return "minor" if self.added else "patch"

    def summary(self) -> dict[str, Any]:
        """Count everything, for people and for JSON."""
        lists = ("added", "removed", "rematched", "recaptioned", "rescored", "moved", "fetch")
        counts = {name: len(getattr(self, name)) for name in lists}
        return {
            "before": self.before,
            "after": self.after,
            **counts,
            "fetch_bytes": self.fetch_bytes,
            "bump": self.bump(),
        }


class _Pair(NamedTuple):
    artwork_id: str
    clip_id: str
    split: str
    facts: tuple[int, ...]  # a hash of its row in each table


def diff(before: Published, after: Published) -> Diff:
    """Compare two versions, near or far.

    Raises:
        ReleaseError: one of them has no small tables, or repeats a pair.
        SourceError: they cannot be read.
    """
    old, new = _pairs(before), _pairs(after)
    old_clips, new_clips = _by_clip(old), _by_clip(new)
    both = sorted(old_clips.keys() & new_clips.keys())
    there = {record.sha256 for record in before.manifest.files}
    kept = sorted(old.keys() & new.keys())
    return Diff(
        before=f"{before.manifest.name} {before.manifest.version}",
        after=f"{after.manifest.name} {after.manifest.version}",
        added=tuple(sorted(key for key, pair in new.items() if pair.clip_id not in old_clips)),
        removed=tuple(sorted(key for key, pair in old.items() if pair.clip_id not in new_clips)),
        rematched=tuple(
            Rematch(clip, old_clips[clip], new_clips[clip])
            for clip in both
            if old_clips[clip] != new_clips[clip]
        ),
        recaptioned=tuple(key for key in kept if old[key].facts[0] != new[key].facts[0]),
        rescored=tuple(key for key in kept if old[key].facts[1] != new[key].facts[1]),
        moved=tuple(key for key in kept if old[key].split != new[key].split),
        fetch=tuple(record for record in after.manifest.files if record.sha256 not in there),
    )


def _by_clip(pairs: dict[str, _Pair]) -> dict[str, str]:
    return {pair.clip_id: pair.artwork_id for pair in pairs.values()}


def _pairs(found: Published) -> dict[str, _Pair]:
    with small_tables(found) as folder:
        tables = [dict(_rows(folder, found, role)) for role in _TABLES]
    captions, scores = tables
    if captions.keys() != scores.keys() or len(scores) != found.manifest.pairs:
        raise ReleaseError(f"{found.place.shown}: captions and scores are not of the same pairs: verify it")
    return {key: pair._replace(facts=(*captions[key].facts, *pair.facts)) for key, pair in scores.items()}


def _rows(folder: Path, found: Published, role: str) -> Iterator[tuple[str, _Pair]]:
    records = [record for record in found.manifest.files if record.role == role]
    if not records:
        raise ReleaseError(f"{found.place.shown} has no table of {role}: versions are compared by it")
    for record in records:
        for batch in pq.ParquetFile(folder / record.path).iter_batches(BATCH):
            for row in batch.to_pylist():
                key, artwork, clip = (row.pop(name) for name in _KEYS)
                row.pop("split", None)
                yield key, _Pair(artwork, clip, record.split or "", (hash(repr(row)),))


@contextmanager
def small_tables(found: Published) -> Iterator[Path]:
    """Have the small tables in a folder of this machine."""
    if not found.place.far:
        yield Path(found.place.url)
        return
    with tempfile.TemporaryDirectory() as folder:
        pull(found, Path(folder) / "tables", Selection(holds=_TABLES))
        yield Path(folder) / "tables"
