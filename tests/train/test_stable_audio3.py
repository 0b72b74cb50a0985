from pathlib import Path

import pytest
import torch

from artsound.errors import ConfigError
from artsound.train.generate import Request, generate
from artsound.train.model import load_model, new_conditioner
from artsound.train.prior import AudioPrior, Slot, build, own_conditioning
from artsound.train.projector import Conditioner, Ends
from artsound.train.run import prepare, run
from artsound.train.settings import Projector, StableAudio3Prior, TrainSettings, Visual
from artsound.train.stable_audio3 import StableAudio3, noise_times
from artsound.train.start import NULL
from artsound.train.visual import visual_encoder
from tests.train.conftest import tiny_settings
from tests.train.tiny_stable_audio3 import write_checkpoint

SAMPLES = sorted((Path(__file__).parents[2] / "data" / "sample" / "artworks").glob("*.jpg"))


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_checkpoint(tmp_path_factory.mktemp("weights") / "tiny-stable-audio-3")


def settings(checkpoint: Path, **options: object) -> StableAudio3Prior:
    return StableAudio3Prior(weights=str(checkpoint), seconds=1.0, rate=8_000, tokens=3, **options)


def prior(checkpoint: Path, **options: object) -> StableAudio3:
    made = build(settings(checkpoint, **options))
    assert isinstance(made, StableAudio3)
    assert isinstance(made, AudioPrior)
    return made


def noise(one: StableAudio3, count: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(count, *one.latent_shape, generator=torch.Generator().manual_seed(seed))


def test_audio_becomes_latents_and_latents_audio(checkpoint: Path) -> None:
    one = prior(checkpoint)
    waves = torch.randn(2, 8_000, generator=torch.Generator().manual_seed(0)) * 0.1
    latents = one.encode_audio(waves)
    assert latents.shape == (2, *one.latent_shape) == (2, 8, 125)
    assert torch.equal(latents, one.encode_audio(waves)), "latents are means: nothing is drawn"
    assert one.decode(latents).shape == waves.shape


def test_the_image_reaches_the_loss_and_the_frozen_prior_learns_nothing(checkpoint: Path) -> None:
    one = prior(checkpoint)
    null = one.null()
    ends = Ends({"content": Slot(3, 5)}, one.cond_spec, null, {"prompt": torch.ones(3, 12)}, null)
    made = Conditioner(ends, Projector(), one.learned_spec)
    cond = made({"content": torch.randn(2, 3, 5)})
    loss = one.loss(noise(one, 2, 1), cond, torch.tensor([0.2, 0.8]), noise(one, 2))
    assert loss.shape == (2,)
    loss.mean().backward()
    assert sum(float(p.grad.abs().sum()) for p in made.project.parameters() if p.grad is not None) > 0
    assert all(p.grad is None for p in one.network.parameters())


def test_nothing_is_said_as_the_pipeline_says_nothing(checkpoint: Path) -> None:
    """A prompt all of whose positions are masked is what the null stands for."""
    one = prior(checkpoint)
    with torch.no_grad():
        duration = one.parts.duration(torch.tensor([1.0]))
        context = torch.cat([torch.randn(1, 3, 12), duration.unsqueeze(1)], dim=1)
        theirs = one.parts.transformer(
            noise(one, 1),
            torch.tensor([0.5]),
            encoder_hidden_states=context,
            global_hidden_states=duration,
            encoder_attention_mask=torch.tensor([[0, 0, 0, 1]]),
            return_dict=False,
        )[0]
        ours = one._under({"prompt": one.null()["prompt"].unsqueeze(0)})(noise(one, 1), torch.tensor([0.5]))
    assert torch.allclose(ours, theirs, atol=1e-5)


def test_the_steps_are_those_of_the_pipeline() -> None:
    from diffusers.pipelines.stable_audio_3.pipeline_stable_audio_3 import logsnr_sigma_schedule

    assert torch.allclose(noise_times(8)[:-1], torch.tensor(logsnr_sigma_schedule(8, -6.2, 2.0)))


class Exact(torch.nn.Module):
    """The velocity of the straight path to known data."""

    def __init__(self, data: torch.Tensor) -> None:
        super().__init__()
        self.data = data

    def forward(self, noisy: torch.Tensor, times: torch.Tensor, **_: object) -> tuple[torch.Tensor]:
        return ((noisy - self.data) / times.clamp(min=1e-3).view(-1, 1, 1),)


@pytest.mark.parametrize("distilled", [False, True])
def test_an_exact_velocity_leads_to_the_data(tmp_path: Path, distilled: bool) -> None:
    one = prior(write_checkpoint(tmp_path / "weights", distilled=distilled))
    assert one.parts.distilled == distilled
    data = noise(one, 1, 5)
    one.network = Exact(data)
    cond = {"prompt": torch.zeros(1, 3, 12)}
    made = one.sample(cond, None, noise(one, 1), 8, 1.0)
    assert torch.allclose(made, data, atol=1e-3)
    assert one.loss(data, cond, torch.tensor([0.5]), noise(one, 1)) < 1e-6


def test_a_distilled_sample_does_not_depend_on_its_neighbours(tmp_path: Path) -> None:
    one = prior(write_checkpoint(tmp_path / "weights", distilled=True))
    cond = {"prompt": torch.zeros(3, 3, 12)}
    many = one.sample(cond, None, noise(one, 3), 4, 1.0)
    alone = one.sample({"prompt": cond["prompt"][1:2]}, None, noise(one, 3)[1:2], 4, 1.0)
    assert torch.allclose(many[1:2], alone, atol=1e-4)


def test_only_keys_and_values_of_the_cross_attention_are_tunable(checkpoint: Path) -> None:
    assert prior(checkpoint).tunable() == []
    assert len(prior(checkpoint, trainable="kv").tunable()) == 2


@pytest.mark.slow
def test_a_release_trains_a_projector_and_the_model_plays(
    checkpoint: Path, release: Path, tmp_path: Path
) -> None:
    chosen = tiny_settings(release, tmp_path / "run").model_copy(update={"prior": settings(checkpoint)})
    prepare(chosen)
    path = run(chosen)
    made = generate(load_model(path), SAMPLES[:1], tmp_path / "out", Request(seconds=1.0, steps=2))
    assert made.pieces[0].wav.exists()
    assert path.stat().st_size < 5_000_000, "the frozen prior's weights must not be copied"


def test_a_prior_that_knows_words_alone_starts_at_what_it_learned_to_play_unasked(checkpoint: Path) -> None:
    one = prior(checkpoint)
    assert own_conditioning(one) is None
    settings_ = TrainSettings(release=Path(), run=Path(), prior=one.settings)
    made = new_conditioner(settings_, one, visual_encoder(Visual()), NULL)(
        {"content": torch.randn(2, 16, 10)}
    )
    assert torch.equal(made["prompt"], one.null()["prompt"].expand(2, -1, -1))


def test_another_rate_than_the_checkpoints_is_refused(checkpoint: Path) -> None:
    with pytest.raises(ConfigError, match=r"set prior\.rate = 8000"):
        build(settings(checkpoint).model_copy(update={"rate": 44_100}))


def test_a_checkpoint_in_another_layout_is_refused(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes(b"")
    with pytest.raises(ConfigError, match="no scheduler"):
        build(settings(tmp_path))


def test_missing_weights_say_under_which_licence_they_are() -> None:
    with pytest.raises(ConfigError, match="Community Licence"):
        build(StableAudio3Prior(weights="stabilityai/stable-audio-3-small-music-base"))
