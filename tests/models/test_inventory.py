"""Which models a run uses, and what would be fetched."""

from pathlib import Path
from typing import Any

import pytest

from artsound.errors import ConfigError
from artsound.models.inventory import Listed, fetch, inventory
from artsound.settings import Settings


def settings(**given: Any) -> Settings:
    return Settings.model_validate({"root": "s", "artworks": {"path": "a"}, "tracks": {"path": "b"}} | given)


def named(found: list[Listed]) -> dict[str, Listed]:
    return {one.role: one for one in found}


def weights(folder: Path, card: str = "") -> Path:
    folder.mkdir()
    (folder / "model.safetensors").write_bytes(b"weights")
    if card:
        (folder / "README.md").write_text(f"---\nlicense: {card}\ntags: [x]\n---\n# Model\nlicense: none\n")
    return folder


def test_the_default_needs_nothing_that_is_not_packaged() -> None:
    found = inventory(settings())
    assert {one.role for one in found} == {
        "art captioner",
        "music captioner",
        "sentence encoder",
        "image encoder",
    }
    for one in found:
        assert (one.state, one.download, one.non_commercial) == ("packaged", "", False)


def test_weights_on_disk_are_named_by_their_hash_and_card(tmp_path: Path) -> None:
    folder = weights(tmp_path / "clap-music", card="cc-by-nc-4.0")
    one = named(inventory(settings(embeddings={"clap": {"weights": folder}})))["CLAP"]
    assert one.state == "on disk"
    assert one.name.startswith("clap-music@")
    assert (one.licence, one.non_commercial, one.where) == ("cc-by-nc-4.0", True, str(folder))


def test_missing_weights_say_where_they_would_come_from(tmp_path: Path) -> None:
    given = {"clip": {"weights": tmp_path / "clip", "repo": "laion/CLIP-ViT-B-32-laion2B-s34B-b79K"}}
    one = named(inventory(settings(embeddings=given)))["CLIP"]
    assert (one.state, one.download) == ("missing", "laion/CLIP-ViT-B-32-laion2B-s34B-b79K")
    assert (one.licence, one.non_commercial) == ("MIT", False)


@pytest.mark.parametrize(
    ("model", "licence", "restricted"),
    [
        ("nvidia/music-flamingo-hf", "NVIDIA OneWay Noncommercial Licence", True),
        ("Qwen/Qwen2.5-VL-3B-Instruct", "Qwen Research Licence, non-commercial", True),
        ("Qwen/Qwen2.5-VL-7B-Instruct", "Apache-2.0", False),
        ("mystery", "unknown: read the model's card", None),
    ],
)
def test_licences_of_served_models_are_said(model: str, licence: str, restricted: bool | None) -> None:
    one = named(inventory(settings(captions={"music": {"backend": "endpoint", "model": model}})))[
        "music captioner"
    ]
    assert (one.state, one.licence, one.non_commercial) == ("served", licence, restricted)


def test_offline_says_which_directory_it_looked_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    given = settings(embeddings={"clip": {"weights": tmp_path / "clip", "repo": "laion/x"}})
    with pytest.raises(ConfigError, match=f"offline .* nothing in {tmp_path / 'clip'}"):
        list(fetch(given))


def test_without_a_repository_there_is_nothing_to_fetch_from(tmp_path: Path) -> None:
    given = settings(captions={"art": {"backend": "transformers", "weights": tmp_path / "vl"}})
    with pytest.raises(ConfigError, match="name no `repo`"):
        list(fetch(given))


def test_what_is_there_is_not_fetched_again(tmp_path: Path) -> None:
    folder = weights(tmp_path / "vl")
    given = settings(captions={"art": {"backend": "transformers", "weights": folder}})
    assert list(fetch(given)) == [f"art captioner: already in {folder}"]


@pytest.mark.parametrize(
    ("chosen", "message"),
    [
        ({"captions": {"art": {"backend": "endpoint"}}}, "needs `model`"),
        ({"captions": {"art": {"backend": "transformers"}}}, "needs `weights`"),
        ({"matching": {"clap": 1.0}}, r"embeddings\.clap\.weights"),
    ],
)
def test_incomplete_settings_are_refused(chosen: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        settings(**chosen)
