"""The configuration of the full set, with only paths, names and addresses changed, on the sample pack."""

import json
import re
import shutil
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

if not all(find_spec(package) for package in ("torch", "transformers", "open_clip")):
    pytest.skip("needs the extra `models`", allow_module_level=True)

from artsound import pipeline, search
from artsound.captions import prompt
from artsound.errors import ConfigError
from artsound.models import registry
from artsound.products import release_folder
from artsound.release.verify import verify
from artsound.review.plots import PLOTS
from artsound.settings import Settings
from artsound.store import Store
from tests.builds import HERE
from tests.captions.server import Endpoint, Says, artwork, clip, completion, serving
from tests.catalog.test_sounding import installed
from tests.models import tiny

pytestmark = pytest.mark.slow


def answers(number: int, body: dict[str, Any]) -> Says:
    """Answer by the kind of media, each question a little differently; the first one is met with 429."""
    if number == 0:
        return Says(status=429, headers={"Retry-After": "0"})
    shown = body["messages"][0]["content"][1]
    words = f"It is view {len(json.dumps(shown)) % 97} of the many in this set of works."
    form = artwork if shown["type"] == "image_url" else clip
    return completion(form(paragraph=words))


def configured(folder: Path, url: str) -> Path:
    """Write the user's file: weights, answers and tables in `folder`."""
    text = (HERE / "configs" / "full.toml").read_text(encoding="utf-8")
    for theirs, ours in (
        ("../data/artgraph/imagesf2", str(HERE / "data/sample/artworks")),
        ("../data/fma/fma_large", str(HERE / "data/sample/music")),
        ("../weights/clip-vit-b-32-laion2b", str(folder / "clip")),
        ("../weights/larger-clap-music", str(folder / "clap")),
        ("http://127.0.0.1:8000/v1", url),
        ("http://127.0.0.1:8001/v1", url),
        ("../build/full", str(folder / "store")),
        ("fingerprints = true", f"fingerprints = {str(installed()).lower()}"),
    ):
        assert theirs in text
        text = text.replace(theirs, ours)
    (folder / "full.toml").write_text(text, encoding="utf-8")
    return folder / "full.toml"


def moved_to(settings: Settings, folder: Path) -> Path:
    """Copy the tables, the answers and the weights of a build, for a test that changes them."""
    return shutil.copytree(settings.root.parent, folder / "moved")


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Settings, Endpoint, dict[str, bool]]:
    folder = tmp_path_factory.mktemp("full")
    tiny.clip(folder / "clip")
    tiny.clap(folder / "clap")
    with serving(answers) as endpoint:
        settings = Settings.load(configured(folder, endpoint.url))
        ran = {name: made.ran for name, made in pipeline.walk(settings)}
    return settings, endpoint, ran


def test_it_ends_with_a_verified_release(built: tuple[Settings, Endpoint, dict[str, bool]]) -> None:
    settings, _, ran = built
    assert all(ran.values())
    assert verify(release_folder(settings), deep=True).problems == []
    card = (release_folder(settings) / "README.md").read_text(encoding="utf-8")
    shown = re.findall(r"!\[.*?\]\((.*?\.png)\)", card)
    assert len(shown) >= len(PLOTS)
    assert all((release_folder(settings) / name).is_file() for name in shown)


def test_every_item_was_asked_about_once(built: tuple[Settings, Endpoint, dict[str, bool]]) -> None:
    settings, endpoint, _ = built
    store = Store(settings.root)
    captions = [store.read(name) for name in ("art_captions", "music_captions")]
    assert len(endpoint.asked) == sum(map(len, captions)) + 1  # and the one that was met with 429
    assert set(captions[0]["model"].to_pylist()) == {"Qwen/Qwen2.5-VL-7B-Instruct@served"}
    assert set(captions[1]["prompt"].to_pylist()) == {prompt.load("music").identity}


def test_all_four_terms_count(built: tuple[Settings, Endpoint, dict[str, bool]]) -> None:
    settings, _, _ = built
    store = Store(settings.root)
    terms = {term["name"] for row in store.read("pairs")["terms"].to_pylist() for term in row}
    assert terms == {"clip", "clap", "sentence", "affect"}
    for name in ("art_clip_vectors", "music_clip_vectors", "art_clap_vectors", "music_clap_vectors"):
        vectors = np.array(store.read(name)["vector"].to_pylist())
        np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    models = {side: set(store.read(f"{side}_clip_vectors")["model"].to_pylist()) for side in ("art", "music")}
    assert models["art"] == models["music"]


