"""The recordings of a release, taken out of its shards by pair, for a page that does not hold them."""

import threading
from functools import cached_property
from pathlib import Path

from artsound.errors import ArtSoundError
from artsound.loader.load import load
from artsound.loader.pairs import Pairs
from artsound.release.manifest import read_manifest

FROM_SHARDS = (
    "sounds/"  # below this address, `artsound review serve` answers out of the release beside the page
)


class Sounds:
    """The sounds of the release that an audit page stands beside."""

    def __init__(self, page: Path) -> None:
        self._release = page.with_name(page.name.removesuffix("-audit"))
        self._lock = threading.Lock()

    def get(self, pair_id: str) -> bytes | None:
        """Read the recording of a pair; None when there is no such release or pair."""
        with self._lock:
            found = self._places.get(pair_id)
        if found is None:
            return None
        pairs, number = found
        data: bytes = pairs[number]["audio"]
        return data

    @cached_property
    def _places(self) -> dict[str, tuple[Pairs, int]]:
        """Say where each pair stands; read once, when the first sound is asked for."""
        found: dict[str, tuple[Pairs, int]] = {}
        try:
            for split in read_manifest(self._release).splits:
                sounds = load(self._release, split, columns=["audio"])
                names = load(self._release, split, columns=["pair_id"])
                found |= {names[at]["pair_id"]: (sounds, at) for at in range(len(names))}
        except ArtSoundError:  # a page without a release shows all but its sounds
            return found
        return found
