"""ArtGraph without a server: an export as a folder or zip of CSV files, joined by DuckDB.

Two layouts: that of artgraph-neo4j2raw (`mapping/`, `raw/relations/`; names and edges only), and a plain one,
`nodes.csv` (label, name, any properties) with `edges.csv` (head_label, head, type, tail_label, tail, and
any properties, such as arousal and description of emotions). data/README.md has the Cypher that writes it.
"""

import csv
import re
import tempfile
import zipfile
from collections.abc import Collection, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from fnmatch import fnmatchcase
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import Any

import duckdb
import pyarrow as pa

from artsound import tables
from artsound.errors import ConfigError, Outcome, Reject
from artsound.media.files import ZIP_DAMAGE
from artsound.progress import LOG, track
from artsound.sources import artgraph_extra
from artsound.sources.artgraph_extra import LABELS, OF_EMOTIONS, Extra, is_emotion, without
from artsound.sources.artgraph_model import (
    EMOTION,
    NEEDED,
    RELATIONS,
    Found,
    artist_row,
    artwork_rows,
    in_columns,
    strength,
    without_repeats,
)

# Everything is read as text. Names differ by case between the layouts: labels and types become lower case.
BATCH = 2_000  # nodes that are turned into rows at a time
ENDS = ("head_label", "type", "tail_label", "head", "tail")
PLAIN = {"nodes.csv": ("label", "name"), "edges.csv": ENDS}  # file → columns that it must have
_READ = "read_csv(?, header = {header}, delim = ',', all_varchar = true, quote = '\"', escape = '\"', {more})"
_DERIVED = """
    INSERT INTO linked
    SELECT a.head_label, 'derived', p.tail_label, a.head, p.tail, NULL, NULL, p.role
    FROM linked a JOIN linked p ON p.head_label = a.tail_label AND p.head = a.tail
    WHERE a.role IN ('gallery', 'city') AND p.role IN ('gallery_city', 'gallery_country', 'city_country')
"""
# one list a node, sorted out in Python: a list for each role takes DuckDB three times the memory
_NODES = """
    WITH links AS (
        SELECT head, list((role, tail, arousal, description)) AS "all links",
            min(tail) FILTER (role = 'artist') AS artist
        FROM linked WHERE head_label = ? GROUP BY head
    ), printed AS (
        SELECT name, min(printed_name) AS "artist name" FROM nodes WHERE label = 'artist' GROUP BY name
    )
    SELECT n.* EXCLUDE (label), "all links", "artist name"
    FROM nodes n LEFT JOIN links ON links.head = n.name LEFT JOIN printed ON printed.name = links.artist
    WHERE n.label = ? ORDER BY n.name, n
"""

_OTHER_NODES = """
    SELECT n.*, coalesce(s.written, n.label) AS "written label"
    FROM nodes n
    LEFT JOIN (SELECT folded, min(written) AS written FROM spelt GROUP BY folded) s ON s.folded = n.label
    WHERE n.label NOT IN ('artwork', 'artist')
"""
_EDGES_BEYOND = """
    SELECT g.* FROM given g
    LEFT JOIN roles r ON r.head_label = lower(g.head_label) AND r.type = lower(g.type)
        AND r.tail_label = lower(g.tail_label)
    WHERE r.role IS NULL OR g.head IS NULL OR g.tail IS NULL {more}
        OR NOT EXISTS (SELECT 1 FROM nodes n WHERE n.label = lower(g.head_label) AND n.name = g.head)
"""


_READ_FILES = ("nodes.csv", "edges.csv", "*_entidx2name.csv*", "edge.csv*")
_TELL_AGAIN = (  # what an export of artgraph-neo4j2raw says of the names and edges that are read
    *("edge_reltype.csv*", "num-edge-list.csv*", "relidx2relname.csv*", "labelidx2*name.csv*"),
    *("triplet-type-list.csv*", "num-node-dict.csv*", "nodetype-has-*.csv*", "node-label*.csv*"),
)


def read_artworks(export: Path) -> Outcome:
    """List the artworks of an export, by name.

    Raises:
        ConfigError: no such export, or one that is no ArtGraph; lists what is missing.
    """
    pieces, seen = [tables.rows_of("raw_artworks", [])], set[str]()
    rejects: list[Reject] = []
    with open_export(export) as db:
        nodes = track(_found(db, "Artwork"), "artworks of the graph")
        while batch := list(islice(nodes, BATCH)):
            kept, repeated = without_repeats(batch, lambda node: node.name, seen)
            pieces.append(artwork_rows(in_columns(kept)))
            rejects += repeated
    return Outcome(pa.concat_tables(pieces), rejects)


