"""configs/pilot.toml from end to end: made-up archives, a real server, faults planted in both."""

import shutil
import unicodedata
from collections import Counter
from pathlib import Path
from urllib.parse import unquote

import numpy as np
import pytest
from PIL import Image

from artsound import pipeline, steps, wiring
from artsound.errors import Reason
from artsound.settings import Settings
from artsound.sources.artgraph_load import load_export
from artsound.sources.artgraph_server import Graph
from artsound.sources.synthetic_artgraph import make_graph, write_csv
from artsound.sources.synthetic_fma import Planted, make_fma
from artsound.steps import Made
from artsound.store import Store
from tests.catalog.test_sounding import heard
from tests.servers import PASSWORD, USER, bolt

ARTWORKS, TRACKS = 60, 18


def paint(folder: Path, names: list[str]) -> None:
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    for name in names:
        pixels = rng.integers(0, 255, (6, 8, 3), dtype=np.uint8)
        Image.fromarray(pixels).resize((96, 72), Image.Resampling.BICUBIC).save(folder / name, "JPEG")


def spoil(images: Path, names: list[str]) -> list[str]:
    """Spoil some images and return their names; adds one of no artwork and one that is there twice.

    One is named as a zip of macOS might name it, which is no fault.
    """
    encoded = next(name for name in names if "%C3%A9" in name)
    (images / encoded).rename(images / unicodedata.normalize("NFD", unquote(encoded)))
    missing, text, cut, empty, copy, original = names[10:16]
    (images / missing).unlink()
    (images / text).write_text("no image")
    (images / cut).write_bytes((images / cut).read_bytes()[:-300])
    (images / empty).write_bytes(b"")
    shutil.copy(images / original, images / copy)
    shutil.copy(images / names[20], images / "nobody_stray.jpg")
    (images / "more").mkdir()
    shutil.copy(images / names[20], images / "more")
    return names[10:16]


def refused(store: Store, table: str) -> dict[str, str]:
    return {row["item_id"]: row["reason"] for row in store.rejects(table).to_pylist()}


def standing_until_changed(settings: Settings, graph: Graph) -> dict[str, Made]:
    """All is current, and no longer when a title in the graph is another."""
    made = pipeline.standing(settings)
    assert made
    with graph.session(write=True) as session:
        session.run("MATCH (a:Artwork) WITH a ORDER BY a.name LIMIT 1 SET a.title = 'New'").consume()
    wiring.look_again()
    moved = {one.name: state for one, state in steps.outlook(pipeline.all_steps(settings))}
    shown = [moved[name] for name in ("graph_counts", "raw_artworks", "raw_tracks")]
    assert shown == ["to run", "waits", "current"]
    return made


def check_sounds(store: Store, planted: Planted) -> None:
    """What sounds alike is one near cluster in one split group; silence and clipping are told."""
    found = store.read("duplicates").to_pylist()
    near = {row["item_id"] for row in found if row["side"] == "music" and row["kind"] == "near"}
    alike = {min(planted.original, planted.copy), planted.recoded}
    assert near == alike
    groups = {row["item_id"]: row["group_id"] for row in store.read("splits").to_pylist()}
    assert len({groups[clip] for clip in alike}) == 1
    clips = {row["clip_id"]: row for row in store.read("clips").to_pylist()}
    assert clips[planted.silent]["silent"] == 1
    assert clips[planted.clipped]["clipped"] > 0.01
    constant = {clip for clip, row in clips.items() if row["constant"] and row["silent"] < 1}
    assert constant == {planted.constant}


def written(release: Path) -> bytes:
    return b"".join(path.read_bytes() for path in release.rglob("*") if path.suffix in (".json", ".md"))


def check_artists(store: Store) -> None:
    """What the graph knows of an artist stands in `artists`."""
    known = {f"art:{row['artist_key']}": row for row in store.read("raw_artists").to_pylist()}
    artists = [row for row in store.read("artists").to_pylist() if row["artist_id"] in known]
    assert artists
    for row in artists:
        raw = known[row["artist_id"]]
        assert raw["birth_year"]
        assert all(row[name] == raw[name] for name in ("birth_year", "death_date", "movements", "teachers"))


@pytest.mark.slow
@heard
def test_the_pilot_finds_every_planted_fault_and_builds_a_release(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ARTSOUND_NEO4J_USER", USER)
    monkeypatch.setenv("ARTSOUND_NEO4J_PASSWORD", PASSWORD)
    graph = make_graph(ARTWORKS, seed=2, dirty=True)
    write_csv(graph, tmp_path / "export")
    with (tmp_path / "export/edges.csv").open("a") as file:
        file.write("Artist,artist-0,influenced,Artist,artist-0,\n")
    names = [node["name"] for node in graph.nodes["Artwork"]]
    images = tmp_path / "data/artgraph/imagesf2"
    paint(images, names)
    missing, text, cut, empty, copy, original = spoil(images, names)
    planted = make_fma(tmp_path / "data/fma", TRACKS, faults=True)
    with bolt(tmp_path / "server") as server:
        load_export(tmp_path / "export", Graph(server.uri))
        config = Path("configs/pilot.toml").read_text().replace("bolt://localhost:7687", server.uri)
        config = config.replace("[release]", "[splits]\nshares = { train = 1.0 }\n\n[release]")
        (tmp_path / "pilot.toml").write_text(config.replace('"../', '"'))
        pipeline.build(tmp_path / "pilot.toml")
        made = standing_until_changed(Settings.load(tmp_path / "pilot.toml"), Graph(server.uri))
    store = Store(tmp_path / "build/pilot")
    art = {name: refused(store, name) for name in ("art_keys", "raw_artworks", "artworks", "splits")}
    assert art["art_keys"] == {
        "nobody_stray.jpg": Reason.NOT_LISTED,
        f"more/{names[20]}": Reason.DUPLICATE_CONTENT,
    }
    assert art["raw_artworks"] == {missing: Reason.MISSING_FILE}
    assert store.read("graph_extra")["type"].to_pylist() == ["influenced"]
    assert art["artworks"] == {text: Reason.UNREADABLE, cut: Reason.UNREADABLE, empty: Reason.EMPTY_FILE}
    assert art["splits"] == {
        max(copy, original): Reason.DUPLICATE_CONTENT,
        max(planted.copy, planted.original): Reason.DUPLICATE_CONTENT,
    }
    assert refused(store, "raw_tracks") == {
        planted.missing: Reason.MISSING_FILE,
        f"fma_large/000/{int(planted.unlisted):06d}.mp3": Reason.NOT_LISTED,
    }
    assert refused(store, "clips") == {
        planted.empty: Reason.EMPTY_FILE,
        planted.stub: Reason.UNREADABLE,
        planted.short: Reason.TOO_SHORT,
    }
    kept = store.manifest("artworks")
    assert kept
    assert kept.rejects == Counter(str(reason) for reason in art["artworks"].values())
    pairs = store.read("pairs")
    assert len(pairs) == TRACKS - 6
    assert len(set(pairs["artwork_id"].to_pylist())) == len(pairs)
    assert set(made) >= {"graph_counts", "fingerprints"}
    check_sounds(store, planted)
    check_artists(store)
    assert server.uri.encode() not in written(tmp_path / "build/pilot/release")
