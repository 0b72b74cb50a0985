"""What changed between two versions, told by their small tables: no media are read.

Vectors and latents are read only where the two versions have other files of the same array.
"""

import hashlib
import json
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, NamedTuple, Protocol

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from artsound.errors import ReleaseError
from artsound.receive.find import Published
from artsound.receive.pull import pull
from artsound.release.manifest import FAMILIES, FileRecord, ReleaseManifest
from artsound.release.part import Selection
from artsound.release.sample import plain
from artsound.release.sides import SIDES

BATCH = 5000  # rows that are Python objects at one time
TABLES = tuple(SIDES)
_KEYS = ("pair_id", "artwork_id", "clip_id")
_MEDIA = ("image_sha256", "audio_sha256")
_TERMS = ("tier", *(f"{side}_{name}" for side in ("art", "music") for name in ("licence", "licence_url")))
KINDS = ("recaptioned", "rescored", "relicensed", "replaced", "retold", "reencoded", "moved")  # of edits


class Rematch(NamedTuple):
    """A clip that has another artwork now, or others."""

    clip_id: str
    before: str  # artworks, joined by commas
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
    relicensed: tuple[str, ...]  # pairs under other terms
    replaced: tuple[str, ...]  # pairs with another image or recording
    retold: tuple[str, ...]  # pairs with another title, artist, link, measure or any other fact
    reencoded: tuple[str, ...]  # pairs with another vector, or other latents
    moved: tuple[str, ...]  # pairs in another split
    gained: tuple[str, ...]  # arrays, or `media`, that the earlier version has not
    lost: tuple[str, ...]  # those that the later version has not
    fetch: tuple[FileRecord, ...]  # files of the later version that the earlier one has not

    @property
    def fetch_bytes(self) -> int:
        """What has to be fetched without a patch."""
        return sum(record.bytes for record in self.fetch)

    def bump(self) -> Literal["major", "minor", "patch"]:
        """Name the part of the version that must rise, by the rules of Croissant."""
        if any(getattr(self, name) for name in ("removed", "rematched", "lost", *KINDS)):
            return "major"
        return "minor" if self.added or self.gained else "patch"

    def counts(self) -> dict[str, int]:
        """Count what changed, by kind."""
        return {name: len(getattr(self, name)) for name in COUNTED}

    def listed(self) -> dict[str, list[str]]:
        """Name everything, by kind: pairs by id, clips with both their artworks, files with their size."""
        named = {name: list(map(str, getattr(self, name))) for name in COUNTED if name != "rematched"}
        rematched = [f"{one.clip_id}: {one.before} → {one.after}" for one in self.rematched]
        return named | {"rematched": rematched, "fetch": [f"{one.path} {one.bytes}" for one in self.fetch]}

    def summary(self) -> dict[str, Any]:
        """Count everything, for people and for JSON."""
        return {
            "before": self.before,
            "after": self.after,
            **self.counts(),
            "fetch": len(self.fetch),
            "fetch_bytes": self.fetch_bytes,
            "bump": self.bump(),
        }


COUNTED = ("added", "removed", "rematched", *KINDS, "gained", "lost")


class Pair(NamedTuple):
    """What is compared of one pair."""

    artwork_id: str
    clip_id: str
    split: str
    facts: Mapping[str, bytes]  # a hash for each kind of edit


class Version(Protocol):
    """One of the two that are compared: what its small tables say, and its arrays where asked for."""

    @property
    def made(self) -> ReleaseManifest:
        """Its manifest, as far as there is one."""

    @property
    def pairs(self) -> Mapping[str, Pair]:
        """All pairs by their id."""

    def arrays(self, family: str, names: Sequence[str]) -> Mapping[str, bytes]:
        """Hash some arrays of every pair."""


@dataclass(frozen=True)
class PublishedVersion:
    """A version that stands somewhere."""

    found: Published

    @property
    def made(self) -> ReleaseManifest:
        """Its manifest."""
        return self.found.manifest

    @cached_property
    def pairs(self) -> dict[str, Pair]:
        """All pairs by their id.

        Raises:
            ReleaseError: it has no small tables, or they are not of the same pairs.
        """
        shown = self.found.place.shown
        for role in TABLES:
            if not any(record.role == role for record in self.made.files):
                raise ReleaseError(f"{shown} has no table of {role}: versions are compared by it")
        with small_tables(self.found) as folder:
            told = [dict(self._rows(folder, role)) for role in TABLES]
        first, *rest = told
        if any(one.keys() != first.keys() for one in rest) or len(first) != self.made.pairs:
            raise ReleaseError(f"{shown}: its small tables are not of the same pairs: verify it")
        return {
            key: pair._replace(facts={name: value for one in told for name, value in one[key].facts.items()})
            for key, pair in first.items()
        }

    def _rows(self, folder: Path, role: str) -> Iterator[tuple[str, Pair]]:
        for record in self.made.files:
            if record.role == role:
                for batch in pq.ParquetFile(folder / record.path).iter_batches(BATCH):
                    for row in batch.to_pylist():
                        key, artwork, clip = (row.pop(name) for name in _KEYS)
                        row.pop("split", None)
                        yield key, Pair(artwork, clip, record.split or "", facts_of(role, row))

    def arrays(self, family: str, names: Sequence[str]) -> dict[str, bytes]:
        """Hash some arrays of every pair."""
        records = [record for record in self.made.files if record.role == family]
        with small_tables(self.found, (family,)) as folder:
            return {key: value for one in records for key, value in _array_rows(folder / one.path, names)}


