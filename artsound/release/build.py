"""release_rows and media → a release folder, part by part: stop it at any moment, the bytes stay the same.

Everything is made in a hidden folder beside the release, named by the digest of what it is made from:

    .<release>.<digest>/files/   becomes the release, by one rename
    .<release>.<digest>/done/    one record a finished shard
"""

import hashlib
import json
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import pyarrow as pa

from artsound import memory
from artsound.errors import ReleaseError
from artsound.media.files import Media
from artsound.release.arrays import Arrays, Placed, with_members, write_arrays
from artsound.release.attribution import Attribution
from artsound.release.costs import COSTS
from artsound.release.documents import documents
from artsound.release.hashing import HashedFile
from artsound.release.layout import MEGA, ReleaseOptions, Shard, plan_shards
from artsound.release.manifest import (
    FAMILIES,
    FORMAT,
    MANIFEST,
    SIDES,
    SUMS,
    FileRecord,
    ReleaseManifest,
    files_in,
    read_manifest,
    record_of,
)
from artsound.release.media import samples
from artsound.release.parquet import REFERENCES, write_parquet, write_small
from artsound.release.pieces import PIECED, PIECES, pieces_text
from artsound.release.rows import Plan, StoredRows
from artsound.release.sides import write_side_tables
from artsound.release.tiers import TIERS
from artsound.release.webdataset import write_tar
from artsound.review.plots import write_plots
from artsound.store import disk_errors, write_whole

__all__ = ["Release", "ReleaseOptions"]

More = Callable[[Path], Sequence[FileRecord]]  # writes files into a release
REVISION = 12  # raise it when the code changes what a release's bytes are


