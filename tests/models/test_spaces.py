"""CLIP and CLAP, loaded from tiny checkpoints by the real code, held to the contract of all encoders."""

import hashlib
import io
import json
import pickle
import shutil
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import soundfile
from PIL import Image

if not all(find_spec(package) for package in ("torch", "transformers", "open_clip")):
    pytest.skip("needs the extra `models`", allow_module_level=True)

from artsound import tables
from artsound.embeddings import embed_artworks, embed_captions, embed_clips
from artsound.errors import ConfigError, MatchingError, Reason
from artsound.matching.terms import read_terms
from artsound.media.files import open_media
from artsound.models import files, registry
from artsound.models.clap import ClapSounds, ClapTexts
from artsound.models.crop import Crop
from artsound.models.openclip import ClipImages, ClipTexts
from artsound.models.protocols import AudioEncoder, ImageEncoder, TextEncoder
from artsound.models.torch_ready import Precision
from artsound.models.windows import WindowRule
from artsound.settings import Clap, Clip, Embeddings
from tests import rows
from tests.models import tiny

pytestmark = pytest.mark.slow

RULE = WindowRule(10, 10, "mean")
PICTURES = [
    np.random.default_rng(1).integers(0, 256, shape, np.uint8)
    for shape in ((40, 300, 3), (90, 33, 3), (1, 1, 3))
]


def noise(seconds: float, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(round(48_000 * seconds)).astype(np.float32) * 0.1


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.clip(tmp_path_factory.mktemp("weights") / "clip")


@pytest.fixture(scope="module")
def clap(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.clap(tmp_path_factory.mktemp("weights") / "clap")


@pytest.fixture(scope="module")
def images(clip: Path) -> ClipImages:
    return ClipImages(clip)


@pytest.fixture(scope="module")
def sounds(clap: Path) -> ClapSounds:
    return ClapSounds(clap, rule=RULE)


def check(found: np.ndarray, alone: np.ndarray, nothing: np.ndarray, dim: int) -> None:
    assert (found.dtype, found.shape[1], nothing.shape) == (np.float32, dim, (0, dim))
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(found, alone, atol=1e-5)
    assert np.abs(found[0] - found[1]).max() > 1e-3


def test_clip_images_keep_the_contract(images: ClipImages) -> None:
    assert isinstance(images, ImageEncoder)
    prepared = [images.prepare(pixels) for pixels in PICTURES]
    check(images(prepared), np.concatenate([images([one]) for one in prepared]), images([]), images.dim)


@pytest.mark.parametrize("kind", ["clip", "clap"])
def test_texts_keep_the_contract(kind: str, request: pytest.FixtureRequest) -> None:
    make: Callable[[Path], TextEncoder] = {"clip": ClipTexts, "clap": ClapTexts}[kind]
    encode = make(request.getfixturevalue(kind))
    assert isinstance(encode, TextEncoder)
    texts = ["a red barn", "many words " * 300, "a violin"]
    check(encode(texts), np.concatenate([encode([text]) for text in texts]), encode([]), encode.dim)


def test_clap_sounds_keep_the_contract(sounds: ClapSounds) -> None:
    assert isinstance(sounds, AudioEncoder)
    prepared = [sounds.prepare(noise(seconds, seed)) for seed, seconds in enumerate((30, 10, 3))]
    assert [len(one) for one in prepared] == [3, 1, 1]
    check(sounds(prepared), np.concatenate([sounds([one]) for one in prepared]), sounds([]), sounds.dim)


def test_a_clip_is_the_mean_of_its_windows(sounds: ClapSounds) -> None:
    whole = noise(20)
    (both,) = sounds([sounds.prepare(whole)])
    halves = sounds([sounds.prepare(whole[:480_000]), sounds.prepare(whole[480_000:])])
    mean = halves.mean(axis=0)
    np.testing.assert_allclose(both, mean / np.linalg.norm(mean), atol=1e-5)


@pytest.mark.parametrize("fill", [0, 127])
@pytest.mark.parametrize("interpolation", ["bicubic", "bilinear"])
@pytest.mark.parametrize("mode", ["shortest", "longest", "squash"])
def test_preparation_equals_that_of_open_clip(
    mode: str, interpolation: str, fill: int, tmp_path: Path
) -> None:
    import open_clip
    import torch

    clip = tiny.clip(tmp_path / "clip", resize_mode=mode, interpolation=interpolation, fill_color=fill)
    images = ClipImages(clip)
    model, _, theirs = open_clip.create_model_and_transforms(f"local-dir:{clip}")
    for pixels in PICTURES[:2]:
        with torch.inference_mode():
            found = model.eval().encode_image(theirs(Image.fromarray(pixels))[None]).numpy()[0]
        (ours,) = images([images.prepare(pixels)])
        np.testing.assert_allclose(ours, found / np.linalg.norm(found), atol=1e-5)


def test_features_equal_those_of_the_transformers_processor(clap: Path, sounds: ClapSounds) -> None:
    import torch
    from transformers import ClapModel, ClapProcessor

    given = ClapProcessor.from_pretrained(clap)(audio=[noise(10)], sampling_rate=48_000, return_tensors="pt")
    with torch.inference_mode():
        found = ClapModel.from_pretrained(clap).eval().get_audio_features(**given).pooler_output.numpy()[0]
    (ours,) = sounds([sounds.prepare(noise(10))])
    np.testing.assert_allclose(ours, found / np.linalg.norm(found), atol=1e-5)


def test_preparation_can_move_to_another_process(sounds: ClapSounds) -> None:
    samples = noise(12)
    there = pickle.loads(pickle.dumps(sounds.prepare))  # noqa: S301
    np.testing.assert_array_equal(there(samples), sounds.prepare(samples))
    crop = Crop(32)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(crop))(PICTURES[0]), crop(PICTURES[0]))  # noqa: S301


