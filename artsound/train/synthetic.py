"""A synthetic set whose pairing is known: hue → pitch, value → tempo, saturation → timbre.

Images carry random shapes, sounds random notes and phases, so that one image allows many sounds.
Written as a folder source, it goes through the normal build; see `write`.
"""

import colorsys
import csv
import io
from collections.abc import Sequence
from itertools import count
from pathlib import Path
from typing import NamedTuple

import numpy as np
import soundfile
from numpy.typing import NDArray
from PIL import Image

from artsound.catalog.names import artist_id
from artsound.progress import track
from artsound.settings import Splits
from artsound.splits import draw
from artsound.store import disk_errors

RATE = 8_000  # Hz
SECONDS = 2.25
SIDE = 64  # px of the square images
LOWEST, OCTAVES = 110.0, 2.5  # Hz of hue 0, and how far the hue reaches
SLOWEST, FASTEST = 1.5, 8.0  # notes a second
OVERTONES = 8
CHORD = (0, 4, 7, 12)  # semitones above the base pitch that the notes are drawn from
HUES = 0.8  # of the colour circle, so that the ends differ
SPLITS = ("train",) * 8 + ("val", "test")  # of successive pairs
LICENCE = "CC0-1.0"
QUALITIES = (
    *("Amber", "Ancient", "Bitter", "Broken", "Bronze", "Calm", "Clever", "Cold", "Copper", "Crooked"),
    *("Dancing", "Distant", "Dusty", "Empty", "Fading", "Frozen", "Gentle", "Gilded", "Hidden", "Hollow"),
    *("Humble", "Iron", "Ivory", "Jealous", "Lonely", "Marble", "Merry", "Narrow", "Noble", "Painted"),
    *("Patient", "Proud", "Quiet", "Restless", "Royal", "Sleeping", "Stolen", "Tender", "Velvet", "Wooden"),
)
THINGS = (
    *("Anchor", "Apple", "Bakery", "Bridge", "Candle", "Castle", "Cathedral", "Clock", "Crow", "Desert"),
    *("Doctor", "Donkey", "Engine", "Falcon", "Garden", "Guitar", "Harbour", "Hammer", "Island", "Kettle"),
    *("Ladder", "Lemon", "Library", "Lion", "Market", "Mirror", "Needle", "Onion", "Orchard", "Parrot"),
    *("Pillow", "Prison", "River", "Saddle", "Shepherd", "Spider", "Teacher", "Tower", "Violin", "Whale"),
)
BUILD = """# A set whose pairing is known; written by `artsound train synthetic`.
root = "build"

[artworks]
path = "art"

[tracks]
path = "music"

[catalog]
min_seconds = 2.0
near_duplicate_bits = 0

[captions.art]
backend = "titles"

[captions.music]
backend = "titles"

[matching]
sentence = 1.0
affect = 0.0

[release]
name = "synthetic"
version = "1.0.0"
formats = ["parquet"]
"""
TRAIN = """# Training on the set whose pairing is known: the small prior, minutes on a CPU, no weights needed.
release = "build/release/synthetic-1.0.0"
run = "run"

[warm] # the projector on cached targets: cheap, most of what it learns
samples = 19_200
learning_rate = 2e-3

[loop] # the projector, under the frozen prior
samples = 3_200
learning_rate = 2e-3
"""


class Attributes(NamedTuple):
    """What image and sound share, each uniform in [0, 1]."""

    hue: float
    value: float
    saturation: float


def attributes(seed: int, number: int) -> Attributes:
    """Draw the attributes of one pair."""
    return Attributes(*np.random.default_rng([seed, number]).random(3).tolist())


