"""Pull a release, or a part of it: in parallel, every file checked, again only what is missing or wrong.

Files appear under their names only when they are whole; the manifest comes last, so that a folder that was
not pulled to its end is not taken for a release. To go on, run the same command.
"""

import shutil
import threading
from collections.abc import Iterable
from concurrent.futures import CancelledError, ThreadPoolExecutor, as_completed
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from artsound.errors import ConfigError, ReleaseError, StoreError
from artsound.progress import counting_bytes, track
from artsound.receive.fetch import fetch, has
from artsound.receive.find import Published
from artsound.receive.place import Place
from artsound.release.costs import COSTS, LARGEST_COSTS, parse_costs
from artsound.release.manifest import (
    MANIFEST,
    NOTE,
    SUMS,
    FileRecord,
    ReleaseManifest,
    files_in,
    read_manifest,
)
from artsound.release.part import Note, Selection, read_note
from artsound.store import alone_in, disk_errors, write_whole

SPARE = 64 * 2**20  # bytes that stay free on the disk


@dataclass(frozen=True)
class Pulled:
    """What a pull did."""

    folder: Path
    files: int  # of the release, or of the part that was asked for
    fetched: int
    bytes: int  # fetched


def pull(found: Published, folder: Path, part: Selection | None = None, *, workers: int = 8) -> Pulled:
    """Bring a folder to hold a release, or a part of it.

    Args:
        found: the release, from `find`.
        folder: where it shall stand; may hold an earlier, unfinished or smaller pull of the same version.
        part: what of it, None for all; added to what an earlier pull was asked for.
        workers: files that are fetched at one time.

    Raises:
        ConfigError: the release has no such part.
        ReleaseError: another release, or anything else, stands in the folder.
        SourceError: a file cannot be fetched, or is not what the manifest says.
        StoreError: the disk is full or not writable; what was finished is kept.
    """
    return _pull(found, folder, part, workers, others=False)


def _pull(found: Published, folder: Path, part: Selection | None, workers: int, *, others: bool) -> Pulled:
    made = found.manifest
    before = check_folder(folder, made)
    wanted = part or Selection()
    if before:
        wanted = wanted.joined(before.part)
    files = wanted.of(made).files
    with ThreadPoolExecutor(workers) as pool:
        there = track(pool.map(lambda record: has(folder, record), files), "look", total=len(files))
        missing = [record for record, right in zip(files, there, strict=True) if not right]
    if not others:
        refuse_others(folder, made, missing)
    check_space(folder, _needed(folder, missing))
    with alone_in(folder):
        _fetch_all(found.place, missing, folder, workers)
        put_description(folder, made, Note(found.place.shown, wanted), costs=_costs(found, folder))
    return Pulled(folder, len(files), len(missing), sum(record.bytes for record in missing))


def _fetch_all(place: Place, records: list[FileRecord], folder: Path, workers: int) -> None:
    """Fetch files side by side; when one fails, or the user stops it, the others stop where they are."""
    stopped = threading.Event()
    total = sum(record.bytes for record in records)
    with counting_bytes("fetch", total) as seen, ThreadPoolExecutor(workers) as pool:

        def count(size: int) -> None:
            seen(size)
            if stopped.is_set():
                raise CancelledError

        try:
            jobs = [pool.submit(fetch, place, record, folder, count) for record in records]
            for job in as_completed(jobs):
                job.result()
        finally:
            stopped.set()
            pool.shutdown(cancel_futures=True)


def check_folder(folder: Path, made: ReleaseManifest) -> Note | None:
    """Look what stands in a folder: nothing, or an earlier pull of the very same release.

    Raises:
        ReleaseError: something else stands there.
    """
    if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
        raise ReleaseError(f"{folder} is not a folder: name another")
    path = folder / MANIFEST
    if path.is_file() and path.read_bytes() != made.text().encode():
        raise ReleaseError(f"{path} is of another release, or damaged: name another folder, or delete it")
    return read_note(folder)


