"""A user's build that meets bad weights or a bad endpoint: one line, and nothing half done."""

import shutil
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

if not all(find_spec(package) for package in ("torch", "transformers", "open_clip")):
    pytest.skip("needs the extra `models`", allow_module_level=True)

import torch
from safetensors.torch import load_file, save_file

from artsound import pipeline
from artsound.errors import ArtSoundError, ConfigError, SourceError
from artsound.settings import Settings
from artsound.store import Store
from tests.captions.server import Says, serving
from tests.models import tiny
from tests.models.test_laion import Runs
from tests.test_full_config import answers, configured

pytestmark = pytest.mark.slow


def until(settings: Settings, last: str) -> None:
    """Build up to a table, and stop there."""
    for name, _ in pipeline.walk(settings):
        if name == last:
            return


def refused(settings: Settings, error: type[ArtSoundError], message: str, table: str) -> None:
    """Build; hold the error to one line, and the store to what it had."""
    store = Store(settings.root)
    before = store.manifest(table)
    with pytest.raises(error, match=message) as caught:
        until(settings, "pairs")
    assert "\n" not in str(caught.value)
    assert store.manifest(table) == before
    assert not list((settings.root / "parts").glob(f"{table}/*/*"))


@pytest.fixture(scope="module")
def described(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A build that has come as far as its captions."""
    folder = tmp_path_factory.mktemp("full")
    tiny.clip(folder / "clip")
    tiny.clap(folder / "clap")
    with serving(answers) as endpoint:
        until(Settings.load(configured(folder, endpoint.url)), "music_captions")
    return folder


@pytest.fixture
def moved(described: Path, tmp_path: Path) -> Path:
    """The same build once more, to be spoiled; its endpoint is down."""
    folder = shutil.copytree(described, tmp_path / "moved")
    configured(folder, "http://127.0.0.1:9/v1")
    return folder


def load(folder: Path, *changes: tuple[str, str]) -> Settings:
    """Read the settings, with some lines of the file changed."""
    text = (folder / "full.toml").read_text(encoding="utf-8")
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    (folder / "full.toml").write_text(text, encoding="utf-8")
    return Settings.load(folder / "full.toml")


def cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:1000])


def reshaped(file: Path) -> None:
    tensors = load_file(file)
    name = next(name for name, tensor in tensors.items() if tensor.ndim == 2)
    save_file(tensors | {name: torch.zeros(3, 3)}, file, metadata={"format": "pt"})


@pytest.mark.parametrize("spoil", [cut, reshaped])
@pytest.mark.parametrize(
    ("file", "message", "table"),
    [
        ("clip/open_clip_model.safetensors", "cannot load a CLIP model from", "art_clip_vectors"),
        ("clap/model.safetensors", "cannot load a CLAP model from", "art_clap_vectors"),
    ],
)
def test_spoilt_weights_stop_the_build_and_mended_ones_go_on(
    moved: Path, spoil: Callable[[Path], None], file: str, message: str, table: str
) -> None:
    kept = (moved / file).read_bytes()
    spoil(moved / file)
    settings = load(moved)
    refused(settings, ConfigError, message, table)
    (moved / file).write_bytes(kept)
    until(settings, table)  # the captions are there: nothing is asked, for nothing answers
    assert len(Store(settings.root).read(table)) > 0


def test_a_pickle_that_would_run_code_stops_the_build(moved: Path) -> None:
    if not find_spec("laion_clap"):
        pytest.skip("needs laion_clap")
    weights = moved / "laion"
    weights.mkdir()
    torch.save({"state_dict": Runs(moved / "ran")}, weights / "evil.pt")
    settings = load(
        moved, (f'weights = "{moved / "clap"}"', f'weights = "{weights}"\nlibrary = "laion_clap"')
    )
    refused(settings, ConfigError, "could run code", "art_clap_vectors")
    assert not (moved / "ran").exists()


ANEW = ("[captions.art]\n", "[captions.art]\nseed = 7\n")  # other answers are wanted


def test_an_endpoint_that_is_down_stops_the_build(moved: Path) -> None:
    settings = load(moved, ANEW, ("at_once = 32", "at_once = 32\ntries = 1"))
    refused(settings, SourceError, "no connection", "art_captions")


def test_what_an_interrupted_build_has_asked_it_does_not_ask_again(moved: Path) -> None:
    def failing(number: int, body: dict[str, Any]) -> Says:
        return answers(number + 1, body) if number < 10 else Says("key expired", status=401)

    with serving(failing) as endpoint:
        configured(moved, endpoint.url)
        settings = load(moved, ANEW, ("at_once = 32", "at_once = 2"))
        refused(settings, ConfigError, "key expired", "art_captions")
        answered = [str(body["messages"]) for body in endpoint.asked[:10]]
        endpoint.asked.clear()
        endpoint.says = lambda number, body: answers(number + 1, body)
        until(settings, "art_captions")
        later = [str(body["messages"]) for body in endpoint.asked]
    assert (
        len(set(answered + later)) == len(answered + later) == len(Store(settings.root).read("art_captions"))
    )
