"""Small media made on the spot."""

import io
from typing import Any

import numpy as np
import soundfile
from PIL import Image


def encoded(image: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    """Write an image to bytes."""
    file = io.BytesIO()
    image.save(file, format=kind, **options)
    return file.getvalue()


def painted(width: int = 64, height: int = 48, seed: int = 0) -> Image.Image:
    """A smooth colourful image with a mark in its top left corner, so that every turn of it differs."""
    rng = np.random.default_rng(seed)
    small = Image.fromarray(rng.integers(60, 200, (6, 8, 3), dtype=np.uint8))
    image = small.resize((width, height), Image.Resampling.BICUBIC)
    image.paste((250, 250, 250), (0, 0, width // 4, height // 6))
    return image


def recorded(
    seconds: float = 1.0, *, rate: int = 44_100, channels: int = 2, kind: str = "WAV", hertz: float = 440.0
) -> bytes:
    """A sine of half scale on every channel."""
    wave = 0.5 * np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate)
    return written(np.repeat(wave[:, None], channels, axis=1), rate, kind)


def written(samples: np.ndarray, rate: int, kind: str = "WAV", subtype: str | None = None) -> bytes:
    """Write samples to bytes; in blocks of a second, since long OGG writes overflow libsndfile's stack."""
    file = io.BytesIO()
    channels = 1 if samples.ndim == 1 else samples.shape[1]
    with soundfile.SoundFile(file, "w", rate, channels, format=kind, subtype=subtype) as out:
        for start in range(0, len(samples), rate):
            out.write(samples[start : start + rate])
    return file.getvalue()
