"""ArtGraph from its exports."""

import gzip
import json
import shutil
from pathlib import Path

import pytest

from artsound import tables
from artsound.errors import ConfigError, Reason
from artsound.sources.artgraph_csv import (
    check,
    count_extra,
    count_triples,
    read_artists,
    read_artworks,
    read_extra,
)
from artsound.sources.artgraph_model import as_json
from artsound.sources.synthetic_artgraph import Graph, make_graph, write_csv, write_neo4j2raw

GRAPH = make_graph(200, seed=3, dirty=True)


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("plain")
    write_csv(GRAPH, folder)
    return folder


def linked(graph: Graph, artwork: str, kind: str, tail: str) -> list[str]:
    """What the generator linked an artwork to; the second opinion on the joins."""
    position = [node["name"] for node in graph.nodes["Artwork"]].index(artwork)
    ends = graph.edges["Artwork", kind, tail]
    return sorted(graph.nodes[tail][right]["name"] for left, right in ends.tolist() if left == position)


def test_every_artwork_comes_along_with_all_that_the_graph_knows(plain: Path) -> None:
    outcome = read_artworks(plain)
    tables.conform("raw_artworks", outcome.rows)
    rows = {row["artwork_id"]: row for row in outcome.rows.to_pylist()}
    assert (set(rows), outcome.rejects) == ({node["name"] for node in GRAPH.nodes["Artwork"]}, [])
    for node in GRAPH.nodes["Artwork"]:
        row, name = rows[node["name"]], node["name"]
        assert [row[key] for key in ("title", "date", "dimensions", "image_url")] == [
            node.get(key) for key in ("title", "date", "dimensions", "image_url")
        ]
        assert row["tags"] == linked(GRAPH, name, "about", "Tag")
        for column, kind, tail in (("style", "hasStyle", "Style"), ("genre", "hasGenre", "Genre")):
            assert [row[column]] == linked(GRAPH, name, kind, tail)
        assert row["gallery"] == ("; ".join(linked(GRAPH, name, "locatedIn", "Gallery")) or None)
        assert row["city"] == ("; ".join(linked(GRAPH, name, "locatedIn", "City")) or None)
        assert [felt["name"] for felt in row["emotions"]] == linked(GRAPH, name, "elicits", "Emotion")
        assert [row["artist_key"]] == (linked(GRAPH, name, "createdBy", "Artist") or [None])


def test_the_artist_is_printed_as_the_graph_prints_it(plain: Path) -> None:
    rows = read_artworks(plain).rows.to_pylist()
    known = {node["name"]: node["printed_name"] for node in GRAPH.nodes["Artist"]}
    assert [row["artist"] for row in rows] == [known.get(row["artist_key"]) for row in rows]
    assert sum(row["artist"] is None for row in rows) == 1


def test_what_has_no_column_is_kept(plain: Path, tmp_path: Path) -> None:
    shutil.copytree(plain, tmp_path / "g")
    header, *lines = (plain / "nodes.csv").read_text().splitlines()
    assert header.startswith("label,name,")
    first = next(n for n, line in enumerate(lines) if line.startswith("Artwork,"))
    more = [
        f"{header},wikidata_url",
        *(f"{line}," for line in lines[: first - 10]),
        *(f"{x}," for x in lines[first:]),
    ]
    more[1 + len(lines[: first - 10])] += "http://w/Q1"
    (tmp_path / "g" / "nodes.csv").write_text("\n".join(more) + "\n")
    extra = [json.loads(text) for text in read_artworks(tmp_path / "g").rows["extra"].to_pylist()]
    assert [told for told in extra if told] == [{"wikidata_url": "http://w/Q1"}]


def test_artists_come_along_with_their_lives(plain: Path) -> None:
    outcome = read_artists(plain)
    tables.conform("raw_artists", outcome.rows)
    rows = {row["artist_key"]: row for row in outcome.rows.to_pylist()}
    assert len(rows) == len(GRAPH.nodes["Artist"])
    node = GRAPH.nodes["Artist"][1]
    row = rows[node["name"]]
    assert row["name"] == node["printed_name"]
    assert (row["birth_year"], row["birth_date"]) == (int(node["birth_date"]), node["birth_date"])
    assert row["biography"] == node["biography"]
    assert sum(len(row["subjects"]) for row in rows.values()) == len(
        GRAPH.edges["Artist", "hasSubject", "Subject"]
    )


