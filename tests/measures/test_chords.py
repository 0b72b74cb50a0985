from itertools import pairwise

import numpy as np
import pytest

from artsound.measures.chords import NAMES, chords
from artsound.measures.harmony import FRAME_RATE, pitch_classes
from artsound.measures.rhythm import beats, onset_envelope, tempo
from tests.measures.tunes import A_MINOR, C_MAJOR, clicks

HALVES = np.arange(0, 16.01, 0.5)


def test_known_progressions_have_their_chords() -> None:
    for samples, names in [(C_MAJOR, ["C", "F", "G", "C"]), (A_MINOR, ["Am", "Dm", "E", "Am"])]:
        found = chords(pitch_classes(samples), HALVES, FRAME_RATE)
        expected = names + (names[1:]) * 3  # the last and the next first are one
        assert [chord.name for chord in found] == expected
        assert all(abs(chord.start - round(chord.start)) < 0.01 for chord in found)
        assert found[0].start == 0
        assert found[-1].end == 16


def test_a_single_odd_beat_does_not_change_the_chord() -> None:
    triads = {
        name: np.isin(np.arange(12), notes) for name, notes in {"C": (0, 4, 7), "C+": (0, 4, 7, 9)}.items()
    }
    frames = np.stack([triads["C"]] * 4 + [triads["C+"]] + [triads["C"]] * 4, axis=1).astype(np.float32)
    assert [chord.name for chord in chords(frames, np.arange(9.0), 1.0)] == ["C"]


def test_noise_and_silence_have_no_chords() -> None:
    assert chords(np.ones((12, 40), np.float32), np.arange(0, 40.0, 4), 1.0) == []
    assert chords(np.zeros((12, 40), np.float32), np.arange(0, 40.0, 4), 1.0) == []


def test_chords_lie_in_order_inside_the_borders_and_differ_from_their_neighbours() -> None:
    frames = np.random.default_rng(0).uniform(0, 1, (12, 200)).astype(np.float32) ** 8
    found = chords(frames, np.arange(3.0, 180), 1.0)
    assert len({chord.name for chord in found}) > 3
    assert {chord.name for chord in found} <= set(NAMES)
    for before, after in pairwise(found):
        assert 3 <= before.start < before.end <= after.start
        assert before.end < after.start or before.name != after.name


def test_beats_of_a_click_track_are_its_clicks() -> None:
    envelope = onset_envelope(clicks(100))
    times = beats(envelope, tempo(envelope).bpm)
    assert np.diff(times[2:-2]) == pytest.approx(0.6, abs=0.03)
    assert abs((times[2:-2] + 0.3) % 0.6 - 0.3).max() < 0.05
