"""What a graph on a server holds, in a few quick questions: by this a build sees that it has changed."""

import pyarrow as pa
import pyarrow.compute as pc

from artsound import tables
from artsound.errors import Outcome
from artsound.sources.artgraph import TYPES, Graph, Kinds, kinds_of

# Neo4j keeps the counts of labels and types, and need not look.
LABELS = "CALL db.labels()"
OF_LABEL = "MATCH (n:`{name}`) RETURN '{name}' AS name, count(n) AS count"
OF_TYPE = "MATCH ()-[r:`{name}`]->() RETURN '{name}' AS name, count(r) AS count"
TEXTS = "MATCH (n:{label}) UNWIND keys(n) AS name RETURN name, count(*), sum(size(toString(n[name])))"
LOOKED_INTO = ("Artwork", "Artist")  # the only labels whose nodes have more than a name


def count_graph(graph: Graph) -> Outcome:
    """Count nodes by label, relations by type, and the characters of each property of artworks and artists.

    A change that keeps all these numbers goes unseen.

    Raises:
        ConfigError: it is no ArtGraph; lists what is missing.
        SourceError: as `Graph.read`.
    """
    labels, types = (_counted(graph, *queries) for queries in ((LABELS, OF_LABEL), (TYPES, OF_TYPE)))
    kinds_of(graph, types)
    texts = [
        (f"{label}.{name}", count, int(size))
        for label in LOOKED_INTO
        if label in labels
        for name, count, size in graph.read(TEXTS.format(label=label))
    ]
    rows = [
        *(("label", name, count, None) for name, count in labels.items()),
        *(("property", *found) for found in texts),
        *(("type", name, count, None) for name, count in types.items()),
    ]
    names = tables.TABLES["graph_counts"].names
    return Outcome(
        tables.rows_of("graph_counts", [dict(zip(names, row, strict=True)) for row in sorted(rows)])
    )


def _counted(graph: Graph, names: str, query: str) -> dict[str, int]:
    """Count all labels or types at once; a name that would have to be quoted is none of ArtGraph's."""
    known = [str(name) for (name,) in graph.read(names)]
    asked = [query.format(name=name) for name in known if not set(name) & set("`'\\")]
    return {str(name): int(count) for name, count in graph.read(" UNION ALL ".join(asked))} if asked else {}


def kinds_in(counts: pa.Table, graph: Graph) -> Kinds:
    """Find how a graph that was counted names its relations."""
    types = counts.filter(pc.field("kind") == "type")["name"].to_pylist()
    return kinds_of(graph, types)


def told(counts: pa.Table) -> str:
    """Write rows of `graph_counts` as one text, for a digest."""
    return repr([tuple(row.values()) for row in counts.to_pylist()])
