"""The artworks of the settings' graph, with their images: what the build wires for `artgraph`."""

from functools import lru_cache
from pathlib import Path

import pyarrow as pa

from artsound.errors import Outcome
from artsound.media.files import open_media
from artsound.settings import Collection
from artsound.sources import artgraph, images


def read_keys(collection: Collection) -> Outcome:
    """List the artworks of the graph; images that belong to none are refused here."""
    keys = artgraph.read_keys(_graph(collection))
    surplus = images.not_listed(_places(collection), keys.rows["artwork_id"].to_pylist())
    return Outcome(keys.rows, [*keys.rejects, *surplus])


def read_artworks(collection: Collection, keys: pa.Table) -> Outcome:
    """Read a window of the artworks, and find their images."""
    return images.placed(artgraph.read_window(keys, graph=_graph(collection)), _places(collection))


def read_artists(collection: Collection) -> Outcome:
    """Read all artists of the graph."""
    return artgraph.read_artists(_graph(collection))


def _graph(collection: Collection) -> artgraph.Graph:
    return artgraph.Graph(collection.uri, collection.database)


@lru_cache(maxsize=1)
def _places_in(path: Path, _: int) -> images.Places:
    return images.index(open_media(path).names())


def _places(collection: Collection) -> images.Places:
    """List the images once for all windows, and anew when the folder or zip has changed."""
    return _places_in(collection.path, collection.path.stat().st_mtime_ns if collection.path.exists() else 0)