def draw_image(of: Attributes, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Paint a ground in the attributes' colour with random shapes of nearly the same: (side, side, 3)."""
    pixels = np.empty((SIDE, SIDE, 3))
    pixels[:] = _colour(of)
    for _ in range(6):
        top, left = rng.integers(0, SIDE - 8, 2)
        height, width = rng.integers(6, 28, 2)
        shade = [float(np.clip(level + rng.normal(0, 0.12), 0, 1)) for level in of]
        pixels[top : top + height, left : left + width] = _colour(Attributes(*shade))
    noisy = pixels + rng.normal(0, 0.03, pixels.shape)
    return np.round(noisy.clip(0, 1) * 255).astype(np.uint8)


def draw_sound(of: Attributes, rng: np.random.Generator) -> NDArray[np.float32]:
    """Play random notes of one chord at the attributes' pitch, tempo and timbre."""
    samples = np.zeros(round(SECONDS * RATE), np.float32)
    base = LOWEST * 2 ** (of.hue * OCTAVES)
    length = round(RATE / (SLOWEST + (FASTEST - SLOWEST) * of.value))
    loudness = np.arange(1, OVERTONES + 1) ** -np.float64(3.0 - 2.5 * of.saturation)
    for start in range(-int(rng.integers(length)), len(samples), length):
        pitch = base * 2 ** (rng.choice(CHORD) / 12)
        note = _note(pitch, loudness, length, rng)
        cut = max(0, -start)
        piece = note[cut : len(samples) - start]
        samples[start + cut : start + cut + len(piece)] += piece
    loud: NDArray[np.float32] = 0.8 * samples / np.abs(samples).max()
    return loud


def _note(
    pitch: float, loudness: NDArray[np.float64], length: int, rng: np.random.Generator
) -> NDArray[np.float32]:
    """Sum overtones below the Nyquist rate, each at a random phase, under a decay."""
    times = np.arange(length) / RATE
    note = np.zeros(length)
    for number, strength in enumerate(loudness, start=1):
        if number * pitch < RATE / 2:
            note += strength * np.sin(2 * np.pi * (number * pitch * times + rng.random()))
    attack = np.minimum(1, times / 0.01)
    return (note * attack * np.exp(-times * 3 * RATE / length)).astype(np.float32)


def _colour(of: Attributes) -> tuple[float, float, float]:
    return colorsys.hsv_to_rgb(HUES * of.hue, 0.25 + 0.75 * of.saturation, 0.35 + 0.65 * of.value)


def write(folder: Path, *, pairs: int, seed: int = 0, planted: bool = True) -> Path:
    """Write the set as two folder sources, with settings for the build and the training of it.

    A pair's artwork and recording have the same title and makers whose names draw the same split, so the
    build's matching, told to caption by titles, finds the planted partners. With `planted` false the titles
    of the recordings go round within each split: the build then pairs what does not belong together.

    Returns:
        The path of the build's settings.

    Raises:
        StoreError: no space, or the folder cannot be written.
    """
    with disk_errors(folder):
        _write_sides(folder, pairs, seed, planted=planted)
        (folder / "build.toml").write_text(BUILD)
        (folder / "train.toml").write_text(TRAIN)
    return folder / "build.toml"


def _write_sides(folder: Path, pairs: int, seed: int, *, planted: bool) -> None:
    splits = [SPLITS[number % len(SPLITS)] for number in range(pairs)]
    partner = {number: number if planted else _next(splits, number) for number in range(pairs)}
    for side, form, paint in (("art", "png", _write_image), ("music", "wav", _write_sound)):
        place = folder / side
        place.mkdir(parents=True, exist_ok=True)
        lines = []
        for number in track(range(pairs), f"drawing {side}"):
            rng = np.random.default_rng([seed, number, len(side)])
            paint(place / f"{number:05d}.{form}", attributes(seed, number), rng)
            titled = number if side == "art" else partner[number]
            lines.append(
                (f"{number:05d}.{form}", _title(titled), _maker(side, number, splits[number]), LICENCE)
            )
        with (place / f"{side}.csv").open("w", newline="") as file:
            csv.writer(file, lineterminator="\n").writerows([("file", "title", "artist", "licence"), *lines])


def number_of(item_id: str) -> int:
    """Find the number of an artwork or recording in its key, which is its file name."""
    return int(Path(item_id).stem)


def _next(splits: Sequence[str], number: int) -> int:
    """Go to the next number of the same split, round and round."""
    count = len(splits)
    return next(
        one % count for one in range(number + 1, number + 1 + count) if splits[one % count] == splits[number]
    )


def _title(number: int) -> str:
    """Name a pair by two words and, from the second round on, a number."""
    rounds, rest = divmod(number, len(QUALITIES) * len(THINGS))
    words = f"{QUALITIES[rest % len(QUALITIES)]} {THINGS[rest // len(QUALITIES)]}"
    return f"{words} {rounds + 1}" if rounds else words


def _maker(side: str, number: int, split: str) -> str:
    """Make up a name that draws the wanted split under the settings written by `write`."""
    defaults = Splits()
    for attempt in count():
        name = f"Maker {number} {attempt}"
        if draw(artist_id(side, "", name), defaults.salt, defaults.shares) == split:
            return name
    raise AssertionError  # `count` does not end


def _write_image(path: Path, of: Attributes, rng: np.random.Generator) -> None:
    Image.fromarray(draw_image(of, rng)).save(path)


def _write_sound(path: Path, of: Attributes, rng: np.random.Generator) -> None:
    buffer = io.BytesIO()  # a full disk is then the system's error, not one of the sound library
    soundfile.write(buffer, draw_sound(of, rng), RATE, subtype="PCM_16", format="WAV")
    path.write_bytes(buffer.getbuffer())
