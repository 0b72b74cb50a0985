"""configs/pilot.toml from end to end: made-up archives, a real server, faults planted in both."""

import shutil
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from artsound import pipeline
from artsound.errors import Reason
from artsound.settings import Settings
from artsound.sources.artgraph import Graph
from artsound.sources.artgraph_load import load_export
from artsound.sources.synthetic_artgraph import make_graph, write_csv
from artsound.sources.synthetic_fma import make_fma
from artsound.store import Store
from tests.servers import PASSWORD, USER, bolt

ARTWORKS, TRACKS = 60, 16


def paint(folder: Path, names: list[str]) -> None:
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    for name in names:
        pixels = rng.integers(0, 255, (6, 8, 3), dtype=np.uint8)
        Image.fromarray(pixels).resize((96, 72), Image.Resampling.BICUBIC).save(folder / name, "JPEG")


def refused(store: Store, table: str) -> dict[str, str]:
    return {row["item_id"]: row["reason"] for row in store.rejects(table).to_pylist()}


@pytest.mark.slow
def test_the_pilot_finds_every_planted_fault_and_builds_a_release(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ARTSOUND_NEO4J_USER", USER)
    monkeypatch.setenv("ARTSOUND_NEO4J_PASSWORD", PASSWORD)
    graph = make_graph(ARTWORKS, seed=2, dirty=True)
    write_csv(graph, tmp_path / "export")
    names = [node["name"] for node in graph.nodes["Artwork"]]
    images = tmp_path / "data/artgraph/imagesf2"
    paint(images, names)
    missing, text, cut, empty, copy, original = names[10:16]
    (images / missing).unlink()
    (images / text).write_text("no image")
    (images / cut).write_bytes((images / cut).read_bytes()[:-300])
    (images / empty).write_bytes(b"")
    shutil.copy(images / original, images / copy)
    shutil.copy(images / names[20], images / "nobody_stray.jpg")
    planted = make_fma(tmp_path / "data/fma", TRACKS, faults=True)
    with bolt(tmp_path / "server") as server:
        load_export(tmp_path / "export", Graph(server.uri))
        config = Path("configs/pilot.toml").read_text().replace("bolt://localhost:7687", server.uri)
        config = config.replace("[release]", "[splits]\nshares = { train = 1.0 }\n\n[release]")
        (tmp_path / "pilot.toml").write_text(config.replace('"../', '"'))
        pipeline.build(tmp_path / "pilot.toml")
    store = Store(tmp_path / "build/pilot")
    art = {name: refused(store, name) for name in ("art_keys", "raw_artworks", "artworks", "splits")}
    assert art["art_keys"] == {"nobody_stray.jpg": Reason.NOT_LISTED}
    assert art["raw_artworks"] == {missing: Reason.MISSING_FILE}
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
    counted = Counter(str(reason) for reason in art["artworks"].values())
    assert (made := store.manifest("artworks"))
    assert made.rejects == counted
    pairs = store.read("pairs")
    assert len(pairs) == TRACKS - 6
    assert len(set(pairs["artwork_id"].to_pylist())) == len(pairs)
    assert pipeline.standing(Settings.load(tmp_path / "pilot.toml")) is not None
    release = (tmp_path / "build/pilot/release").rglob("*")
    written = b"".join(path.read_bytes() for path in release if path.suffix in (".json", ".md"))
    assert server.uri.encode() not in written
