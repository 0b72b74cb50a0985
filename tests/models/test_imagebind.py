"""ImageBind from a tiny checkpoint of the published class, loaded by the real code."""

import pickle
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

if not all(find_spec(package) for package in ("torch", "transformers", "imagebind")):
    pytest.skip("needs the extras `models` and `imagebind`", allow_module_level=True)

import torch

from artsound.errors import ConfigError
from artsound.models import registry
from artsound.models.bare import IMAGEBIND, module_of
from artsound.models.checkpoints import tensors_in
from artsound.models.imagebind import BoundImages, BoundSounds, Pictures
from artsound.models.inventory import inventory
from artsound.models.protocols import AudioEncoder, ImageEncoder, TextEncoder
from artsound.models.torch_ready import Precision
from artsound.models.trial import try_encoders
from artsound.models.windows import WindowRule
from artsound.settings import Embeddings, ImageBind, Settings
from tests.models import tiny
from tests.models.test_spaces import PICTURES, check

pytestmark = pytest.mark.slow

RULE = WindowRule(2, 10, "mean")


def noise(seconds: float, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(round(16_000 * seconds)).astype(np.float32) * 0.1


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> Embeddings:
    weights = tiny.imagebind(tmp_path_factory.mktemp("weights") / "imagebind")
    return Embeddings(imagebind=ImageBind(weights=weights))


def file_of(given: Embeddings) -> Path:
    assert given.imagebind is not None
    return given.imagebind.weights / "imagebind_tiny.pth"


def whole_model(given: Embeddings) -> torch.nn.Module:
    """Build the package's own model with all towers, by hand."""
    package = module_of("imagebind", "models.imagebind_model", install=IMAGEBIND)
    widths = {"vision": 32, "text": 32, "audio": 24, "depth": 8, "thermal": 12, "imu": 8}
    sizes = {f"{tower}_embed_dim": width for tower, width in widths.items()}
    sizes |= {f"{tower}_num_blocks": 2 if tower == "vision" else 1 for tower in widths}
    heads = {"vision_num_heads": 16, "text_num_heads": 16, "audio_num_heads": 12}
    model: torch.nn.Module = package.ImageBindModel(out_embed_dim=16, **heads, **sizes)
    model.load_state_dict(torch.load(file_of(given), weights_only=True))
    return model.eval()


def test_images_keep_the_contract(given: Embeddings) -> None:
    images = registry.images_of("imagebind", given)
    assert isinstance(images, ImageEncoder)
    prepared = [images.prepare(pixels) for pixels in PICTURES]
    check(images(prepared), np.concatenate([images([one]) for one in prepared]), images([]), images.dim)


def test_recordings_keep_the_contract(given: Embeddings) -> None:
    sounds = registry.sounds_of("imagebind", given)
    assert isinstance(sounds, AudioEncoder)
    prepared = [sounds.prepare(noise(seconds, seed)) for seed, seconds in enumerate((30, 2, 0.5, 0.001))]
    assert [one.shape for one in prepared] == [(3, 1, 128, 204), *[(1, 1, 128, 204)] * 3]
    check(sounds(prepared), np.concatenate([sounds([one]) for one in prepared]), sounds([]), sounds.dim)


def test_texts_keep_the_contract(given: Embeddings) -> None:
    texts = registry.texts_of("imagebind", given)
    assert isinstance(texts, TextEncoder)
    asked = ["a red barn", "many words " * 300, "a violin"]
    check(texts(asked), np.concatenate([texts([one]) for one in asked]), texts([]), texts.dim)


def test_each_tower_alone_gives_what_the_whole_model_gives(given: Embeddings) -> None:
    from torchvision import transforms

    images, sounds = registry.images_of("imagebind", given), registry.sounds_of("imagebind", given)
    theirs = transforms.Compose(  # as the package prepares images
        [
            transforms.Resize(224, interpolation=transforms.InterpolationMode.BICUBIC),
            transforms.CenterCrop(224),
            transforms.ToTensor(),
            transforms.Normalize((0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)),
        ]
    )
    seen = theirs(Image.fromarray(PICTURES[0]))[None]
    heard = torch.from_numpy(sounds.prepare(noise(25, 0)))[None]  # several windows: the model averages
    with torch.inference_mode():
        whole = whole_model(given)({"vision": seen, "audio": heard})
    for ours, found in (
        (images([images.prepare(PICTURES[0])]), whole["vision"]),
        (sounds([sounds.prepare(noise(25, 0))]), whole["audio"]),
    ):
        expected = found.numpy() / np.linalg.norm(found.numpy())
        np.testing.assert_allclose(ours, expected, atol=1e-5)


def test_a_window_becomes_kaldis_filter_bank() -> None:
    """By the definition: frames of 25 ms every 10 ms, no offset, pre-emphasis, Hann, power, log mel."""

    def mel(hertz: np.ndarray) -> np.ndarray:
        return np.asarray(1127 * np.log1p(hertz / 700))

    samples = noise(2, 3).astype(np.float64)
    edges = np.linspace(*mel(np.array([20, 8000])), 130)
    rise, fall = (
        (mel(np.arange(257) * 31.25)[:, None] - outer) / (edges[1:-1] - outer)
        for outer in (edges[:-2], edges[2:])
    )
    bank = np.maximum(0, np.minimum(rise, fall))
    rows = []
    for start in range(0, len(samples) - 400 + 1, 160):
        frame = samples[start : start + 400] - samples[start : start + 400].mean()
        frame = np.append(frame[0] * (1 - 0.97), frame[1:] - 0.97 * frame[:-1])
        power = np.abs(np.fft.rfft(frame * np.hanning(400), 512)) ** 2
        rows.append(np.log(np.maximum(power @ bank, np.finfo(np.float32).eps)))
    expected = (np.pad(np.array(rows), ((0, 204 - len(rows)), (0, 0))).T + 4.268) / 9.138
    (made,) = Pictures(RULE)(samples.astype(np.float32))
    assert len(rows) == 198
    np.testing.assert_allclose(made[0], expected, atol=2e-3)


def test_preparation_travels_to_another_process(given: Embeddings) -> None:
    sounds = registry.sounds_of("imagebind", given)
    there = pickle.loads(pickle.dumps(sounds.prepare))  # noqa: S301
    np.testing.assert_array_equal(there(noise(3, 0)), sounds.prepare(noise(3, 0)))


def test_the_name_is_known_without_loading(given: Embeddings) -> None:
    assert registry.identity_of("imagebind", given) == registry.sounds_of("imagebind", given).name
    assert registry.identity_of("imagebind", given) == registry.images_of("imagebind", given).name


def test_it_is_listed_as_non_commercial_and_tried(given: Embeddings) -> None:
    settings = Settings.model_validate(
        {"root": "s", "artworks": {"path": "a"}, "tracks": {"path": "b"}, "embeddings": given}
    )
    one = next(one for one in inventory(settings) if one.role == "ImageBind")
    assert (one.state, one.licence, one.non_commercial) == ("on disk", "CC-BY-NC-4.0", True)
    tried = {one.role: one.dim for one in try_encoders(settings)}
    assert {role for role in tried if role.startswith("imagebind")} == {
        *("imagebind: texts", "imagebind: images", "imagebind: recordings")
    }


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_half_precision_is_near(given: Embeddings, precision: Precision) -> None:
    whole, half = (BoundImages(file_of(given), precision=one) for one in ("fp32", precision))
    assert whole.name != half.name
    prepared = [BoundImages.prepare(PICTURES[0])]
    assert float(whole(prepared)[0] @ half(prepared)[0]) > 0.999
    loud, soft = (BoundSounds(file_of(given), rule=RULE, precision=one) for one in ("fp32", precision))
    heard = [loud.prepare(noise(3, 0))]
    assert float(loud(heard)[0] @ soft(heard)[0]) > 0.99


def test_what_is_no_imagebind_is_said_so(given: Embeddings, tmp_path: Path) -> None:
    tensors = tensors_in(file_of(given))
    wrong = {
        "other": {"weight": torch.zeros(2)},
        "wide": tensors | {"modality_heads.vision.2.weight": torch.zeros(16, 20)},
        "lacking": {n: t for n, t in tensors.items() if n != "modality_preprocessors.vision.cls_token"},
    }
    for name, content in wrong.items():
        torch.save(content, tmp_path / f"{name}.pth")
        with pytest.raises(ConfigError, match=f"{name}.pth is no checkpoint of ImageBind"):
            BoundImages(tmp_path / f"{name}.pth")
    with pytest.raises(ConfigError, match="several checkpoints"):
        BoundImages(tmp_path)
    with pytest.raises(ConfigError, match="no weights"):
        BoundImages(tmp_path / "nowhere")


def test_a_window_longer_than_the_model_hears_is_refused(given: Embeddings) -> None:
    with pytest.raises(ConfigError, match="the model hears 2 s"):
        BoundSounds(file_of(given), rule=WindowRule(3, 10, "mean"))
