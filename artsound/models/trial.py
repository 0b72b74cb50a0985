"""Load every encoder of a run and try it on one input."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from artsound.errors import ConfigError
from artsound.models import registry
from artsound.settings import Settings


@dataclass(frozen=True)
class Tried:
    """One encoder that works."""

    role: str
    name: str
    dim: int


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


def _sound(role: str, name: str, vectors: np.ndarray) -> Tried:
    length = float(np.linalg.norm(vectors[0]))
    if not abs(length - 1) < 1e-3:
        raise ConfigError(f"{role}: {name} gives a vector of length {length:g}: its weights are damaged")
    return Tried(role, name, vectors.shape[1])