@dataclass(frozen=True)
class Release:
    """A release in the making. Drive it as: unless `current()`, `run` every part, then `finish`."""

    folder: Path  # where the finished release stands
    rows: pa.Table | StoredRows  # of tables.RELEASE_ROWS, in their order
    options: ReleaseOptions
    images: Media
    audio: Media
    facts: Mapping[str, Any]  # JSON: what the build knows of itself; enters manifest and card
    arrays: Sequence[Arrays] = ()  # vectors and latents that are published, too
    costs: Callable[[], str] | None = None  # tells what making it took; no part of the digest

    @cached_property
    def digest(self) -> str:
        """Identify all that the bytes of the release depend on, media included: the plan has their hashes."""
        told = {"revision": REVISION, "options": asdict(self.options), "facts": self.facts}
        arrays = [[asdict(one.record), one.content] for one in self.arrays]
        text = json.dumps([told, arrays, self.plan.content], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()

    @cached_property
    def plan(self) -> Plan:
        """The rows whose licences allow them in a release of the chosen tier."""
        return Plan(self.rows, self.options.tier)

    @cached_property
    def shards(self) -> list[Shard]:
        """The parts, in order."""
        return plan_shards(self.plan, self.options, [one.record for one in self.arrays])

    def current(self) -> ReleaseManifest | None:
        """Return the finished release when it is this one and has all its files; touches nothing."""
        return None if self._making.exists() else self._standing()

    def parts(self) -> int:
        """Count the parts; each is one shard file of one format."""
        return len(self.shards)

    def done(self, number: int) -> bool:
        """Say whether a shard is there already."""
        return bool(self._record(self.shards[number]) or self._standing())

    def bytes_written(self) -> int:
        """Add up the shards that are there."""
        return sum(record.bytes for shard in self.shards if (record := self._record(shard)))

    def run(self, number: int) -> None:
        """Write one shard, unless an earlier run did.

        Raises:
            ReleaseError: a media file is gone or has changed since the catalogue was made.
            StoreError: the disk is full or not writable.
        """
        if self.done(number):
            return
        shard = self.shards[number]
        records: list[FileRecord] = []
        with disk_errors(self._making):
            self._place(shard.path)
            write_whole(self._files / shard.path, lambda part: records.append(self._write(shard, part)))
            self._note(shard, records[0])

    def adopt(self, folder: Path, records: Iterable[FileRecord]) -> None:
        """Take over shards of this very release that stand in a folder and are right."""
        right = {record.path: record for record in records}
        for shard in self.shards:
            if shard.path in right and not self._record(shard):
                with disk_errors(self._making):
                    place = self._place(shard.path)
                    place.unlink(missing_ok=True)
                    place.hardlink_to(folder / shard.path)
                    self._note(shard, right[shard.path])

    def finish(
        self, *, add: Sequence[More] = (), changed: Sequence[str] = (), earlier: str = ""
    ) -> ReleaseManifest:
        """Write what stands beside the shards, then put all in place by one rename.

        Args:
            add: each is called with the unfinished release's folder, to write more files into it; returns
                the records of those that are more than documents.
            changed: what this version changes, a line each.
            earlier: entries of the changelog of the version before.

        Raises:
            ReleaseError: a part was not run.
            StoreError: the disk is full or not writable.
        """
        made = self._standing()
        with disk_errors(self._making):
            if made is None:
                made = self._complete(add, changed, earlier)
                if self.folder.exists():
                    self.folder.rename(self._making / "replaced")
                self._files.rename(self.folder)
            for left in self.folder.parent.glob(f".{self.folder.name}.*"):  # of other settings, too
                shutil.rmtree(left, ignore_errors=True)
        return made

    def planned(self) -> ReleaseManifest:
        """Say what the manifest will, but for the files."""
        return self._manifest(())

    @property
    def _making(self) -> Path:
        return self.folder.with_name(f".{self.folder.name}.{self.digest[:16]}")

    @property
    def _files(self) -> Path:
        return self._making / "files"

    def _done(self, shard: Shard) -> Path:
        return self._making / "done" / f"{shard.path.replace('/', '.')}.json"

    def _place(self, path: str) -> Path:
        """Make room for a file of the unfinished release."""
        (self._making / "done").mkdir(parents=True, exist_ok=True)
        (self._files / path).parent.mkdir(parents=True, exist_ok=True)
        return self._files / path

    def _standing(self) -> ReleaseManifest | None:
        """Return the manifest of the release in place if it is this one and whole, by its files' sizes."""
        try:
            found = read_manifest(self.folder)
        except ReleaseError:  # none, or damaged: it is made anew
            return None
        sizes = {SUMS: len(found.sums().encode())} | {record.path: record.bytes for record in found.files}
        whole = all(_size(self.folder / path) == size for path, size in sizes.items())
        whole = whole and all((self.folder / path).is_file() for path in found.loose)
        return found if whole and found.made_from == self.digest else None

    def _record(self, shard: Shard) -> FileRecord | None:
        """Return what an earlier run noted of a finished shard, if the shard is there as noted."""
        if not self._done(shard).exists():
            return None
        noted = FileRecord(**json.loads(self._done(shard).read_text()))
        return noted if _size(self._files / shard.path) == noted.bytes else None

    def _note(self, shard: Shard, record: FileRecord) -> None:
        text = json.dumps(asdict(record))
        write_whole(self._done(shard), lambda part: _write_text(part, text))

    def _write(self, shard: Shard, path: Path) -> FileRecord:
        rows = (shard.start, shard.stop)
        group = int(self.options.row_group_megabytes * MEGA)
        with HashedFile(path) as file:
            if shard.role in FAMILIES:
                write_arrays(file, self._placed(shard.role), *rows, group_bytes=group)
            elif shard.role == "webdataset":
                found = samples(self.plan.read(*rows), self.images, self.audio)
                write_tar(file, with_members(found, self._placed(None), *rows) if self._npy else found)
            elif not self.options.media:
                write_small(file, self.plan.read(*rows), REFERENCES)
            else:
                pieces = self.plan.read(*rows)
                write_parquet(file, pieces, images=self.images, audio=self.audio, group_bytes=group)
        memory.give_back()
        return FileRecord(
            shard.path, shard.role, shard.split, shard.stop - shard.start, file.size, file.sha256
        )

    @property
    def _npy(self) -> bool:
        return self.options.npy and bool(self.arrays)

    def _placed(self, family: str | None) -> Placed:
        """Find the arrays of a family, or all of them, for every pair; once, since it takes a while."""
        if family not in self._places:
            chosen = [one for one in self.arrays if family in (None, one.record.family)]
            self._places[family] = Placed.of(self.plan, chosen)
        return self._places[family]

    @cached_property
    def _places(self) -> dict[str | None, Placed]:
        return {}

    def _complete(self, add: Sequence[More], changed: Sequence[str], earlier: str) -> ReleaseManifest:
        """Write all other files of the unfinished release, the manifest and the sums last."""
        records = [record for shard in self.shards if (record := self._record(shard))]
        if len(records) < len(self.shards):
            raise ReleaseError(f"{len(self.shards) - len(records)} shards are not written yet: run all parts")
        self._files.mkdir(parents=True, exist_ok=True)
        makers = Attribution(self._files / "ATTRIBUTION.md", self.plan)
        records += write_side_tables(self._files, self.plan, makers.add)
        makers.finish()
        for more in add:
            records += more(self._files)
        told = documents(self._manifest(records), self.plan, self.options, changed, earlier)
        for path, text in told.items():
            write_whole(self._place(path), partial(_write_text, text=text))
        if any(record.role in PIECED for record in records):
            write_whole(self._place(PIECES), partial(_write_text, text=pieces_text(self._files, records)))
        if self.options.plots:
            write_plots(self._files / "plots", self.plan.read(columns=["meta"]))
        known = {record.path for record in records} | {MANIFEST, SUMS, COSTS}
        found = sorted(path.relative_to(self._files).as_posix() for path in files_in(self._files))
        records += [record_of(self._files, path, role="document") for path in found if path not in known]
        made = self._manifest(records)
        write_whole(self._files / MANIFEST, partial(_write_text, text=made.text()))
        write_whole(self._files / SUMS, partial(_write_text, text=made.sums()))
        if self.costs:
            write_whole(self._files / COSTS, partial(_write_text, text=self.costs()))
        return made

    def _manifest(self, records: Sequence[FileRecord]) -> ReleaseManifest:
        tiers = self.plan.counts("tier")
        return ReleaseManifest(
            format=FORMAT,
            name=self.options.name,
            version=self.options.version,
            made_from=self.digest,
            pairs=len(self.plan),
            splits=self.plan.counts("split"),
            tiers={name: tiers[name] for name in TIERS if name in tiers},
            licences={side: dict(sorted(self.plan.counts(f"{side}_licence").items())) for side in SIDES},
            arrays=tuple(one.record for one in self.arrays),
            npy=self._npy,
            costs=COSTS if self.costs else None,
            media=self.options.media,
            files=tuple(sorted(records, key=lambda record: record.path)),
            facts=self.facts,
        )


def _size(path: Path) -> int | None:
    return path.stat().st_size if path.is_file() else None


def _write_text(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")
