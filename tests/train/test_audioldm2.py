import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from artsound.errors import ConfigError
from artsound.train import start
from artsound.train.audioldm2 import AudioLdm2
from artsound.train.audioldm2_text import roll_out
from artsound.train.audiomae import AudioMae
from artsound.train.checkpoint import NAME as CHECKPOINT
from artsound.train.checkpoint import read_tensors
from artsound.train.generate import Request, generate
from artsound.train.journal import read_journal
from artsound.train.model import load_model, new_conditioner
from artsound.train.prior import (
    AudioPrior,
    CaptionTeacher,
    OwnConditioning,
    Slot,
    build,
    caption_teacher,
    own_conditioning,
)
from artsound.train.projector import Conditioner, Ends
from artsound.train.run import prepare, recompute, run
from artsound.train.settings import AudioLdm2Prior, Objective, Projector, SmallPrior, TrainSettings, Visual
from artsound.train.visual import visual_encoder
from tests.train.conftest import tiny_settings
from tests.train.tiny_audioldm2 import write_checkpoint

SAMPLES = sorted((Path(__file__).parents[2] / "data" / "sample" / "artworks").glob("*.jpg"))
WAYS = [
    (interface, slot)
    for interface in ("direct_loa", "gpt2_prefix")
    for slot in ("constant", "null", "visual")
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
        ours = roll_out(one.parts.language_model, given)
    assert torch.allclose(ours, theirs, atol=1e-5)


def test_the_conditioning_of_a_caption_is_that_of_the_pipeline(checkpoint: Path) -> None:
    from diffusers import AudioLDM2Pipeline
    from diffusers import AudioLDM2ProjectionModel as Projection
    from transformers import ClapModel, GPT2LMHeadModel, RobertaTokenizer, T5EncoderModel, T5Tokenizer

    class Stand:
        tokenizer = RobertaTokenizer.from_pretrained(checkpoint / "tokenizer")
        tokenizer_2 = T5Tokenizer.from_pretrained(checkpoint / "tokenizer_2")
        text_encoder = ClapModel.from_pretrained(checkpoint / "text_encoder").eval()
        text_encoder_2 = T5EncoderModel.from_pretrained(checkpoint / "text_encoder_2").eval()
        projection_model = Projection.from_pretrained(checkpoint / "projection_model").eval()
        language_model = GPT2LMHeadModel.from_pretrained(checkpoint / "language_model").eval()
        generate_language_model = AudioLDM2Pipeline.generate_language_model

    teacher = caption_teacher(AudioLdm2Prior(weights=str(checkpoint)))
    assert isinstance(teacher, CaptionTeacher)
    said = ["a calm piano", "loud drums and a choir"]
    made = teacher(said)["loa"]
    assert made.shape == (2, 8, 32)
    with torch.no_grad():
        for caption, ours in zip(said, made, strict=True):
            _, _, theirs = AudioLDM2Pipeline.encode_prompt(
                Stand(), caption, torch.device("cpu"), 1, False, max_new_tokens=8
            )
            assert torch.allclose(ours, theirs[0], atol=1e-4)


def test_only_audioldm2_makes_conditioning_of_captions() -> None:
    with pytest.raises(ConfigError, match="small"):
        caption_teacher(SmallPrior())


@pytest.fixture(scope="module")
def audiomae(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A transformer of AudioMAE's shape with random weights, as timm lays it out: 32-wide, 2 layers."""
    import json

    import timm
    from safetensors.torch import save_file

    folder = tmp_path_factory.mktemp("audiomae") / "tiny"
    folder.mkdir()
    shape = {
        "img_size": [1024, 128],
        "in_chans": 1,
        "embed_dim": 32,
        "depth": 2,
        "num_heads": 2,
        "num_classes": 0,
        "global_pool": "",
    }
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = timm.create_model("vit_base_patch16_224", **shape)
    save_file(model.state_dict(), folder / "model.safetensors")
    config = {
        "architecture": "vit_base_patch16_224",
        "num_classes": 0,
        "global_pool": "",
        "model_args": shape,
        "pretrained_cfg": {
            "input_size": [1, 1024, 128],
            "first_conv": "patch_embed.proj",
            "classifier": "head",
        },
    }
    (folder / "config.json").write_text(json.dumps(config))
    return folder


def test_audiomae_hears_what_is_played_and_when(audiomae: Path) -> None:
    """Eight tokens follow each other in time: a sound at the end moves the last ones most."""
    listen = AudioMae(str(audiomae))
    silence = torch.zeros(1, 163_840)
    late = silence.clone()
    late[:, -20_000:] = 0.5 * torch.sin(torch.arange(20_000) * 0.3)
    made = listen(torch.cat([silence, late]))
    assert made.shape == (2, 8, 32)
    moved = (made[1] - made[0]).abs().sum(1)
    assert moved[-1] > 2 * moved[:6].max()
    assert torch.allclose(listen(late)[0], made[1], atol=1e-5)


def test_audiomae_sees_the_filter_banks_of_kaldi(audiomae: Path) -> None:
    """A pure tone is loudest in the band that Kaldi's mel scale names, of 128 bands from 20 Hz to 8 kHz."""
    tone = 0.5 * np.sin(2 * np.pi * 1000 * np.arange(163_840) / 16_000).astype(np.float32)
    extract = AudioMae(str(audiomae))._extract
    picture = extract([tone], sampling_rate=16_000, return_tensors="np").input_values[0]
    assert picture.shape == (1024, 128)
    low, high, here = (1127 * np.log(1 + hertz / 700) for hertz in (20, 8000, 1000))
    assert abs(picture[500].argmax() - ((here - low) / (high - low) * 129 - 1)) < 1


def test_the_teacher_gives_targets_and_marks_the_cache(checkpoint: Path, audiomae: Path) -> None:
    plain, taught = prior(checkpoint), prior(checkpoint, loa_teacher=str(audiomae))
    waves = torch.randn(2, round(1.28 * 16_000), generator=torch.Generator().manual_seed(0)) * 0.1
    assert plain.targets(waves, plain.encode_audio(waves)) == {}
    assert taught.targets(waves, plain.encode_audio(waves))["loa"].shape == (2, *taught.cond_spec["loa"])
    assert plain.fingerprint != taught.fingerprint


def test_a_teacher_that_is_none_is_refused(checkpoint: Path, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(ConfigError, match="loa_teacher"):
        prior(checkpoint, loa_teacher=str(tmp_path))


def sounds(one: AudioLdm2, count: int) -> torch.Tensor:
    return torch.randn(count, round(1.28 * one.rate), generator=torch.Generator().manual_seed(2)) * 0.1


@pytest.mark.parametrize(("interface", "t5_slot"), WAYS)
def test_the_projector_starts_at_the_mean_of_what_the_prior_hears(
    checkpoint: Path, tmp_path: Path, interface: str, t5_slot: str
) -> None:
    one = prior(checkpoint, interface=interface, t5_slot=t5_slot)
    load = own_conditioning(one)
    assert load is not None
    own, waves = load(), sounds(one, 5)
    assert isinstance(own, OwnConditioning)
    start.measure(tmp_path / "start", own, waves.split(2), {"manifest": "m"})
    begun = start.read(tmp_path / "start", {"manifest": "m"})
    heard = own(waves)
    assert {name: rows.shape[1:] for name, rows in heard.items()} == {
        name: tuple(slot) for name, slot in one.cond_spec.items()
    }
    settings = TrainSettings(release=Path(), run=Path(), prior=one.settings)
    made = new_conditioner(settings, one, visual_encoder(Visual()), begun)(
        {"content": torch.randn(2, 16, 10)}
    )
    for name, rows in heard.items():
        assert torch.allclose(made[name], rows.mean(0).expand(2, -1, -1), atol=1e-5)
        assert not torch.allclose(made[name], one.null()[name].expand(2, -1, -1), atol=1e-3)
        assert (begun.spread[name] > 0).all(), "a spread of zero could never be learned from"


def test_the_mean_of_cached_targets_goes_before_what_the_prior_hears() -> None:
    measured = start.Start(
        {"loa": torch.zeros(2, 3), "t5": torch.zeros(1, 3)}, {"loa": torch.ones(2, 3)}, "own"
    )
    targets = torch.randn(4, 2, 3)
    found = measured.beside({"loa": targets})
    assert torch.equal(found.mean["loa"], targets.mean(0))
    assert torch.equal(found.spread["loa"], targets.std(0))
    assert torch.equal(found.mean["t5"], torch.zeros(1, 3))


def test_a_single_pair_has_a_spread_to_learn_from() -> None:
    found = start.NULL.beside({"loa": torch.randn(1, 2, 3)})
    assert (found.spread["loa"] > 0).all()


def test_a_run_without_its_mean_conditioning_or_with_that_of_other_slots_is_refused(
    checkpoint: Path, release: Path, tmp_path: Path
) -> None:
    chosen = AudioLdm2Prior(weights=str(checkpoint), seconds=1.28)
    settings = tiny_settings(release, tmp_path / "run").model_copy(update={"prior": chosen})
    prepare(settings)
    other = chosen.model_copy(update={"interface": "gpt2_prefix"})
    with pytest.raises(ConfigError, match=r"start\.safetensors .*differs in slots.*: run `artsound"):
        run(settings.model_copy(update={"prior": other}))
    (settings.run / "cache" / start.NAME).unlink()
    with pytest.raises(ConfigError, match=r"start\.safetensors does not exist: run `artsound train prepare`"):
        run(settings)
    assert prepare(settings).made == 1
    assert prepare(settings).made == 0


@pytest.mark.filterwarnings("ignore:.*Transformer2DModelOutput:FutureWarning")  # diffusers' own imports
def test_activations_can_be_computed_anew_and_the_gradient_stays_the_same(checkpoint: Path) -> None:
    grads = []
    for anew in (False, True):
        one = prior(checkpoint)
        if anew:
            recompute(one.network)
        loa = torch.randn(
            1, *one.cond_spec["loa"], generator=torch.Generator().manual_seed(0), requires_grad=True
        )
        noise = torch.randn(1, *one.latent_shape, generator=torch.Generator().manual_seed(1))
        one.loss(noise * 0.5, {"loa": loa}, torch.tensor([0.5]), noise).sum().backward()
        grads.append(loa.grad)
    assert torch.allclose(grads[0], grads[1], atol=1e-6)


def test_a_prior_that_keeps_its_activations_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"machine\.recompute"):
        recompute(torch.nn.Linear(1, 1))


@pytest.mark.slow
@pytest.mark.parametrize("supervision", ["audio_only", "text_distill"])
def test_targets_from_sound_or_from_captions_teach_the_projector(
    checkpoint: Path, audiomae: Path, release: Path, tmp_path: Path, supervision: str
) -> None:
    distilled = supervision == "text_distill"
    settings = tiny_settings(release, tmp_path / "run")
    loop = settings.loop.model_copy(update={"samples": 64})
    chosen = TrainSettings(
        **settings.model_dump(exclude={"prior", "loop", "objective", "warm"}),
        prior=AudioLdm2Prior(
            weights=str(checkpoint), seconds=1.28, loa_teacher="" if distilled else str(audiomae)
        ),
        objective=Objective(supervision=supervision),
        warm=loop,
        loop=loop.model_copy(update={"samples": 8}),
    )
    prepare(chosen)
    _, meta = read_tensors(run(chosen))
    assert ("captions" in meta["language"]) == distilled
    losses = [line["loa"] for line in read_journal(chosen.run / "warm" / "journal.jsonl") if "loa" in line]
    if distilled:  # the tiny text towers say the same of every caption: the mean, where the projector starts
        assert max(map(abs, losses)) < 1e-6
    else:
        assert losses[-1] < losses[0]


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
    assert model.provenance["start"].startswith("sound-1-")
    made = generate(model, SAMPLES[:1], tmp_path / "out", Request(seconds=1.0, steps=2))
    assert made.pieces[0].wav.exists()
    assert path.stat().st_size < 5_000_000, "the frozen prior's weights must not be copied"
    with pytest.raises(ConfigError, match="another denoiser"):
        load_model(path, str(with_another_unet(checkpoint, tmp_path / "other")))


@pytest.mark.slow
def test_a_run_is_not_continued_under_another_unet(checkpoint: Path, release: Path, tmp_path: Path) -> None:
    settings = tiny_settings(release, tmp_path / "run")
    chosen = AudioLdm2Prior(weights=str(checkpoint), seconds=1.28)
    settings = settings.model_copy(
        update={"prior": chosen, "loop": settings.loop.model_copy(update={"samples": 8, "log_every": 8})}
    )
    prepare(settings)
    run(settings)
    kept = (settings.run / "projector" / CHECKPOINT).read_bytes()
    other = str(with_another_unet(checkpoint, tmp_path / "other"))
    with pytest.raises(ConfigError, match="denoiser"):
        run(settings.model_copy(update={"prior": chosen.model_copy(update={"weights": other})}))
    assert (settings.run / "projector" / CHECKPOINT).read_bytes() == kept


def with_another_unet(checkpoint: Path, folder: Path) -> Path:
    """Lay out the same checkpoint with one bias of the U-Net changed."""
    from safetensors.torch import load_file, save_file

    folder.mkdir()
    for part in checkpoint.iterdir():
        if part.name != "unet":
            (folder / part.name).symlink_to(part)
    shutil.copytree(checkpoint / "unet", folder / "unet")
    [weights] = (folder / "unet").glob("*.safetensors")
    tensors = load_file(weights)
    tensors["conv_in.bias"] = tensors["conv_in.bias"] + 1
    save_file(tensors, weights, metadata={"format": "pt"})
    return folder


def test_the_denoiser_is_told_apart_by_all_that_conditions_it_besides_the_image(
    checkpoint: Path, tmp_path: Path
) -> None:
    """The cache stays good: latents do not depend on the U-Net."""
    one = prior(checkpoint, t5_slot="null")
    unet = prior(with_another_unet(checkpoint, tmp_path / "other"), t5_slot="null")
    ways = [
        prior(checkpoint, t5_slot="null", interface="gpt2_prefix"),
        prior(checkpoint, t5_slot="constant", prompt="a"),
        prior(checkpoint, t5_slot="constant", prompt="b"),
    ]
    assert one.fingerprint == unet.fingerprint
    assert len({found.denoiser for found in (one, unet, *ways)}) == 5


def test_missing_weights_say_how_to_fetch_them_and_under_which_licence() -> None:
    with pytest.raises(ConfigError, match=r"hf download cvssp/audioldm2-music.*CC-BY-NC-SA-4\.0"):
        build(AudioLdm2Prior())


def test_a_model_whose_weights_were_moved_says_how_to_name_them(
    checkpoint: Path, release: Path, tmp_path: Path
) -> None:
    moved = tmp_path / "moved"
    shutil.copytree(checkpoint, moved)
    chosen = AudioLdm2Prior(weights=str(moved), seconds=1.28)
    settings = tiny_settings(release, tmp_path / "run").model_copy(update={"prior": chosen})
    prepare(settings)
    path = run(settings)
    shutil.rmtree(moved)
    with pytest.raises(ConfigError, match=r"are not there: .*`--weights` of `generate` and `evaluate`"):
        load_model(path)
    assert load_model(path, str(checkpoint)).settings.prior.kind == "audioldm2"


def test_all_weights_that_are_missing_are_named_at_once_the_priors_first(
    release: Path, checkpoint: Path, tmp_path: Path
) -> None:
    eyes = Visual(encoder="clip", weights="nobody/clip")
    settings = TrainSettings(release=release, run=tmp_path, prior=AudioLdm2Prior(), visual=eyes)
    with pytest.raises(ConfigError, match=r"hf download cvssp/audioldm2-music.*hf download nobody/clip"):
        prepare(settings)
    there = AudioLdm2Prior(weights=str(checkpoint))
    with pytest.raises(ConfigError, match=r"^the weights nobody/clip"):
        prepare(settings.model_copy(update={"prior": there}))


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
