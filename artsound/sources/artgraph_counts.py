"""What a graph on a server holds, in a few quick questions: by this a build sees that it has changed."""

import hashlib
from collections.abc import Iterable
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from artsound import tables
from artsound.errors import Outcome
from artsound.sources.artgraph import TYPES, Kinds, kinds_of
from artsound.sources.artgraph_extra import edges_beyond, nodes_of, quoted
from artsound.sources.artgraph_model import EMOTION
from artsound.sources.artgraph_server import Graph

# Neo4j keeps the counts of labels and types, and need not look.
LABELS = "CALL db.labels()"
OF_LABEL = "MATCH (n:{name}) RETURN {place} AS place, count(n) AS count"
OF_TYPE = "MATCH ()-[r:{name}]->() RETURN {place} AS place, count(r) AS count"
UNLABELLED = f"{nodes_of('')}RETURN count(n)"
# What the names do not tell is hashed here, row by row: servers have no function for it. Nodes are hashed
# whole; relations by tail, since there are too many for each, and whole where they tell more than their ends.
TAILS = (
    "MATCH (h)-[r:{name}]->(t) RETURN t.name, count(h), sum(size(toString(h.name))), min(h.name), max(h.name)"
)
FELT = "MATCH (h)-[r:{name}]->(t) RETURN h.name, collect([t.name, r.arousal, r.description])"


def count_graph(graph: Graph) -> Outcome:
    """Count nodes by label, relations by type, and hash what they hold.

    One change goes unseen: relations of one type that change heads among their tails so that each tail keeps
    number, first, last and total length of its heads' names. Emotions are seen whole.

    Raises:
        ConfigError: it is no ArtGraph; lists what is missing.
        SourceError: as `Graph.read`.
    """
    labels, types = (_counted(graph, *queries) for queries in ((LABELS, OF_LABEL), (TYPES, OF_TYPE)))
    kinds_of(graph, types)
    if unlabelled := graph.read(UNLABELLED)[0][0]:
        labels[""] = int(unlabelled)
    inside = {label: graph.read(f"{nodes_of(label)}RETURN properties(n)", _digest) for label in labels}
    between = {
        name: "/".join(graph.read(query, _digest) for query in (_ends(name), edges_beyond(name)))
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


def _ends(kind: str) -> str:
    """Write the query for what the relations of a type lead between."""
    return (FELT if kind in (EMOTION.old, EMOTION.new) else TAILS).format(name=quoted(kind))


def _digest(rows: Iterable[Any]) -> str:
    """Hash rows, and what is collected in them, in whatever order they come, none of them kept."""
    total = 0
    for row in rows:
        values = [_sorted(value) for value in row]
        total += int.from_bytes(hashlib.blake2b(repr(values).encode(), digest_size=16).digest())
    return f"{total % (1 << 128):032x}"


def _sorted(value: Any) -> Any:
    if isinstance(value, dict):
        return sorted(value.items())
    return sorted(value, key=repr) if isinstance(value, list) else value


def _counted(graph: Graph, names: str, query: str) -> dict[str, int]:
    """Count all labels or types at once."""
    known = [str(name) for (name,) in graph.read(names)]
    asked = [query.format(name=quoted(name), place=place) for place, name in enumerate(known)]
    return (
        {known[place]: int(count) for place, count in graph.read(" UNION ALL ".join(asked))} if asked else {}
    )


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
