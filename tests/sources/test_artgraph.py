"""ArtGraph over Bolt: a real server, killed and cut off.

ARTSOUND_TEST_NEO4J_URI (with ARTSOUND_NEO4J_USER and ARTSOUND_NEO4J_PASSWORD) names an empty Neo4j that the
tests of reading, counting and loading use instead; they leave it empty again.
"""

import logging
import os
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import neo4j
import pyarrow as pa
import pytest

from artsound import tables, wiring
from artsound.errors import ConfigError, Outcome, Reason, SourceError
from artsound.settings import Collection, Settings
from artsound.sources import artgraph, artgraph_counts, artgraph_csv, artgraph_server
from artsound.sources.artgraph import count_triples, find_kinds, read_artists, read_keys, read_window
from artsound.sources.artgraph_counts import count_graph, labels_in, told
from artsound.sources.artgraph_extra import count_extra, kept, over_bolt
from artsound.sources.artgraph_load import compare, load_export
from artsound.sources.artgraph_model import NODE_COUNTS, RELATIONS
from artsound.sources.artgraph_server import Graph
from artsound.sources.synthetic_artgraph import make_graph, write_csv
from artsound.store import Store
from tests.servers import PASSWORD, USER, Bolt, CuttingProxy, bolt
from tests.sources.test_artgraph_csv import KEPT, beyond
from tests.tls import TlsProxy, certificate

ARTWORKS = 120
EMPTY = tuple(f"empty{number}" for number in range(7))  # each for one test
DATABASES = ("neo4j", "mixed", *EMPTY)


@pytest.fixture(scope="module", autouse=True)
def _login() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        if "ARTSOUND_TEST_NEO4J_URI" not in os.environ:
            patch.setenv("ARTSOUND_NEO4J_USER", USER)
            patch.setenv("ARTSOUND_NEO4J_PASSWORD", PASSWORD)
        yield


@pytest.fixture(scope="module")
def exports(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("exports")
    write_csv(make_graph(ARTWORKS, seed=5, dirty=True), folder / "neo4j")
    write_csv(make_graph(ARTWORKS, seed=5, dirty=True, scheme="f2"), folder / "f2")
    mixed = make_graph(ARTWORKS, seed=5, dirty=True)
    older = {(r.head, r.new, r.tail): (r.head, r.old, r.tail) for r in RELATIONS if r.old not in NODE_COUNTS}
    mixed.edges = {older.get(triple, triple): ends for triple, ends in mixed.edges.items()}
    write_csv(mixed, folder / "mixed")
    return {name: folder / name for name in ("neo4j", "mixed", "f2")}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, exports: dict[str, Path]) -> Iterator[Bolt]:
    with bolt(tmp_path_factory.mktemp("server"), *DATABASES) as started:
        for name in ("neo4j", "mixed"):
            load_export(exports[name], Graph(started.uri, name))
        yield started


@pytest.fixture
def graph(request: pytest.FixtureRequest, exports: dict[str, Path]) -> Iterator[Graph]:
    """Give the 2.0 graph: in a real Neo4j if there is one."""
    if uri := os.environ.get("ARTSOUND_TEST_NEO4J_URI"):
        real = Graph(uri)
        load_export(exports["neo4j"], real)
        yield real
        empty(real)
    else:
        yield Graph(request.getfixturevalue("server").uri)


@pytest.fixture(scope="module")
def unused() -> Iterator[str]:
    return iter(EMPTY)


@pytest.fixture
def own(request: pytest.FixtureRequest, unused: Iterator[str]) -> Iterator[Graph]:
    """Give an empty graph: in a real Neo4j if there is one."""
    if uri := os.environ.get("ARTSOUND_TEST_NEO4J_URI"):
        real = Graph(uri)
        yield real
        empty(real)
    else:
        yield Graph(request.getfixturevalue("server").uri, next(unused))


def empty(graph: Graph) -> None:
    write(graph, "MATCH (n) DETACH DELETE n")


def everything(graph: Graph, window: int = 50) -> pa.Table:
    keys = read_keys(graph).rows
    kinds = find_kinds(graph)
    pieces = [
        read_window(keys.slice(start, window), graph=graph, kinds=kinds)
        for start in range(0, len(keys), window)
    ]
    assert not any(piece.rejects for piece in pieces)
    return pa.concat_tables([piece.rows for piece in pieces]).sort_by("artwork_id")


