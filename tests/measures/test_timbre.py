import numpy as np
import pytest

from artsound.measures.timbre import RATE, dynamics, timbre


def noise(seconds: float = 2.0) -> np.ndarray:
    return np.random.default_rng(0).normal(0, 0.1, round(RATE * seconds)).astype(np.float32)


def test_a_sine_is_narrow_and_tonal_at_its_pitch() -> None:
    sine = (0.1 * np.sin(2 * np.pi * 1000 * np.arange(4 * RATE) / RATE)).astype(np.float32)
    seen = timbre(sine)
    assert seen.brightness == pytest.approx(1000, abs=20)
    assert seen.bandwidth < 150
    assert seen.noisiness < 0.01


def test_noise_is_bright_wide_and_noisy_and_darker_when_filtered() -> None:
    plain, filtered = (
        timbre(noise()),
        timbre(np.convolve(noise(), np.ones(20) / 20, "same").astype(np.float32)),
    )
    assert plain.brightness == pytest.approx(RATE / 4, rel=0.02)
    assert plain.noisiness > 0.5
    assert filtered.brightness < 0.5 * plain.brightness
    assert filtered.bandwidth < plain.bandwidth


def test_silence_has_no_timbre_and_no_dynamics() -> None:
    assert timbre(np.zeros(RATE, np.float32)) == (0, 0, 0)
    assert dynamics(np.zeros(RATE, np.float32)) == 0


def test_dynamics_of_loud_and_quiet_halves_is_their_distance() -> None:
    sound = noise(10.0)
    sound[RATE * 5 :] *= 0.1
    assert dynamics(sound) == pytest.approx(20, abs=1)
    assert dynamics(sound[:50]) == 0
