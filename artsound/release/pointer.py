"""Which version of a published dataset is the newest: one small file, switched when all else is there.

A place that datasets are published to holds, for each of them,

    <name>-<version>/     a release as it was built; never changed once published
    <name>/latest.json    the pointer: the newest version, and the manifest's hash of every version
"""

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Self

from artsound.errors import ReleaseError
from artsound.release.manifest import NAME, VERSION

POINTER = "latest.json"
FORMAT = "artsound-pointer/1"
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Pointer:
    """What a reader of a published dataset sees first."""

    name: str
    version: str  # the newest
    manifests: Mapping[str, str]  # version → sha256 of its manifest.json, in order of publication
    format: str = FORMAT

    def switched(self, version: str, manifest_sha256: str) -> Self:
        """Point to another release; a version that was published keeps its hash for ever.

        Raises:
            ReleaseError: the version is there with other content.
        """
        if self.manifests.get(version, manifest_sha256) != manifest_sha256:
            raise ReleaseError(f"{self.name} {version} is published already, with other content: bump it")
        return type(self)(self.name, version, {**self.manifests, version: manifest_sha256})

    def text(self) -> str:
        """Write the pointer as JSON."""
        return json.dumps(asdict(self), indent=2) + "\n"


def parse_pointer(data: bytes) -> Pointer:
    """Understand a pointer's bytes, which come from elsewhere.

    Raises:
        ReleaseError: it is not a pointer, or its name, versions or hashes are not such.
    """
    try:
        found = Pointer(**json.loads(data))
        texts = [found.name, found.version, *found.manifests, *found.manifests.values()]
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        raise ReleaseError(f"{POINTER} is not a pointer to a release: {error}") from error
    if found.format != FORMAT or not all(isinstance(text, str) for text in texts):
        raise ReleaseError(f"{POINTER} has not the format {FORMAT!r}")
    sound = (
        NAME.fullmatch(found.name),
        found.version in found.manifests,
        all(VERSION.fullmatch(version) for version in found.manifests),
        all(_SHA256.fullmatch(sha256) for sha256 in found.manifests.values()),
    )
    if not all(sound):
        raise ReleaseError(f"{POINTER} names no releases as they are named")
    return found
