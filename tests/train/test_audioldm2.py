from pathlib import Path

import numpy as np
import pytest
import torch

from artsound.errors import ConfigError
from artsound.train.audioldm2 import AudioLdm2
from artsound.train.generate import Request, generate
from artsound.train.journal import read_journal
from artsound.train.model import load_model
from artsound.train.prior import AudioPrior, Slot, build
from artsound.train.projector import Conditioner, Ends
from artsound.train.run import prepare, run
from artsound.train.settings import AudioLdm2Prior, Projector
from tests.train.conftest import tiny_settings
from tests.train.tiny_audioldm2 import write_checkpoint

SAMPLES = sorted((Path(__file__).parents[2] / "data" / "sample" / "artworks").glob("*.jpg"))
WAYS = [
    *(("direct_loa", slot) for slot in ("constant", "null", "visual")),
    ("gpt2_prefix", "constant"),
]


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_checkpoint(tmp_path_factory.mktemp("weights") / "tiny-audioldm2")


def prior(checkpoint: Path, **options: object) -> AudioLdm2:
    return AudioLdm2.load(AudioLdm2Prior(weights=str(checkpoint), seconds=1.28, **options))


def conditioner(one: AudioLdm2) -> Conditioner:
    null = one.null()
    ones = {name: torch.ones_like(value) for name, value in null.items()}
    ends = Ends({"content": Slot(3, 5)}, one.cond_spec, null, ones, null)
    return Conditioner(ends, Projector(), one.learned_spec)


def test_audio_becomes_latents_and_latents_audio(checkpoint: Path) -> None:
    one = prior(checkpoint)
    assert isinstance(one, AudioPrior)
    assert one.latent_shape == (4, 32, 4)
    waves = torch.randn(2, round(1.28 * one.rate), generator=torch.Generator().manual_seed(0)) * 0.1
    latents = one.encode_audio(waves)
    assert latents.shape == (2, *one.latent_shape)
    decoded = one.decode(latents)
    assert decoded.shape == waves.shape
    assert decoded.isfinite().all()


