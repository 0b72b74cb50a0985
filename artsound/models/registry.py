"""Model names of the settings file → models. To add one: write an adapter, add a line here."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, Literal, TypeVar

from artsound import settings
from artsound.errors import ConfigError, extra
from artsound.models.protocols import AudioEncoder, Captioner, ImageEncoder, TextEncoder

Section = TypeVar("Section", settings.Clip, settings.Clap, settings.ImageBind)
Side = Literal["art", "music"]
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


def _offline(side: Side, chosen: settings.Captioner, answers: Path | None) -> Captioner:
    from artsound.captions.offline_art import OfflineArt
    from artsound.captions.offline_music import OfflineMusic

    return OfflineArt() if side == "art" else OfflineMusic()


def _offline_identity(side: Side, chosen: settings.Captioner) -> str:
    from artsound.captions.words import OFFLINE

    return OFFLINE


def _titles(side: Side, chosen: settings.Captioner, answers: Path | None) -> Captioner:
    from artsound.captions.titles import Titles

    return Titles()


def _titles_identity(side: Side, chosen: settings.Captioner) -> str:
    from artsound.captions.titles import TITLES

    return TITLES


def _asked(side: Side, chosen: settings.Captioner, answers: Path | None) -> Captioner:
    from artsound.captions import build

    return build.asked(side, chosen, answers)


def _asked_identity(side: Side, chosen: settings.Captioner) -> str:
    from artsound.captions import build

    return build.identity(side, chosen)


@dataclass(frozen=True)
class CaptionEntry:
    """How the captioner of a side is built from its settings, and how it is named without being loaded."""

    load: Callable[[Side, settings.Captioner, Path | None], Captioner]
    identity: Callable[[Side, settings.Captioner], str]


CAPTIONERS = {
    "offline": CaptionEntry(_offline, _offline_identity),
    "titles": CaptionEntry(_titles, _titles_identity),
    "endpoint": CaptionEntry(_asked, _asked_identity),
    "transformers": CaptionEntry(_asked, _asked_identity),
}
TEXT_ENCODERS = {"minilm-int8": Entry(_minilm, _minilm_identity)}
IMAGE_ENCODERS = {"style": Entry(_style, _style_identity)}
ENCODERS: dict[str, Mapping[str, Entry[object]]] = {
    "text_encoder": TEXT_ENCODERS,
    "image_encoder": IMAGE_ENCODERS,
}


def art_captioner(chosen: settings.Captioner, *, answers: Path | None = None) -> Captioner:
    """Load what describes artworks; `answers` is the file of the answer log, where a model is asked."""
    return CAPTIONERS[chosen.backend].load("art", chosen, answers)


def music_captioner(chosen: settings.Captioner, *, answers: Path | None = None) -> Captioner:
    """Load what describes clips; `answers` is the file of the answer log, where a model is asked."""
    return CAPTIONERS[chosen.backend].load("music", chosen, answers)


def text_encoder(name: str) -> TextEncoder:
    """Load what embeds sentences."""
    return _entry("text_encoder", name, TEXT_ENCODERS).load()


def image_encoder(name: str) -> ImageEncoder:
    """Load what embeds images."""
    return _entry("image_encoder", name, IMAGE_ENCODERS).load()


def require(space: str, given: settings.Embeddings) -> None:
    """See to it that the packages of a space's model are installed; imports none of them.

    Raises:
        MissingExtra: one is not; says how to install it.
    """
    from artsound.models import files

    if space in {"clip", "clap", "imagebind"}:
        both = ("torch", "transformers", "open_clip") if space != "clap" else ("torch", "transformers")
        files.require(f"the space {space!r}", both, extra("models"))
    if space == "clap" and given.clap and given.clap.library == "laion_clap":
        from artsound.models.bare import LAION_CLAP

        files.require("this CLAP", ("laion_clap",), LAION_CLAP)
    if space == "imagebind":
        from artsound.models.bare import IMAGEBIND

        files.require("ImageBind", ("imagebind",), IMAGEBIND)


def texts_of(space: str, given: settings.Embeddings) -> TextEncoder:
    """Load what embeds texts in a space: `sentence`, `clip`, `clap` or `imagebind`."""
    require(space, given)
    if space == "sentence":
        return text_encoder(given.sentence)
    if space == "clip":
        from artsound.models.openclip import ClipTexts

        clip = _named("clip", given.clip)
        return ClipTexts(clip.weights, model=clip.model, precision=clip.precision)
    if space == "imagebind":
        from artsound.models.imagebind import BoundTexts

        bound = _named("imagebind", given.imagebind)
        return BoundTexts(bound.weights, precision=bound.precision)
    clap = _named("clap", given.clap)
    if clap.library == "laion_clap":
        from artsound.models.laion import LaionTexts

        return LaionTexts(clap.weights)
    from artsound.models.clap import ClapTexts

    return ClapTexts(clap.weights, precision=clap.precision)


def images_of(space: str, given: settings.Embeddings) -> ImageEncoder:
    """Load what embeds images in a space: `image`, `clip` or `imagebind`."""
    require(space, given)
    if space == "image":
        return image_encoder(given.image)
    if space == "imagebind":
        from artsound.models.imagebind import BoundImages

        bound = _named("imagebind", given.imagebind)
        return BoundImages(bound.weights, precision=bound.precision)
    from artsound.models.openclip import ClipImages

    clip = _named("clip", given.clip)
    return ClipImages(clip.weights, model=clip.model, precision=clip.precision)


def sounds_of(space: str, given: settings.Embeddings) -> AudioEncoder:
    """Load what embeds recordings in a space: `clap` or `imagebind`."""
    require(space, given)
    from artsound.models.windows import WindowRule

    if space == "imagebind":
        from artsound.models.imagebind import BoundSounds

        bound = _named("imagebind", given.imagebind)
        rule = WindowRule(bound.window, bound.hop, bound.pooling)
        return BoundSounds(bound.weights, rule=rule, precision=bound.precision)
    clap = _named("clap", given.clap)
    rule = WindowRule(clap.window, clap.hop, clap.pooling)
    if clap.library == "laion_clap":
        from artsound.models.laion import LaionSounds

        return LaionSounds(clap.weights, rule=rule)
    from artsound.models.clap import ClapSounds

    return ClapSounds(clap.weights, rule=rule, precision=clap.precision)


def identity_of(space: str, given: settings.Embeddings) -> str:
    """Name the model of a space (`sentence`, `image`, `clip`, `clap`, `imagebind`) without loading it."""
    require(space, given)
    from artsound.models import files

    if space == "sentence":
        return identity("text_encoder", given.sentence)
    if space == "image":
        return identity("image_encoder", given.image)
    if space == "clip":
        clip = _named("clip", given.clip)
        files.check_revision(clip.weights, clip.revision)
        return files.weights_identity(clip.model, clip.weights, clip.precision)
    chosen = _named("imagebind", given.imagebind) if space == "imagebind" else _named("clap", given.clap)
    files.check_revision(chosen.weights, chosen.revision)
    return files.weights_identity("", chosen.weights, chosen.precision, kinds=files.kinds_of(chosen))


def identities(chosen: settings.Settings) -> dict[str, str]:
    """Name every model that a build with these settings uses: role → `name@revision`, loading none."""
    captioners = {
        "art_captioner": identity("art_captioner", chosen.captions.art),
        "music_captioner": identity("music_captioner", chosen.captions.music),
    }
    known = ("sentence", "image", "clip", "clap", "imagebind")
    spaces = [space for space in known if getattr(chosen.embeddings, space)]
    return captioners | {f"{space}_encoder": identity_of(space, chosen.embeddings) for space in spaces}


def identity(kind: str, chosen: str | settings.Captioner) -> str:
    """Name a model `name@revision` without loading it; where a model is told something, name the prompt too.

    Args:
        kind: `art_captioner`, `music_captioner`, or a key of `ENCODERS`.
        chosen: the settings of a captioner, or the name of an encoder.
    """
    if isinstance(chosen, settings.Captioner):
        return CAPTIONERS[chosen.backend].identity("art" if kind == "art_captioner" else "music", chosen)
    return _entry(kind, chosen, ENCODERS[kind]).identity()


def _named(space: str, model: Section | None) -> Section:
    """Give the settings of a model that the run has; a space without one is no part of it."""
    if model is None:
        raise ConfigError(f"this run names no model for the space: set `weights` in [embeddings.{space}]")
    return model


def _entry(kind: str, name: str, known: Mapping[str, Entry[Model_co]]) -> Entry[Model_co]:
    """Look a model up.

    Raises:
        ConfigError: no such model; lists those there are.
    """
    if name not in known:
        raise ConfigError(f"no {kind.replace('_', ' ')} {name!r}; there are: {', '.join(sorted(known))}")
    return known[name]
