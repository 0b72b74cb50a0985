import copy
import hashlib
import json
import wave
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import typer
from PIL import Image
from typer.testing import CliRunner

from artsound import cli_train
from artsound.errors import ConfigError, StoreError, TrainingError
from artsound.train.checkpoint import read_tensors, write_tensors
from artsound.train.generate import Request, described, generate, images_in
from artsound.train.model import Model, load_model
from artsound.train.prior import AudioPrior, Cond
from artsound.train.run import prepare, run
from artsound.train.sound import join, read_wav, row_of, windows_for, write_picture, write_wav
from tests.train.conftest import tiny_settings

SAMPLES = sorted((Path(__file__).parents[2] / "data" / "sample" / "artworks").glob("*.jpg"))


@pytest.fixture(scope="module")
def trained(release: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    settings = tiny_settings(release, tmp_path_factory.mktemp("trained") / "run")
    prepare(settings)
    return run(settings)


@pytest.fixture(scope="module")
def model(trained: Path) -> Model:
    return load_model(trained)


FEW_STEPS = Request(seconds=3.0, steps=1, count=2)


def test_every_image_gets_its_pieces_of_the_length_asked_for(
    model: Model, trained: Path, release: Path, tmp_path: Path
) -> None:
    made = generate(model, SAMPLES[:2], tmp_path, FEW_STEPS)
    assert len(made.pieces) == 4
    for piece in made.pieces:
        samples, rate, said = read_wav(piece.wav)
        assert len(samples) == 3 * rate == 24_000
        assert 0 < np.abs(samples).max() <= 1
        assert said["image"] == piece.image.name
        assert (said["prior"], said["text_prompt"]) == ("small", None)
        assert (said["seed"], said["steps"], said["guidance"]) == (0, 1, model.settings.sampling.guidance)
        assert said["model_sha256"] == hashlib.sha256(trained.read_bytes()).hexdigest()
        assert said["manifest_sha256"] == hashlib.sha256((release / "manifest.json").read_bytes()).hexdigest()
        with Image.open(piece.picture) as picture:
            assert picture.size == (640, 256)


def test_the_same_request_gives_the_same_bytes(model: Model, tmp_path: Path) -> None:
    one = generate(model, SAMPLES[:1], tmp_path / "a", FEW_STEPS)
    other = generate(model, SAMPLES[:1], tmp_path / "b", FEW_STEPS)
    assert [piece.wav.read_bytes() for piece in one.pieces] == [
        piece.wav.read_bytes() for piece in other.pieces
    ]


def test_seed_number_and_image_each_change_the_music(model: Model, tmp_path: Path) -> None:
    made = generate(model, SAMPLES[:2], tmp_path / "a", FEW_STEPS).pieces
    seeded = generate(model, SAMPLES[:1], tmp_path / "b", Request(seconds=3.0, steps=2, seed=1)).pieces
    sounds = [read_wav(piece.wav)[0].tobytes() for piece in made + seeded]
    assert len(set(sounds)) == len(sounds)


def test_what_is_no_image_is_refused_and_the_others_are_played(model: Model, tmp_path: Path) -> None:
    bad = tmp_path / "bad.jpg"
    bad.write_bytes(b"not an image")
    made = generate(model, [bad, SAMPLES[0]], tmp_path / "out", FEW_STEPS)
    assert [one.image for one in made.refused] == [bad]
    assert len(made.pieces) == 2


def test_nothing_but_a_non_image_is_an_error_that_names_it(model: Model, tmp_path: Path) -> None:
    bad = tmp_path / "bad.jpg"
    bad.write_bytes(b"not an image")
    with pytest.raises(ConfigError, match=r"bad\.jpg"):
        generate(model, [bad], tmp_path / "out", FEW_STEPS)
    assert not (tmp_path / "out").exists()


def test_long_requests_are_sampled_a_few_windows_at_a_time(
    model: Model, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    asked = Request(seconds=9.0, steps=1, count=2)
    whole = [read_wav(piece.wav)[0] for piece in generate(model, SAMPLES[:1], tmp_path / "a", asked).pieces]
    seen: list[int] = []
    drawn = type(model.prior).sample

    def counted(prior: AudioPrior, cond: Cond, null: Cond, noise: torch.Tensor, *how: float) -> torch.Tensor:
        seen.append(len(noise))
        return drawn(prior, cond, null, noise, *how)

    monkeypatch.setattr(type(model.prior), "sample", counted)
    monkeypatch.setattr("artsound.train.generate.BATCH", 4)
    pieces = generate(model, SAMPLES[:1], tmp_path / "b", asked).pieces
    assert sum(seen) == 2 * windows_for(9.0, model.prior.seconds) > 4
    assert max(seen) == 4
    for one, piece in zip(whole, pieces, strict=True):
        assert np.allclose(one, read_wav(piece.wav)[0], atol=1e-3)


def test_a_piece_says_that_captions_took_part(model: Model) -> None:
    projector = model.settings.projector.model_copy(update={"text": True})
    told = replace(model, settings=model.settings.model_copy(update={"projector": projector}))
    assert described(told, FEW_STEPS)["language"] == "captions are fused with the image"
    assert described(model, FEW_STEPS)["language"] == ""


@pytest.mark.parametrize(
    "request_",
    [
        Request(seconds=0),
        Request(seconds=1e6),
        Request(seconds=float("nan")),
        Request(count=0),
        Request(steps=0),
        Request(steps=1001),
        Request(guidance=-1),
        Request(guidance=float("nan")),
        Request(guidance=1e300),
    ],
)
def test_senseless_requests_are_refused(model: Model, tmp_path: Path, request_: Request) -> None:
    with pytest.raises(ConfigError, match=r"seconds|steps|guidance"):
        generate(model, SAMPLES[:1], tmp_path, request_)


def test_a_folder_without_images_says_so(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no images"):
        images_in(tmp_path)
    with pytest.raises(ConfigError, match="does not exist"):
        images_in(tmp_path / "nowhere.jpg")


@pytest.mark.parametrize("seconds", [0.5, 2.0, 2.1, 7.3, 30.0])
def test_there_are_just_enough_windows(seconds: float) -> None:
    rate, window, fade = 1000, 2.0, 250
    count = windows_for(seconds, window)
    one = np.zeros(round(window * rate), np.float32)
    assert len(join([one] * count, round(seconds * rate), fade)) == round(seconds * rate)
    if count > 1:
        assert len(join([one] * (count - 1), round(seconds * rate), fade)) < round(seconds * rate)


def test_a_wav_is_brought_below_full_scale_and_reads_back(tmp_path: Path) -> None:
    samples = np.sin(np.arange(8000) / 10).astype(np.float32) * 3
    write_wav(tmp_path / "a.wav", samples, 8000, {"image": "x.jpg", "software": "s", "seed": 1})
    back, rate, said = read_wav(tmp_path / "a.wav")
    assert rate == 8000
    assert np.abs(back).max() == pytest.approx(0.95, abs=1e-3)
    assert said["seed"] == 1


def test_other_programs_read_the_sound_and_what_it_says(model: Model, tmp_path: Path) -> None:
    piece = generate(model, SAMPLES[:1], tmp_path, FEW_STEPS).pieces[0]
    with wave.open(str(piece.wav)) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, model.prior.rate)
        assert file.getnframes() == 3 * model.prior.rate
    info = riff_info(piece.wav.read_bytes())
    assert info["INAM"] == SAMPLES[0].name
    assert json.loads(info["ICMT"])["image"] == SAMPLES[0].name
    assert info["ISFT"].startswith("artsound ")


def riff_info(data: bytes) -> dict[str, str]:
    """Read the entries of the INFO list as the RIFF format lays them out."""
    at, found = 12, {}
    while at + 8 <= len(data):
        name, size = data[at : at + 4], int.from_bytes(data[at + 4 : at + 8], "little")
        if name == b"LIST" and data[at + 8 : at + 12] == b"INFO":
            inner = at + 12
            while inner + 8 <= at + 8 + size:
                key, length = data[inner : inner + 4], int.from_bytes(data[inner + 4 : inner + 8], "little")
                found[key.decode()] = data[inner + 8 : inner + 8 + length].rstrip(b"\0").decode()
                inner += 8 + length + length % 2
        at += 8 + size + size % 2
    return found


def test_images_of_one_stem_do_not_overwrite_each_other(model: Model, tmp_path: Path) -> None:
    with Image.open(SAMPLES[0]) as picture:
        for name in ("a.jpg", "a.png", "b.v2.png"):
            picture.save(tmp_path / name)
    images = images_in(tmp_path)
    made = generate(model, images, tmp_path / "out", Request(seconds=1.0, steps=1))
    names = sorted(path.name for path in (tmp_path / "out").glob("*.wav"))
    assert names == ["a.jpg-0-0.wav", "a.png-0-0.wav", "b.v2-0-0.wav"]
    assert all(piece.picture.exists() for piece in made.pieces)


def test_a_folder_that_cannot_be_written_is_one_line(model: Model, tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(StoreError, match=r"cannot write to .*taken.*--out"):
        generate(model, SAMPLES[:1], tmp_path / "taken", FEW_STEPS)


def test_a_model_that_makes_no_finite_sound_says_so(model: Model, tmp_path: Path) -> None:
    broken = replace(model, prior=copy.deepcopy(model.prior))
    with torch.no_grad():
        for one in broken.prior.network.parameters():
            one.fill_(float("nan"))
    with pytest.raises(TrainingError, match="no finite sound"):
        generate(broken, SAMPLES[:1], tmp_path, FEW_STEPS)


def test_no_model_says_how_to_get_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ARTSOUND_MODEL", raising=False)
    app = typer.Typer()
    app.command()(cli_train.generate)
    result = CliRunner().invoke(app, [str(SAMPLES[0])])
    assert isinstance(result.exception, ConfigError)
    assert "make train-demo" in str(result.exception)


def test_what_is_no_model_is_not_said_to_be_a_damaged_one(tmp_path: Path) -> None:
    (tmp_path / "settings.toml").write_text("a = 1")
    with pytest.raises(ConfigError, match=r"settings\.toml is no model: name a model\.safetensors"):
        load_model(tmp_path / "settings.toml")


def test_a_model_on_other_weights_than_it_was_trained_with_is_refused(trained: Path, tmp_path: Path) -> None:
    tensors, meta = read_tensors(trained)
    write_tensors(tmp_path / "model.safetensors", tensors, meta | {"visual": "clip-1-0123456789abcdef"})
    with pytest.raises(ConfigError, match="another visual encoder"):
        load_model(tmp_path)


def test_a_tone_shines_at_its_height_in_the_picture(tmp_path: Path) -> None:
    write_picture(
        tmp_path / "a.png", np.sin(2 * np.pi * 2000 * np.arange(16_000) / 8000).astype(np.float32), 8000
    )
    rows = np.asarray(Image.open(tmp_path / "a.png").convert("L")).mean(1)
    assert abs(int(rows.argmax()) - row_of(2000, 4000)) < 4


def test_the_command_line_makes_music_and_refuses_in_one_line(trained: Path, tmp_path: Path) -> None:
    app = typer.Typer()
    app.command()(cli_train.generate)
    call = [
        str(SAMPLES[0]),
        "--model",
        str(trained),
        "--out",
        str(tmp_path),
        "--seconds",
        "1",
        "--steps",
        "1",
    ]
    result = CliRunner().invoke(app, call)
    assert result.exit_code == 0
    assert len(list(tmp_path.glob("*.wav"))) == 1
    missing = CliRunner().invoke(app, [str(tmp_path / "none.jpg"), "--model", str(trained)])
    assert isinstance(missing.exception, ConfigError)


def test_guidance_one_does_not_depend_on_the_null(model: Model, tmp_path: Path) -> None:
    request = Request(seconds=1.0, steps=2, guidance=1.0)
    before = generate(model, SAMPLES[:1], tmp_path / "a", request).pieces[0].wav.read_bytes()
    kept = model.conditioner.null["loa"].detach().clone()
    with torch.no_grad():
        model.conditioner.null["loa"].add_(100.0)
    after = generate(model, SAMPLES[:1], tmp_path / "b", request).pieces[0].wav.read_bytes()
    with torch.no_grad():
        model.conditioner.null["loa"].copy_(kept)
    assert before == after


@pytest.mark.parametrize("write", [write_wav, write_picture])
def test_a_full_disk_is_the_systems_error_and_leaves_nothing_half_written(
    write: Callable[..., None], tmp_path: Path
) -> None:
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("no /dev/full on this system")
    (tmp_path / "a.out.part").symlink_to(full)
    made = ({"image": "a", "software": "b"},) if write is write_wav else ()
    with pytest.raises(OSError, match="No space left"):
        write(tmp_path / "a.out", np.zeros(80_000, np.float32), 8_000, *made)
    assert list(tmp_path.iterdir()) == []