def artists(graph: Graph) -> pa.Table:
    return read_artists(graph, find_kinds(graph)).rows


@pytest.mark.slow
def test_the_server_and_the_export_say_the_same(graph: Graph, exports: dict[str, Path]) -> None:
    assert everything(graph).equals(artgraph_csv.read_artworks(exports["neo4j"]).rows)
    assert read_artists(graph, find_kinds(graph)).rows.equals(
        artgraph_csv.read_artists(exports["neo4j"]).rows
    )
    assert artgraph.image_urls(graph) == artgraph_csv.image_urls(exports["neo4j"])


@pytest.mark.slow
def test_what_no_column_is_for_is_kept_by_server_and_export_alike(
    own: Graph, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A node that is named in edges only is not loaded."""
    export = beyond(tmp_path / "g")
    with (export / "nodes.csv").open("a") as file:
        file.write("Place,p,,,\n")
    load_export(export, own)
    counted = count_graph(own).rows
    assert not caplog.messages
    made = kept(over_bolt(own, *labels_in(counted))).rows
    assert made.equals(artgraph_csv.read_extra(export).rows)
    assert len(made) == len(KEPT) + 1
    assert len(set(caplog.messages)) == 1
    assert count_extra(own, *count_triples(own)) == artgraph_csv.count_extra(export)
    assert everything(own).equals(artgraph_csv.read_artworks(export).rows)
    seen = [told(counted)]
    for change in (
        "MATCH (s:Style) SET s.summary = 'other'",
        "MATCH ()-[r:about]->(t:Tag) SET r.weight = '1'",
        "MATCH (a:Auction) SET a.summary = 'none'",
        "MATCH ()-[r:influenced]->() SET r.description = 'new'",
        "MATCH (:Artwork)-[r:elicits]->() SET r.weight = '3'",
        "MATCH (:Artwork)-[r:elicits]->() WHERE r.description = 'wide' SET r.description = 'edgy'",
        "MATCH (a:Artwork) MATCH (t:Tag) WHERE t.name IS NULL CREATE (a)-[:about]->(t)",
    ):
        write(own, change)
        seen.append(told(count_graph(own).rows))
    assert all(before != after for before, after in pairwise(seen))
    nameless = [one for one in over_bolt(own, [], ["about"]) if one.tail is None]
    assert [(one.name, one.tail_label) for one in nameless] == [("a.jpg", "Tag")]


@pytest.mark.slow
def test_labels_and_types_may_have_any_name_or_none(
    own: Graph, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Loading refuses nodes without a label: these are made there."""
    export = beyond(tmp_path / "g")
    with (export / "nodes.csv").open("a") as file:
        file.write('Place,p,,,\nit\'s `so`,p,,,\ntwo words,q,,,\n"a ""b""",r,,,\n')
    with (export / "edges.csv").open("a") as file:
        file.write("it's `so`,p,`is' nöar`,two words,q,,,1\n")
    load_export(export, own)
    before = count_graph(own).rows
    assert {"it's `so`", "two words", 'a "b"', "`is' nöar`"} <= {*before["name"].to_pylist()}
    with (export / "nodes.csv").open("a") as file:
        file.write(",bare,,plain,\n,end,,,\n")
    with (export / "edges.csv").open("a") as file:
        file.write("Artwork,a.jpg,leadsTo,,end,,,\n")
    write(
        own,
        "CREATE ({name: 'bare', summary: 'plain'})",
        "MATCH (a:Artwork {name: 'a.jpg'}) CREATE (a)-[:leadsTo]->({name: 'end'})",
    )
    counted = count_graph(own).rows
    assert [row["count"] for row in counted.to_pylist() if not row["name"]] == [2]
    assert not caplog.messages
    made = kept(over_bolt(own, *labels_in(counted))).rows
    assert made.equals(artgraph_csv.read_extra(export).rows)
    assert all("Artwork → without a label (leadsTo) (1)" in line for line in caplog.messages)
    assert count_extra(own, *count_triples(own))["without a label.summary"] == 1
    lines = {line.what: line.found for line in compare(*count_triples(own))}
    assert (lines["without a label"], lines["artwork → without a label (leadsto)"]) == (2, 1)
    empty(own)
    with pytest.raises(ConfigError, match="has nodes without a label, or relations without a type"):
        load_export(export, own)
    assert own.read("MATCH (n) RETURN count(n)") == [[0]]


@pytest.mark.slow
def test_names_that_are_numbers_or_lists_are_read_as_texts_but_are_no_key_of_an_artwork(own: Graph) -> None:
    write(
        own,
        ONE,
        "MATCH (x:Artist) SET x.name = 17",
        "MATCH (x:Genre) SET x.name = ['a', 'b']",
        "CREATE (:Artwork {name: 1990})-[:createdBy]->(:Artist {name: 'y'})",
        "CREATE (:Auction {name: 1990})-[:soldAt]->(:Place {name: 12.5})",
    )
    counted = count_graph(own).rows
    keys = read_keys(own)
    assert keys.rows["artwork_id"].to_pylist() == ["x.jpg"]
    assert [one.reason for one in keys.rejects] == [Reason.MISSING_FILE]
    read = everything(own)
    assert read["artist_key"].to_pylist() == ["17"]
    assert read["genre"].to_pylist() == ["['a', 'b']"]
    assert artists(own)["artist_key"].to_pylist() == ["17", "y"]
    sold = kept(over_bolt(own, *labels_in(counted))).rows.to_pylist()[1]
    assert (sold["name"], sold["tail"]) == ("1990", "12.5")


@pytest.mark.slow
def test_the_older_names_of_relations_are_understood(server: Bolt, exports: dict[str, Path]) -> None:
    """ArcadeDB has one name space for labels and types: only old types that are no labels fit in it."""
    older = Graph(server.uri, "mixed")
    assert everything(older).equals(artgraph_csv.read_artworks(exports["mixed"]).rows)
    assert read_artists(older, find_kinds(older)).rows.equals(
        artgraph_csv.read_artists(exports["mixed"]).rows
    )


@pytest.mark.slow
@pytest.mark.skipif(
    "ARTSOUND_TEST_NEO4J_URI" not in os.environ, reason="needs a Neo4j: set ARTSOUND_TEST_NEO4J_URI"
)
def test_the_f2_graph_is_read_whole(exports: dict[str, Path]) -> None:
    older = Graph(os.environ["ARTSOUND_TEST_NEO4J_URI"])
    try:
        load_export(exports["f2"], older)
        assert everything(older).equals(artgraph_csv.read_artworks(exports["f2"]).rows)
    finally:
        empty(older)


@pytest.mark.slow
def test_counts_agree_with_the_export(graph: Graph, exports: dict[str, Path]) -> None:
    nodes, edges = count_triples(graph)
    lower = ({k.lower(): n for k, n in nodes.items()}, {(h.lower(), k.lower(), t.lower()): n
             for (h, k, t), n in edges.items()})  # fmt: skip
    assert lower == artgraph_csv.count_triples(exports["neo4j"])
    lines = {line.what: line for line in compare(nodes, edges)}
    assert lines["Artwork"] == ("Artwork", 116_475, ARTWORKS)
    assert lines["Artwork → Tag (About, about)"].differs
    assert not lines["emotion"].differs
    assert sum(line.found for line in lines.values()) == sum(nodes.values()) + sum(edges.values())


@pytest.mark.slow
def test_a_window_is_read_in_pieces_as_it_is_at_once(graph: Graph, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = everything(graph, ARTWORKS)
    monkeypatch.setattr(artgraph, "PIECE", 7)
    assert everything(graph, ARTWORKS).equals(whole)


def write(graph: Graph, *queries: str) -> None:
    with graph.session(write=True) as session:
        for query in queries:
            session.run(query).consume()


ONE = """CREATE (a:Artwork {name: 'x.jpg', title: 'one'})-[:createdBy]->(:Artist {name: 'x'})
CREATE (a)-[:hasGenre]->(:Genre {name: 'g'}) CREATE (a)-[:hasStyle]->(:Style {name: 's'})"""


@pytest.mark.slow
def test_a_changed_graph_counts_otherwise_and_a_repeated_name_is_told(
    own: Graph, caplog: pytest.LogCaptureFixture
) -> None:
    write(own, ONE)
    seen = [told(count_graph(own).rows)]
    assert not caplog.messages
    assert seen == [told(count_graph(own).rows)]
    for change in (
        "MATCH (a:Artwork) SET a.title = 'two'",
        "MATCH (a:Artwork) SET a.title = 'owt'",
        "MATCH (t:Genre) SET t.name = 'h'",
        "MATCH (a:Artwork) SET a.noted = 'by hand'",
        "CREATE (:Tag {name: 'a tag'})",
        "MATCH (a:Artwork) MATCH (t:Tag) CREATE (a)-[:about]->(t)",
        "MATCH (t:Tag) DETACH DELETE t",
        "MATCH (a:Artwork) CREATE (a)-[:about]->(:Place {name: 'a place'})",
        ONE,
    ):
        write(own, change)
        seen.append(told(count_graph(own).rows))
    assert all(before != after for before, after in pairwise(seen))
    assert not caplog.messages
    outcome = read_window(read_keys(own).rows, graph=own, kinds=find_kinds(own))
    assert outcome.rows["artwork_id"].to_pylist() == ["x.jpg"]
    assert [(one.item_id, one.reason) for one in outcome.rejects] == [("x.jpg", Reason.DUPLICATE_KEY)]


@pytest.mark.slow
def test_a_graph_that_is_none_of_both_is_told_with_what_is_missing(own: Graph) -> None:
    with pytest.raises(ConfigError, match="no relation Author or createdBy, Genre or hasGenre"):
        count_graph(own)


@pytest.mark.slow
def test_a_graph_of_version_1_whose_artworks_have_no_names_is_told(own: Graph) -> None:
    write(own, "CREATE (:Artwork {url: 'sunflowers'})-[:createdBy]->(:Artist {url: 'van-gogh'})")
    with pytest.raises(ConfigError, match=r"graphs of version 1 lack it; take version 2\.0"):
        read_keys(own)


def test_an_export_that_is_none_is_told_before_a_server_is_asked(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="does not exist"):
        load_export(tmp_path / "none", Graph("bolt://127.0.0.1:1"))


@pytest.mark.slow
def test_an_export_goes_only_into_an_empty_database(server: Bolt, exports: dict[str, Path]) -> None:
    with pytest.raises(ConfigError, match="not empty"):
        load_export(exports["neo4j"], Graph(server.uri))


@pytest.mark.slow
def test_an_emptied_database_is_loaded_again_and_lost_relations_are_told(
    own: Graph, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Indexes stay where nodes are gone."""
    write_csv(make_graph(20), tmp_path)
    first = load_export(tmp_path, own)
    assert not caplog.messages
    empty(own)
    with (tmp_path / "edges.csv").open("a") as file:
        file.write("Artwork,nobody.jpg,about,Tag,nothing,\n")
    assert load_export(tmp_path, own) == first
    assert [
        f"lists {first[1] + 1} relations and {first[1]} were made" in line for line in caplog.messages
    ] == [True]
    write(own, "CREATE (:Artist {printed_name: 'Nobody'})", "CREATE (:Artist {name: 'artist-0'})")
    assert [one.reason for one in read_artists(own, find_kinds(own)).rejects] == [
        Reason.DUPLICATE_KEY,
        Reason.MISSING_FILE,
    ]


@pytest.mark.slow
def test_a_window_whose_artworks_are_not_all_there_is_told(server: Bolt) -> None:
    keys = read_keys(Graph(server.uri)).rows
    other = pa.concat_tables([keys.slice(0, 1), keys.slice(2, 1)])
    with pytest.raises(SourceError, match="changed while it was read"):
        read_window(other, graph=Graph(server.uri), kinds=find_kinds(Graph(server.uri)))


@pytest.mark.slow
def test_a_wrong_password_is_told_in_one_line(server: Bolt, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ARTSOUND_NEO4J_PASSWORD", "wrong")
    with pytest.raises(SourceError, match=r"the graph at bolt://127\.0\.0\.1") as raised:
        read_keys(Graph(server.uri))
    assert str(raised.value).endswith(
        "Authentication failed: set ARTSOUND_NEO4J_USER and ARTSOUND_NEO4J_PASSWORD, or ARTSOUND_NEO4J_TOKEN"
    )


@pytest.fixture
def tls(server: Bolt, tmp_path: Path) -> Iterator[tuple[int, Path]]:
    """Give a port where the server answers under TLS, and the certificate that vouches for it."""
    cert, key = certificate(tmp_path)
    proxy = TlsProxy(server.port, cert, key)
    yield proxy.port, cert
    proxy.close()


@pytest.mark.slow
def test_tls_is_spoken_and_a_certificate_must_be_vouched_for(
    server: Bolt, tls: tuple[int, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    port, cert = tls
    keys = read_keys(Graph(server.uri)).rows
    assert read_keys(Graph(f"bolt+ssc://127.0.0.1:{port}")).rows.equals(keys)
    monkeypatch.setattr(artgraph_server, "RETRY_SECONDS", 0.1)
    with pytest.raises(SourceError, match=r"bolt\+ssc or neo4j\+ssc trusts") as raised:
        read_keys(Graph(f"bolt+s://127.0.0.1:{port}"))
    assert "\n" not in str(raised.value)
    monkeypatch.setenv("SSL_CERT_FILE", str(cert))
    assert read_keys(Graph(f"bolt+s://127.0.0.1:{port}")).rows.equals(keys)


@pytest.mark.parametrize("scheme", artgraph_server.SCHEMES)
def test_every_scheme_is_known_to_the_driver_and_those_with_s_encrypt(scheme: str) -> None:
    with Graph(f"{scheme}://127.0.0.1:1")._driver() as driver:
        assert driver.encrypted is ("+s" in scheme)


@pytest.mark.slow
def test_a_server_that_names_itself_is_asked_by_routing(
    server: Bolt, tls: tuple[int, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """ArcadeDB points to its own port, which has no TLS: so behind a proxy routing must fail, and say why."""
    keys = read_keys(Graph(server.uri)).rows
    assert read_keys(Graph(server.uri.replace("bolt", "neo4j"))).rows.equals(keys)
    monkeypatch.setattr(artgraph_server, "RETRY_SECONDS", 0.1)
    for scheme in ("neo4j+ssc", "neo4j+s"):
        with pytest.raises(SourceError, match="bolt:// asks this one server only"):
            read_keys(Graph(f"{scheme}://127.0.0.1:{tls[0]}"))


@pytest.mark.slow
def test_a_server_without_tls_is_told(server: Bolt, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(artgraph_server, "RETRY_SECONDS", 0.1)
    with pytest.raises(SourceError, match=r"the graph at bolt\+ssc://"):
        read_keys(Graph(f"bolt+ssc://127.0.0.1:{server.port}"))


@pytest.mark.slow
def test_a_token_goes_before_a_password_and_is_never_shown(
    server: Bolt, monkeypatch: pytest.MonkeyPatch
) -> None:
    """ArcadeDB knows no tokens: that it refuses one shows that the token, and not the password, was sent."""
    monkeypatch.setenv("ARTSOUND_NEO4J_TOKEN", "very-secret")
    with pytest.raises(SourceError, match=r"the graph at bolt://") as raised:
        read_keys(Graph(server.uri))
    assert "very-secret" not in str(raised.value)


def test_who_asks_is_read_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("USER", "PASSWORD", "TOKEN"):
        monkeypatch.delenv(f"ARTSOUND_NEO4J_{name}", raising=False)
    assert artgraph_server.login() is None
    monkeypatch.setenv("ARTSOUND_NEO4J_USER", "me")
    monkeypatch.setenv("ARTSOUND_NEO4J_PASSWORD", "pass")
    assert artgraph_server.login() == neo4j.basic_auth("me", "pass")
    monkeypatch.setenv("ARTSOUND_NEO4J_TOKEN", "a-token")
    assert artgraph_server.login() == neo4j.bearer_auth("a-token")


@pytest.mark.slow
def test_a_cut_connection_loses_and_repeats_nothing(server: Bolt, exports: dict[str, Path]) -> None:
    proxy = CuttingProxy(server.port, [500, 8_000, 3_000, 12_000])
    rows = everything(Graph(f"bolt://127.0.0.1:{proxy.port}"))
    proxy.close()
    assert proxy.cuts == 4
    assert rows.equals(artgraph_csv.read_artworks(exports["neo4j"]).rows)


@pytest.mark.slow
def test_a_killed_server_costs_only_the_window_that_was_being_read(
    tmp_path: Path, exports: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(artgraph_server, "RETRY_SECONDS", 1.0)
    parts = Store(tmp_path / "store").parts("raw_artworks", "key")
    asked = []
    with bolt(tmp_path / "server") as server:
        graph = Graph(server.uri)
        load_export(exports["neo4j"], graph)
        keys, kinds = read_keys(graph).rows, find_kinds(graph)

        def read(number: int) -> None:
            def make() -> artgraph.Outcome:
                asked.append(number)
                return read_window(keys.slice(number * 40, 40), graph=graph, kinds=kinds)

            parts.once(number, make)

        read(0)
        server.kill()
        with pytest.raises(SourceError, match="the graph at"):
            read(1)
        server.start()
        for number in range(3):
            read(number)
    assert asked == [0, 1, 1, 2]
    rows = pa.concat_tables([parts.read(number).rows for number in range(3)]).sort_by("artwork_id")
    assert rows.equals(artgraph_csv.read_artworks(exports["neo4j"]).rows)


def test_a_build_counts_the_graph_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    asked: list[str] = []

    def count(graph: Graph) -> Outcome:
        asked.append(graph.uri)
        row = {"kind": "label", "name": "Artwork", "count": 1, "digest": "d"}
        return Outcome(tables.rows_of("graph_counts", [row]))

    monkeypatch.setattr(artgraph_counts, "count_graph", count)
    settings = Settings(
        root=tmp_path,
        artworks=Collection(source="artgraph", path=tmp_path),
        tracks=Collection(path=tmp_path),
    )
    wiring.look_again()
    assert told(wiring.graph_counts(settings)().rows) == wiring.graph_state(settings)
    assert len(asked) == 1
    wiring.look_again()
    wiring.graph_state(settings)
    assert len(asked) == 2
    wiring.look_again()


def test_a_servers_notices_are_shown_only_where_all_is(caplog: pytest.LogCaptureFixture) -> None:
    artgraph_server.login()
    for level in (logging.WARNING, logging.INFO):
        with caplog.at_level(level):
            logging.getLogger("neo4j.notifications").warning("a label is missing, at %d", level)
    assert caplog.messages == [f"a label is missing, at {logging.INFO}"]


def test_an_address_that_is_none_is_told_at_once() -> None:
    with pytest.raises(ConfigError, match=r"begins with one of bolt, bolt\+s"):
        Graph("http://localhost:7474")
    with pytest.raises(ConfigError, match="no password in the address") as raised:
        Graph("bolt://me:secret@localhost")
    assert "secret" not in str(raised.value)


@pytest.mark.parametrize("rest", ["", ":7687", "localhost:abc", "localhost:99999", "[bad"])
def test_half_an_address_is_told_before_anything_is_asked(rest: str) -> None:
    with pytest.raises(ConfigError, match=r"is no address: write bolt://<host>:<port>"):
        Graph(f"bolt://{rest}")


def test_nobody_at_the_address_is_told_and_so_is_the_waiting(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(artgraph_server, "RETRY_SECONDS", 1.5)
    with pytest.raises(SourceError) as raised:
        read_keys(Graph("bolt://127.0.0.1:1"))
    assert str(raised.value) == (
        "the graph at bolt://127.0.0.1:1, database neo4j: "
        "nobody answers there: start the server, or name another address"
    )
    waited = [record.getMessage() for record in caplog.records if record.name == "artsound"]
    assert waited
    assert all(line.startswith("the graph does not answer; asked again in") for line in waited)


def test_a_full_synthetic_graph_has_the_published_counts() -> None:
    made = make_graph(NODE_COUNTS["Artwork"], scheme="f2")
    nodes = {label: len(found) for label, found in made.nodes.items()}
    assert (sum(nodes.values()), sum(len(ends) for ends in made.edges.values())) == (135_038, 875_416)
    lines = compare(nodes, {triple: len(ends) for triple, ends in made.edges.items()})
    assert [line for line in lines if line.differs] == []
    assert sum(line.published for line in lines) == 135_038 + 875_416


def test_the_published_counts_add_up() -> None:
    assert sum(NODE_COUNTS.values()) == 135_038
    assert sum(relation.published for relation in RELATIONS) == 875_416
