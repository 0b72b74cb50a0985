"""AudioLDM2 by its own encoders of words and sound, on a tiny random checkpoint of the same classes."""

from pathlib import Path

import numpy as np
import pytest
import torch

from artsound.errors import ConfigError
from artsound.evaluate.spoken import Spoken
from artsound.evaluate.systems import Bench, Side, Training, cascade, oracle, play
from artsound.models.torch_ready import torchvision_ready
from artsound.train.audioldm2 import AudioLdm2
from artsound.train.model import Model
from artsound.train.settings import AudioLdm2Prior, Sampling, TrainSettings
from tests.models import tiny
from tests.train.tiny_audioldm2 import write_checkpoint

CAPTIONS = ["A calm sea", "Two dancers in a narrow street at night", "A calm sea"]
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
    chosen = TrainSettings(
        release=Path(), run=Path(), prior=settings, sampling=Sampling(steps=2, guidance=2.0)
    )
    prior = AudioLdm2.load(settings)
    rng = np.random.default_rng(0)
    clips = (0.1 * rng.standard_normal((3, round(1.28 * prior.rate)))).astype(np.float32)
    clips[2] = clips[0]
    model = Model(chosen, prior, encoder=None, conditioner=None)  # type: ignore[arg-type]  # neither is asked
    judged = Side({}, {}, CAPTIONS, clips)
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
    assert one.spoken is not None
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


def test_a_checkpoint_without_its_words_says_which_part_is_missing(folder: Path, tmp_path: Path) -> None:
    for part in folder.iterdir():
        if part.name != "projection_model":
            (tmp_path / part.name).symlink_to(part)
    prior = AudioLdm2.load(AudioLdm2Prior(weights=str(tmp_path), seconds=1.28, t5_slot="null"))
    with pytest.raises(ConfigError, match="no projection_model: fetch the weights again"):
        Spoken(prior)
