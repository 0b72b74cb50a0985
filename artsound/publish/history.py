"""The version before: what a release in the making follows on, and what its changelog says of the step."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np

from artsound.errors import ConfigError, ReleaseError
from artsound.publish.versions import checked, numbers
from artsound.receive.diff import Diff, Pair, PublishedVersion, facts_of, hashed_rows
from artsound.receive.fetch import has
from artsound.receive.find import Published
from artsound.receive.place import open_place
from artsound.release.about import CHANGELOG, entries
from artsound.release.arrays import Placed
from artsound.release.build import Release, ReleaseOptions
from artsound.release.manifest import MANIFEST, ReleaseManifest, local_manifest
from artsound.release.sides import SIDES, metas

BLOCK = 100  # pairs whose arrays are hashed at one time


class History(NamedTuple):
    """What a changelog is made of, beside what the publisher says."""

    lines: tuple[str, ...]  # what the new version changes
    earlier: str  # the entries of the versions before


def before(folder: Path, chosen: ReleaseOptions, named: Path | None) -> Published | None:
    """Find the version that a release follows on: the one that is named, or the newest lower one beside it.

    Raises:
        ConfigError: what is named is no release of this name.
        ReleaseError: its manifest is damaged.
    """
    if named is not None:
        made = local_manifest(named)
        if made.name != chosen.name or numbers(made.version) >= numbers(chosen.version):
            raise ConfigError(
                f"release.follows: {chosen.folder_name} cannot follow on {made.name} {made.version} ({named})"
            )
        return Published(open_place(named), made)
    there = [path.parent for path in folder.parent.glob(f"{chosen.name}-*.*.*/{MANIFEST}")]
    found = [Published(open_place(one), local_manifest(one)) for one in there if one != folder]
    lower = [one for one in found if _is_lower(one.manifest, chosen)]
    return max(lower, key=lambda one: numbers(one.manifest.version), default=None)


def _is_lower(made: ReleaseManifest, chosen: ReleaseOptions) -> bool:
    """Say whether a release is a whole one of the same name and a lower version."""
    same = made.name == chosen.name and "cut" not in made.facts
    return same and numbers(made.version) < numbers(chosen.version)


def told_of(found: Published | None) -> dict[str, str]:
    """Say in a manifest which version it follows on."""
    if found is None:
        return {}
    sha256 = hashlib.sha256(found.manifest.text().encode()).hexdigest()
    return {"version": found.manifest.version, "manifest": sha256}


@dataclass(frozen=True)
class PlannedVersion:
    """A release that is not written yet, as the one that is compared."""

    release: Release

    @property
    def made(self) -> ReleaseManifest:
        """Its manifest, without files."""
        return self.release.planned()

    @cached_property
    def pairs(self) -> dict[str, Pair]:
        """All pairs by their id."""
        made = {}
        for meta in metas(self.release.plan):
            facts: dict[str, bytes] = {}
            for role, (_, row_of) in SIDES.items():
                row = row_of(meta)
                key, artwork, clip = (row.pop(name) for name in ("pair_id", "artwork_id", "clip_id"))
                row.pop("split", None)
                facts |= facts_of(role, row)
            made[key] = Pair(artwork, clip, meta["split"], facts)
        return made

    def arrays(self, family: str, names: Sequence[str]) -> Mapping[str, bytes]:
        """Hash some arrays of every pair."""
        plan = self.release.plan
        chosen = [one for one in self.release.arrays if one.record.name in names]
        placed = Placed.of(plan, sorted(chosen, key=lambda one: one.record.name))
        blocks = placed.blocks(0, len(plan), BLOCK)
        rows = (row for block in blocks for row in hashed_rows([np.asarray(one) for one in block]))
        keys = (key for rows in plan.read(columns=["pair_id"]) for key in rows["pair_id"].to_pylist())
        return dict(zip(keys, rows, strict=True))


def history(release: Release, found: Published | None) -> History:
    """Compare a release with the version before it, before anything of it is written.

    Raises:
        ReleaseError: its version says less than what changed; names the right one.
    """
    if found is None:
        return History(("First version.",), "")
    changed = checked(PublishedVersion(found), PlannedVersion(release))
    return History(tuple(lines(changed, found.manifest.version)), _earlier(found))


def lines(changed: Diff, old: str) -> Sequence[str]:
    """Say what a step changes, a line a kind."""
    counts = {name: count for name, count in changed.counts().items() if count}
    told = [f"{_counted(count, *_WORDS[name])}." for name, count in counts.items() if name in _WORDS]
    told += [f"New: {', '.join(changed.gained)}."] if changed.gained else []
    told += [f"Gone: {', '.join(changed.lost)}."] if changed.lost else []
    return [f"Since {old}: {one}" for one in told or ["the same data, packed anew."]]


_WORDS = {
    "added": ("pair", "added"),
    "removed": ("pair", "removed"),
    "rematched": ("clip", "with another artwork"),
    "recaptioned": ("pair", "with other captions"),
    "rescored": ("pair", "with another score, rank or price"),
    "relicensed": ("pair", "under another licence"),
    "replaced": ("pair", "with another image or recording"),
    "retold": ("pair", "with another title, artist, link or measure"),
    "reencoded": ("pair", "with other vectors or latents"),
    "moved": ("pair", "in another split"),
}


def _counted(count: int, what: str, how: str) -> str:
    return f"{count} {what}{'s' * (count != 1)} {how}"


def _earlier(found: Published) -> str:
    """Read the entries of a changelog, which must be the one that its manifest names."""
    path = Path(found.place.url) / CHANGELOG
    known = next((record for record in found.manifest.files if record.path == CHANGELOG), None)
    if known is None:
        return ""
    if not has(path.parent, known):
        raise ReleaseError(f"{path} is missing or was changed: verify that release")
    return entries(path.read_text(encoding="utf-8"))
