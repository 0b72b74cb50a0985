"""How each source of the settings is read and checked; loads them all, so it is imported where it is used."""

from collections.abc import Callable
from pathlib import Path

from artsound.errors import ConfigError, Outcome
from artsound.media.files import open_media
from artsound.settings import Collection
from artsound.sources import artgraph_csv, artgraph_model, bolt, fma, fma_makers, folder, images
from artsound.sources.base import Source

SOURCES: tuple[Source, ...] = (folder.SOURCE, artgraph_model.SOURCE, fma.SOURCE)
Read = Callable[..., Outcome]
Check = Callable[[Collection], None]


def _export(collection: Collection) -> Path:
    if collection.graph is None:
        raise ConfigError("artworks.graph: name the folder or zip of the graph export")
    return collection.graph


def _metadata(collection: Collection) -> Path:
    if collection.metadata is None:
        raise ConfigError("tracks.metadata: name fma_metadata.zip, or its folder")
    return collection.metadata


def _graph_artworks(collection: Collection) -> Outcome:
    """Read an export, and find the images of its artworks."""
    read = artgraph_csv.read_artworks(_export(collection))
    found = images.find(read.rows["artwork_id"].to_pylist(), open_media(collection.path))
    placed = images.placed(read, found.paths)
    return Outcome(placed.rows, [*placed.rejects, *found.surplus])


def _fma_tracks(collection: Collection) -> Outcome:
    return fma.read_tracks(_metadata(collection), open_media(collection.path), subset=collection.subset)


ART_SOURCES: dict[str, Read] = {
    "folder": folder.read_artworks,
    "artgraph": bolt.read_artworks,
    "artgraph-csv": _graph_artworks,
}
ARTIST_SOURCES: dict[str, Read] = {
    "artgraph": bolt.read_artists,
    "artgraph-csv": lambda collection: artgraph_csv.read_artists(_export(collection)),
}
EXTRA_SOURCES: dict[str, Read] = {
    "artgraph": bolt.read_extra,
    "artgraph-csv": lambda collection: artgraph_csv.read_extra(_export(collection)),
}
MUSIC_SOURCES: dict[str, Read] = {"folder": folder.read_tracks, "fma": _fma_tracks}
MUSICIAN_SOURCES: dict[str, Read] = {
    "fma": lambda collection: fma_makers.read_musicians(_metadata(collection))
}
ALBUM_SOURCES: dict[str, Read] = {"fma": lambda collection: fma_makers.read_albums(_metadata(collection))}
# What shows by a look at headers: told before anything runs.
ART_CHECKS: dict[str, Check] = {
    "folder": folder.check_artworks,
    "artgraph-csv": lambda collection: artgraph_csv.check(_export(collection)),
}
MUSIC_CHECKS: dict[str, Check] = {
    "folder": folder.check_tracks,
    "fma": lambda collection: fma.check_metadata(_metadata(collection)),
}