def facts_of(role: str, row: dict[str, Any]) -> dict[str, bytes]:
    """Hash a row of a small table, apart for each kind of edit that it can tell of."""
    if role != "items":
        return {{"captions": "recaptioned", "scores": "rescored"}[role]: _hash(row)}
    parts = {"replaced": _MEDIA, "relicensed": _TERMS}
    named = {kind: {name: row.pop(name) for name in names} for kind, names in parts.items()}
    return {kind: _hash(some) for kind, some in named.items()} | {"retold": _hash(row)}


def _hash(row: Mapping[str, Any]) -> bytes:
    text = json.dumps(plain(dict(row)), sort_keys=True)
    return hashlib.blake2b(text.encode(), digest_size=16).digest()


def _array_rows(path: Path, names: Sequence[str]) -> Iterator[tuple[str, bytes]]:
    for batch in pq.ParquetFile(path).iter_batches(BATCH // 50, columns=["pair_id", *names]):
        values = [batch[name].flatten().to_numpy().reshape(len(batch), -1) for name in names]
        keys = batch["pair_id"].to_pylist()
        yield from zip(keys, hashed_rows(values), strict=True)


def hashed_rows(values: Sequence[NDArray[Any]]) -> Iterator[bytes]:
    """Hash the rows of arrays that stand side by side."""
    for row in zip(*values, strict=True):
        digest = hashlib.blake2b(digest_size=16)
        for one in row:
            digest.update(np.ascontiguousarray(one).tobytes())
        yield digest.digest()


def diff(before: Published, after: Published) -> Diff:
    """Compare two versions, near or far.

    Raises:
        ReleaseError: one of them has no small tables, or they disagree.
        SourceError: they cannot be read.
    """
    return compare(PublishedVersion(before), PublishedVersion(after))


def compare(old: Version, new: Version) -> Diff:
    """Compare two versions, of which the later one need not be written yet."""
    old_clips, new_clips = _by_clip(old.pairs), _by_clip(new.pairs)
    both = sorted(old_clips.keys() & new_clips.keys())
    there = {record.sha256 for record in old.made.files}
    kept = sorted(old.pairs.keys() & new.pairs.keys())
    edits = {kind: _edited(kind, old, new, kept) for kind in ("recaptioned", "rescored", *_ITEMS)}
    edits["retold"] = tuple(sorted(set(edits["retold"]) - set(edits["replaced"])))  # sizes follow the media
    return Diff(
        before=f"{old.made.name} {old.made.version}",
        after=f"{new.made.name} {new.made.version}",
        added=tuple(sorted(key for key, pair in new.pairs.items() if pair.clip_id not in old_clips)),
        removed=tuple(sorted(key for key, pair in old.pairs.items() if pair.clip_id not in new_clips)),
        rematched=tuple(
            Rematch(clip, old_clips[clip], new_clips[clip])
            for clip in both
            if old_clips[clip] != new_clips[clip]
        ),
        **edits,
        reencoded=_reencoded(old, new, kept),
        moved=tuple(key for key in kept if old.pairs[key].split != new.pairs[key].split),
        gained=tuple(sorted(_parts(new.made) - _parts(old.made))),
        lost=tuple(sorted(_parts(old.made) - _parts(new.made))),
        fetch=tuple(record for record in new.made.files if record.sha256 not in there),
    )


def compared(old: ReleaseManifest, new: ReleaseManifest) -> tuple[str, ...]:
    """Name the kinds of files that are read to compare two versions."""
    return (*TABLES, *(family for family in FAMILIES if _hashes(old, family) != _hashes(new, family)))


_ITEMS = ("relicensed", "replaced", "retold")


def _edited(kind: str, old: Version, new: Version, kept: list[str]) -> tuple[str, ...]:
    return tuple(key for key in kept if old.pairs[key].facts[kind] != new.pairs[key].facts[kind])


def _parts(made: ReleaseManifest) -> set[str]:
    """Name what a version can have or not have beside words and numbers."""
    return {*(one.name for one in made.arrays), *(["media"] if made.media else [])}


def _reencoded(old: Version, new: Version, kept: list[str]) -> tuple[str, ...]:
    """Find pairs with other arrays; those of another model, shape or type are others, unread."""
    found: set[str] = set()
    for family in FAMILIES:
        before, after = ({one.name: one for one in v.made.arrays if one.family == family} for v in (old, new))
        same = before.keys() & after.keys()
        if any(before[name] != after[name] for name in same):
            return tuple(kept)
        if same and _hashes(old.made, family) != _hashes(new.made, family):
            was, now = (version.arrays(family, sorted(same)) for version in (old, new))
            found |= {key for key in kept if was[key] != now[key]}
    return tuple(sorted(found))


def _hashes(made: ReleaseManifest, family: str) -> set[str]:
    return {record.sha256 for record in made.files if record.role == family}


def _by_clip(pairs: Mapping[str, Pair]) -> dict[str, str]:
    found: dict[str, list[str]] = {}
    for pair in pairs.values():
        found.setdefault(pair.clip_id, []).append(pair.artwork_id)
    return {clip: ", ".join(sorted(artworks)) for clip, artworks in found.items()}


@contextmanager
def small_tables(found: Published, roles: tuple[str, ...] = TABLES) -> Iterator[Path]:
    """Have the small tables, or other kinds of files, in a folder of this machine."""
    if not found.place.far:
        yield Path(found.place.url)
        return
    with tempfile.TemporaryDirectory() as folder:
        pull(found, Path(folder) / "tables", Selection(holds=roles))
        yield Path(folder) / "tables"
