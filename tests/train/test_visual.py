from pathlib import Path

import numpy as np
import pytest
import torch

from artsound.errors import ConfigError
from artsound.train.settings import Visual
from artsound.train.visual import Patches, visual_encoder


def images() -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [rng.integers(0, 256, (40 + 9 * n, 60, 3), np.uint8) for n in range(3)]


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from artsound.models.torch_ready import torchvision_ready

    torchvision_ready()
    from transformers import CLIPVisionConfig, CLIPVisionModel

    folder = tmp_path_factory.mktemp("clip") / "tiny"
    config = CLIPVisionConfig(
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        image_size=32,
        patch_size=4,
    )
    CLIPVisionModel(config).save_pretrained(folder)
    return folder


@pytest.mark.parametrize("style", [False, True])
def test_every_encoder_gives_the_tokens_it_declares(clip: Path, style: bool) -> None:
    for encoder in (
        Patches(style=style),
        visual_encoder(Visual(encoder="clip", weights=str(clip), style=style)),
    ):
        assert ("style" in encoder.spec) == style
        made = encoder(images())
        assert {name: one.shape[1:] for name, one in made.items()} == {
            name: tuple(slot) for name, slot in encoder.spec.items()
        }
        assert all(one.isfinite().all() for one in made.values())


@pytest.mark.parametrize("source", ["content", "style"])
def test_an_image_gives_the_same_tokens_whatever_else_is_in_the_batch(clip: Path, source: str) -> None:
    chosen = Visual(encoder="clip", weights=str(clip), style=True)
    for encoder in (Patches(style=True), visual_encoder(chosen)):
        alone, together = encoder(images()[1:2])[source][0], encoder(images())[source][1]
        assert torch.allclose(alone, together, atol=1e-5)


def test_style_knows_the_stroke_and_not_where_things_are() -> None:
    rng = np.random.default_rng(0)
    rough = rng.integers(0, 256, (64, 64, 3), np.uint8)
    calm = np.full((64, 64, 3), 128, np.uint8)
    left, right = calm.copy(), calm.copy()
    left[:, :32], right[:, 32:] = 250, 250
    tokens = Patches(style=True)([rough, calm, left, right])["style"]
    assert tokens[0, 0, 0] > 10 * tokens[1, 0, 0]
    assert torch.allclose(tokens[2], tokens[3], atol=1e-5)


def test_captions_become_one_more_source_where_they_are_given() -> None:
    encoder = visual_encoder(Visual(), captions=True)
    said = encoder(images()[:2], ["a storm at sea", "a quiet garden"])
    assert said["text"].shape == (2, *encoder.spec["text"])
    assert not torch.allclose(said["text"][0], said["text"][1])
    assert "text" not in encoder(images()[:2])
    assert encoder.fingerprint != Patches().fingerprint


def test_a_patch_knows_its_colour() -> None:
    red = np.zeros((64, 64, 3), np.uint8)
    red[:32, :, 0] = 255
    tokens = Patches()([red])["content"][0]
    assert tokens[:8, 0].mean() > 0.9
    assert tokens[8:, 0].mean() < 0.1


def test_an_unknown_encoder_is_refused_with_those_there_are() -> None:
    with pytest.raises(ConfigError, match="clip, patches"):
        visual_encoder(Visual(encoder="eyes"))


def test_clip_without_weights_says_how_to_fetch_them() -> None:
    with pytest.raises(ConfigError, match=r"hf download nobody/clip.* in visual\.weights"):
        visual_encoder(Visual(encoder="clip", weights="nobody/clip"))


def test_clip_without_a_name_of_weights_says_which_setting_is_empty() -> None:
    with pytest.raises(ConfigError, match=r"visual\.weights is empty"):
        visual_encoder(Visual(encoder="clip"))
