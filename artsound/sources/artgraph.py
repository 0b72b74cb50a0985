"""ArtGraph over Bolt: Neo4j 4.4 (which the public dump restores into), 5, and what speaks like them.

Keys are read and sorted once; then windows of them, each in a managed read transaction that the driver
repeats when the connection is lost. So a part is read whole or not at all, and a restart asks only for the
windows that are not there. The key is `Artwork.name`; `id()` and `elementId()` are not used.

User and password come from ARTSOUND_NEO4J_USER and ARTSOUND_NEO4J_PASSWORD, or a token from
ARTSOUND_NEO4J_TOKEN; without any, none is sent.
"""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from artsound import tables
from artsound.errors import ConfigError, MissingExtra, Outcome, Reason, Reject, SourceError
from artsound.sources.artgraph_model import (
    EMOTION,
    NEEDED,
    RELATIONS,
    Found,
    Relation,
    artist_row,
    artwork_rows,
)

if TYPE_CHECKING:
    import neo4j

Rows = list[tuple[Any, ...]]
Triples = dict[tuple[str, str, str], int]
SCHEMES = ("bolt", "bolt+s", "bolt+ssc", "neo4j", "neo4j+s", "neo4j+ssc")
COMMIT_TRIES = 5
RETRY_SECONDS = 30.0  # how long the driver repeats a transaction before it gives up

KEYS = "MATCH (a:Artwork) RETURN a.name"
WINDOW = "MATCH (a:Artwork) WHERE a.name >= $low AND a.name <= $high RETURN a.name, properties(a), {links}"
ARTISTS = "MATCH (a:Artist) RETURN a.name, properties(a), {links}"
TYPES = "CALL db.relationshipTypes()"
IMAGES = "MATCH (a:Artwork) WHERE a.image_url IS NOT NULL AND a.name IS NOT NULL RETURN a.name, a.image_url"
NODE_TALLY = "MATCH (n) RETURN labels(n)[0], count(*)"
EDGE_TALLY = "MATCH (h)-[r]->(t) RETURN labels(h)[0], type(r), labels(t)[0], count(*)"


@dataclass(frozen=True)
class Graph:
    """Where a graph answers; holds no connection, so it goes to threads and processes as it is."""

    uri: str
    database: str = "neo4j"

    def __post_init__(self) -> None:
        if "@" in self.uri:
            raise ConfigError(
                "no password in the address: set ARTSOUND_NEO4J_USER and ARTSOUND_NEO4J_PASSWORD"
            )
        if self.uri.partition("://")[0] not in SCHEMES:
            raise ConfigError(f"{self.uri!r} is no address: it begins with one of {', '.join(SCHEMES)}")

    def read(self, query: str, **values: Any) -> Rows:
        """Run a query in one read transaction; repeated as a whole when the connection is lost.

        Raises:
            SourceError: the server cannot be reached, refuses, or stays lost for `RETRY_SECONDS`.
        """

        def work(transaction: "neo4j.ManagedTransaction") -> Rows:
            return [tuple(record.values()) for record in transaction.run(query, values)]

        for _ in range(COMMIT_TRIES - 1):
            try:
                return self._once(work)
            except SourceError as error:  # the driver repeats all but a lost commit, which a read survives
                if not isinstance(error.__cause__, _driver_package().exceptions.IncompleteCommit):
                    raise
        return self._once(work)

    def _once(self, work: "Callable[[neo4j.ManagedTransaction], Rows]") -> Rows:
        with self.session(write=False) as session:
            return session.execute_read(work)

    @contextmanager
    def session(self, *, write: bool) -> Iterator["neo4j.Session"]:
        """Open a session; what the driver raises becomes a SourceError."""
        neo4j = _driver_package()
        mode = neo4j.WRITE_ACCESS if write else neo4j.READ_ACCESS
        try:
            with (
                neo4j.GraphDatabase.driver(
                    self.uri, auth=_auth(neo4j), max_transaction_retry_time=RETRY_SECONDS
                ) as driver,
                driver.session(database=self.database, default_access_mode=mode, fetch_size=1000) as session,
            ):
                yield session
        except (neo4j.exceptions.Neo4jError, neo4j.exceptions.DriverError) as error:
            first = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise SourceError(f"the graph at {self.uri}, database {self.database}: {first}") from error


def read_keys(graph: Graph) -> Outcome:
    """List the artworks of a graph, in the order in which the server compares their names.

    Raises:
        ConfigError: the graph is no ArtGraph; lists what is missing.
        SourceError: as `Graph.read`.
    """
    _kinds(graph)
    names = [name for (name,) in graph.read(KEYS)]
    known = sorted({str(name) for name in names if name}, key=_order)
    nameless = sum(not name for name in names)
    rejects = [
        Reject(f"artwork without a name {n}", Reason.MISSING_FILE, "it has no key") for n in range(nameless)
    ]
    return Outcome(tables.rows_of("art_keys", [{"artwork_id": name} for name in known]), rejects)