def test_the_name_is_known_without_loading_and_tells_weights_and_format(
    clip: Path, clap: Path, tmp_path: Path
) -> None:
    given = Embeddings(clip=Clip(weights=clip, precision="bf16"), clap=Clap(weights=clap))
    assert registry.identity_of("clip", given) == registry.texts_of("clip", given).name
    assert registry.identity_of("clip", given) == registry.images_of("clip", given).name
    assert registry.identity_of("clap", given) == registry.sounds_of("clap", given).name
    assert registry.identity_of("clap", given) == registry.texts_of("clap", given).name
    assert registry.identity_of("clip", given).startswith("clip-bf16@")
    other = Embeddings(clip=Clip(weights=tiny.clip(tmp_path / "clip", seed=1), precision="bf16"))
    assert registry.identity_of("clip", given) != registry.identity_of("clip", other)


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_half_precision_stays_near(clip: Path, clap: Path, precision: Precision) -> None:
    """Images, recordings and texts of both models; the vectors come back in fp32 and of unit length."""

    def both(precision: Precision) -> Iterator[np.ndarray]:
        images = ClipImages(clip, precision=precision)
        yield images([images.prepare(pixels) for pixels in PICTURES])
        sounds = ClapSounds(clap, rule=RULE, precision=precision)
        yield sounds([sounds.prepare(noise(seconds, seed)) for seed, seconds in enumerate((20, 3))])
        for texts in (ClipTexts(clip, precision=precision), ClapTexts(clap, precision=precision)):
            assert (f"-{precision}" in texts.name) == (precision != "fp32")
            yield texts(["a red barn", "a violin"])

    for whole, half in zip(both("fp32"), both(precision), strict=True):
        assert half.dtype == np.float32
        np.testing.assert_allclose(np.linalg.norm(half, axis=1), 1, atol=1e-5)
        assert not np.array_equal(half, whole)
        assert (whole * half).sum(axis=1).min() > 0.99


def test_revisions_of_one_model_are_not_mixed(clip: Path, tmp_path: Path) -> None:
    """The same weights under the same name, fetched as two commits."""
    made = []
    for revision in ("a" * 40, "b" * 40):
        folder = shutil.copytree(clip, tmp_path / revision[:1] / "clip")
        files.write_source(folder, "some/clip", revision)
        words = rows.row("art_captions", artwork_id=revision[:1], caption="A barn.", paragraph="It is red.")
        outcome = embed_captions(
            tables.rows_of("art_captions", [words]),
            encoder=registry.texts_of("clip", Embeddings(clip=Clip(weights=folder))),
            id_column="artwork_id",
            batch_size=2,
        )
        assert outcome.rows["model"].to_pylist() == [f"clip:{revision}@{weights_of(folder)}"]
        made.append(outcome.rows)
    with pytest.raises(MatchingError, match=f"clip:{'a' * 40}@.* clip:{'b' * 40}@.*: embed both sides"):
        read_terms(["clip"], made)
    with pytest.raises(MatchingError, match=f"unlike models clip:{'a' * 40}@"):
        read_terms(["clip"], [pa.concat_tables(made), made[0]])


