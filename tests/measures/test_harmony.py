import numpy as np
import pytest

from artsound.measures.harmony import PITCHES, key, pitch_classes
from tests.measures.tunes import A_MINOR, C_MAJOR, MAJOR, MINOR, RATE, chord, progression


def test_known_progressions_have_their_key() -> None:
    for samples, name in [(C_MAJOR, "C major"), (A_MINOR, "A minor")]:
        found = key(pitch_classes(samples))
        assert found.name == name
        assert found.confidence > 0.03


@pytest.mark.parametrize("shift", range(0, 12, 3))
def test_a_transposed_progression_has_the_transposed_key(shift: int) -> None:
    moved = progression(*[(root + shift - 6, MAJOR) for root in (0, 5, 7, 0)])
    assert key(pitch_classes(moved)).name == f"{PITCHES[(shift - 6) % 12]} major"


@pytest.mark.parametrize("cents", [-40, 30])
def test_a_detuned_progression_keeps_its_key(cents: int) -> None:
    from soxr import resample

    detuned = resample(C_MAJOR, RATE * 2 ** (cents / 1200), RATE)
    assert key(pitch_classes(detuned)).name == "C major"


def test_a_chord_sounds_in_its_pitch_classes() -> None:
    mean = pitch_classes(chord(9, MINOR, 4.0)).mean(axis=1)  # A minor: A, C, E
    assert set(np.argsort(mean)[-3:]) == {9, 0, 4}


def test_silence_has_no_key_and_a_flat_mixture_neither() -> None:
    assert key(pitch_classes(np.zeros(RATE * 4, np.float32))).name is None
    assert key(np.ones((12, 5), np.float32)) == (None, 0.0)
