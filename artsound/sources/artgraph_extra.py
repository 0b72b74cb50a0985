"""What an ArtGraph holds and our columns do not: kept as it is in one long table, and told.

These are properties of nodes that are neither artworks nor artists, nodes of a label that we do not know or
without a name, relations that we do not know or whose ends have no name, and properties of relations.
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import pyarrow as pa

from artsound import tables
from artsound.errors import Outcome
from artsound.progress import LOG
from artsound.sources.artgraph_model import EMOTION, NODE_COUNTS, RELATIONS, as_json
from artsound.sources.artgraph_server import Graph

LABELS = {label.lower(): label for label in (*NODE_COUNTS, EMOTION.tail)}  # that we know
OF_EMOTIONS = ("arousal", "description")  # properties of relations that have a column
WHOLE = ("Artwork", "Artist")  # labels whose rows carry all properties
BEYOND_NAME = "WHERE n.name IS NULL OR any(key IN keys(n) WHERE key <> 'name') "
EDGES = """MATCH (h)-[r:{name}]->(t) WHERE {where}
RETURN coalesce(labels(h)[0], ''), h.name, coalesce(labels(t)[0], ''), t.name, properties(r)"""
NO_LABEL = "without a label"


class Extra(NamedTuple):
    """A node, or a relation where `type` is given, with what is left to tell of it; labels may be empty."""

    label: str
    name: str | None
    type: str
    tail_label: str
    tail: str | None
    properties: Mapping[str, Any]


def over_bolt(graph: Graph, labels: Iterable[str], types: Iterable[str]) -> Iterator[Extra]:
    """Ask a server, which has these labels and types of relations; raises as `Graph.read`."""
    for label in labels:
        if label not in WHOLE:
            where = BEYOND_NAME if LABELS.get(label.lower()) == label else ""
            for name, properties in graph.read(f"{nodes_of(label)}{where}RETURN n.name, properties(n)"):
                yield Extra(label, name, "", "", None, without(properties, ("name",)))
    for kind in types:
        for head_label, head, tail_label, tail, properties in graph.read(edges_beyond(kind)):
            read = OF_EMOTIONS if is_emotion(kind, tail_label) else ()
            yield Extra(head_label, head, kind, tail_label, tail, without(properties, read))


def count_extra(
    graph: Graph, nodes: Iterable[str], triples: Iterable[tuple[str, str, str]]
) -> dict[str, int]:
    """Count what a server's graph holds beyond the columns of the other tables; raises as `Graph.read`."""
    return tally(rows(over_bolt(graph, nodes, sorted({kind for _, kind, _ in triples}))))


def edges_beyond(kind: str) -> str:
    """Write the query for the relations of a type that tell more than their columns do."""
    known = {(r.head, r.tail) for r in (*RELATIONS, EMOTION) if kind in (r.old, r.new)}
    read = " OR ".join(f"(h:{head} AND t:{tail})" for head, tail in sorted(known))
    unread = [f"NOT ({read})"] if read else ["true"]
    more = "any(key IN keys(r) WHERE NOT key IN {})"
    felt = more.format([*OF_EMOTIONS]) + f" AND t:{EMOTION.tail}"
    told = more.format("[]") + f" AND NOT t:{EMOTION.tail}"
    odd = [felt, told] if (EMOTION.head, EMOTION.tail) in known else [more.format("[]")]
    where = " OR ".join([*unread, "h.name IS NULL", "t.name IS NULL", *(f"({one})" for one in odd)])
    return EDGES.format(name=quoted(kind), where=where)


def nodes_of(label: str) -> str:
    """Write the pattern of the nodes of a label; of those that have none, for an empty one."""
    return f"MATCH (n:{quoted(label)}) " if label else "MATCH (n) WHERE size(labels(n)) = 0 "


def quoted(name: str) -> str:
    """Write a label or type so that it may hold anything."""
    return "`" + name.replace("`", "``") + "`"


def is_emotion(kind: str, tail_label: str) -> bool:
    """Say whether relations of a type lead to emotions, whatever the letters' case."""
    return tail_label.lower() == EMOTION.tail.lower() and kind.lower() in (EMOTION.old, EMOTION.new)


def without(properties: Mapping[str, Any], read: Iterable[str]) -> dict[str, Any]:
    """Leave out what is read elsewhere, and what is empty."""
    return {k: value for k, value in properties.items() if k not in {*read} and value not in (None, "")}


def rows(found: Iterable[Extra]) -> pa.Table:
    """Turn what is left to tell into rows of `graph_extra`, numbered where they are alike."""
    times: Counter[tuple[str, ...]] = Counter()
    made = []
    for *ends, properties in sorted((*map(_text, one[:5]), as_json(one.properties)) for one in found):
        key = tuple(ends)
        label, name, kind, tail_label, tail = key
        made.append(
            {"label": label, "name": name, "type": kind, "tail_label": tail_label, "tail": tail}
            | {"number": times[key], "properties": properties}
        )
        times[key] += 1
    return tables.rows_of("graph_extra", made)


def kept(found: Iterable[Extra]) -> Outcome:
    """Make the table, and say in the log what it holds."""
    table = rows(found)
    if counts := tally(table):
        listed = ", ".join(f"{what} ({count})" for what, count in counts.items())
        LOG.warning("the graph holds more than there are columns for; graph_extra keeps it: %s", listed)
    return Outcome(table)


def _text(part: Any) -> str:
    return "" if part is None else str(part)


def tally(table: pa.Table) -> dict[str, int]:
    """Count rows of `graph_extra` by label or relation, and by property where they have some."""
    counts: Counter[str] = Counter()
    for row in table.to_pylist():
        head, tail = row["label"] or NO_LABEL, row["tail_label"] or NO_LABEL
        what = f"{head} → {tail} ({row['type']})" if row["type"] else head
        properties = json.loads(row["properties"])
        counts.update([f"{what}.{name}" for name in properties] or [what])
    return dict(sorted(counts.items()))