def weights_of(folder: Path) -> str:
    """Hash the weights of a folder as the column `model` has it."""
    (file,) = folder.glob("*.safetensors")
    one = hashlib.sha256(file.read_bytes()).hexdigest()
    return hashlib.sha256(f"{file.name} {one}".encode()).hexdigest()


def test_a_run_without_the_model_says_which_setting_is_missing() -> None:
    with pytest.raises(ConfigError, match=r"embeddings\.clip"):
        registry.images_of("clip", Embeddings())


@pytest.mark.parametrize(
    "load", [ClipImages, lambda folder: ClapSounds(folder, rule=RULE)], ids=["clip", "clap"]
)
class TestBadWeights:
    def test_nothing_there(self, load: Callable[[Path], object], tmp_path: Path) -> None:
        with pytest.raises(ConfigError, match=r"no \*\.safetensors weights"):
            load(tmp_path)

    def test_a_pickle(self, load: Callable[[Path], object], tmp_path: Path) -> None:
        (tmp_path / "open_clip_pytorch_model.bin").write_bytes(b"\x80\x04.")
        with pytest.raises(ConfigError, match="can run code"):
            load(tmp_path)

    def test_weights_without_settings(
        self, load: Callable[[Path], object], clip: Path, tmp_path: Path
    ) -> None:
        weights = (clip / "open_clip_model.safetensors").read_bytes()
        (tmp_path / "model.safetensors").write_bytes(weights)
        with pytest.raises(ConfigError, match="cannot load"):
            load(tmp_path)


def test_weights_of_another_shape_are_said_so(clip: Path, tmp_path: Path) -> None:
    wider = tiny.clip(tmp_path / "wide", dim=24)
    (wider / "open_clip_config.json").write_bytes((clip / "open_clip_config.json").read_bytes())
    with pytest.raises(ConfigError, match="cannot load a CLIP model"):
        ClipImages(wider)


def test_one_file_needs_the_name_of_its_architecture(clip: Path) -> None:
    with pytest.raises(ConfigError, match="naming its architecture"):
        ClipImages(clip / "open_clip_model.safetensors")


def test_images_that_are_not_square_are_refused(tmp_path: Path) -> None:
    folder = tiny.clip(tmp_path / "odd")
    about = json.loads((folder / "open_clip_config.json").read_text())
    about["model_cfg"]["vision_cfg"]["image_size"] = about["preprocess_cfg"]["size"] = [32, 48]
    (folder / "open_clip_config.json").write_text(json.dumps(about))
    with pytest.raises(ConfigError, match="48 × 32 px: only squares"):
        ClipImages(folder)


def test_a_model_with_a_text_tower_of_its_own_keeps_the_contract(tmp_path: Path) -> None:
    """SigLIP, EVA, MobileCLIP … have no projection of texts where CLIP has it."""
    folder = tiny.clip(tmp_path / "custom", custom=True, dim=24)
    images, texts = ClipImages(folder), ClipTexts(folder)
    prepared = [images.prepare(pixels) for pixels in PICTURES]
    check(images(prepared), np.concatenate([images([one]) for one in prepared]), images([]), 24)
    words = ["a red barn", "a violin"]
    check(texts(words), np.concatenate([texts([text]) for text in words]), texts([]), 24)


