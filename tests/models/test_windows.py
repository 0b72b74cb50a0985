"""What a model hears of a long clip."""

import numpy as np
import pytest

from artsound.models.windows import WindowRule, pooled


def ramp(seconds: float) -> np.ndarray:
    return np.arange(round(seconds * 100), dtype=np.float32)


@pytest.mark.parametrize(
    ("seconds", "hop", "starts"),
    [(30, 10, [0, 10, 20]), (29.98, 10, [0, 10]), (30, 5, [0, 5, 10, 15, 20]), (3, 10, [0])],
)
def test_windows_begin_every_hop_as_long_as_they_fit(seconds: float, hop: float, starts: list[float]) -> None:
    windows = WindowRule(10, hop, "mean").cut(ramp(seconds), 100)
    assert [window[0] / 100 for window in windows] == starts
    assert all(len(window) == min(1000, round(seconds * 100)) for window in windows)


def test_the_middle_window_is_in_the_middle() -> None:
    (window,) = WindowRule(10, 10, "middle").cut(ramp(30), 100)
    assert (window[0], window[-1]) == (1000, 1999)


def test_pooling_averages_the_windows_of_each_clip_alone() -> None:
    vectors = np.array([[1, 0], [0, 1], [0, 1]], np.float32)
    np.testing.assert_allclose(pooled(vectors, [2, 1]), [[0.5**0.5, 0.5**0.5], [0, 1]], rtol=1e-6)
    assert pooled(vectors[:0], []).shape == (0, 2)
