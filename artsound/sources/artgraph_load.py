"""Puts an export into an empty Bolt server, and holds a graph against the published counts."""

from collections import Counter
from collections.abc import Iterable, Mapping
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import duckdb

from artsound.errors import ConfigError
from artsound.progress import LOG, track
from artsound.sources.artgraph import Triples
from artsound.sources.artgraph_csv import check, lines, open_export, spelt
from artsound.sources.artgraph_extra import NO_LABEL, quoted, without
from artsound.sources.artgraph_model import EMOTION, NODE_COUNTS, RELATIONS
from artsound.sources.artgraph_server import Graph

Triple = tuple[str, str, str]
BATCH = 5_000  # rows of one transaction
_ENDS = "some lead to or from a node that is not listed, or listed twice"
_LABELS = """
    SELECT n.label, coalesce(min(s.written), n.label) FROM nodes n LEFT JOIN spelt s ON s.folded = n.label
    GROUP BY n.label ORDER BY n.label
"""
_TRIPLES = """
    SELECT lower(coalesce(head_label, '')), lower(coalesce(type, '')), lower(coalesce(tail_label, '')),
        coalesce(min(head_label), ''), coalesce(min(type), ''), coalesce(min(tail_label), '')
    FROM given GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
"""
_EDGES = """
    SELECT * EXCLUDE (head_label, type, tail_label) FROM given
    WHERE lower(head_label) = ? AND lower(type) = ? AND lower(tail_label) = ?
"""


class Difference(NamedTuple):
    """One published count against what is there."""

    what: str
    published: int
    found: int

    @property
    def differs(self) -> bool:
        """Say whether a published count is another; what is published nowhere differs from nothing."""
        return self.published not in (0, self.found)


def load_export(export: Path, graph: Graph) -> tuple[int, int]:
    """Load an export into an empty database; returns how many nodes and edges were made.

    Raises:
        ConfigError: no such export, one with empty labels or types, or the database is not empty.
        SourceError: the server cannot be reached.
    """
    check(export)  # a server that is not there is waited for
    if graph.read("MATCH (n) RETURN n LIMIT 1"):
        raise ConfigError(
            f"database {graph.database} at {graph.uri} is not empty: name an empty one, "
            "or empty it by MATCH (n) DETACH DELETE n"
        )
    with open_export(export) as db:
        labels = db.execute(_LABELS).fetchall()
        triples = {(h, k, t): (spelt(a), b, spelt(c)) for h, k, t, a, b, c in db.execute(_TRIPLES).fetchall()}
        if "" in {label for label, _ in labels} | {name for triple in triples for name in triple}:
            raise ConfigError(
                f"{export} has nodes without a label, or relations without a type or to such nodes, by which "
                "they could not be found again: give them one"
            )
        nodes = sum(_load_nodes(db, graph, label, written) for label, written in labels)
        written = _written(older=("artwork", "author", "artist") in triples)
        edges = sum(
            _load_edges(db, graph, triple, written.get(triple, given)) for triple, given in triples.items()
        )
        ((listed,),) = db.execute("SELECT count(*) FROM edges").fetchall()
    if edges != listed:
        LOG.warning("%s lists %d relations and %d were made: %s", export, listed, edges, _ENDS)
    return nodes, edges


def _load_nodes(db: duckdb.DuckDBPyConnection, graph: Graph, label: str, written: str) -> int:
    name = quoted(spelt(written))
    _write(graph, f"CREATE INDEX IF NOT EXISTS FOR (n:{name}) ON (n.name)")
    found = lines(db.execute("SELECT * EXCLUDE (label) FROM nodes WHERE label = ?", [label]))
    rows = (without(row, ()) for row in found)
    return _fill(graph, f"UNWIND $rows AS row CREATE (n:{name}) SET n = row", rows, written)


def _load_edges(db: duckdb.DuckDBPyConnection, graph: Graph, triple: Triple, written: Triple) -> int:
    head, kind, tail = (quoted(name) for name in written)
    query = (
        f"UNWIND $rows AS row MATCH (h:{head} {{name: row.head}}) MATCH (t:{tail} {{name: row.tail}}) "
        f"CREATE (h)-[r:{kind}]->(t) SET r = row.more"
    )
    rows = map(_edge, lines(db.execute(_EDGES, list(triple))))
    return _fill(graph, query, rows, "-".join(written))


def _edge(values: dict[str, Any]) -> dict[str, Any]:
    """Sort out what a relation leads between, and its properties."""
    more = without(values, ("head", "tail"))
    if "arousal" in more:
        more["arousal"] = _number(more["arousal"])
    return {"head": values["head"], "tail": values["tail"], "more": more}


def _number(text: str) -> Any:
    """Read a number; what is none stays as it is."""
    for kind in (int, float):
        with suppress(ValueError):
            return kind(text)
    return text


def compare(nodes: Mapping[str, int], triples: Triples) -> list[Difference]:
    """Hold the counts of a graph or an export against the published ones, label by label and type by type.

    Two pairs of relations are published as sums only, so these are compared as sums. What is published
    nowhere (the emotions of the newer graph, labels and relations of one's own) comes last, with 0.
    """
    have = Counter({label.lower(): count for label, count in nodes.items()})
    edges = Counter({tuple(part.lower() for part in triple): count for triple, count in triples.items()})
    lines = [Difference(label, count, have.pop(label.lower(), 0)) for label, count in NODE_COUNTS.items()]
    summed: dict[str, list[int]] = {}
    for relation in RELATIONS:
        heads = "Gallery, City" if relation.new == "inCountry" else relation.head
        tails = "City, Country" if relation.old == "CompletedIn" else relation.tail
        sums = summed.setdefault(f"{heads} → {tails} ({relation.old}, {relation.new})", [0, 0])
        sums[0] += relation.published
        sums[1] += sum(
            edges.pop((relation.head.lower(), kind, relation.tail.lower()), 0)
            for kind in {relation.old.lower(), relation.new.lower()}
        )
    lines += [Difference(what, published, found) for what, (published, found) in summed.items()]
    lines += [Difference(label or NO_LABEL, 0, count) for label, count in sorted(have.items())]
    lines += [
        Difference(f"{head or NO_LABEL} → {tail or NO_LABEL} ({kind})", 0, count)
        for (head, kind, tail), count in sorted(edges.items())
    ]
    return lines


def _written(*, older: bool) -> dict[Triple, Triple]:
    """Give labels and types the letters that the graph writes them with; some differ in these only."""
    known = [
        (r.head, kind, r.tail)
        for r in (*RELATIONS, EMOTION)
        for kind in (r.old, r.new)[:: -1 if older else 1]
    ]
    return {(head.lower(), kind.lower(), tail.lower()): (head, kind, tail) for head, kind, tail in known}


def _fill(graph: Graph, query: str, rows: Iterable[dict[str, Any]], label: str) -> int:
    rows, made = track(rows, label), 0
    while batch := list(islice(rows, BATCH)):
        made += _write(graph, query, batch)
    return made


def _write(graph: Graph, query: str, rows: list[dict[str, Any]] | None = None) -> int:
    with graph.session(write=True) as session:
        made = session.run(query, {"rows": rows or []}).consume().counters
    return made.nodes_created + made.relationships_created