def refuse_others(folder: Path, made: ReleaseManifest, missing: Iterable[FileRecord]) -> None:
    """Leave a folder alone that holds files of somebody else, which might be overwritten.

    What was begun and stopped has files that are right, or half; the rest is written at the end.

    Raises:
        ReleaseError: names such a file.
    """
    if not folder.is_dir() or any((folder / name).is_file() for name in (MANIFEST, NOTE)):
        return
    own = {record.path for record in made.files} - {record.path for record in missing}
    own |= {COSTS, SUMS} | _halves(made)
    for path in files_in(folder):
        if path.relative_to(folder).as_posix() not in own and not path.is_symlink():
            raise ReleaseError(f"{folder} holds {path.name}, and no release: name a new or an empty folder")


def _halves(made: ReleaseManifest) -> set[str]:
    """Name the half files that a stopped run may have left."""
    return {f"{path}.part" for path in (*(record.path for record in made.files), COSTS, SUMS, NOTE, MANIFEST)}


def _needed(folder: Path, missing: list[FileRecord]) -> int:
    begun = (folder / f"{record.path}.part" for record in missing)
    return sum(record.bytes for record in missing) - sum(p.stat().st_size for p in begun if p.is_file())


def check_space(folder: Path, need: int) -> None:
    """Refuse to begin what the disk cannot hold.

    Raises:
        StoreError: says how many bytes are missing.
    """
    above = next(place for place in (folder, *folder.absolute().parents) if place.exists())
    free = shutil.disk_usage(above).free
    if need + SPARE > free:
        raise StoreError(
            f"{folder} needs {need / 1e6:.1f} MB more, beside {SPARE / 1e6:.0f} MB that stay free, and "
            f"{free / 1e6:.1f} MB are free: free some, or take a part of it, or another disk"
        )


def fetched_costs(found: Published) -> str | None:
    """Read the cost sheet of a release; None when it has none.

    Raises:
        MissingFile: its manifest names one, which is not there.
        ReleaseError: a byte of it was changed.
        SourceError: the place does not answer.
    """
    if found.manifest.costs is None:
        return None
    data = found.place.read(COSTS, LARGEST_COSTS)
    parse_costs(data)
    return data.decode()


def _costs(found: Published, folder: Path) -> str | None:
    """Take the sheet that is here and sound, or fetch it."""
    path = folder / COSTS
    if found.manifest.costs is None or not path.is_file() or path.is_symlink():
        return fetched_costs(found)
    try:
        data = path.read_bytes()
        parse_costs(data)
    except ReleaseError:
        return fetched_costs(found)
    return data.decode()


def put_description(
    folder: Path, made: ReleaseManifest, note: Note | None, *, costs: str | None = None
) -> None:
    """Write what makes a folder a release, the manifest last; half files are dropped.

    Raises:
        StoreError: the disk is full or not writable.
    """
    texts = {NOTE: note.text()} if note else {}
    texts |= {COSTS: costs} if costs else {}
    with disk_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        for left in _halves(made):  # that nobody goes on with
            (folder / left).unlink(missing_ok=True)
        for name, text in {**texts, SUMS: made.sums(), MANIFEST: made.text()}.items():
            write_whole(folder / name, partial(_write, text=text))


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")


def repair(found: Published, folder: Path, *, workers: int = 8) -> Pulled:
    """Fetch anew what of a pulled folder is damaged or gone, and nothing else.

    Raises:
        ConfigError: the folder is of another release.
        SourceError: a file cannot be fetched, or is not what the manifest says.
        StoreError: the disk is full or not writable.
    """
    path = folder / MANIFEST
    with suppress(ReleaseError):
        own = read_manifest(folder)
        if (own.name, own.version) != (found.manifest.name, found.manifest.version):
            raise ConfigError(f"{folder} is {own.name} {own.version}, not {found.place.shown}")
    if path.is_file() and path.read_bytes() != found.manifest.text().encode():
        with disk_errors(folder):
            path.unlink()  # it is damaged; the files are held against the published one
    return _pull(found, folder, _part(folder), workers, others=True)


def _part(folder: Path) -> Selection | None:
    """Tell what was pulled; all, where the note of it is damaged."""
    try:
        note = read_note(folder)
    except ReleaseError:
        (folder / NOTE).unlink()
        return None
    return note.part if note else None