def read_artists(export: Path) -> Outcome:
    """List the artists of an export, by name; raises as `read_artworks`."""
    with open_export(export) as db:
        kept, rejects = without_repeats(_found(db, "Artist"), lambda node: node.name, set(), "artist")
    return Outcome(tables.rows_of("raw_artists", [artist_row(one) for one in kept]), rejects)


def read_extra(export: Path) -> Outcome:
    """Read what an export holds beyond the columns of the other tables; raises as `read_artworks`.

    Files of the export that are not read are told in the log.
    """
    with open_export(export) as db:
        _tell_unread(export)
        return artgraph_extra.kept(extras(db))


def extras(db: duckdb.DuckDBPyConnection) -> Iterator[Extra]:
    """Find the nodes and relations of an opened export that tell more than our columns do."""
    for values in lines(db.execute(_OTHER_NODES)):
        label, properties = values.pop("written label"), without(values, ("name", "label"))
        if values["label"] not in LABELS or properties or not values["name"]:
            yield Extra(label, values["name"], "", "", None, properties)
    for values in lines(db.execute(_EDGES_BEYOND.format(more=_given_more(db)))):
        head, kind, tail = (values.pop(name) or "" for name in ENDS[:3])
        read = OF_EMOTIONS if is_emotion(kind, tail) else ()
        properties = without(values, ("head", "tail", *read))
        yield Extra(spelt(head), values["head"], kind, spelt(tail), values["tail"], properties)


def lines(result: Any) -> Iterator[dict[str, Any]]:
    """Stream what DuckDB found, by column."""
    names = [column[0] for column in result.description or ()]
    while batch := result.fetchmany(BATCH):
        for values in batch:
            yield dict(zip(names, values, strict=True))


def spelt(label: str) -> str:
    """Write a label as ArtGraph does if it is one of its own."""
    return LABELS.get(label.lower(), label)


def _given_more(db: duckdb.DuckDBPyConnection) -> str:
    """Write which relations have a property that their columns do not tell."""
    names = [row[0] for row in db.execute("DESCRIBE given").fetchall() if row[0] not in ENDS]
    quoted = {name: 'g."' + name.replace('"', '""') + '"' for name in names}
    felt = f"r.role IS DISTINCT FROM '{EMOTION.role}' AND "
    return "".join(
        f" OR {felt if name in OF_EMOTIONS else ''}{column} IS NOT NULL" for name, column in quoted.items()
    )


def image_urls(export: Path) -> list[tuple[str, str]]:
    """List the artworks with the address of their image, empty where none is linked; by name."""
    with open_export(export) as db:
        db.execute("ALTER TABLE nodes ADD COLUMN IF NOT EXISTS image_url TEXT")
        columns = "coalesce(name, ''), coalesce(image_url, '')"
        found = db.execute(f"SELECT {columns} FROM nodes WHERE label = 'artwork'").fetchall()  # noqa: S608
    return sorted(found)


def count_extra(export: Path) -> dict[str, int]:
    """Count what an export holds beyond the columns of the other tables."""
    with open_export(export) as db:
        return artgraph_extra.tally(artgraph_extra.rows(extras(db)))


def count_triples(export: Path) -> tuple[dict[str, int], dict[tuple[str, str, str], int]]:
    """Count nodes by label, and edges by (head label, type, tail label); in lower case."""
    with open_export(export) as db:
        nodes = db.execute("SELECT label, count(*) FROM nodes GROUP BY ALL").fetchall()
        edges = db.execute("SELECT head_label, type, tail_label, count(*) FROM edges GROUP BY ALL").fetchall()
    return dict(nodes), {(head, kind, tail): count for head, kind, tail, count in edges}


def check(export: Path) -> None:
    """See whether an export has the files and columns that are needed; reads the first lines only.

    Raises:
        ConfigError: says which are missing.
    """
    with _unpacked(export, only=("nodes.csv", "edges.csv")) as folder:
        if (folder / "nodes.csv").exists():
            for name, needed in PLAIN.items():
                _check_header(export, folder / name, needed)
        elif export.is_dir():
            _check_layout(export, folder)


def _check_header(export: Path, path: Path, needed: Collection[str]) -> None:
    if not path.exists():
        raise ConfigError(f"{export} has no {path.name} beside nodes.csv: see data/README.md")
    with path.open(newline="", encoding="utf-8-sig", errors="replace") as file:
        header = next(csv.reader(file), [])
    if missing := [name for name in needed if name not in header]:
        raise ConfigError(
            f"{path.name} of {export} has no column {', '.join(missing)}; it has: {', '.join(header)}"
        )


