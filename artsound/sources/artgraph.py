"""ArtGraph over Bolt: Neo4j 4.4 (which the public dump restores into), 5, and what speaks like them.

Keys are read and sorted once; then windows of them, each in a managed read transaction that the driver
repeats when the connection is lost. So a part is read whole or not at all, and a restart asks only for the
windows that are not there. The key is `Artwork.name`; `id()` and `elementId()` are not used.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache, partial
from itertools import groupby
from typing import Any

import pyarrow as pa

from artsound import memory, tables
from artsound.errors import ConfigError, Outcome, Reject, SourceError
from artsound.sources.artgraph_model import (
    EMOTION,
    NEEDED,
    RELATIONS,
    TEXTS,
    Artworks,
    Felt,
    Found,
    Relation,
    artist_row,
    artwork_rows,
    strength,
    unnamed,
    without_repeats,
)
from artsound.sources.artgraph_server import Graph

Kinds = Mapping[str, str]  # role of a relation → the types that this graph gives it, joined by `|`
Triples = dict[tuple[str, str, str], int]
PIECE = 500  # artworks asked for at once
AHEAD = 3  # pieces on their way at a time

KEYS = "MATCH (a:Artwork) RETURN collect(a.name), count(a)"
# One record a piece, few lists an artwork: both cost a driver more than the names in them do.
WINDOW = "MATCH (a:Artwork) WHERE a.name >= $low AND a.name <= $high RETURN collect({artwork})"
ARTWORK = "[a.name, properties(a), {artists}, {emotions}, {links}]"
END = " + [true] + "  # ends the names of a role in the list of all
ARTISTS = "MATCH (a:Artist) RETURN [{told}]"
TYPES = "CALL db.relationshipTypes()"
IMAGES = "MATCH (a:Artwork) RETURN coalesce(a.name, ''), coalesce(a.image_url, '')"
NODE_TALLY = "MATCH (n) RETURN coalesce(labels(n)[0], ''), count(*)"
EDGE_TALLY = """MATCH (h)-[r]->(t)
RETURN coalesce(labels(h)[0], ''), type(r), coalesce(labels(t)[0], ''), count(*)"""


def read_keys(graph: Graph) -> Outcome:
    """List the artworks of a graph, in the order in which the server compares their names.

    Raises:
        ConfigError: none of them has a name.
        SourceError: as `Graph.read`.
    """
    column, rejects = _keys(graph)
    memory.give_back()  # the driver took many times what is kept
    columns = [column, pa.nulls(len(column), pa.string())]
    return Outcome(pa.table(columns, schema=tables.TABLES["art_keys"]), rejects)


def _keys(graph: Graph) -> tuple[pa.ChunkedArray, list[Reject]]:
    ((names, count),) = graph.read(KEYS)
    known = [name for name in names if name and isinstance(name, str)]  # windows of them are asked for
    nameless = count - len(known)
    known.sort(key=None if all(map(str.isascii, known)) else _order)  # a key for each takes memory
    known = [name for name, _ in groupby(known)]
    if nameless and not known:
        raise ConfigError(
            f"no artwork of the graph at {graph.uri} has a name, which is its key: "
            "graphs of version 1 lack it; take version 2.0"
        )
    pieces = [known[start : start + PIECE] for start in range(0, len(known), PIECE)]
    column = pa.chunked_array(pieces, pa.string())  # all at once would take four times their memory
    return column, [unnamed("artwork", number) for number in range(nameless)]


def read_window(keys: pa.Table, *, graph: Graph, kinds: Kinds) -> Outcome:
    """Read the artworks of a window of `art_keys`, with all that the graph knows of them.

    The window is asked for piece by piece, `AHEAD` of them at a time.

    Raises:
        SourceError: as `Graph.read`, or the graph changed since its keys were read.
    """
    wanted = keys["artwork_id"].to_pylist()
    roles, told = artworks_of(kinds)
    pieces = [wanted[start : start + PIECE] for start in range(0, len(wanted), PIECE)]
    with graph.connected() as read, ThreadPoolExecutor(AHEAD) as pool:
        query, take = WINDOW.format(artwork=told), partial(_columns, roles)

        def made_of(piece: list[str]) -> Outcome:
            return _rows(graph, piece, read(query, take, low=piece[0], high=piece[-1]))

        made = list(pool.map(made_of, pieces))
    rows = pa.concat_tables([tables.rows_of("raw_artworks", []), *(one.rows for one in made)])
    return Outcome(rows, [reject for one in made for reject in one.rejects])


def _rows(graph: Graph, wanted: list[str], found: Artworks) -> Outcome:
    """Turn the artworks of one piece into rows, in the order of the keys; of several of one name, one."""
    if found.names == wanted:
        return Outcome(artwork_rows(found))
    if changed := sorted({*found.names} ^ {*wanted}):
        raise SourceError(f"the graph at {graph.uri} changed while it was read ({changed[0]}): build again")
    rows = artwork_rows(found)
    if len(rows) == len(wanted):
        places = {name: place for place, name in enumerate(found.names)}
        return Outcome(rows.take(pa.array([places[name] for name in wanted], pa.int64())))
    several = sorted(rows.to_pylist(), key=lambda row: (_order(row["artwork_id"]), repr(row)))
    kept, rejects = without_repeats(several, lambda row: str(row["artwork_id"]), set())
    return Outcome(tables.rows_of("raw_artworks", kept), rejects)


def read_artists(graph: Graph, kinds: Kinds) -> Outcome:
    """Read all artists of a graph; raises as `Graph.read`."""
    links = _links("Artist", kinds)
    answer = graph.read(ARTISTS.format(told=", ".join(["a.name", "properties(a)", *links.values()])))
    found = [
        Found(
            "" if name is None else str(name),
            properties,
            {role: _names(tails) for role, tails in zip(links, linked, strict=True)},
        )
        for ((name, properties, *linked),) in sorted(answer, key=repr)
    ]
    kept, rejects = without_repeats(found, lambda node: node.name, set(), "artist")
    rows = [artist_row(one) for one in sorted(kept, key=lambda node: _order(node.name))]
    return Outcome(tables.rows_of("raw_artists", rows), rejects)


def image_urls(graph: Graph) -> list[tuple[str, str]]:
    """List the artworks with the address of their image, empty where none is linked; by name."""
    return sorted((str(name), str(url)) for name, url in graph.read(IMAGES))


def count_triples(graph: Graph) -> tuple[dict[str, int], Triples]:
    """Count nodes by label, and edges by (head label, type, tail label)."""
    nodes = {str(label): int(count) for label, count in graph.read(NODE_TALLY)}
    return nodes, {(head, kind, tail): count for head, kind, tail, count in graph.read(EDGE_TALLY)}


def find_kinds(graph: Graph) -> Kinds:
    """Ask a server how its graph names each relation; raises as `kinds_of`, and as `Graph.read`."""
    return kinds_of(graph, [kind for (kind,) in graph.read(TYPES)])


def kinds_of(graph: Graph, types: Collection[str]) -> Kinds:
    """Find how a graph with these types of relations names each one that we know.

    Raises:
        ConfigError: relations that make an ArtGraph are missing; lists them and those there are.
    """
    both = {r.role: [kind for kind in (r.old, r.new) if kind in types] for r in (*RELATIONS, EMOTION)}
    kinds = {role: "|".join(named) for role, named in both.items() if named}
    if missing := [f"{r.old} or {r.new}" for r in RELATIONS if r.role in NEEDED and r.role not in kinds]:
        raise ConfigError(
            f"the graph at {graph.uri}, database {graph.database}, is no ArtGraph: no relation "
            f"{', '.join(missing)}; it has: {', '.join(sorted(types)) or 'none'}"
        )
    return kinds


def artworks_of(kinds: Kinds) -> tuple[list[str], str]:
    """Write what is asked of an artwork `a`; returns the roles of its links, too, as they stand there."""
    links = _links("Artwork", kinds)
    felt = "[x.name, e.arousal, e.description]"
    emotions = f"[(a)-[e:{kinds[EMOTION.role]}]->(x:Emotion) | {felt}]" if EMOTION.role in kinds else "[]"
    artists = f"[(a)-[:{kinds['artist']}]->(x:Artist) | [x.name, x.printed_name]]"
    return [*links], ARTWORK.format(
        artists=artists, emotions=emotions, links=END.join([*links.values(), "[]"])
    )


def _links(label: str, kinds: Kinds) -> dict[str, str]:
    """Write one pattern comprehension a role: these stream, and need no aggregation over all artworks."""
    found = {r.role: f"[(a)-[:{kinds[r.role]}]->(x:{r.tail}) | x.name]" for r in RELATIONS
             if r.head == label and r.role in kinds and r.role != "artist"}  # fmt: skip
    if label == "Artwork":
        found |= {r.role: path for r in RELATIONS if (path := _through(r, kinds))}
    return found


def _through(relation: Relation, kinds: Kinds) -> str | None:
    """Write the pattern of what an artwork has through its gallery or city."""
    way = {"Gallery": "gallery", "City": "city"}.get(relation.head, "")
    if way not in kinds or relation.role not in kinds:
        return None
    return (
        f"[(a)-[:{kinds[way]}]->(:{relation.head})-[:{kinds[relation.role]}]->(x:{relation.tail}) | x.name]"
    )


def _columns(roles: Sequence[str], answer: Iterable[Any]) -> Artworks:
    """Turn what a server says of artworks into columns."""
    names, makers, printed = list[str](), list[Sequence[str]](), list[str | None]()
    felt, more = list[Sequence[Felt]](), list[Mapping[str, Any]]()
    texts: dict[str, list[Any]] = {name: [] for name in TEXTS}
    links: dict[str, list[Sequence[str]]] = {role: [] for role in roles}
    told = [(name, column.append) for name, column in texts.items()]
    linked_to, alone = [column.append for column in links.values()], lru_cache(None)(_alone)
    for name, properties, artists, emotions, linked in (artwork for (some,) in answer for artwork in some):
        names.append(name)
        for text, append in told:
            append(properties.get(text))
        unknown = () if properties.keys() <= _OWN else properties.keys() - _OWN
        more.append({key: properties[key] for key in unknown} if unknown else _NO_MORE)
        start = 0
        for append in linked_to:
            end = linked.index(True, start)
            append(
                ()
                if end == start
                else alone(linked[start])
                if end == start + 1 and type(linked[start]) is str
                else _names(linked[start:end])
            )
            start = end + 1
        if len(artists) == 1:
            ((slug, shown),) = artists
            slugs = alone(slug) if type(slug) is str else _names([slug])
        else:
            slugs, shown = _makers(artists)
        makers.append(slugs)
        printed.append(shown)
        felt.append(_felt(emotions) if emotions else ())
    return Artworks(names, texts, {**links, "artist": makers}, printed, felt, more)


def _makers(artists: Sequence[Sequence[Any]]) -> tuple[Sequence[str], str | None]:
    """Sort the artists of an artwork by slug; with the printed name of the first."""
    slugs = _names(slug for slug, _ in artists)
    shown = (printed for slug, printed in sorted(artists, key=repr) if slugs and slug == slugs[0])
    return slugs, next(shown, None)


def _felt(emotions: Sequence[Sequence[Any]]) -> Sequence[Felt]:
    return sorted((str(name), strength(arousal), about or "") for name, arousal, about in emotions)


def _alone(name: str) -> Sequence[str]:
    return (name,)


def _names(tails: Iterable[Any]) -> Sequence[str]:
    """Sort names, each once; a node without a name tells nothing."""
    return sorted({str(name) for name in tails if name is not None})


_OWN = {*TEXTS, "name"}  # properties that have a column
_NO_MORE: Mapping[str, Any] = {}


def _order(name: str) -> bytes:
    """Compare as servers on Java do: by UTF-16 units."""
    return name.encode("utf-16-be", "surrogatepass")
