"""Fetches published archives: goes on where it stopped, asks mirrors in turn, holds all to checksums.

What is on disk under the file's own name is whole and has the published checksum; what is not yet lies
beside it as `.part`.
"""

import hashlib
import math
import shutil
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import requests

from artsound.errors import SourceError, StoreError
from artsound.progress import LOG, track
from artsound.sources.base import Remote
from artsound.sources.fetch import AGENT, retry_after, stated_length
from artsound.store import disk_errors

PIECE = 1 << 20  # bytes written at a time; progress counts these
SPARE = 100_000_000  # bytes of the disk that stay free
LONGEST_WAIT = 300.0  # s; who asks for more is passed over


class _Failed(Exception):
    """One address did not give the file this time; it may be asked again after so many seconds, or never."""

    def __init__(self, cause: str, *, after: float | None) -> None:
        super().__init__(cause)
        self.cause, self.after = cause, after


@dataclass(frozen=True)
class Patience:
    """How long to wait, and how often to ask one address that fails."""

    timeout: float = 60.0  # s without a byte
    tries: int = 5  # that bring nothing new; one that brings bytes is not counted
    wait: float = 2.0  # s before the second; doubles with each


def download(
    remote: Remote, folder: Path, *, mirrors: Iterable[str] = (), patience: Patience | None = None
) -> Path:
    """Download a published file, going on where an earlier attempt stopped.

    Args:
        remote: the file.
        folder: where it goes; a file of its name must have its checksum.
        mirrors: addresses of folders that hold the same file; asked in this order, before the file's own.
        patience: when to give an address up.

    Raises:
        SourceError: no address gave the bytes that the checksum names, or other bytes lie there already.
        StoreError: the disk is too full.
    """
    target = folder / remote.name
    if target.exists():
        if not sound(target, remote):
            raise SourceError(f"{target} has other bytes than published: move it away, and run again")
        return target
    with disk_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
    part, causes = target.with_name(target.name + ".part"), []
    for url in [*(f"{mirror.rstrip('/')}/{remote.name}" for mirror in mirrors), remote.url]:
        if not url:
            continue
        try:
            _complete(url, part, remote, patience or Patience())
        except _Failed as failed:
            causes.append(f"{urlsplit(url).netloc}: {failed.cause}")
            LOG.warning("%s from %s", remote.name, causes[-1])
        else:
            return part.rename(target)
    raise SourceError(f"{remote.name} cannot be had: {'; '.join(causes) or 'no address'}. Run again to go on")


def sound(path: Path, remote: Remote) -> bool:
    """Hold a file against the published size and checksum, as far as they are known."""
    if remote.bytes is not None and path.stat().st_size != remote.bytes:
        return False
    kind, _, expected = remote.checksum.partition(":")
    if not expected:
        return True
    digest = hashlib.new(kind, usedforsecurity=False)
    with path.open("rb") as file:
        pieces = iter(lambda: file.read(PIECE), b"")
        for piece in track(pieces, f"checking {path.name}, MiB", math.ceil(path.stat().st_size / PIECE)):
            digest.update(piece)
    return digest.hexdigest() == expected


def _complete(url: str, part: Path, remote: Remote, patience: Patience) -> None:
    """Bring the part to its end from one address, and check it; what was begun elsewhere is gone on with.

    Raises:
        _Failed: it was given up; the part stays, unless its bytes are others than published.
    """
    left, wait = patience.tries, patience.wait
    while True:
        before = _size(part)
        try:
            _append(url, part, remote, patience.timeout)
        except _Failed as failed:
            left = patience.tries if _size(part) > before else left - 1
            pause = max(failed.after or 0.0, wait)
            if failed.after is None or left <= 0 or pause > LONGEST_WAIT:
                raise
            LOG.info("%s: %s; again in %.0f s", remote.name, failed.cause, pause)
            time.sleep(pause)
            wait = patience.wait if _size(part) > before else wait * 2
        else:
            if sound(part, remote):
                return
            part.unlink()
            if not before:
                raise _Failed("other bytes than published", after=None)


def _append(url: str, part: Path, remote: Remote, timeout: float) -> None:
    """Ask once for what is missing."""
    have = _size(part)
    if have and have == remote.bytes:
        return
    headers = {"User-Agent": AGENT, "Accept-Encoding": "identity"}
    if have:
        headers["Range"] = f"bytes={have}-"
    try:
        with requests.get(url, stream=True, timeout=timeout, headers=headers) as answer:
            if answer.status_code == 416 and have:  # nothing is left to send; the checksum decides
                return
            start = _start(answer, have)
            left = stated_length(answer)
            _check_space(part, left - (have - start))
            with part.open("ab" if start else "wb") as file:
                for piece in _counted(answer, remote.name, left):
                    file.write(piece)
    except requests.TooManyRedirects as error:
        raise _Failed("redirects without end", after=None) from error
    except requests.RequestException as error:
        raise _Failed(type(error).__name__, after=0.0) from error
    except OSError as error:
        raise StoreError(f"{part}: {error.strerror or error}: free some space, and run again") from error


def _start(answer: requests.Response, have: int) -> int:
    """Say where the bytes of an answer begin: a server that knows no ranges begins anew."""
    status = answer.status_code
    if status in (429, 500, 502, 503, 504):
        raise _Failed(f"HTTP {status}", after=retry_after(answer.headers.get("Retry-After", "")))
    if status not in (200, 206):
        raise _Failed(f"HTTP {status}", after=None)
    if answer.headers.get("Content-Type", "").startswith("text/html"):
        raise _Failed("sends a web page instead", after=None)
    if status == 200:
        return 0
    if not answer.headers.get("Content-Range", "").startswith(f"bytes {have}-"):
        raise _Failed("sends another range than asked for", after=None)
    return have


def _counted(answer: requests.Response, name: str, left: int) -> Iterator[bytes]:
    """Pass the body on, counting MiB with rate and time left."""
    return track(answer.iter_content(PIECE), f"{name}, MiB", math.ceil(left / PIECE) or None)


def _check_space(part: Path, need: int) -> None:
    free = shutil.disk_usage(part.parent).free
    if need + SPARE > free:
        raise StoreError(
            f"{part.parent} needs {need / 1e6:.0f} MB more and {free / 1e6:.0f} MB are free: free some, "
            "or name another folder"
        )


def _size(part: Path) -> int:
    return part.stat().st_size if part.exists() else 0


def files_of_record(url: str, *, timeout: float = 60.0) -> list[Remote]:
    """List the files of a Zenodo record, with sizes and checksums as the record states them.

    Args:
        url: of the record's API, such as https://zenodo.org/api/records/8172374.
        timeout: s without a byte.

    Raises:
        SourceError: it cannot be had, or lists no files.
    """
    try:
        answer = requests.get(url, timeout=timeout, headers={"User-Agent": AGENT})
        answer.raise_for_status()
        files = answer.json()["files"]
        found = [
            Remote(Path(file["key"]).name, file["links"]["self"], file.get("checksum", ""), file.get("size"))
            for file in files
        ]
    except (requests.RequestException, ValueError, KeyError, TypeError) as error:
        raise SourceError(f"{url} does not list its files ({type(error).__name__}): try again") from error
    if not found:
        raise SourceError(f"{url} lists no files")
    return found
