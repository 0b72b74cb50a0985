"""The pointer of a published dataset, switched so that no version is forgotten when two publish at one time.

In S3 the switch is conditional: it fails when the pointer is not as it was read, and is then worked out anew.
On this machine a lock keeps others out. Elsewhere one publisher at a time is assumed: the pointer is read
just before the switch, and again after it, which tells of a lost version but cannot keep it.
"""

import errno
from collections.abc import Callable
from functools import partial
from http.client import CONFLICT, PRECONDITION_FAILED
from pathlib import Path
from typing import Any

import fsspec

from artsound.errors import SourceError
from artsound.receive.find import LARGEST_POINTER
from artsound.receive.place import MissingFile, Place
from artsound.release.pointer import POINTER, Pointer, parse_pointer
from artsound.store import disk_errors, write_whole

ATTEMPTS = 5  # with others who switch it at the same time


def read_pointer(place: Place, name: str) -> Pointer:
    """Read what a place says of a dataset; one without a version when there is none."""
    try:
        return parse_pointer(place.read(f"{name}/{POINTER}", LARGEST_POINTER))
    except MissingFile:
        return Pointer(name, "", {})


def switch(place: Place, name: str, change: Callable[[Pointer], Pointer]) -> Pointer:
    """Change the pointer of a dataset; returns what it became.

    Args:
        place: where the dataset lies.
        name: of the dataset.
        change: says what a pointer must become; asked again when others have changed it meanwhile.

    Raises:
        SourceError: others have switched it at the same time, or the place does not take it.
    """
    path = f"{name}/{POINTER}"
    for _ in range(ATTEMPTS):
        condition = _condition(place, path)  # first: what changes from here on makes the switch fail
        now = read_pointer(place, name)
        after = change(now)
        if after == now:
            return after
        if not _put(place, path, after.text(), condition):
            continue
        if not after.manifests.items() <= read_pointer(place, name).manifests.items():
            break
        return after
    raise SourceError(f"{place.shown}/{path}: others switch it at the same time; run the same command again")


def _condition(place: Place, path: str) -> dict[str, str]:
    """Say on which condition S3 may take the pointer: that it is the one there now, or that there is none."""
    if not place.url.startswith(("s3://", "s3a://")):
        return {}
    with place.errors(path):
        system, root = fsspec.core.url_to_fs(place.url)
        system.invalidate_cache()
        try:
            return {"IfMatch": system.info(f"{root}/{path}")["ETag"]}
        except FileNotFoundError:
            return {"IfNoneMatch": "*"}


def _put(place: Place, path: str, text: str, condition: dict[str, str]) -> bool:
    """Write the pointer; returns False when the condition does not hold."""
    if "://" not in place.url:
        local = Path(place.url, path)
        with disk_errors(local.parent):
            local.parent.mkdir(parents=True, exist_ok=True)
            write_whole(local, lambda part: part.write_text(text))
        return True
    with place.errors(path):
        system, root = fsspec.core.url_to_fs(place.url)
        send = partial(system.pipe_file, f"{root}/{path}", text.encode())
        try:
            send(**condition)
        except OSError as error:
            if condition and _status(error) in (CONFLICT, PRECONDITION_FAILED):
                return False
            if not condition or error.errno != errno.ENOSYS:
                raise
            send()  # a store that knows no conditions
    return True


def _status(error: OSError) -> Any:
    """Tell the HTTP status behind an error of s3fs."""
    return getattr(error.__cause__, "response", {}).get("ResponseMetadata", {}).get("HTTPStatusCode")