def test_the_mel_spectrum_is_that_of_librosa(checkpoint: Path) -> None:
    """Magnitudes, Slaney filters from 0 to 8 kHz, as HiFi-GAN and AudioLDM2 take them."""
    import librosa

    one = prior(checkpoint)
    wave = np.random.default_rng(0).standard_normal(16_000).astype(np.float32)
    from artsound.train.mel import mel_spectra

    ours = mel_spectra(torch.from_numpy(wave)[None], one._filters, hop=160, frames=100)[0]
    spectra = np.abs(librosa.stft(wave, n_fft=1024, hop_length=160, pad_mode="reflect"))
    theirs = librosa.filters.mel(sr=16_000, n_fft=1024, n_mels=16, fmin=0, fmax=8000) @ spectra
    assert np.allclose(ours.T.numpy(), theirs[:, :100], rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(("interface", "t5_slot"), WAYS)
def test_the_image_reaches_the_loss_and_the_frozen_prior_learns_nothing(
    checkpoint: Path, interface: str, t5_slot: str
) -> None:
    one = prior(checkpoint, interface=interface, t5_slot=t5_slot)
    made = conditioner(one)
    cond = made({"content": torch.randn(3, 3, 5)})
    levels = torch.tensor([0.1, 0.5, 0.9])
    loss = one.loss(torch.randn(3, *one.latent_shape), cond, levels, torch.randn(3, *one.latent_shape))
    assert loss.shape == (3,)
    loss.mean().backward()
    assert sum(float(p.grad.abs().sum()) for p in made.project.parameters() if p.grad is not None) > 0
    assert all(p.grad is None for p in one.network.parameters())
    if t5_slot == "null":
        assert made.learned["t5"].grad is not None


def test_gpt2s_roll_out_is_that_of_the_pipeline(checkpoint: Path) -> None:
    from diffusers import AudioLDM2Pipeline
    from transformers import GPT2LMHeadModel

    one = prior(checkpoint, interface="gpt2_prefix")
    full = GPT2LMHeadModel.from_pretrained(checkpoint / "language_model").eval()
    given = torch.randn(2, 4, 32, generator=torch.Generator().manual_seed(0))

    class Stand:
        language_model = full

    with torch.no_grad():
        theirs = AudioLDM2Pipeline.generate_language_model(
            Stand(), given, 8, attention_mask=torch.ones(2, 4, dtype=torch.long)
        )
        ours = one.roll_out(given)
    assert torch.allclose(ours, theirs, atol=1e-5)


def test_only_keys_and_values_on_the_loa_side_are_tunable(checkpoint: Path) -> None:
    assert prior(checkpoint).tunable() == []
    found = prior(checkpoint, trainable="kv").tunable()
    assert found
    assert {one.shape[1] for one in found} == {32}


def test_a_v_prior_is_sampled_as_what_it_is(tmp_path: Path) -> None:
    """A network that predicts v exactly leads back to the data, whatever the noise."""
    one = AudioLdm2.load(
        AudioLdm2Prior(weights=str(write_checkpoint(tmp_path / "v", "v_prediction")), seconds=1.28)
    )
    data = torch.randn(1, *one.latent_shape, generator=torch.Generator().manual_seed(1))
    kept = one.parts.kept

    class Exact(torch.nn.Module):
        def forward(self, noisy: torch.Tensor, times: torch.Tensor, **_: object) -> tuple[torch.Tensor]:
            alpha = kept[times].view(-1, 1, 1, 1)
            noise = (noisy - alpha.sqrt() * data) / (1 - alpha).sqrt()
            return (alpha.sqrt() * noise - (1 - alpha).sqrt() * data,)

    one.network = Exact()
    cond = {name: torch.zeros(1, *slot) for name, slot in one.cond_spec.items()}
    made = one.sample(cond, None, torch.randn(1, *one.latent_shape), 20, 1.0)
    assert torch.allclose(made, data, atol=0.2)
    assert one.loss(data, cond, torch.tensor([0.5]), torch.randn(1, *one.latent_shape)) < 1e-4


def test_a_v_prior_and_an_epsilon_prior_share_latents(checkpoint: Path, tmp_path: Path) -> None:
    other = AudioLdm2.load(
        AudioLdm2Prior(weights=str(write_checkpoint(tmp_path / "v", "v_prediction")), seconds=1.28)
    )
    assert other.fingerprint == prior(checkpoint).fingerprint
    assert (
        prior(checkpoint).fingerprint
        != AudioLdm2.load(AudioLdm2Prior(weights=str(checkpoint), seconds=2.56)).fingerprint
    )


@pytest.mark.slow
def test_a_release_trains_a_projector_and_the_model_plays(
    checkpoint: Path, release: Path, tmp_path: Path
) -> None:
    settings = tiny_settings(release, tmp_path / "run")
    chosen = AudioLdm2Prior(weights=str(checkpoint), seconds=1.28, trainable="kv", t5_slot="null")
    settings = settings.model_copy(
        update={"prior": chosen, "loop": settings.loop.model_copy(update={"samples": 16, "log_every": 8})}
    )
    prepare(settings)
    path = run(settings)
    assert any("val_gap" in line for line in read_journal(path.parent / "projector" / "journal.jsonl"))
    model = load_model(path)
    made = generate(model, SAMPLES[:1], tmp_path / "out", Request(seconds=1.0, steps=2))
    assert made.pieces[0].wav.exists()
    assert path.stat().st_size < 5_000_000, "the frozen prior's weights must not be copied"


def test_missing_weights_say_how_to_fetch_them_and_under_which_licence() -> None:
    with pytest.raises(ConfigError, match=r"hf download cvssp/audioldm2-music.*CC-BY-NC-SA-4\.0"):
        build(AudioLdm2Prior())


def test_a_checkpoint_without_a_part_names_it(checkpoint: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    broken.mkdir()
    for part in checkpoint.iterdir():
        if part.name != "vocoder":
            (broken / part.name).symlink_to(part)
    with pytest.raises(ConfigError, match="no vocoder"):
        prior(broken)


def test_a_damaged_part_is_named(checkpoint: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    broken.mkdir()
    for part in checkpoint.iterdir():
        (broken / part.name).symlink_to(part)
    (broken / "vae").unlink()
    (broken / "vae").mkdir()
    (broken / "vae" / "config.json").write_text((checkpoint / "vae" / "config.json").read_text())
    with pytest.raises(ConfigError, match="vae cannot be loaded"):
        prior(broken)


def test_a_tokenizer_without_its_vocabulary_is_refused(checkpoint: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    broken.mkdir()
    for part in checkpoint.iterdir():
        (broken / part.name).symlink_to(part)
    (broken / "tokenizer_2").unlink()
    (broken / "tokenizer_2").mkdir()
    config = (checkpoint / "tokenizer_2" / "tokenizer_config.json").read_text()
    (broken / "tokenizer_2" / "tokenizer_config.json").write_text(config)
    with pytest.raises(ConfigError, match="tokenizer_2"):
        prior(broken)
