"""What a graph on a server holds, in a few quick questions: by this a build sees that it has changed."""

import hashlib
from collections.abc import Iterable
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from artsound import tables
from artsound.errors import Outcome
from artsound.progress import LOG
from artsound.sources.artgraph import TYPES, Graph, Kinds, kinds_of
from artsound.sources.artgraph_extra import edges_beyond

# Neo4j keeps the counts of labels and types, and need not look.
LABELS = "CALL db.labels()"
OF_LABEL = "MATCH (n:`{name}`) RETURN '{name}' AS name, count(n) AS count"
OF_TYPE = "MATCH ()-[r:`{name}`]->() RETURN '{name}' AS name, count(r) AS count"
# What the names do not tell is hashed here, row by row: servers have no function for it. Nodes are hashed
# whole; relations by tail, since there are too many for each, and whole where they tell more than their ends.
NODES = "MATCH (n:`{label}`) RETURN properties(n)"
TAILS = """MATCH (h)-[r:`{name}`]->(t)
RETURN t.name, count(h), sum(size(h.name)), min(h.name), max(h.name), sum(coalesce(r.arousal, 0))"""


def count_graph(graph: Graph) -> Outcome:
    """Count nodes by label, relations by type, and hash what they hold.

    Two changes go unseen: relations of one type that change heads among their tails so that each tail keeps
    number, first, last and total length of its heads' names; another description of an emotion.

    Raises:
        ConfigError: it is no ArtGraph; lists what is missing.
        SourceError: as `Graph.read`.
    """
    labels, types = (_counted(graph, *queries) for queries in ((LABELS, OF_LABEL), (TYPES, OF_TYPE)))
    kinds_of(graph, types)
    inside = {label: graph.read(NODES.format(label=label), _digest) for label in labels}
    between = {
        name: "/".join(graph.read(query, _digest) for query in (TAILS.format(name=name), edges_beyond(name)))
        for name in types
    }
    rows = [
        *(("label", name, count, inside[name]) for name, count in labels.items()),
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
    """Count all labels or types at once; one whose name would have to be quoted is told, and not read."""
    known = [str(name) for (name,) in graph.read(names)]
    odd = [name for name in known if set(name) & set("`'\\")]
    if odd:
        LOG.warning("labels or relations with quotes in their names are not read: %s", ", ".join(odd))
    asked = [query.format(name=name) for name in known if name not in odd]
    return {str(name): int(count) for name, count in graph.read(" UNION ALL ".join(asked))} if asked else {}


def kinds_in(counts: pa.Table, graph: Graph) -> Kinds:
    """Find how a graph that was counted names its relations."""
    return kinds_of(graph, labels_in(counts)[1])


def labels_in(counts: pa.Table) -> tuple[list[str], list[str]]:
    """List the labels, and the types of relations, that were counted."""
    kinds = (counts.filter(pc.field("kind") == kind)["name"].to_pylist() for kind in ("label", "type"))
    labels, types = kinds
    return labels, types


def told(counts: pa.Table) -> str:
    """Write rows of `graph_counts` as one text, for a digest."""
    return repr([tuple(row.values()) for row in counts.to_pylist()])
