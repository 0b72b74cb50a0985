"""A synthetic set whose pairing is known: hue → pitch, value → tempo, saturation → timbre.

Images carry random shapes, sounds random notes and phases, so that one image allows many sounds.
Written as a folder source, it goes through the normal build; see `write`.
"""

import colorsys
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

RATE = 8_000  # Hz
SECONDS = 2.25
SIDE = 64  # px of the square images
LOWEST, OCTAVES = 110.0, 2.5  # Hz of hue 0, and how far the hue reaches
SLOWEST, FASTEST = 1.5, 8.0  # notes a second
OVERTONES = 8
CHORD = (0, 4, 7, 12)  # semitones above the base pitch that the notes are drawn from
HUES = 0.8  # of the colour circle, so that the ends differ


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
