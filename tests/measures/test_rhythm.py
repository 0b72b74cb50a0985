import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from artsound.measures.rhythm import onset_envelope, onset_rate, tempo
from tests.measures.tunes import RATE, clicks


@pytest.mark.parametrize("bpm", [60, 90, 120, 150, 180])
def test_a_click_track_has_its_tempo(bpm: int) -> None:
    found = tempo(onset_envelope(clicks(bpm)))
    assert found.bpm == pytest.approx(bpm, rel=0.01)
    assert found.confidence > 0.8


@settings(max_examples=25)
@given(st.floats(50, 199))
def test_any_steady_pulse_is_found(bpm: float) -> None:
    assert tempo(onset_envelope(clicks(bpm))).bpm == pytest.approx(bpm, rel=0.015)


def test_weak_clicks_between_the_beats_do_not_double_the_tempo() -> None:
    beats, between = clicks(80), clicks(160)
    assert tempo(onset_envelope(np.maximum(beats, 0.02 * between))).bpm == pytest.approx(80, rel=0.01)


def test_a_pulse_too_fast_to_tap_is_given_as_every_second_or_third_of_it() -> None:
    assert tempo(onset_envelope(clicks(280))).bpm in (
        pytest.approx(140, rel=0.02),
        pytest.approx(280 / 3, rel=0.02),
    )


def test_noise_is_not_confident_and_silence_has_no_tempo() -> None:
    noise = np.random.default_rng(0).normal(0, 0.1, 20 * RATE).astype(np.float32)
    assert tempo(onset_envelope(noise)).confidence < 0.2
    assert tempo(onset_envelope(np.zeros(20 * RATE, np.float32))) == (0.0, 0.0)


@pytest.mark.parametrize("bpm", [60, 120, 240])
def test_onsets_are_counted_per_second(bpm: int) -> None:
    assert onset_rate(onset_envelope(clicks(bpm))) == pytest.approx(bpm / 60, rel=0.06)
    assert onset_rate(np.zeros(100, np.float32)) == 0