@pytest.mark.parametrize("scheme", ["f2", "2.0"])
def test_both_layouts_and_schemes_say_the_same(tmp_path: Path, scheme: str) -> None:
    graph = make_graph(60, seed=1, scheme=scheme, dirty=True)  # type: ignore[arg-type]
    write_csv(graph, tmp_path / "plain")
    write_neo4j2raw(graph, tmp_path / "raw")
    shared = [
        "artwork_id",
        "artist_key",
        "style",
        "genre",
        "tags",
        "medium",
        "gallery",
        "gallery_city",
        "series",
    ]
    plain_, raw = (read_artworks(tmp_path / name).rows.select(shared) for name in ("plain", "raw"))
    assert plain_.equals(raw)
    assert any(plain_["gallery"].to_pylist())


def test_a_zip_below_a_folder_and_gzipped_files_are_read(plain: Path, tmp_path: Path) -> None:
    graph = make_graph(30, scheme="f2")
    write_neo4j2raw(graph, tmp_path / "in" / "artgraph")
    for path in (tmp_path / "in").rglob("edge.csv"):
        path.with_name("edge.csv.gz").write_bytes(gzip.compress(path.read_bytes()))
        path.unlink()
    shutil.make_archive(str(tmp_path / "export"), "zip", tmp_path / "in")
    assert read_artworks(tmp_path / "export.zip").rows.equals(read_artworks(tmp_path / "in").rows)
    assert len(read_artworks(tmp_path / "export.zip").rows) == 30


def test_a_second_artwork_of_the_same_name_is_refused(plain: Path, tmp_path: Path) -> None:
    shutil.copytree(plain, tmp_path / "g")
    name = GRAPH.nodes["Artwork"][7]["name"]
    columns = (plain / "nodes.csv").read_text().partition("\n")[0].count(",")
    with (tmp_path / "g" / "nodes.csv").open("a") as file:
        file.write(f"Artwork,{name}{',' * (columns - 1)}\n")
    outcome = read_artworks(tmp_path / "g")
    assert [(r.item_id, r.reason) for r in outcome.rejects] == [(name, Reason.DUPLICATE_KEY)]
    assert len(outcome.rows) == 200


SMALL = {
    "nodes.csv": "label,name,title\nArtwork,a.jpg,A\nArtist,x,\nGenre,g,\nStyle,s,\n"
    "Emotion,awe,\nEmotion,fear,\n",
    "edges.csv": "head_label,head,type,tail_label,tail,arousal\nArtwork,a.jpg,createdBy,Artist,x,\n"
    "Artwork,a.jpg,hasGenre,Genre,g,\nArtwork,a.jpg,hasStyle,Style,s,\n",
}


def small(folder: Path, **more: str) -> Path:
    """Write a graph of one artwork, with more lines."""
    folder.mkdir()
    for name, text in SMALL.items():
        (folder / name).write_text(text + more.get(name.removesuffix(".csv"), ""))
    return folder


def test_nodes_without_a_name_and_artists_named_twice_are_refused(tmp_path: Path) -> None:
    export = small(tmp_path / "g", nodes="Artist,x,\nArtist,,\nArtwork,,B\nArtwork,,C\n")
    made = read_artworks(export)
    tables.conform("raw_artworks", made.rows)
    assert made.rows["artwork_id"].to_pylist() == ["a.jpg"]
    assert [(one.item_id, one.reason) for one in made.rejects] == [
        ("artwork without a name 1", Reason.MISSING_FILE),
        ("artwork without a name 2", Reason.MISSING_FILE),
    ]
    artists = read_artists(export)
    tables.conform("raw_artists", artists.rows)
    assert artists.rows["artist_key"].to_pylist() == ["x"]
    assert [one.reason for one in artists.rejects] == [Reason.DUPLICATE_KEY, Reason.MISSING_FILE]


def test_an_arousal_that_is_no_number_counts_as_one(tmp_path: Path) -> None:
    felt = "Artwork,a.jpg,elicits,Emotion,{},{}\n"
    export = small(tmp_path / "g", edges=felt.format("awe", "many") + felt.format("fear", "0"))
    (row,) = read_artworks(export).rows.to_pylist()
    assert row["emotions"] == [{"name": "awe", "value": 1.0}, {"name": "fear", "value": 0.0}]


def test_a_line_with_too_many_cells_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nodes\.csv: some lines have more cells"):
        read_artworks(small(tmp_path / "g", nodes="Artwork,c.jpg,A,,,,,\n"))


