"""What a graph on a server holds, in a few quick questions: by this a build sees that it has changed."""

import hashlib
from collections.abc import Iterable
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from artsound import tables
from artsound.errors import Outcome
from artsound.sources.artgraph import TYPES, Graph, Kinds, kinds_of
from artsound.sources.artgraph_model import tell_unread

# Neo4j keeps the counts of labels and types, and need not look.
LABELS = "CALL db.labels()"
OF_LABEL = "MATCH (n:`{name}`) RETURN '{name}' AS name, count(n) AS count"
OF_TYPE = "MATCH ()-[r:`{name}`]->() RETURN '{name}' AS name, count(r) AS count"
# What the names do not tell is hashed here, row by row: servers have no function for it. Nodes are hashed
# whole; relations by tail, since there are too many for each.
NODES = "MATCH (n:{label}) RETURN properties(n)"
TAILS = """MATCH (h)-[r:`{name}`]->(t)
RETURN t.name, count(h), sum(size(h.name)), min(h.name), max(h.name), sum(coalesce(r.arousal, 0))"""
ENDS = "MATCH (h)-[r:`{name}`]->(t) RETURN DISTINCT labels(h)[0], type(r), labels(t)[0]"
LOOKED_INTO = ("Artwork", "Artist")  # the only labels whose nodes have more than a name


def count_graph(graph: Graph) -> Outcome:
    """Count nodes by label, relations by type, and hash what artworks, artists and relations hold.

    One change goes unseen: relations of one type that change heads among their tails so that each tail keeps
    number, first, last and total length of its heads' names.

    Raises:
        ConfigError: it is no ArtGraph; lists what is missing.
        SourceError: as `Graph.read`.
    """
    labels, types = (_counted(graph, *queries) for queries in ((LABELS, OF_LABEL), (TYPES, OF_TYPE)))
    kinds_of(graph, types)
    tell_unread(triple for name in types for triple in graph.read(ENDS.format(name=name)))
    inside = {
        label: graph.read(NODES.format(label=label), _digest) for label in LOOKED_INTO if label in labels
    }
    between = {name: graph.read(TAILS.format(name=name), _digest) for name in types}
    rows = [
        *(("label", name, count, inside.get(name)) for name, count in labels.items()),
        *(("type", name, count, between[name]) for name, count in types.items()),
    ]
    names = tables.TABLES["graph_counts"].names
    return Outcome(
        tables.rows_of("graph_counts", [dict(zip(names, row, strict=True)) for row in sorted(rows)])
    )


def _digest(rows: Iterable[Any]) -> str:
    """Hash rows in whatever order they come, none of them kept."""
    total = 0
    for row in rows:
        values = [sorted(value.items()) if isinstance(value, dict) else value for value in row]
        total += int.from_bytes(hashlib.blake2b(repr(values).encode(), digest_size=16).digest())
    return f"{total % (1 << 128):032x}"


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
