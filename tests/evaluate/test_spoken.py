"""Priors by their own encoders of words and sound, on tiny random checkpoints of the same classes."""

from pathlib import Path

import numpy as np
import pytest
import torch

from artsound.errors import ConfigError
from artsound.evaluate.systems import Bench, Side, Training, cascade, oracle, play
from artsound.models.torch_ready import torchvision_ready
from artsound.train.audioldm2 import AudioLdm2
from artsound.train.audioldm2_spoken import Spoken
from artsound.train.model import Model
from artsound.train.prior import AudioPrior
from artsound.train.settings import AudioLdm2Prior, Sampling, StableAudio3Prior, TrainSettings
from artsound.train.stable_audio3 import StableAudio3
from artsound.train.stable_audio3_text import Prompts
from tests.models import tiny
from tests.train import tiny_stable_audio3
from tests.train.tiny_audioldm2 import write_checkpoint

CAPTIONS = ["A calm sea", "Two dancers in a narrow street at night", "A calm sea"]
MUSIC = ["Slow strings", "A fast waltz for two accordions", "Slow strings"]
PARTS = {"text_encoder", "tokenizer", "feature_extractor", "projection_model"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torchvision_ready()
    from diffusers import AudioLDM2ProjectionModel

    here, folder = tmp_path_factory.mktemp("weights"), tmp_path_factory.mktemp("whole")
    for part in write_checkpoint(here / "tiny").iterdir():
        if part.name not in PARTS:
            (folder / part.name).symlink_to(part)
    clap = tiny.clap(here / "clap", dim=12)
    for part in PARTS - {"projection_model"}:
        (folder / part).symlink_to(clap)
    with torch.random.fork_rng():
        torch.manual_seed(1)
        AudioLDM2ProjectionModel(12, 24, 32).save_pretrained(folder / "projection_model")
    return folder


def bench(folder: Path) -> Bench:
    settings = AudioLdm2Prior(weights=str(folder), seconds=1.28, t5_slot="null")
    return bench_of(AudioLdm2.load(settings), settings)


def bench_of(prior: AudioPrior, settings: AudioLdm2Prior | StableAudio3Prior) -> Bench:
    chosen = TrainSettings(
        release=Path(), run=Path(), prior=settings, sampling=Sampling(steps=2, guidance=2.0)
    )
    rng = np.random.default_rng(0)
    clips = (0.1 * rng.standard_normal((3, round(prior.seconds * prior.rate)))).astype(np.float32)
    clips[2] = clips[0]
    model = Model(chosen, prior, encoder=None, conditioner=None)  # type: ignore[arg-type]  # neither is asked
    judged = Side({}, {}, CAPTIONS, MUSIC, clips)
    training = Training(None, None, [])  # type: ignore[arg-type]
    return Bench(model, judged, training, text=None, seed=0)  # type: ignore[arg-type]


def test_a_caption_says_the_same_alone_and_beside_longer_ones(folder: Path) -> None:
    spoken = Spoken(AudioLdm2.load(AudioLdm2Prior(weights=str(folder), seconds=1.28, t5_slot="null")))
    together, alone = spoken.say(CAPTIONS), spoken.say(CAPTIONS[:1])
    assert together["loa"].shape == (3, 8, 32)
    assert torch.equal(together["loa"][0], together["loa"][2])
    assert not torch.allclose(together["loa"][0], together["loa"][1], atol=1e-3)
    assert torch.allclose(together["loa"][0], alone["loa"][0], atol=1e-5)
    said = int(together["t5_mask"][0].sum())
    assert said == alone["t5"].shape[1] < together["t5"].shape[1]
    assert torch.allclose(together["t5"][0, :said], alone["t5"][0], atol=1e-5)


def test_padding_of_a_prompt_is_not_attended_to(folder: Path) -> None:
    one = bench(folder)
    prior = one.model.prior
    assert isinstance(one.spoken, Spoken)
    cond = dict(one.spoken.say(CAPTIONS))
    noise = torch.randn(3, *prior.latent_shape, generator=torch.Generator().manual_seed(0))
    before = prior.sample(cond, None, noise, 2, 1.0)
    cond["t5"] = torch.where(cond["t5_mask"].unsqueeze(-1), cond["t5"], torch.full_like(cond["t5"], 3.0))
    assert torch.allclose(prior.sample(cond, None, noise, 2, 1.0), before, atol=1e-4)


def test_the_cascade_plays_captions_and_the_oracle_what_it_hears(folder: Path) -> None:
    one = bench(folder)
    for row in (cascade, oracle):
        played = row(one)
        assert not isinstance(played, str)
        assert played.null is not None
        assert played.how
        assert torch.allclose(played.cond["loa"][0], played.cond["loa"][2], atol=1e-6)
        assert not torch.allclose(played.cond["loa"][0], played.cond["loa"][1], atol=1e-4)
        clips = play(one, played)
        assert clips.shape == one.judged.clips.shape
        assert np.isfinite(clips).all()


@pytest.fixture(scope="module")
def stable(tmp_path_factory: pytest.TempPathFactory) -> StableAudio3Prior:
    weights = tiny_stable_audio3.write_checkpoint(tmp_path_factory.mktemp("stable") / "tiny")
    return StableAudio3Prior(weights=str(weights), seconds=1.0, rate=8_000, tokens=3)


def test_a_caption_conditions_stable_audio_as_its_pipeline_would(stable: StableAudio3Prior) -> None:
    from diffusers import StableAudio3Pipeline
    from transformers import AutoTokenizer, T5GemmaEncoderModel

    prior, folder = StableAudio3.load(stable), Path(stable.weights)
    parts = prior.parts
    pipeline = StableAudio3Pipeline(
        vae=parts.vae,
        text_encoder=T5GemmaEncoderModel.from_pretrained(folder / "text_encoder"),
        tokenizer=AutoTokenizer.from_pretrained(folder / "tokenizer"),
        duration_embedder=parts.duration,
        transformer=parts.transformer,
        scheduler=None,
    )
    noise = torch.randn(3, *prior.latent_shape, generator=torch.Generator().manual_seed(0))
    times = torch.full((3,), 0.5)
    with torch.no_grad():
        read, mask = pipeline.encode_prompt(CAPTIONS, torch.device("cpu"), 1)
        duration = pipeline.encode_duration(1.0, torch.device("cpu"), 1, 3)
        context, mask = pipeline.prepare_cross_attention(read, mask, duration)
        theirs = parts.transformer(
            noise,
            times * parts.clock,
            encoder_hidden_states=context,
            global_hidden_states=duration,
            encoder_attention_mask=mask,
            return_dict=False,
        )[0]
        cond = Prompts(prior).say(CAPTIONS)
        ours = prior._under(cond)(noise, times)
    assert not torch.allclose(cond["prompt"][0], cond["prompt"][1], atol=1e-2)
    assert torch.allclose(ours, theirs, atol=1e-5)


def test_stable_audio_has_the_rows_of_words(stable: StableAudio3Prior) -> None:
    one = bench_of(StableAudio3.load(stable), stable)
    told, heard = cascade(one), oracle(one)
    assert not isinstance(told, str)
    assert not isinstance(heard, str)
    assert "the picture's caption through the prior's T5Gemma" in told.how
    assert "the real clip's own caption" in heard.how
    for played, captions in ((told, CAPTIONS), (heard, MUSIC)):
        said = Prompts(one.model.prior).say(captions)  # type: ignore[arg-type]
        assert torch.equal(played.cond["prompt"], said["prompt"])
        assert played.null is not None
        clips = play(one, played)
        assert clips.shape == one.judged.clips.shape
        assert np.isfinite(clips).all()


def test_stable_audio_without_its_text_encoder_says_why_a_row_is_not_there(
    stable: StableAudio3Prior, tmp_path: Path
) -> None:
    for part in Path(stable.weights).iterdir():
        if part.name != "text_encoder":
            (tmp_path / part.name).symlink_to(part)
    chosen = stable.model_copy(update={"weights": str(tmp_path)})
    one = bench_of(StableAudio3.load(chosen), chosen)
    for row in (cascade(one), oracle(one)):
        assert isinstance(row, str)
        assert "no text_encoder: fetch the weights again" in row


def test_a_checkpoint_without_its_words_says_which_part_is_missing(folder: Path, tmp_path: Path) -> None:
    for part in folder.iterdir():
        if part.name != "projection_model":
            (tmp_path / part.name).symlink_to(part)
    prior = AudioLdm2.load(AudioLdm2Prior(weights=str(tmp_path), seconds=1.28, t5_slot="null"))
    with pytest.raises(ConfigError, match="no projection_model: fetch the weights again"):
        Spoken(prior)
