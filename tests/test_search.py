"""Asking a finished build."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from artsound import search, tables
from artsound.errors import ConfigError, Outcome, StoreError
from artsound.search import Query
from artsound.settings import Settings
from artsound.store import Store
from tests import rows
from tests.builds import HERE, artsound


def filled(store: Store, vectors: dict[str, list[float]]) -> Store:
    flat = pa.array([number for vector in vectors.values() for number in vector], pa.float32())
    made = pa.table(
        {
            "item_id": list(vectors),
            "vector": pa.FixedSizeListArray.from_arrays(flat, 2),
            "model": ["m@1"] * len(vectors),
        }
    )
    store.write("music_sentence_vectors", [Outcome(made)], "x")
    store.write(
        "tracks", [Outcome(rows.tracks(*({"track_id": key, "title": key.upper()} for key in vectors)))], "x"
    )
    captions = [rows.row("music_captions", clip_id=key, caption=f"{key}.") for key in vectors]
    store.write("music_captions", [Outcome(tables.rows_of("music_captions", captions))], "x")
    return store


def ask(*vector: float, model: str = "m@1") -> Query:
    return Query("sentence", model, np.array(vector, np.float32))


def test_the_nearest_come_first_and_ties_by_id(store: Store) -> None:
    filled(store, {"d": [0, 1], "b": [1, 0], "c": [0.6, 0.8], "a": [1, 0]})
    hits = search.search(store, ask(1, 0), "music", 3)
    assert [(hit.rank, hit.item_id, hit.score) for hit in hits] == [
        (1, "a", 1.0),
        (2, "b", 1.0),
        (3, "c", 0.6),
    ]
    assert (hits[0].title, hits[0].caption) == ("A", "a.")


def test_search_agrees_with_exhaustive_comparison(store: Store) -> None:
    random = np.random.default_rng(0).standard_normal((200, 2)).astype(np.float32)
    filled(store, {f"{n:03}": [float(x) for x in vector] for n, vector in enumerate(random)})
    hits = search.search(store, ask(0.6, 0.8), "music", 200)
    expected = np.argsort(-(random @ np.array([0.6, 0.8], np.float32)), kind="stable")
    assert [int(hit.item_id) for hit in hits] == expected.tolist()


def test_vectors_of_another_model_are_refused(store: Store) -> None:
    with pytest.raises(ConfigError, match="made by m@1, the settings name m@2"):
        search.search(filled(store, {"a": [1, 0]}), ask(1, 0, model="m@2"), "music", 3)


def test_nothing_is_found_before_the_build(store: Store) -> None:
    with pytest.raises(StoreError, match="not built yet"):
        search.search(store, ask(1, 0), "music", 3)


@pytest.mark.parametrize("ask_with", [search.by_image, search.by_audio])
def test_a_file_that_cannot_be_used_is_said_so(ask_with: object, tmp_path: Path) -> None:
    settings = Settings.load(HERE / "configs" / "demo.toml")
    (tmp_path / "text").write_text("no media")
    for name, message in (("gone", "cannot read"), ("text", "not a")):
        with pytest.raises(ConfigError, match=message):
            ask_with(settings, tmp_path / name)  # type: ignore[operator]


@pytest.mark.parametrize(
    ("ask_with", "space", "message"),
    [
        (search.by_text, "words", r"words cannot .* 'words': take sentence, clip, clap, imagebind"),
        (search.by_text, "clip", r"no vectors in 'clip': set `weights` in \[embeddings.clip\]"),
        (search.by_image, "clap", "an image cannot .* take imagebind, clip, sentence"),
        (search.by_audio, "clip", "a recording cannot .* take imagebind, clap, sentence"),
    ],
)
def test_a_space_in_which_nothing_can_be_found_is_said_so(ask_with: Any, space: str, message: str) -> None:
    settings = Settings.load(HERE / "configs" / "demo.toml")
    with pytest.raises(ConfigError, match=message):
        ask_with(settings, Path("any"), space)


@pytest.mark.slow
def test_the_sample_is_searched_by_image_sound_and_words(demo: Path) -> None:
    image, audio = HERE / "data/sample/artworks/met_435809.jpg", HERE / "data/sample/music/gcompris_japan.ogg"
    config = ("--config", str(demo), "--json", "--limit", "3")
    tracks = json.loads(artsound("search", *config, "--image", str(image), "--tracks").stdout)
    assert [hit["side"] for hit in tracks] == ["music"] * 3
    assert tracks[0]["score"] >= tracks[1]["score"]
    works = json.loads(artsound("search", *config, "--audio", str(audio), "--artworks").stdout)
    assert [hit["side"] for hit in works] == ["art"] * 3
    flowers = json.loads(
        artsound("search", *config, "--text", "a still life with flowers", "--artworks").stdout
    )
    assert "still life" in flowers[0]["caption"]
    artsound("search", "--config", str(demo), code=2)


@pytest.mark.slow
def test_models_are_listed_and_tried(demo: Path) -> None:
    listed = json.loads(artsound("models", "list", "--config", str(demo), "--json").stdout)
    assert all(one["state"] == "packaged" for one in listed)
    assert "384 numbers" in artsound("models", "check", "--config", str(demo)).stdout
    assert artsound("models", "fetch", "--config", str(demo)).stdout == ""