def test_a_second_build_asks_and_does_nothing(built: tuple[Settings, Endpoint, dict[str, bool]]) -> None:
    settings, endpoint, _ = built
    before = len(endpoint.asked)
    assert not any(made.ran for _, made in pipeline.walk(settings))  # the server is gone
    assert len(endpoint.asked) == before


def test_other_weights_make_their_vectors_anew_and_ask_nothing(
    built: tuple[Settings, Endpoint, dict[str, bool]],
) -> None:
    settings, endpoint, _ = built
    clip = settings.embeddings.clip
    assert clip is not None
    before = len(endpoint.asked)
    tiny.clip(clip.weights, seed=5)
    ran = {name: made.ran for name, made in pipeline.walk(settings)}
    assert ran["art_clip_vectors"]
    assert ran["music_clip_vectors"]
    assert not ran["art_captions"]
    assert not ran["music_clap_vectors"]
    assert len(endpoint.asked) == before


def test_a_space_of_its_own_is_added_by_naming_it(
    built: tuple[Settings, Endpoint, dict[str, bool]], tmp_path: Path
) -> None:
    if not find_spec("imagebind"):
        pytest.skip("needs the extra `imagebind`")
    _, endpoint, _ = built
    before = len(endpoint.asked)
    moved = moved_to(built[0], tmp_path)
    tiny.imagebind(moved / "imagebind")
    text = configured(moved, endpoint.url).read_text(encoding="utf-8")
    named = f'[embeddings.imagebind]\nweights = "{moved / "imagebind"}"\n\n[matching]\nimagebind = 0.5\n'
    (moved / "full.toml").write_text(text.replace("[matching]\n", named), encoding="utf-8")
    settings = Settings.load(moved / "full.toml")
    ran = {name: made.ran for name, made in pipeline.walk(settings)}
    assert ran["art_imagebind_vectors"]
    assert ran["music_imagebind_vectors"]
    assert not ran["art_captions"]
    assert not ran["art_clip_vectors"]
    assert len(endpoint.asked) == before
    store = Store(settings.root)
    terms = {term["name"] for row in store.read("pairs")["terms"].to_pylist() for term in row}
    assert terms == {"clip", "clap", "sentence", "affect", "imagebind"}
    names = {
        side: set(store.read(f"{side}_imagebind_vectors")["model"].to_pylist()) for side in ("art", "music")
    }
    assert names["art"] == names["music"] == {registry.identity_of("imagebind", settings.embeddings)}
    assert verify(release_folder(settings), deep=True).problems == []
    query = search.by_image(settings, HERE / "data/sample/artworks" / "met_437881.jpg")
    assert query.space == "imagebind"
    assert len(search.search(store, query, "music", 3)) == 3


@pytest.mark.parametrize(
    ("space", "side"), [("clip", "art"), ("clip", "music"), ("clap", "art"), ("clap", "music")]
)
def test_words_find_what_stands_in_a_named_space(
    built: tuple[Settings, Endpoint, dict[str, bool]], space: str, side: search.Side
) -> None:
    settings, _, _ = built
    store = Store(settings.root)
    query = search.by_text(settings, "a storm at sea", space)
    table = store.read(f"{side}_{space}_vectors")
    cosines = dict(
        zip(
            table["item_id"].to_pylist(),
            np.array(table["vector"].to_pylist()) @ query.vector,
            strict=True,
        )
    )
    hits = search.search(store, query, side, len(table))
    assert {hit.item_id for hit in hits} == {*cosines}
    np.testing.assert_allclose([hit.score for hit in hits], [cosines[hit.item_id] for hit in hits], atol=1e-5)
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)


def test_a_missing_checkpoint_is_said_before_anything_is_made_of_it(
    built: tuple[Settings, Endpoint, dict[str, bool]], tmp_path: Path
) -> None:
    settings, _, _ = built
    text = (
        (settings.root.parent / "full.toml")
        .read_text()
        .replace(str(settings.root.parent / "clip"), str(tmp_path))
    )
    (tmp_path / "full.toml").write_text(text)
    with pytest.raises(ConfigError, match=r"no \*\.safetensors weights"):
        list(pipeline.walk(Settings.load(tmp_path / "full.toml")))