def test_a_tokenizer_that_is_not_there_is_never_fetched(
    clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    folder = shutil.copytree(clip, tmp_path / "clip")
    about = json.loads((folder / "open_clip_config.json").read_text())
    about["model_cfg"]["text_cfg"]["hf_tokenizer_name"] = "some/tokenizer"
    (folder / "open_clip_config.json").write_text(json.dumps(about))
    with pytest.raises(ConfigError, match=r"no tokenizer for .* copy all files"):
        ClipTexts(folder)


def test_a_window_longer_than_the_model_hears_is_refused(clap: Path) -> None:
    with pytest.raises(ConfigError, match="the model hears 10 s"):
        ClapSounds(clap, rule=WindowRule(11, 10, "mean"))


def test_a_tokenizer_without_vocabulary_is_refused(clap: Path, tmp_path: Path) -> None:
    for path in clap.iterdir():
        if path.is_file() and not path.name.startswith(("tokenizer", "vocab", "merges")):
            (tmp_path / path.name).write_bytes(path.read_bytes())
    with pytest.raises(ConfigError, match=r"cannot load|no vocabulary"):
        ClapTexts(tmp_path)


@pytest.fixture
def many(tmp_path: Path) -> tuple[pa.Table, pa.Table]:
    """210 files a side, the seventh of each damaged."""
    buffer = io.BytesIO()
    soundfile.write(buffer, noise(0.2), 48_000, format="WAV")
    for number in range(210):
        Image.fromarray(np.full((9, 9, 3), number, np.uint8)).save(tmp_path / f"{number}.png")
        (tmp_path / f"{number}.wav").write_bytes(buffer.getvalue())
    (tmp_path / "7.png").write_bytes(b"no image")
    (tmp_path / "7.wav").write_bytes(b"no sound")
    art = [{"artwork_id": str(number), "image_path": f"{number}.png"} for number in range(210)]
    music = [{"clip_id": str(number), "audio_path": f"{number}.wav"} for number in range(210)]
    return rows.artworks(*art), rows.clips(*music)


def test_worker_processes_change_nothing_but_the_speed(
    many: tuple[pa.Table, pa.Table], tmp_path: Path, images: ClipImages, sounds: ClapSounds
) -> None:
    art, music = many
    media = open_media(tmp_path)
    alone = embed_artworks(art, encoder=images, media=media, max_megapixels=1, batch_size=50)
    for workers in (1, 2):
        seen = embed_artworks(
            art, encoder=images, media=media, max_megapixels=1, batch_size=50, workers=workers
        )
        assert [reject[:2] for reject in seen.rejects] == [("7", Reason.UNREADABLE)]
        assert alone.rows.equals(seen.rows)
        kept = [str(number) for number in range(210) if number != 7]
        assert tables.conform("art_clip_vectors", seen.rows)["item_id"].to_pylist() == kept
    few = music.slice(0, 12)
    heard = embed_clips(few, encoder=sounds, media=media, batch_size=5)
    assert [reject[:2] for reject in heard.rejects] == [("7", Reason.UNREADABLE)]
    assert len(tables.conform("music_clap_vectors", heard.rows)) == 11


def test_a_fused_clap_hears_windows_as_its_model_hears_short_clips(tmp_path: Path) -> None:
    import torch
    from transformers import ClapModel, ClapProcessor

    folder = tiny.clap(tmp_path / "fused", fused=True)
    sounds = ClapSounds(folder, rule=RULE)
    prepared = [sounds.prepare(noise(seconds, seed)) for seed, seconds in enumerate((30, 10, 3))]
    assert [one.shape[:2] for one in prepared] == [(3, 4), (1, 4), (1, 4)]
    check(sounds(prepared), np.concatenate([sounds([one]) for one in prepared]), sounds([]), sounds.dim)
    given = ClapProcessor.from_pretrained(folder).feature_extractor(
        [noise(10, 1)], sampling_rate=48_000, truncation="fusion", return_tensors="pt"
    )["input_features"]
    with torch.inference_mode():
        found = (
            ClapModel.from_pretrained(folder)
            .eval()
            .get_audio_features(input_features=given, is_longer=torch.tensor([[False]]))
        )
    expected = found.pooler_output.numpy()[0]
    (ours,) = sounds([prepared[1]])
    np.testing.assert_allclose(ours, expected / np.linalg.norm(expected), atol=1e-5)


def test_settings_that_are_not_laions_are_told(
    clap: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    from transformers import ClapProcessor

    ClapTexts(clap)  # its layer_norm_eps is transformers' own, 1e-12
    assert "layer_norm_eps 1e-12 (LAION: 1e-05)" in caplog.text
    assert "frequency_min" not in caplog.text
    folder = shutil.copytree(clap, tmp_path / "clap")
    processor = ClapProcessor.from_pretrained(folder)
    processor.feature_extractor.frequency_min = 0
    processor.save_pretrained(folder)
    ClapTexts(folder)
    assert "frequency_min 0 (LAION: 50)" in caplog.text


@pytest.mark.parametrize("kind", ["clip", "clap"])
def test_weights_that_are_cut_or_of_another_shape_are_said_so(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    import torch
    from safetensors.torch import load_file, save_file

    load: Callable[[Path], object] = {"clip": ClipImages, "clap": ClapTexts}[kind]
    folder = shutil.copytree(request.getfixturevalue(kind), tmp_path / kind)
    (file,) = folder.glob("*.safetensors")
    tensors = load_file(file)
    for name in [name for name, tensor in tensors.items() if tensor.ndim == 2][:4]:
        save_file(tensors | {name: torch.zeros(3, 3)}, file, metadata={"format": "pt"})
        with pytest.raises(ConfigError, match=f"cannot load a {kind.upper()} model from"):
            load(folder)
    save_file(tensors, file, metadata={"format": "pt"})
    file.write_bytes(file.read_bytes()[:1000])
    with pytest.raises(ConfigError, match=f"cannot load a {kind.upper()} model from"):
        load(folder)
