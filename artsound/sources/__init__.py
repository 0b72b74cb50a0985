"""Where the data comes from: one module a source, each declaring the same `SOURCE`."""

from collections.abc import Callable

from artsound.errors import ConfigError, Outcome
from artsound.media.files import open_media
from artsound.settings import Collection
from artsound.sources import artgraph_csv, artgraph_model, bolt, fma, folder, images
from artsound.sources.base import Source

SOURCES: tuple[Source, ...] = (folder.SOURCE, artgraph_model.SOURCE, fma.SOURCE)

Read = Callable[..., Outcome]


def _graph_artworks(collection: Collection) -> Outcome:
    """Read an export, and find the images of its artworks."""
    if collection.graph is None:
        raise ConfigError("artworks.graph: name the folder or zip of the graph export")
    read = artgraph_csv.read_artworks(collection.graph)
    places = images.index(open_media(collection.path).names())
    surplus = images.not_listed(places, read.rows["artwork_id"].to_pylist())
    found = images.placed(read, places)
    return Outcome(found.rows, [*found.rejects, *surplus])


def _graph_artists(collection: Collection) -> Outcome:
    if collection.graph is None:
        raise ConfigError("artworks.graph: name the folder or zip of the graph export")
    return artgraph_csv.read_artists(collection.graph)


def _fma_tracks(collection: Collection) -> Outcome:
    if collection.metadata is None:
        raise ConfigError("tracks.metadata: name fma_metadata.zip, or its folder")
    return fma.read_tracks(collection.metadata, open_media(collection.path), subset=collection.subset)


ART_SOURCES: dict[str, Read] = {
    "folder": folder.read_artworks,
    "artgraph": bolt.read_artworks,
    "artgraph-csv": _graph_artworks,
}
ARTIST_SOURCES: dict[str, Read] = {"artgraph": bolt.read_artists, "artgraph-csv": _graph_artists}
MUSIC_SOURCES: dict[str, Read] = {"folder": folder.read_tracks, "fma": _fma_tracks}

__all__ = ["ARTIST_SOURCES", "ART_SOURCES", "MUSIC_SOURCES", "SOURCES", "Source"]
