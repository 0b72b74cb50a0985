"""Form, stereo width and peaks on sounds whose form is known."""

import numpy as np
import pytest

from artsound.measures.structure import RATE, sections
from artsound.measures.timbre import crest, stereo


def tone(*frequencies: float, seconds: float = 10.0, noise: float = 0.0) -> np.ndarray:
    time = np.arange(round(seconds * RATE)) / RATE
    waves = sum(np.sin(2 * np.pi * f * h * time) / h for f in frequencies for h in (1, 2, 3))
    hiss = np.random.default_rng(0).standard_normal(len(time)) * noise
    return (0.05 * waves + hiss).astype(np.float32)


def test_a_return_of_the_first_part_is_found() -> None:
    first, second = tone(261, 329, 392), tone(370, 466, 554, noise=0.05)
    found = sections(np.concatenate([first, second, first]))
    assert [part.label for part in found] == ["A", "B", "A"]
    assert [part.start for part in found] == pytest.approx([0, 10, 20], abs=0.5)
    assert [part.end for part in found] == pytest.approx([10, 20, 30], abs=0.5)


def test_the_level_of_a_section_is_its_own() -> None:
    quiet, loud = tone(261, 329, 392), 4 * tone(370, 466, 554)
    first, second = sections(np.concatenate([quiet, loud]))
    assert second.level - first.level == pytest.approx(12, abs=1.5)


@pytest.mark.parametrize(
    "samples",
    [
        tone(261, 329, 392, seconds=30),
        np.random.default_rng(1).standard_normal(30 * RATE).astype(np.float32) * 0.1,
        np.zeros(30 * RATE, np.float32),
        tone(440, seconds=4),
    ],
    ids=["one chord", "noise", "silence", "short"],
)
def test_what_does_not_change_is_one_section(samples: np.ndarray) -> None:
    (only,) = sections(samples)
    assert (only.label, only.start, only.end) == ("A", 0.0, pytest.approx(len(samples) / RATE))


def test_width_is_nothing_for_equal_channels_and_half_for_unrelated_ones() -> None:
    left, right = np.random.default_rng(0).standard_normal((2, 50_000)).astype(np.float32)
    assert stereo(left[:, None]) == 0
    assert stereo(np.stack([left, left], axis=1)) == 0
    assert stereo(np.stack([left, right], axis=1)) == pytest.approx(0.5, abs=0.02)
    assert stereo(np.stack([left, -left], axis=1)) == 1
    assert stereo(np.zeros((10, 2), np.float32)) == 0


def test_the_crest_of_a_sine_is_three_decibels() -> None:
    sine = np.sin(np.linspace(0, 200 * np.pi, 100_000)).astype(np.float32)
    assert crest(sine[:, None]) == pytest.approx(20 * np.log10(np.sqrt(2)), abs=0.01)
    assert crest(np.zeros((10, 1), np.float32)) == 0