BEYOND = {  # a graph of one artwork that holds what no column is for
    "nodes.csv": "label,name,title,summary,n\nArtwork,a.jpg,A,,\nArtist,x,,,\nGenre,g,,,\nStyle,s,,plain,3\n"
    "Tag,t,,,\nTag,,,nameless,\nCity,c,,,\nCountry,own,,,\nCountry,other,,,\nEmotion,awe,,,\n"
    "Auction,sale,,,\nAuction,big,,of 1990,\n",
    "edges.csv": "head_label,head,type,tail_label,tail,arousal,description,weight\n"
    "Artwork,a.jpg,createdBy,Artist,x,,,\nArtwork,a.jpg,hasGenre,Genre,g,,,\nArtwork,a.jpg,hasStyle,Style,s,,,\n"
    "Artwork,a.jpg,about,Tag,t,,,0.5\nArtwork,a.jpg,elicits,Emotion,awe,3,wide,\n"
    "Artwork,a.jpg,elicits,Emotion,awe,1,high,2\nArtist,x,influenced,Artist,x,,odd,\n"
    "Artist,x,influenced,Artist,x,,,\nArtwork,a.jpg,about,Place,p,,,\nPlace,p,isNear,Auction,sale,,,\n"
    "Artwork,a.jpg,locatedIn,City,c,,,\nArtwork,a.jpg,locatedIn,Country,own,,,\nCity,c,inCountry,Country,other,,,\n",
}
KEPT = [  # label, name, type, tail label, tail, number, properties
    ("Artist", "x", "influenced", "Artist", "x", 0, '{"description": "odd"}'),
    ("Artist", "x", "influenced", "Artist", "x", 1, "{}"),
    ("Artwork", "a.jpg", "about", "Place", "p", 0, "{}"),
    ("Artwork", "a.jpg", "about", "Tag", "t", 0, '{"weight": "0.5"}'),
    ("Artwork", "a.jpg", "elicits", "Emotion", "awe", 0, '{"weight": "2"}'),
    ("Auction", "big", "", "", "", 0, '{"summary": "of 1990"}'),
    ("Auction", "sale", "", "", "", 0, "{}"),
    ("Place", "p", "isNear", "Auction", "sale", 0, "{}"),
    ("Style", "s", "", "", "", 0, '{"n": "3", "summary": "plain"}'),
    ("Tag", "", "", "", "", 0, '{"summary": "nameless"}'),
]


def beyond(folder: Path) -> Path:
    folder.mkdir()
    for name, text in BEYOND.items():
        (folder / name).write_text(text)
    return folder


def test_what_no_column_is_for_is_kept_and_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    export = beyond(tmp_path / "g")
    made = read_extra(export)
    assert [tuple(row.values()) for row in tables.conform("graph_extra", made.rows).to_pylist()] == KEPT
    counts = count_extra(export)
    assert counts["Style.summary"] == counts["Artwork → Tag (about).weight"] == counts["Auction"] == 1
    told = ", ".join(f"{what} ({count})" for what, count in counts.items())
    assert caplog.messages == [
        f"the graph holds more than there are columns for; graph_extra keeps it: {told}"
    ]


def test_properties_may_have_any_name(tmp_path: Path) -> None:
    """Such as those by which the joins go."""
    names = ("written", "folded", "role", "head", "tail", "type", "links", "more", 'a "b"')
    (export := tmp_path / "g").mkdir()
    columns = ",".join('"' + name.replace('"', '""') + '"' for name in names)
    nodes = SMALL["nodes.csv"].replace("title\n", f"title,{columns}\n", 1)
    head, *rest = nodes.splitlines()
    padded = [line + "," * len(names) for line in rest]
    (export / "nodes.csv").write_text(
        "\n".join([head, *padded, f"Style,t,,{','.join('x' * len(names))}", ""])
    )
    more = [name for name in names if name not in ("head", "tail", "type")]
    columns = ",".join('"' + name.replace('"', '""') + '"' for name in more)
    head, *rest = SMALL["edges.csv"].splitlines()
    lines = [f"{line},{','.join('y' * len(more))}" for line in rest]
    (export / "edges.csv").write_text("\n".join([f"{head},{columns}", *lines, ""]))
    assert read_artworks(export).rows["artist_key"].to_pylist() == ["x"]
    kept = [json.loads(text) for text in read_extra(export).rows["properties"].to_pylist()]
    assert kept == [dict.fromkeys(more, "y")] * 3 + [dict.fromkeys(names, "x")]


def test_numbers_that_json_has_no_word_for_are_told_as_texts() -> None:
    told = as_json({"a": float("nan"), "b": [1, float("-inf")], "c": "NaN", "d": 2})
    assert json.loads(told, parse_constant=pytest.fail) == {
        "a": "NaN",
        "b": [1, "-Infinity"],
        "c": "NaN",
        "d": 2,
    }


def test_words_on_emotions_and_the_country_of_the_city_are_kept(tmp_path: Path) -> None:
    (row,) = read_artworks(beyond(tmp_path / "g")).rows.to_pylist()
    assert row["country"] == "own"
    assert [felt["value"] for felt in row["emotions"]] == [1, 3]
    assert json.loads(row["extra"]) == {"city_country": ["other"], "emotions": {"awe": "high\nwide"}}


