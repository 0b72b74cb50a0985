"""The artworks of the settings' graph, with their images: what the build wires for `artgraph`.

`graph_counts`, the last table of each reader, tells the types of relations that the graph has; a graph that
counts otherwise than before is read anew.
"""

from functools import lru_cache
from pathlib import Path

import pyarrow as pa

from artsound.errors import Outcome
from artsound.media.files import open_media
from artsound.settings import Collection
from artsound.sources import artgraph, artgraph_counts, images


def count_graph(collection: Collection) -> Outcome:
    """Count what the graph holds, quickly: says whether it has changed."""
    return artgraph_counts.count_graph(_graph(collection))


def read_keys(collection: Collection, _: pa.Table) -> Outcome:
    """List the artworks of the graph; images that belong to none are refused here."""
    keys = artgraph.read_keys(_graph(collection))
    surplus = images.not_listed(_places(collection), keys.rows["artwork_id"].to_pylist())
    return Outcome(keys.rows, [*keys.rejects, *surplus])


def read_artworks(collection: Collection, keys: pa.Table, counts: pa.Table) -> Outcome:
    """Read a window of the artworks, and find their images."""
    graph = _graph(collection)
    kinds = artgraph_counts.kinds_in(counts, graph)
    return images.placed(artgraph.read_window(keys, graph=graph, kinds=kinds), _places(collection))


def read_artists(collection: Collection, counts: pa.Table) -> Outcome:
    """Read all artists of the graph."""
    graph = _graph(collection)
    return artgraph.read_artists(graph, artgraph_counts.kinds_in(counts, graph))


def _graph(collection: Collection) -> artgraph.Graph:
    return artgraph.Graph(collection.uri, collection.database)


@lru_cache(maxsize=1)
def _places_in(path: Path, _: int) -> images.Places:
    return images.index(open_media(path).names())


def _places(collection: Collection) -> images.Places:
    """List the images once for all windows, and anew when the folder or zip has changed."""
    return _places_in(collection.path, collection.path.stat().st_mtime_ns if collection.path.exists() else 0)
