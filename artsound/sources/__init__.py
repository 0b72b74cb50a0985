"""Where the data comes from: one module a source, each declaring the same `SOURCE`."""

from collections.abc import Callable

from artsound.errors import Outcome
from artsound.settings import Collection
from artsound.sources import folder
from artsound.sources.base import Source

SOURCES: tuple[Source, ...] = (folder.SOURCE,)

Read = Callable[[Collection], Outcome]
ART_SOURCES: dict[str, Read] = {"folder": folder.read_artworks}
MUSIC_SOURCES: dict[str, Read] = {"folder": folder.read_tracks}

__all__ = ["ART_SOURCES", "MUSIC_SOURCES", "SOURCES", "Source"]
