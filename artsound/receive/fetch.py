"""One file from afar, checked by hash; what was fetched before a break is kept and gone on with."""

import hashlib
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from artsound.errors import ReleaseError, SourceError
from artsound.receive.place import CHUNK, MissingFile, Place, ShortFile
from artsound.release.manifest import FileRecord, record_of
from artsound.store import disk_errors, write_whole

Seen = Callable[[int], None]
ATTEMPTS = 5  # without one new byte
PAUSE = 0.5  # s before the second attempt; doubles from attempt to attempt


def has(folder: Path, record: FileRecord) -> bool:
    """Say whether a file stands in a folder as its record says, and can be read."""
    path = folder / record.path
    try:
        if path.is_symlink() or not path.is_file() or path.stat().st_size != record.bytes:
            return False
        return record_of(folder, record.path, role=record.role).sha256 == record.sha256
    except OSError:  # of a failing disk, or not allowed
        return False


def fetch(place: Place, record: FileRecord, folder: Path, seen: Seen = lambda _: None) -> None:
    """Put a file of a release into a folder: whole and right, or not at all.

    Args:
        place: where it is published.
        record: what it must be.
        folder: of the release on this machine.
        seen: is told of bytes as they come, and by a negative number of those that were wrong; may raise to
            stop, and what came until then is gone on with the next time.

    Raises:
        SourceError: the place does not give it, or gives other bytes.
        StoreError: the disk is full or not writable.
    """
    path = folder / record.path
    with disk_errors(folder):
        make_room(folder, path)
        write_whole(path, lambda part: _fill(place, record, part, seen), goes_on=True)


def make_room(folder: Path, path: Path) -> None:
    """Make the folders of a file; none of them may be a link, which would lead out of the release.

    Raises:
        ReleaseError: one is a link.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    for above in (path, *path.parents):
        if above == folder:
            return
        if above.is_symlink():
            raise ReleaseError(f"{above} is a link: remove it and run again")


def _fill(place: Place, record: FileRecord, part: Path, seen: Seen) -> None:
    """Bring a half file to its end; start anew, once, when what was there before spoils the hash."""
    if part.is_symlink():
        part.unlink()
    kept = part.stat().st_size if part.exists() else 0
    if _arrives(place, record, part, seen):
        return
    seen(-part.stat().st_size)
    part.unlink()
    if kept and _arrives(place, record, part, seen):
        return
    part.unlink(missing_ok=True)
    raise SourceError(f"{place.shown}/{record.path} is not what the manifest says (size or sha256 differs)")


def _arrives(place: Place, record: FileRecord, part: Path, seen: Seen) -> bool:
    """Fetch the rest of a file, in as many attempts as it takes; says whether it is right."""
    digest, size = _begun(part, record.bytes)
    seen(size)
    with part.open("r+b" if size else "wb") as file:
        file.truncate(size)
        file.seek(size)
        for chunk in steady(place, record, size):
            file.write(chunk)
            digest.update(chunk)
            size += len(chunk)
            seen(len(chunk))
    return size == record.bytes and digest.hexdigest() == record.sha256


def steady(place: Place, record: FileRecord, start: int = 0) -> Iterator[bytes]:
    """Yield the bytes of a file from `start` on, over a line that may break; one more at most than it has.

    Raises:
        MissingFile: it is not there.
        ShortFile: it ends too early.
        SourceError: the place does not answer, or refuses.
    """
    size, attempt, asked = start, 0, start > 0
    while size < record.bytes or not asked:
        before, asked = size, True
        try:
            for chunk in place.stream(record.path, size, record.bytes - size + 1):
                size += len(chunk)
                yield chunk
            if size < record.bytes:
                raise ShortFile(f"{place.shown}/{record.path} ends after {size} bytes")
        except MissingFile:
            raise
        except SourceError as error:
            attempt = 1 if size > before else attempt + 1
            if attempt >= ATTEMPTS:
                raise type(error)(f"{error}; asked {ATTEMPTS} times, try the same command later") from error
            time.sleep(PAUSE * 2 ** (attempt - 1))


def _begun(part: Path, most: int) -> "tuple[hashlib._Hash, int]":
    """Hash what an earlier attempt left."""
    digest, size = hashlib.sha256(), 0
    if not part.exists() or part.stat().st_size > most:
        return digest, size
    with part.open("rb") as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
            size += len(chunk)
    return digest, size