def test_a_graph_that_fits_its_columns_leaves_nothing_over(
    plain: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write_neo4j2raw(GRAPH, tmp_path)
    assert (len(read_extra(plain).rows), len(read_extra(tmp_path).rows)) == (0, 0)
    assert not caplog.messages


@pytest.mark.parametrize(
    ("more", "says"),
    [
        (b"Artist,\xe9,\n", r"nodes\.csv, line 8: Invalid unicode .* not utf-8 encoded$"),
        (b"Artist,y\n", r"nodes\.csv: a line has fewer or more cells"),
        (b'Artist,"y,\n', r"nodes\.csv: a line .* a quote that is not closed$"),
        (b"Artist,y,\n" * 30_000 + b"Artist,y\n", r"nodes\.csv, line 30008: Expected Number of Columns: 3"),
    ],
)
def test_a_line_that_cannot_be_read_is_named(tmp_path: Path, more: bytes, says: str) -> None:
    export = small(tmp_path / "g")
    with (export / "nodes.csv").open("ab") as file:
        file.write(more)
    with pytest.raises(ConfigError, match=says) as raised:
        read_artworks(export)
    assert "\n" not in str(raised.value)


def test_files_of_an_export_that_are_not_read_are_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write_neo4j2raw(make_graph(20), tmp_path / "g")
    (tmp_path / "g/raw/node-feat/artwork").mkdir(parents=True)
    (tmp_path / "g/raw/node-feat/artwork/node-feat.csv").write_text("0.1,0.2\n")
    (tmp_path / "g/raw/num-node-dict.csv").write_text("artwork\n20\n")
    shutil.make_archive(str(tmp_path / "zipped"), "zip", tmp_path / "g")
    for export in (tmp_path / "g", tmp_path / "zipped.zip"):
        read_extra(export)
    told = "files of the graph's export that are not read: raw/node-feat/artwork/node-feat.csv"
    assert caplog.messages == [told, told]


def test_a_relation_from_a_node_that_is_not_listed_is_kept(tmp_path: Path) -> None:
    export = small(tmp_path / "g", edges="Artwork,gone.jpg,hasGenre,Genre,g,\n,,,,,\n")
    assert [tuple(row.values())[:5] for row in read_extra(export).rows.to_pylist()] == [
        ("", "", "", "", ""),
        ("Artwork", "gone.jpg", "hasGenre", "Genre", "g"),
    ]


def test_counts_are_told_by_label_and_triple(plain: Path) -> None:
    nodes, edges = count_triples(plain)
    assert nodes == {label.lower(): len(found) for label, found in GRAPH.nodes.items()}
    assert edges == {
        tuple(part.lower() for part in triple): len(ends) for triple, ends in GRAPH.edges.items()
    }


def test_what_is_no_artgraph_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="does not exist"):
        read_artworks(tmp_path / "none")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ConfigError, match=r"neither nodes\.csv nor"):
        read_artworks(tmp_path / "empty")
    (tmp_path / "text.zip").write_text("no zip")
    with pytest.raises(ConfigError, match="nor a sound zip"):
        read_artworks(tmp_path / "text.zip")
    other = make_graph(5)
    other.edges = {
        triple: ends for triple, ends in other.edges.items() if triple[2] not in ("Artist", "Style")
    }
    write_csv(other, tmp_path / "other")
    with pytest.raises(ConfigError, match=r"no relation Author or createdBy, Style or hasStyle"):
        read_artworks(tmp_path / "other")
    (tmp_path / "other" / "edges.csv").write_text("a,b\n1,2\n")
    with pytest.raises(ConfigError, match="no column head_label, type"):
        read_artworks(tmp_path / "other")


def test_a_missing_column_or_file_is_told_at_a_glance(plain: Path, tmp_path: Path) -> None:
    check(plain)
    shutil.copytree(plain, tmp_path / "g")
    edges = (plain / "edges.csv").read_text()
    (tmp_path / "g/edges.csv").write_text(edges.replace("head_label,head,", "head_label,start,", 1))
    for look in (check, read_artworks):
        with pytest.raises(
            ConfigError, match=r"edges\.csv of .* has no column head; it has: head_label, start"
        ):
            look(tmp_path / "g")
    shutil.make_archive(str(tmp_path / "zipped"), "zip", tmp_path / "g")
    with pytest.raises(ConfigError, match="no column head"):
        check(tmp_path / "zipped.zip")
    (tmp_path / "g/edges.csv").unlink()
    with pytest.raises(ConfigError, match=r"has no edges\.csv beside nodes\.csv"):
        check(tmp_path / "g")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ConfigError, match="no ArtGraph export"):
        check(tmp_path / "empty")
