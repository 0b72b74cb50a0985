"""Find a release at an address: `<place>/<name>-<version>`, or `<place>/<name>` and perhaps `@version`."""

import hashlib
import re
from pathlib import Path
from typing import NamedTuple

from artsound.errors import ReleaseError
from artsound.receive.place import MissingFile, Place, open_place
from artsound.release.manifest import LARGEST_MANIFEST, MANIFEST, ReleaseManifest, sound_manifest
from artsound.release.pointer import POINTER, Pointer, parse_pointer

LARGEST_POINTER = 2**20  # bytes
_ADDRESS = re.compile(r"(?P<place>.+?)(?:@(?P<version>\d+\.\d+\.\d+))?")


class Published(NamedTuple):
    """A release that can be read from somewhere, its manifest checked."""

    place: Place
    manifest: ReleaseManifest


def find(address: str, version: str | None = None) -> Published:
    """Find a release and read its manifest, trusting neither.

    Args:
        address: path or URL of a release, or of a published dataset; `@1.2.3` at its end names a version.
        version: the same, for callers that have it apart.

    Raises:
        MissingFile: nothing is there.
        SourceError: the place does not answer.
        ReleaseError: what is there is not the release that was asked for, or its manifest is hostile.
    """
    found = _ADDRESS.fullmatch(address)
    place, asked = open_place(found["place"] if found else address), version or (found and found["version"])
    try:
        return _checked(place, place.read(MANIFEST, LARGEST_MANIFEST), asked)
    except MissingFile:
        pointer = _pointer(place)
    if pointer is None and asked is None:
        raise MissingFile(
            f"{place.shown} has neither {MANIFEST} nor {POINTER}: no release, and no dataset of releases"
        )
    chosen = asked or (pointer.version if pointer else "")
    if pointer and chosen not in pointer.manifests:
        known = ", ".join(sorted(pointer.manifests, key=lambda one: [int(part) for part in one.split(".")]))
        raise MissingFile(f"{place.shown} has no version {chosen}, only {known}")
    folder = place.beside(f"{place.name}-{chosen}")
    data = folder.read(MANIFEST, LARGEST_MANIFEST)
    if pointer and (known := pointer.manifests[chosen]) != hashlib.sha256(data).hexdigest():
        raise ReleaseError(f"{folder.shown}/{MANIFEST} has not the sha256 {known} that {POINTER} names")
    return _checked(folder, data, chosen)


def local_folder(address: str) -> Path:
    """Name the folder that an address on this machine means; what stands in it may be damaged.

    Raises:
        MissingFile: a dataset has no such version.
        ReleaseError: the version's manifest is not the one that is pointed to.
    """
    folder, asked = Path(address), _ADDRESS.fullmatch(address)
    dataset = (folder / POINTER).is_file() and not (folder / MANIFEST).exists()
    if dataset or (asked and asked["version"] and not folder.exists()):
        return Path(find(address).place.url)
    return folder


def _pointer(place: Place) -> Pointer | None:
    try:
        found = parse_pointer(place.read(POINTER, LARGEST_POINTER))
    except MissingFile:
        return None
    if found.name != place.name:
        raise ReleaseError(f"{place.shown}/{POINTER} points to {found.name!r}, another dataset")
    return found


def _checked(place: Place, data: bytes, version: str | None) -> Published:
    made = sound_manifest(data)
    if version not in (None, made.version):
        raise ReleaseError(f"{place.shown} is version {made.version}, not {version}")
    return Published(place, made)
