"""A small file that turns one version into another, byte for byte: what is new, and where the rest stands.

A patch is an uncompressed zip of `patch.json` (for each file of the new version, the stretches it is put
together of), `new.bin` (the bytes that the old version has nowhere), the new manifest and cost sheet.
"""

import hashlib
import json
import zipfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any

from artsound.errors import ConfigError, ReleaseError
from artsound.progress import track
from artsound.receive.chunks import chunks
from artsound.receive.fetch import has, make_room
from artsound.receive.find import Published
from artsound.receive.pull import Pulled, check_folder, check_space, put_description, refuse_others
from artsound.release.costs import COSTS, LARGEST_COSTS, parse_costs
from artsound.release.manifest import (
    LARGEST_MANIFEST,
    MANIFEST,
    FileRecord,
    ReleaseManifest,
    local_manifest,
    sound_manifest,
)
from artsound.store import alone_in, disk_errors, write_whole

FORMAT = "artsound-patch/1"
PLAN, NEW = "patch.json", "new.bin"
LARGEST_PLAN = 2**30  # bytes
PIECE = 1 << 20  # bytes copied at a time
FROM_PATCH = -1  # in place of a file of the old version: the next bytes of `new.bin`

Stretch = tuple[int, int, int]  # file of the old version, or FROM_PATCH; first byte; bytes


@dataclass(frozen=True)
class Plan:
    """What a patch says."""

    format: str
    before: str  # sha256 of the old manifest
    after: str  # sha256 of the new manifest
    files: list[list[Stretch]]  # for each file of the new manifest, in its order


@dataclass(frozen=True)
class Patched:
    """What a patch takes."""

    path: Path
    bytes: int
    new_bytes: int  # of media, text and headers that the old version has not


def patch_between(before: Published, after: Published, patch: Path) -> Patched:
    """Write a patch between two versions that both stand on this machine.

    Raises:
        ConfigError: one of them does not.
        ReleaseError, StoreError: as `make_patch`.
    """
    for one in (before, after):
        if one.place.far:
            raise ConfigError(f"a patch is made of two folders: pull {one.place.shown} first")
    return make_patch(Path(before.place.url), Path(after.place.url), patch)


def make_patch(before: Path, after: Path, patch: Path) -> Patched:
    """Write what turns a release folder into another one.

    Raises:
        ConfigError: a folder stands where the patch should.
        ReleaseError: one of the folders is no release.
        StoreError: the disk is full or not writable.
    """
    if patch.is_dir():
        raise ConfigError(f"{patch} is a folder: name the file that the patch shall be")
    old, new = local_manifest(before), local_manifest(after)
    with disk_errors(patch.parent):
        patch.parent.mkdir(parents=True, exist_ok=True)
        size = write_whole(patch, lambda part: _write(part, before, after, (old, new)))
    return Patched(patch, patch.stat().st_size, size)


def _write(path: Path, before: Path, after: Path, both: tuple[ReleaseManifest, ReleaseManifest]) -> int:
    old, new = both
    known = _Known(before, old, new)
    with zipfile.ZipFile(path, "w") as made:
        size = 0
        files: list[list[Stretch]] = []
        with made.open(zipfile.ZipInfo(NEW), "w", force_zip64=True) as out:
            for record in track(new.files, "compare files"):
                stretches = known.stretches(after / record.path, record)
                size += _copy_new(after / record.path, stretches, out)
                files.append(stretches)
        plan = Plan(FORMAT, _sha256(old), _sha256(new), files)
        made.writestr(zipfile.ZipInfo(PLAN), json.dumps(asdict(plan)))
        made.writestr(zipfile.ZipInfo(MANIFEST), new.text())
        for name in new.loose:
            made.writestr(zipfile.ZipInfo(name), (after / name).read_bytes())
    return size


class _Known:
    """Where the old version has which bytes."""

    def __init__(self, folder: Path, old: ReleaseManifest, new: ReleaseManifest) -> None:
        self._whole = {record.sha256: number for number, record in enumerate(old.files)}
        same = {record.sha256 for record in new.files}
        self._parts: dict[bytes, tuple[int, int]] = {}
        changed = [(n, record) for n, record in enumerate(old.files) if record.sha256 not in same]
        for number, record in track(changed, "index the old version"):
            for chunk in chunks(folder / record.path):
                self._parts.setdefault(chunk.digest, (number, chunk.start))

    def stretches(self, path: Path, record: FileRecord) -> list[Stretch]:
        """Put a file together; neighbours that stand side by side in the old version become one."""
        if record.sha256 in self._whole:
            return [(self._whole[record.sha256], 0, record.bytes)]
        made: list[Stretch] = []
        for chunk in chunks(path):
            source, start = self._parts.get(chunk.digest, (FROM_PATCH, chunk.start))
            if made and (last := made[-1])[0] == source and last[1] + last[2] == start:
                made[-1] = (source, last[1], last[2] + chunk.size)
            else:
                made.append((source, start, chunk.size))
        return made


def _copy_new(path: Path, stretches: list[Stretch], out: IO[bytes]) -> int:
    """Append what the old version has not; returns how many bytes."""
    new = [(start, size) for source, start, size in stretches if source == FROM_PATCH]
    with path.open("rb") as file:
        for start, size in new:
            file.seek(start)
            for piece in _pieces(file, size):
                out.write(piece)
    return sum(size for _, size in new)