def read_window(keys: pa.Table, *, graph: Graph) -> Outcome:
    """Read the artworks of a window of `art_keys`, with all that the graph knows of them.

    Raises:
        SourceError: as `Graph.read`, or the graph changed since its keys were read.
    """
    wanted = keys["artwork_id"].to_pylist()
    if not wanted:
        return Outcome(tables.rows_of("raw_artworks", []))
    roles, links = _links("Artwork", _kinds(graph))
    answer = graph.read(WINDOW.format(links=links), low=wanted[0], high=wanted[-1])
    found = sorted(
        (_found(roles, values) for values in answer), key=lambda one: (_order(one.name), repr(one))
    )
    if (names := {one.name for one in found}) != set(wanted):
        changed = sorted(names ^ set(wanted))
        raise SourceError(f"the graph at {graph.uri} changed while it was read ({changed[0]}): build again")
    return artwork_rows(found, set())


def read_artists(graph: Graph) -> Outcome:
    """Read all artists of a graph; raises as `Graph.read`."""
    roles, links = _links("Artist", _kinds(graph))
    answer = graph.read(ARTISTS.format(links=links))
    found = {one.name: one for one in sorted((_found(roles, values) for values in answer), key=repr)}
    rows = [artist_row(found[name]) for name in sorted(found, key=_order) if name]
    return Outcome(tables.rows_of("raw_artists", rows))


def image_urls(graph: Graph) -> list[tuple[str, str]]:
    """List the artworks that link an image: name and address, by name."""
    return sorted((str(name), str(url)) for name, url in graph.read(IMAGES))


def count_triples(graph: Graph) -> tuple[dict[str, int], Triples]:
    """Count nodes by label, and edges by (head label, type, tail label)."""
    nodes = {str(label): int(count) for label, count in graph.read(NODE_TALLY)}
    return nodes, {(head, kind, tail): count for head, kind, tail, count in graph.read(EDGE_TALLY)}


def _kinds(graph: Graph) -> dict[str, str]:
    """Find how this graph names each relation: role → types, joined by `|`.

    Raises:
        ConfigError: relations that make an ArtGraph are missing.
    """
    have = {kind for (kind,) in graph.read(TYPES)}
    both = {r.role: [kind for kind in (r.old, r.new) if kind in have] for r in (*RELATIONS, EMOTION)}
    kinds = {role: "|".join(named) for role, named in both.items() if named}
    if missing := [f"{r.old} or {r.new}" for r in RELATIONS if r.role in NEEDED and r.role not in kinds]:
        raise ConfigError(
            f"the graph at {graph.uri}, database {graph.database}, is no ArtGraph: no relation "
            f"{', '.join(missing)}; it has: {', '.join(sorted(have)) or 'none'}"
        )
    return kinds


def _links(label: str, kinds: Mapping[str, str]) -> tuple[list[str], str]:
    """Write one pattern comprehension a role: these stream, and need no aggregation over all artworks."""
    found = {r.role: f"[(a)-[:{kinds[r.role]}]->(x:{r.tail}) | {_shown(r)}]" for r in RELATIONS
             if r.head == label and r.role in kinds}  # fmt: skip
    if label == "Artwork":
        found |= {r.role: path for r in RELATIONS if (path := _through(r, kinds))}
        if EMOTION.role in kinds:
            felt = "[x.name, e.arousal, e.description]"
            found[EMOTION.role] = f"[(a)-[e:{kinds[EMOTION.role]}]->(x:Emotion) | {felt}]"
    return list(found), ", ".join(f"{pattern} AS {role}" for role, pattern in found.items())


def _shown(relation: Relation) -> str:
    return "[x.name, x.printed_name]" if relation.role == "artist" else "x.name"


def _through(relation: Relation, kinds: Mapping[str, str]) -> str | None:
    """Write the pattern of what an artwork has through its gallery or city."""
    way = {"Gallery": "gallery", "City": "city"}.get(relation.head, "")
    if way not in kinds or relation.role not in kinds:
        return None
    return (
        f"[(a)-[:{kinds[way]}]->(:{relation.head})-[:{kinds[relation.role]}]->(x:{relation.tail}) | x.name]"
    )


def _found(roles: Iterable[str], values: tuple[Any, ...]) -> Found:
    name, properties, *linked = values
    links = dict(zip(roles, linked, strict=True))
    artists = sorted(links.pop("artist", ()), key=repr)
    felt = sorted(
        (name, float(arousal or 1), about or "") for name, arousal, about in links.pop("emotions", ())
    )
    named = {role: sorted({str(tail) for tail in tails if tail is not None}) for role, tails in links.items()}
    slugs = sorted({slug for slug, _ in artists if slug})
    printed = next((printed for slug, printed in artists if slugs and slug == slugs[0]), None)
    return Found(name, properties, named | {"artist": slugs}, printed, felt)


def _order(name: str) -> bytes:
    """Compare as servers on Java do: by UTF-16 units."""
    return name.encode("utf-16-be", "surrogatepass")


def _driver_package() -> Any:
    try:
        import neo4j  # noqa: PLC0415  # an extra, and slow to load
    except ImportError as error:
        raise MissingExtra(
            "a graph over Bolt needs the extra `graph`: pip install 'artsound-builder[graph]'"
        ) from error
    return neo4j


def _auth(neo4j: Any) -> Any:
    if token := os.environ.get("ARTSOUND_NEO4J_TOKEN"):
        return neo4j.bearer_auth(token)
    user = os.environ.get("ARTSOUND_NEO4J_USER")
    return (user, os.environ.get("ARTSOUND_NEO4J_PASSWORD", "")) if user else None
