"""Model names of the settings file → models. To add one: write an adapter, add a line here."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

from artsound.errors import ConfigError
from artsound.models.protocols import Captioner, ImageEncoder, TextEncoder
from artsound.settings import Settings

Model_co = TypeVar("Model_co", covariant=True)


@dataclass(frozen=True)
class Entry(Generic[Model_co]):
    """How a model is loaded, and how it is named `name@revision` without being loaded."""

    load: Callable[[], Model_co]
    identity: Callable[[], str]


def _minilm() -> TextEncoder:
    from artsound.models.minilm import MiniLM

    return MiniLM()


def _minilm_identity() -> str:
    from artsound.models import minilm

    return minilm.identity()


def _style() -> ImageEncoder:
    from artsound.models.style import Style

    return Style()


def _style_identity() -> str:
    from artsound.models import style

    return style.identity()


def _offline_art() -> Captioner:
    from artsound.captions.offline_art import OfflineArt

    return OfflineArt()


def _offline_music() -> Captioner:
    from artsound.captions.offline_music import OfflineMusic

    return OfflineMusic()


def _offline_identity() -> str:
    from artsound.captions.words import OFFLINE

    return OFFLINE


ART_CAPTIONERS = {"offline": Entry(_offline_art, _offline_identity)}
MUSIC_CAPTIONERS = {"offline": Entry(_offline_music, _offline_identity)}
TEXT_ENCODERS = {"minilm-int8": Entry(_minilm, _minilm_identity)}
IMAGE_ENCODERS = {"style": Entry(_style, _style_identity)}
KINDS: dict[str, Mapping[str, Entry[object]]] = {
    "art_captioner": ART_CAPTIONERS,
    "music_captioner": MUSIC_CAPTIONERS,
    "text_encoder": TEXT_ENCODERS,
    "image_encoder": IMAGE_ENCODERS,
}


def art_captioner(name: str) -> Captioner:
    """Load what describes artworks."""
    return _entry("art_captioner", name, ART_CAPTIONERS).load()


def music_captioner(name: str) -> Captioner:
    """Load what describes clips."""
    return _entry("music_captioner", name, MUSIC_CAPTIONERS).load()


def text_encoder(name: str) -> TextEncoder:
    """Load what embeds sentences."""
    return _entry("text_encoder", name, TEXT_ENCODERS).load()


def image_encoder(name: str) -> ImageEncoder:
    """Load what embeds images."""
    return _entry("image_encoder", name, IMAGE_ENCODERS).load()


def identities(settings: Settings) -> dict[str, str]:
    """Name every model that a build with these settings uses: kind → `name@revision`."""
    chosen = {
        "art_captioner": settings.captions.art,
        "music_captioner": settings.captions.music,
        "text_encoder": settings.embeddings.sentence,
        "image_encoder": settings.embeddings.image,
    }
    return {kind: identity(kind, name) for kind, name in chosen.items()}


def identity(kind: str, name: str) -> str:
    """Name a model `name@revision` without loading it; `kind` is a key of `KINDS`."""
    return _entry(kind, name, KINDS[kind]).identity()


def _entry(kind: str, name: str, known: Mapping[str, Entry[Model_co]]) -> Entry[Model_co]:
    """Look a model up.

    Raises:
        ConfigError: no such model; lists those there are.
    """
    if name not in known:
        raise ConfigError(f"no {kind.replace('_', ' ')} {name!r}; there are: {', '.join(sorted(known))}")
    return known[name]