def apply_patch(before: Path, patch: Path, folder: Path) -> Pulled:
    """Make the new version out of the old one and a patch; every file is checked before it gets its name.

    Run it again after a stop: finished files are kept.

    Raises:
        ReleaseError: the patch is damaged or hostile, is for another release, or the old version is damaged.
        StoreError: the disk is full or not writable.
    """
    old = local_manifest(before)
    try:
        with zipfile.ZipFile(patch) as given:
            new, plan = _plan(given, old)
            costs = _costs(given, new)
            check_folder(folder, new)
            standing = [has(folder, record) for record in track(new.files, "look")]
            missing = [record for record, right in zip(new.files, standing, strict=True) if not right]
            refuse_others(folder, new, missing)
            check_space(folder, sum(record.bytes for record in missing))
            with given.open(NEW) as fresh, alone_in(folder), disk_errors(folder):
                for number, right in enumerate(track(standing, "put together")):
                    _build(_Build(before, old, folder, new.files[number], plan.files[number]), fresh, right)
                put_description(folder, new, None, costs=costs)
    except (zipfile.BadZipFile, OSError, EOFError, KeyError) as error:
        raise ReleaseError(f"{patch} is not a sound patch ({error})") from error
    return Pulled(folder, len(new.files), len(missing), sum(record.bytes for record in missing))


@dataclass(frozen=True)
class _Build:
    """One file to put together."""

    before: Path
    old: ReleaseManifest
    folder: Path
    record: FileRecord
    stretches: list[Stretch]


def _build(job: _Build, fresh: IO[bytes], standing: bool) -> None:
    if standing:
        for source, _, size in job.stretches:
            if source == FROM_PATCH:
                fresh.seek(size, 1)
        return
    path = job.folder / job.record.path
    make_room(job.folder, path)
    write_whole(path, lambda part: _join(job, fresh, part))


def _join(job: _Build, fresh: IO[bytes], part: Path) -> None:
    digest, made = hashlib.sha256(), 0
    part.unlink(missing_ok=True)
    with part.open("xb") as out:
        for piece in _all_pieces(job, fresh):
            made += len(piece)
            if made > job.record.bytes:
                break
            out.write(piece)
            digest.update(piece)
    if (made, digest.hexdigest()) != (job.record.bytes, job.record.sha256):
        part.unlink()
        raise ReleaseError(
            f"{job.record.path} does not become what it should: verify {job.before}, and fetch the patch anew"
        )


def _all_pieces(job: _Build, fresh: IO[bytes]) -> Iterator[bytes]:
    for source, start, size in job.stretches:
        if source == FROM_PATCH:
            yield from _pieces(fresh, size)
            continue
        path = job.before / job.old.files[source].path
        try:
            with path.open("rb") as file:
                file.seek(start)
                yield from _pieces(file, size)
        except OSError as error:
            raise ReleaseError(f"cannot read {path} ({error.strerror}): verify {job.before}") from error


def _pieces(file: IO[bytes], size: int) -> Iterator[bytes]:
    while size > 0 and (piece := file.read(min(PIECE, size))):
        size -= len(piece)
        yield piece


def _plan(given: zipfile.ZipFile, old: ReleaseManifest) -> tuple[ReleaseManifest, Plan]:
    """Read a patch that may be hostile."""
    for name, most in ((PLAN, LARGEST_PLAN), (MANIFEST, LARGEST_MANIFEST)):
        if given.getinfo(name).file_size > most:
            raise ReleaseError(f"{given.filename}: {name} is larger than {most} bytes")
    new = sound_manifest(given.read(MANIFEST))
    try:
        told: dict[str, Any] = json.loads(given.read(PLAN))
        plan = Plan(**told)
        files = [[_stretch(one, len(old.files)) for one in stretches] for stretches in plan.files]
    except (ValueError, TypeError, RecursionError) as error:
        raise ReleaseError(f"{given.filename} is no patch: {error}") from error
    if plan.format != FORMAT or plan.after != _sha256(new) or len(files) != len(new.files):
        raise ReleaseError(f"{given.filename} is no patch of the format {FORMAT!r}")
    if plan.before != _sha256(old):
        raise ReleaseError(f"{given.filename} is for another release than {old.name} {old.version}")
    return new, Plan(plan.format, plan.before, plan.after, files)


def _costs(given: zipfile.ZipFile, new: ReleaseManifest) -> str | None:
    if new.costs is None:
        return None
    if given.getinfo(COSTS).file_size > LARGEST_COSTS:
        raise ReleaseError(f"{given.filename}: {COSTS} is larger than {LARGEST_COSTS} bytes")
    data = given.read(COSTS)
    parse_costs(data)
    return data.decode()


def _stretch(given: Any, files: int) -> Stretch:
    source, start, size = given
    if any(type(one) is not int for one in (source, start, size)):
        raise ValueError("a stretch is not of whole numbers")
    if not (FROM_PATCH <= source < files and start >= 0 and size >= 0):
        raise ValueError("a stretch lies outside the old version")
    return source, start, size


def _sha256(made: ReleaseManifest) -> str:
    return hashlib.sha256(made.text().encode()).hexdigest()
