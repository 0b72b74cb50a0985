"""A finished release → a folder, or any URL that fsspec writes to (s3, …), where `artsound pull` finds it.

Every file is read back and held against its hash after it arrived; files that are there are kept, so that the
same command goes on where it stopped; readers see nothing until the pointer is switched, as the last act.
"""

import hashlib
import shutil
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import fsspec

from artsound.errors import ReleaseError, SourceError
from artsound.progress import track_bytes
from artsound.publish.switch import read_pointer, switch
from artsound.publish.versions import check_bump
from artsound.receive.find import find
from artsound.receive.place import MissingFile, Place, open_place
from artsound.release.costs import COSTS, LARGEST_COSTS, parse_costs
from artsound.release.manifest import (
    LARGEST_MANIFEST,
    MANIFEST,
    SUMS,
    FileRecord,
    ReleaseManifest,
    read_manifest,
    record_of,
)
from artsound.release.pointer import Pointer
from artsound.release.tiers import withheld
from artsound.release.verify import verify
from artsound.store import alone_in, disk_errors, write_whole

ATTEMPTS = 4
PAUSE = 1.0  # s before the second attempt; doubles each time


@dataclass(frozen=True)
class Sent:
    """What publishing did."""

    url: str
    version: str
    sent: int  # files; the rest was there already
    kept: int
    newest: bool  # the pointer names this version


def publish(folder: Path, target: str, *, workers: int = 4) -> Sent:
    """Put a release into a place.

    Args:
        folder: a finished release; it is verified first.
        target: path or URL under which the dataset's releases and its pointer lie.
        workers: files on their way at one time.

    Raises:
        ReleaseError: it is damaged, not to be passed on, of a wrong version, or there with other content.
        SourceError: the place does not take a file after `ATTEMPTS` attempts; run the same command again.
    """
    made = sound(folder)
    place = open_place(target)
    before = read_pointer(place, made.name)
    after = _switched(before, place, made, folder)  # refuses before anything is sent
    version = place / f"{made.name}-{made.version}"
    if made.version not in before.manifests:
        _refuse_other(version, made)
    *files, manifest = _files(folder, made)
    with nullcontext() if place.far else alone_in(Path(place.url)):
        with ThreadPoolExecutor(workers) as pool:
            jobs = pool.map(partial(_send, folder, version), files)
            sent = sum(track_bytes(jobs, "publish", [record.bytes for record in files]))
        sent += _send(folder, version, manifest)  # when it is there, all that it names is there
        files.append(manifest)

        def change(now: Pointer) -> Pointer:
            return after if now == before else _switched(now, place, made, folder)

        stands = switch(place, made.name, change)
    return Sent(place.shown, made.version, sent, len(files) - sent, stands.version == made.version)


def _refuse_other(version: Place, made: ReleaseManifest) -> None:
    """Leave a version alone that stands there though nothing points to it: readers may know its folder.

    Raises:
        ReleaseError: it has other content.
    """
    try:
        there = version.read(MANIFEST, LARGEST_MANIFEST)
    except MissingFile:
        return
    if there != made.text().encode():
        raise ReleaseError(
            f"{version.shown} is there already, with other content: bump the version, or remove that folder"
        )


def _switched(before: Pointer, place: Place, made: ReleaseManifest, folder: Path) -> Pointer:
    """Say what the pointer must become.

    Raises:
        ReleaseError: the version is there with other content, or is not one that may follow on the newest.
    """
    after = before.switched(made.version, record_of(folder, MANIFEST, role="document").sha256)
    if _is_newest(place, before, made, folder):
        return after
    return Pointer(after.name, before.version, after.manifests)


def sound(folder: Path) -> ReleaseManifest:
    """Return the manifest of a release that may be passed on.

    Raises:
        ReleaseError: it is damaged, or holds media whose licences do not allow it.
    """
    if problems := verify(folder).problems:
        raise ReleaseError(f"{folder} is not sound, nothing was published: {problems[0]}")
    made = read_manifest(folder)
    if made.media and (count := withheld(made.tiers)):
        raise ReleaseError(
            f"the licences of {count} pairs do not allow to pass their media on, or are unknown: build with "
            'release.tier = "no-derivatives" or a freer one, or with release.media = false'
        )
    return made


def _files(folder: Path, made: ReleaseManifest) -> list[FileRecord]:
    """List all files, the manifest last."""
    own = [record_of(folder, path, role="document") for path in (*made.loose, SUMS, MANIFEST)]
    return [*made.files, *own]


def _is_newest(place: Place, before: Pointer, made: ReleaseManifest, folder: Path) -> bool:
    """Say whether readers should get this version; refuse a new one that does not follow on the newest."""
    if made.version in before.manifests:
        return made.version == before.version
    if before.version:
        check_bump(find(f"{place.url}/{made.name}@{before.version}"), find(str(folder)))
    return True


def _send(folder: Path, place: Place, record: FileRecord) -> bool:
    """Bring one file to the place and read it back; returns False if it was there."""
    for attempt in range(ATTEMPTS):
        try:
            if _arrived(place, record) or (record.path == COSTS and _has_costs(place)):
                return attempt > 0
            _put(place, record.path, folder / record.path)
        except MissingFile:
            raise
        except SourceError:
            if attempt == ATTEMPTS - 1:
                raise
            time.sleep(PAUSE * 2**attempt)
    if _arrived(place, record):
        return True
    raise SourceError(f"{place.shown}/{record.path} does not arrive whole: run the same command again")


def _arrived(place: Place, record: FileRecord) -> bool:
    found = hashlib.sha256()
    try:
        for chunk in place.stream(record.path):
            found.update(chunk)
    except MissingFile:
        return False
    return found.hexdigest() == record.sha256


def _has_costs(place: Place) -> bool:
    """Say whether a sheet is there already: that of another build of the same bytes stays."""
    try:
        parse_costs(place.read(COSTS, LARGEST_COSTS))
    except (MissingFile, ReleaseError):
        return False
    return True


def _put(place: Place, path: str, local: Path) -> None:
    if "://" not in place.url:
        _write(Path(place.url, path), partial(shutil.copyfile, local))
        return
    with place.errors(path):
        system, root = fsspec.core.url_to_fs(place.url)
        system.put_file(str(local), f"{root}/{path}")


def _write(path: Path, write: Callable[[Path], Any]) -> None:
    def done(part: Path) -> None:
        write(part)

    with disk_errors(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, done)
