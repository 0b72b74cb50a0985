"""Local vision–language and audio–language models, loaded from tiny checkpoints by the real code."""

import json
import shutil
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

import torch

from artsound.captions import build
from artsound.captions.backends import AUDIO_RATE, Question
from artsound.errors import ConfigError
from artsound.models.chat import Chat, _Draw
from artsound.models.protocols import Item
from artsound.models.trial import try_captioners
from artsound.settings import Captioner, Settings
from tests.captions.test_endpoint import picture
from tests.models import tiny, tiny_chat

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def seeing(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.vision_chat(tmp_path_factory.mktemp("seeing"))


@pytest.fixture(scope="module")
def hearing(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.audio_chat(tmp_path_factory.mktemp("hearing"))


def load(folder: Path, **options: int) -> Chat:
    return Chat(folder, name="tiny", precision="fp32", **({"answer_tokens": 8, "at_once": 3} | options))


def questions(side: str, temperature: float = 0.0) -> list[Question]:
    random = np.random.default_rng(0)
    if side == "art":
        images = (random.integers(0, 256, (40, 60 + 20 * n, 3), np.uint8) for n in range(3))
        return [Question("What?", {"type": "object"}, 0, temperature, image=image) for image in images]
    sounds = (random.standard_normal(AUDIO_RATE * (n + 1)).astype(np.float32) for n in range(3))
    return [Question("What?", {"type": "object"}, 0, temperature, audio=sound) for sound in sounds]


FAMILIES = {
    "Qwen2.5-VL": ("art", tiny.vision_chat),
    "Qwen3-VL": ("art", tiny_chat.qwen3_vl),
    "LLaVA": ("art", tiny_chat.llava),
    "Qwen2-Audio": ("music", tiny.audio_chat),
    "Audio Flamingo 3": ("music", tiny_chat.audio_flamingo),
    "Music Flamingo": ("music", tiny_chat.music_flamingo),
}


@pytest.mark.parametrize("family", FAMILIES)
def test_answers_do_not_depend_on_the_batch(family: str, tmp_path: Path) -> None:
    side, write = FAMILIES[family]
    folder = write(tmp_path / "model")
    together = [reply.text for _, reply in load(folder)(questions(side))]
    alone = [reply.text for _, reply in load(folder, at_once=1)(questions(side))]
    assert together == alone
    assert len(set(together)) > 1  # what is shown or played matters


def test_what_is_shown_matters(seeing: Path) -> None:
    model = load(seeing)
    first = questions("art")[0]
    other = Question(first.prompt, first.schema, 0, image=np.zeros((200, 90, 3), np.uint8))
    (_, one), (_, two) = model([first, other])
    assert one.text != two.text


def test_a_seed_fixes_a_warm_answer_and_leaves_the_process_alone(seeing: Path) -> None:
    model, asked = load(seeing), questions("art", temperature=1.5)
    before = torch.random.get_rng_state()
    assert [r.text for _, r in model(asked)] == [r.text for _, r in model(asked)]
    assert torch.equal(before, torch.random.get_rng_state())


def test_a_warm_answer_does_not_depend_on_the_batch(seeing: Path) -> None:
    asked = questions("art", temperature=1.5)
    together = [reply.text for _, reply in load(seeing)(asked)]
    assert together == [reply.text for _, reply in load(seeing, at_once=1)(asked)]
    cold = [reply.text for _, reply in load(seeing)(questions("art"))]
    assert together != cold
    other = [replace(question, seed=1) for question in asked]
    assert together != [reply.text for _, reply in load(seeing)(other)]


def test_a_draw_follows_the_softmax_of_its_scores() -> None:
    warm = Question("", {}, seed=3, temperature=0.5)
    draw, scores = _Draw([warm], torch.device("cpu")), torch.tensor([[0.0, 0.5, -1.0]])
    counts = torch.bincount(torch.stack([draw(scores, scores).argmax() for _ in range(4000)]), minlength=3)
    expected = torch.softmax(scores[0] / 0.5, 0)
    torch.testing.assert_close(counts / 4000, expected, atol=0.03, rtol=0)


def test_too_little_memory_says_what_to_lower(seeing: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = load(seeing)

    def full(**_: object) -> None:
        raise torch.OutOfMemoryError("out of memory")

    monkeypatch.setattr(model._model, "generate", full)
    with pytest.raises(ConfigError, match=r"3 questions at once: lower `local\.at_once`"):
        list(model(questions("art")))


def test_the_name_tells_the_weights(seeing: Path, hearing: Path) -> None:
    assert load(seeing).name.startswith("tiny@")
    assert load(seeing).name == load(seeing).name != load(hearing).name
    chosen = Captioner(backend="transformers", model="tiny", weights=seeing, precision="fp32")
    assert build.identity("art", chosen).startswith(load(seeing).name)


def test_the_name_tells_the_precision_so_that_no_answer_of_another_is_replayed(
    seeing: Path, tmp_path: Path
) -> None:
    seen = Item("a", {}, {}, lambda: picture(3))
    names = set()
    for precision in ("fp32", "bf16"):
        chosen = Captioner(
            backend="transformers", model="", weights=seeing, precision=precision, answer_tokens=5
        )
        asked = build.asked("art", chosen, tmp_path / "log")
        asked([seen])
        assert build.identity("art", chosen).startswith(f"{asked.name} by ")
        names.add(asked.name.partition("@")[0])
    assert names == {seeing.name, f"{seeing.name}-bf16"}
    with closing(sqlite3.connect(tmp_path / "log")) as log:
        ((kept,),) = log.execute("SELECT count(*) FROM answers")
    assert kept == 2 * chosen.tries


def test_the_checkpoint_s_own_sampling_does_not_apply(seeing: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(seeing, tmp_path / "model")
    told = json.loads((folder / "generation_config.json").read_text())
    harsh = {
        "repetition_penalty": 9.0,
        "top_p": 0.01,
        "top_k": 1,
        "no_repeat_ngram_size": 1,
        "do_sample": True,
    }
    (folder / "generation_config.json").write_text(json.dumps(told | harsh))
    for temperature in (0.0, 1.5):
        asked = questions("art", temperature)
        plain, other = ([r.text for _, r in load(f, answer_tokens=30)(asked)] for f in (seeing, folder))
        assert plain == other
    model = load(folder)
    assert model.sampling == {"top_k": 0, "top_p": 1.0, "repetition_penalty": 1.0}
    shipped = model._model.generation_config
    assert shipped.eos_token_id == told.get("eos_token_id")


def test_a_model_that_babbles_gives_rejects_and_every_answer_is_kept(seeing: Path, tmp_path: Path) -> None:
    chosen = Captioner(
        backend="transformers", model="tiny", weights=seeing, precision="fp32", answer_tokens=5
    )
    asked = build.asked("art", chosen, tmp_path / "log")
    (answer,) = asked([Item("a", {}, {}, lambda: picture(3))])
    assert "not JSON" in answer.refused


def test_a_folder_without_weights_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"no \*\.safetensors weights"):
        load(tmp_path)


def test_a_pickle_is_never_loaded(tmp_path: Path) -> None:
    (tmp_path / "pytorch_model.bin").write_bytes(b"\x80\x04.")
    with pytest.raises(ConfigError, match=r"only pytorch_model\.bin, which can run code"):
        load(tmp_path)


def test_weights_without_their_settings_are_said_so(seeing: Path, tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes((seeing / "model.safetensors").read_bytes())
    with pytest.raises(ConfigError, match="cannot load a captioner"):
        load(tmp_path)


def test_a_class_that_cannot_write_is_said_so(seeing: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(seeing, tmp_path / "model")
    settings = json.loads((folder / "config.json").read_text())
    for named in (["NoSuchClass"], ["Qwen2Tokenizer"], None):
        (folder / "config.json").write_text(json.dumps(settings | {"architectures": named}))
        with pytest.raises(
            ConfigError, match=f"names {named[0] if named else 'no class'}, which cannot write"
        ):
            load(folder)


def test_local_captioners_are_tried(seeing: Path, hearing: Path, tmp_path: Path) -> None:
    sides = {
        side: {"backend": "transformers", "model": side, "weights": folder, "precision": "fp32"}
        for side, folder in (("art", seeing), ("music", hearing))
    }
    given = {"root": "s", "artworks": {"path": "a"}, "tracks": {"path": "b"}}
    tried = list(try_captioners(Settings.model_validate(given | {"captions": sides})))
    assert [(one.role, one.name.split("@")[0]) for one in tried] == [
        ("art captions", "art"),
        ("music captions", "music"),
    ]
    lacking = {"art": sides["art"] | {"weights": tmp_path}}
    with pytest.raises(ConfigError, match="weights"):
        list(try_captioners(Settings.model_validate(given | {"captions": lacking})))
