"""The files that sources are read from, beside the media: by hash, and by the checksum that is published."""

import hashlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from artsound import tables
from artsound.errors import ConfigError, Outcome
from artsound.media.files import MediaError, open_media
from artsound.settings import Collection
from artsound.sources import fma
from artsound.sources.base import Remote
from artsound.sources.fma_metadata import FILES
from artsound.sources.folder import table_name

Row = dict[str, Any]


def list_files(art: Collection, music: Collection, graph: Callable[[], str]) -> Outcome:
    """List what both sides were read from.

    Args:
        art: where the artworks come from.
        music: where the tracks come from.
        graph: tells the state of the graph on the server; asked where the artworks come from one.

    Raises:
        ConfigError: a file cannot be read.
    """
    rows = [
        {"side": side, **row} for side, one in (("art", art), ("music", music)) for row in _of(one, graph)
    ]
    return Outcome(tables.rows_of("source_files", sorted(rows, key=lambda row: (row["side"], row["name"]))))


def _of(collection: Collection, graph: Callable[[], str]) -> Iterator[Row]:
    remotes = fma.SOURCE.remotes if collection.source == "fma" else ()
    yield from (_archive(place, remotes) for place in collection.places if _published(place, remotes))
    if collection.source == "artgraph":
        yield _row(collection.database, sha256=hashlib.sha256(graph().encode()).hexdigest())
    elif collection.source == "artgraph-csv" and collection.graph:
        yield from _hashed(collection.graph, lambda name: name.endswith((".csv", ".csv.gz")))
    elif collection.source == "fma" and collection.metadata:
        for row in _hashed(collection.metadata, lambda name: PurePosixPath(name).name in FILES):
            yield row | {"name": PurePosixPath(row["name"]).name}  # the zip has a folder around them
    elif collection.source == "folder":
        table = table_name(collection, open_media(collection.path).names())
        yield from _hashed(collection.path, lambda name: name == table)


def _published(place: Path, remotes: Iterable[Remote]) -> Remote | None:
    return next((remote for remote in remotes if remote.name == place.name), None)


def _archive(place: Path, remotes: Iterable[Remote]) -> Row:
    """Tell of an archive without reading it: it was held against its checksum when it was fetched."""
    known = _published(place, remotes)
    return _row(place.name, place.stat().st_size, published=known.checksum if known else None)


def _hashed(place: Path, wanted: Callable[[str], bool]) -> Iterator[Row]:
    media = open_media(place)
    for name in filter(wanted, media.names()):
        try:
            data = media.read(name)
        except MediaError as error:
            raise ConfigError(f"{place}: cannot read {name} ({error.detail})") from error
        yield _row(name, len(data), hashlib.sha256(data).hexdigest())


def _row(name: str, size: int | None = None, sha256: str | None = None, published: str | None = None) -> Row:
    return {"name": name, "bytes": size, "sha256": sha256, "published": published}
