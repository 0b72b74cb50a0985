"""The artworks of the settings' graph, with their images: what the build wires for `artgraph`.

`graph_counts`, the last table of each reader, tells the types of relations that the graph has; a graph that
counts otherwise than before is read anew.
"""

import pyarrow as pa

from artsound.errors import Outcome
from artsound.media.files import open_media
from artsound.settings import Collection
from artsound.sources import artgraph, artgraph_counts, artgraph_extra, images
from artsound.sources.artgraph_server import Graph


def read_keys(collection: Collection, _: pa.Table) -> Outcome:
    """List the artworks of the graph with their images; those that belong to none are refused here."""
    keys = artgraph.read_keys(_graph(collection))
    found = images.find(keys.rows["artwork_id"].to_pylist(), open_media(collection.path))
    paths = pa.array(found.paths, pa.string())
    return Outcome(keys.rows.set_column(1, "image_path", paths), [*keys.rejects, *found.surplus])


def read_artworks(collection: Collection, keys: pa.Table, counts: pa.Table) -> Outcome:
    """Read a window of the artworks."""
    graph = _graph(collection)
    kinds = artgraph_counts.kinds_in(counts, graph)
    read = artgraph.read_window(keys, graph=graph, kinds=kinds)
    return images.placed(read, keys["image_path"].to_pylist())


def read_artists(collection: Collection, counts: pa.Table) -> Outcome:
    """Read all artists of the graph."""
    graph = _graph(collection)
    return artgraph.read_artists(graph, artgraph_counts.kinds_in(counts, graph))


def read_extra(collection: Collection, counts: pa.Table) -> Outcome:
    """Read what the graph holds beyond the columns of the other tables."""
    labels, types = artgraph_counts.labels_in(counts)
    return artgraph_extra.kept(artgraph_extra.over_bolt(_graph(collection), labels, types))


def _graph(collection: Collection) -> Graph:
    return Graph(collection.uri, collection.database)
