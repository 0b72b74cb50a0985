"""Load every model that runs here and try it on one input."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from artsound.captions import build
from artsound.captions.backends import AUDIO_RATE, Question
from artsound.errors import ConfigError
from artsound.models import registry
from artsound.settings import Settings


@dataclass(frozen=True)
class Tried:
    """One model that works."""

    role: str
    name: str
    dim: int | None = None  # none: it writes words


def try_encoders(settings: Settings) -> Iterator[Tried]:
    """Try the encoders one by one.

    Raises:
        ConfigError: one does not load, or gives a vector that is not of unit length.
    """
    given = settings.embeddings
    pixels = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    named = [space for space in ("clip", "clap", "imagebind") if getattr(given, space)]
    for space in ("sentence", *named):
        texts = registry.texts_of(space, given)
        yield _sound(f"{space}: texts", texts.name, texts(["a quiet sea"]))
    for space in ("image", *(space for space in named if space != "clap")):
        images = registry.images_of(space, given)
        yield _sound(f"{space}: images", images.name, images([images.prepare(pixels)]))
    for space in (space for space in named if space != "clip"):
        sounds = registry.sounds_of(space, given)
        noise = np.random.default_rng(0).standard_normal(sounds.rate).astype(np.float32)
        yield _sound(f"{space}: recordings", sounds.name, sounds([sounds.prepare(noise)]))


def try_captioners(settings: Settings) -> Iterator[Tried]:
    """Ask every captioner that runs here by transformers one question; what an endpoint serves is not asked.

    Raises:
        ConfigError: one does not load.
    """
    given = settings.captions
    pixels, silence = np.zeros((64, 64, 3), np.uint8), np.zeros(AUDIO_RATE, np.float32)
    shown = {
        "art captions": (given.art, Question("What is this?", {}, seed=0, image=pixels)),
        "music captions": (given.music, Question("What is this?", {}, seed=0, audio=silence)),
    }
    for role, (chosen, question) in shown.items():
        if chosen.backend == "transformers":
            backend = build.local(chosen.model_copy(update={"answer_tokens": 8}))
            list(backend([question]))
            yield Tried(role, backend.name)


def _sound(role: str, name: str, vectors: np.ndarray) -> Tried:
    length = float(np.linalg.norm(vectors[0]))
    if not abs(length - 1) < 1e-3:
        raise ConfigError(f"{role}: {name} gives a vector of length {length:g}: its weights are damaged")
    return Tried(role, name, vectors.shape[1])
