"""LAION's own CLAP checkpoints by laion_clap, against the same weights in transformers."""

import os
import pickle
import shutil
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

if not all(find_spec(package) for package in ("torch", "transformers", "laion_clap")):
    pytest.skip("needs the extras `models` and `clap`", allow_module_level=True)

import torch

from artsound.errors import ConfigError, MissingExtra
from artsound.models import registry
from artsound.models.bare import module_of
from artsound.models.checkpoints import tensors_in
from artsound.models.laion import LaionSounds
from artsound.models.windows import WindowRule
from artsound.settings import Clap, Embeddings
from tests.models import tiny

pytestmark = pytest.mark.slow

TEXTS = ["a red barn", "many words " * 300, "a violin"]
RULE = WindowRule(10, 10, "mean")


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> tuple[Embeddings, Embeddings]:
    theirs, laion = tiny.clap_both(tmp_path_factory.mktemp("both"))
    return Embeddings(clap=Clap(weights=theirs)), Embeddings(clap=Clap(weights=laion, library="laion_clap"))


def noise(seconds: float, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(round(48_000 * seconds)).astype(np.float32) * 0.1


def test_recordings_have_the_same_vectors_by_both_routes(both: tuple[Embeddings, Embeddings]) -> None:
    clips = [noise(seconds, seed) for seed, seconds in enumerate((25, 10, 3, 0.1))]
    theirs, laion = (
        sounds([sounds.prepare(clip) for clip in clips])
        for sounds in (registry.sounds_of("clap", one) for one in both)
    )
    np.testing.assert_allclose(laion, theirs, atol=1e-6)
    assert np.abs(laion[0] - laion[1]).max() > 1e-3


def test_texts_have_the_same_vectors_by_both_routes(both: tuple[Embeddings, Embeddings]) -> None:
    theirs, laion = (registry.texts_of("clap", given)(TEXTS) for given in both)
    np.testing.assert_allclose(laion, theirs, atol=1e-6)
    assert np.abs(laion[0] - laion[1]).max() > 1e-3


def test_the_name_is_known_without_loading(both: tuple[Embeddings, Embeddings]) -> None:
    theirs, laion = both
    assert registry.identity_of("clap", laion) == registry.sounds_of("clap", laion).name
    assert registry.identity_of("clap", laion) == registry.texts_of("clap", laion).name
    assert registry.identity_of("clap", laion) != registry.identity_of("clap", theirs)


def test_nothing_in_nothing_out_and_preparation_travels(both: tuple[Embeddings, Embeddings]) -> None:
    sounds = registry.sounds_of("clap", both[1])
    assert sounds([]).shape == registry.texts_of("clap", both[1])([]).shape == (0, sounds.dim)
    there = pickle.loads(pickle.dumps(sounds.prepare))  # noqa: S301
    np.testing.assert_array_equal(there(noise(12, 0)), sounds.prepare(noise(12, 0)))


def test_safetensors_give_what_the_pickle_gives(both: tuple[Embeddings, Embeddings], tmp_path: Path) -> None:
    from safetensors.torch import save_file

    given = both[1].clap
    assert given is not None
    save_file(tensors_in(given.weights / "laion.pt"), tmp_path / "laion.safetensors")
    (one,) = LaionSounds(tmp_path, rule=RULE)([LaionSounds(tmp_path, rule=RULE).prepare(noise(4, 1))])
    sounds = registry.sounds_of("clap", both[1])
    np.testing.assert_array_equal(one, sounds([sounds.prepare(noise(4, 1))])[0])


class Runs:
    """A pickle of this makes a folder when it is loaded without care."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self.folder),)


def test_a_pickle_that_would_run_code_does_not(tmp_path: Path) -> None:
    torch.save({"state_dict": Runs(tmp_path / "ran")}, tmp_path / "evil.pt")
    with pytest.raises(ConfigError, match="could run code"):
        LaionSounds(tmp_path, rule=RULE)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"state_dict": {"weight": torch.zeros(2)}}, "no CLAP checkpoint"),
        ({"state_dict": {}}, "no tensors by name"),
        ([1, 2], "no tensors by name"),
        (None, "cannot read the weights"),
    ],
)
def test_what_is_no_checkpoint_is_said_so(content: object, message: str, tmp_path: Path) -> None:
    if content is None:
        (tmp_path / "cut.pt").write_bytes(b"PK\x03\x04 cut")
    else:
        torch.save(content, tmp_path / "other.pt")
    with pytest.raises(ConfigError, match=message):
        LaionSounds(tmp_path, rule=RULE)


def test_a_weight_of_another_shape_is_said_so(both: tuple[Embeddings, Embeddings], tmp_path: Path) -> None:
    given = both[1].clap
    assert given is not None
    tensors = tensors_in(given.weights / "laion.pt")
    torch.save(tensors | {"audio_projection.0.weight": torch.zeros(16, 20)}, tmp_path / "wide.pt")
    with pytest.raises(ConfigError, match="no CLAP checkpoint of HTSAT"):
        LaionSounds(tmp_path, rule=RULE)
    del tensors["audio_branch.patch_embed.norm.weight"]
    torch.save(tensors, tmp_path / "wide.pt")
    with pytest.raises(ConfigError, match="1 weights missing or unknown"):
        LaionSounds(tmp_path, rule=RULE)


def test_a_fused_checkpoint_is_refused_with_a_way_out(
    both: tuple[Embeddings, Embeddings], tmp_path: Path
) -> None:
    given = both[1].clap
    assert given is not None
    fused = {"audio_branch.patch_embed.mel_conv2d.weight": torch.zeros(8, 1, 4, 12)}
    torch.save(tensors_in(given.weights / "laion.pt") | fused, tmp_path / "fused.pt")
    with pytest.raises(ConfigError, match=r'fused checkpoint .* library = "transformers"'):
        LaionSounds(tmp_path, rule=RULE)


def test_a_folder_without_or_with_several_checkpoints_is_refused(
    both: tuple[Embeddings, Embeddings], tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match="no weights"):
        LaionSounds(tmp_path, rule=RULE)
    for name in ("a.pt", "b.pt"):
        (tmp_path / name).touch()
    with pytest.raises(ConfigError, match=r"several checkpoints \(a\.pt, b\.pt\)"):
        LaionSounds(tmp_path, rule=RULE)


def test_a_missing_tokenizer_is_said_so(both: tuple[Embeddings, Embeddings], tmp_path: Path) -> None:
    given = both[1].clap
    assert given is not None
    shutil.copy(given.weights / "laion.pt", tmp_path)
    with pytest.raises(ConfigError, match="no tokenizer in"):
        registry.texts_of("clap", Embeddings(clap=Clap(weights=tmp_path, library="laion_clap")))


def test_a_window_longer_than_the_model_hears_is_refused(both: tuple[Embeddings, Embeddings]) -> None:
    given = both[1].clap
    assert given is not None
    with pytest.raises(ConfigError, match="the model hears 10 s"):
        LaionSounds(given.weights, rule=WindowRule(11, 10, "mean"))


def test_half_precision_is_refused() -> None:
    with pytest.raises(ValueError, match="precision must be 'fp32'"):
        Clap(weights=Path(), library="laion_clap", precision="bf16")


def test_a_missing_package_says_how_to_install_it() -> None:
    with pytest.raises(MissingExtra, match="no-such-thing is not installed: pip install it"):
        module_of("no_such_thing", "inner", install="pip install it")
    with pytest.raises(MissingExtra, match="lacks a package"):
        module_of("laion_clap", "no_inner", install="pip install it")