@contextmanager
def open_export(export: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """Load an export into tables `nodes` and `edges`, the latter with a `role`."""
    with ExitStack() as stack:
        folder = stack.enter_context(_unpacked(export))
        db = stack.enter_context(duckdb.connect(":memory:"))
        try:
            if (folder / "nodes.csv").exists():
                for name, needed in PLAIN.items():
                    _check_header(export, folder / name, needed)
                _load_plain(db, folder)
            else:
                _load_neo4j2raw(db, *_check_layout(export, folder))
            _name_roles(db)
        except duckdb.Error as error:
            raise ConfigError(f"{export} is not an export that can be read: {_said(error)}") from error
        _check(db, export)
        yield db


@contextmanager
def _unpacked(export: Path, only: tuple[str, ...] = _READ_FILES) -> Iterator[Path]:
    """Give the folder that holds the files; the CSVs of a zip that are read are unpacked beside."""
    if not export.exists():
        raise ConfigError(f"{export} does not exist: name the folder or zip of a graph export")
    if export.is_dir():
        yield _root(export)
        return
    with tempfile.TemporaryDirectory() as place:
        try:
            with zipfile.ZipFile(export) as archive:
                members = [name for name in archive.namelist() if _is_like(name, only)]
                archive.extractall(place, members)  # extractall drops `..` and absolute paths
        except ZIP_DAMAGE as error:
            raise ConfigError(f"{export} is neither a folder nor a sound zip ({error})") from error
        yield _root(Path(place))


def _tell_unread(export: Path) -> None:
    if export.is_dir():
        names = [path.relative_to(export).as_posix() for path in export.rglob("*.csv*")]
    else:
        with zipfile.ZipFile(export) as archive:
            names = [name for name in archive.namelist() if name.endswith((".csv", ".csv.gz"))]
    if unread := sorted(name for name in names if not _is_like(name, (*_READ_FILES, *_TELL_AGAIN))):
        LOG.warning("files of the graph's export that are not read: %s", ", ".join(unread))


def _is_like(name: str, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(PurePosixPath(name).name, pattern) for pattern in patterns)


def _root(folder: Path) -> Path:
    """Find where the export begins: at the folder or a few levels below."""
    places = [folder, *sorted(path for path in folder.rglob("*") if path.is_dir() and path.name != "raw")]
    return next((p for p in places if (p / "nodes.csv").exists() or (p / "mapping").is_dir()), folder)


def _said(error: duckdb.Error) -> str:
    """Say in one line which file DuckDB cannot read, and where."""
    text = str(error)
    if sniffed := re.search(r'sniffing file "(.+)"', text):
        odd = "a line has fewer or more cells than the header, or a quote that is not closed"
        return f"{Path(sniffed[1]).name}: {odd}"
    line, file = re.search(r"CSV Error on Line: (\d+)", text), re.search(r"^  file = (.+)$", text, re.M)
    why = re.search(r"^(?:Invalid unicode|Expected|Value|Maximum) .+$", text, re.M)
    if line and file and why:
        return f"{Path(file[1]).name}, line {line[1]}: {why[0].rstrip('.')}"
    return text.partition("\n")[0]


def _load_plain(db: duckdb.DuckDBPyConnection, folder: Path) -> None:
    source = _READ.format(header="true", more="nullstr = ''")
    db.execute(f"CREATE TABLE nodes AS SELECT * FROM {source}", [str(folder / "nodes.csv")])  # noqa: S608
    db.execute(f"CREATE TABLE given AS SELECT * FROM {source}", [str(folder / "edges.csv")])  # noqa: S608
    for table, (name, needed) in zip(("nodes", "given"), PLAIN.items(), strict=True):
        have = {row[0] for row in db.execute(f"DESCRIBE {table}").fetchall()}
        if not have.issuperset(needed):  # DuckDB took another line for the header
            raise ConfigError(
                f"{folder / name}: some lines have more cells than its header: mend the quoting"
            )
    db.execute("CREATE TABLE spelt AS SELECT DISTINCT lower(label) AS folded, label AS written FROM nodes")
    db.execute("UPDATE nodes SET label = lower(coalesce(label, ''))")
    ends = ", ".join(f"lower(coalesce({name}, '')) AS {name}" for name in ENDS[:3])
    more = [name if name in have else f"NULL AS {name}" for name in OF_EMOTIONS]
    db.execute(f"CREATE TABLE edges AS SELECT {ends}, head, tail, {', '.join(more)} FROM given")  # noqa: S608


def _check_layout(export: Path, folder: Path) -> tuple[dict[str, Path], list[Path]]:
    """Find the files of the export of artgraph-neo4j2raw: names by label, and edges."""
    maps = {
        _stem(path).removesuffix("_entidx2name"): path for path in folder.glob("mapping/*_entidx2name.csv*")
    }
    relations = sorted(folder.glob("raw/relations/*___*___*/edge.csv*"))
    if not maps or not relations:
        raise ConfigError(
            f"{export} has neither nodes.csv nor mapping/ and raw/relations/: it is no ArtGraph export"
        )
    return maps, relations


def _load_neo4j2raw(db: duckdb.DuckDBPyConnection, maps: dict[str, Path], relations: list[Path]) -> None:
    db.execute("CREATE TABLE numbered (label TEXT, number BIGINT, name TEXT)")
    mapping = _READ.format(header="false", more="columns = {'number': 'BIGINT', 'name': 'TEXT'}")
    for label, path in sorted(maps.items()):
        mapping_ = mapping.replace("all_varchar = true, ", "")
        db.execute(f"INSERT INTO numbered SELECT ?, number, name FROM {mapping_}", [label, str(path)])  # noqa: S608
    db.execute("CREATE TABLE nodes AS SELECT label, name FROM numbered WHERE name IS NOT NULL")
    db.execute("CREATE TABLE spelt (folded TEXT, written TEXT)")
    columns = ", ".join(f"{name} TEXT" for name in (*ENDS, *OF_EMOTIONS))
    db.execute(f"CREATE TABLE edges ({columns})")
    for path in relations:
        head, kind, tail = path.parent.name.lower().split("___")
        db.execute(_JOIN_NUMBERS, [head, kind, tail, str(path), head, tail])
    db.execute("CREATE VIEW given AS SELECT * FROM edges")


_JOIN_NUMBERS = """
    INSERT INTO edges SELECT ?, ?, ?, h.name, t.name, NULL, NULL
    FROM read_csv(?, header = false, columns = {'head': 'BIGINT', 'tail': 'BIGINT'}) e
    JOIN numbered h ON h.label = ? AND h.number = e.head
    JOIN numbered t ON t.label = ? AND t.number = e.tail
"""


def _stem(path: Path) -> str:
    return PurePosixPath(path.name.removesuffix(".gz")).stem.lower()


def _name_roles(db: duckdb.DuckDBPyConnection) -> None:
    """Say what each edge means for us; types of both schemes, told apart by the labels of their ends."""
    roles = [
        (relation.head.lower(), kind.lower(), relation.tail.lower(), relation.role)
        for relation in (*RELATIONS, EMOTION)
        for kind in {relation.old, relation.new}
    ]
    db.execute("CREATE TABLE roles (head_label TEXT, type TEXT, tail_label TEXT, role TEXT)")
    db.executemany("INSERT INTO roles VALUES (?, ?, ?, ?)", sorted(set(roles)))
    db.execute(
        "CREATE TABLE linked AS SELECT e.*, role FROM edges e JOIN roles USING (head_label, type, tail_label)"
    )
    db.execute(_DERIVED)
    db.execute("ALTER TABLE nodes ADD COLUMN IF NOT EXISTS printed_name TEXT")


def _check(db: duckdb.DuckDBPyConnection, export: Path) -> None:
    have = {row[0] for row in db.execute("SELECT DISTINCT role FROM linked").fetchall()}
    if missing := [role for role in NEEDED if role not in have]:
        ways = [f"{r.old} or {r.new}" for r in RELATIONS if r.role in missing]
        raise ConfigError(f"{export} is no ArtGraph: no relation {', '.join(ways)} from artworks")


def _found(db: duckdb.DuckDBPyConnection, label: str) -> Iterator[Found]:
    """Stream the nodes of a label with what they are linked to, by name."""
    return map(_node, lines(db.execute(_NODES, [label.lower(), label.lower()])))


def _node(values: dict[str, Any]) -> Found:
    links: dict[str, set[str]] = {}
    felt = []
    for role, tail, arousal, about in values.pop("all links") or ():
        if role == EMOTION.role:
            felt.append((tail, strength(arousal), about or ""))
        else:
            links.setdefault(role, set()).add(tail)
    printed = values.pop("artist name")
    sorted_links = {role: sorted(tails) for role, tails in links.items()}
    return Found(values["name"], values, sorted_links, printed, sorted(felt))
