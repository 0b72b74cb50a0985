import numpy as np
import pytest

from artsound.measures.composition import edge_density, edges, symmetry, thirds_energy


def noise(height: int = 90, width: int = 120) -> np.ndarray:
    return np.random.default_rng(0).uniform(0, 100, (height, width)).astype(np.float32)


def test_a_mirrored_image_is_symmetric_noise_is_not_and_a_ramp_is_the_opposite() -> None:
    half = noise()
    assert symmetry(np.concatenate([half, half[:, ::-1]], axis=1)) == pytest.approx(1)
    assert abs(symmetry(noise())) < 0.1
    assert symmetry(np.tile(np.linspace(0, 100, 64, dtype=np.float32), (32, 1))) == pytest.approx(-1)
    assert symmetry(np.full((8, 9), 40, np.float32)) == 1


def test_slopes_are_in_lightness_a_pixel() -> None:
    ramp = np.tile(np.arange(0, 60, 3, dtype=np.float32), (20, 1))
    assert edges(ramp)[5:-5, 5:-5] == pytest.approx(3)
    assert edges(ramp.T)[5:-5, 5:-5] == pytest.approx(3)


def test_only_steep_slopes_are_edges() -> None:
    flat = np.full((50, 100), 50, np.float32)
    assert edge_density(edges(flat)) == 0
    assert edge_density(edges(np.tile(np.linspace(0, 100, 100, dtype=np.float32), (50, 1)))) == 0
    half = flat.copy()
    half[:, 50:] = 90
    assert edge_density(edges(half)) == pytest.approx(2 / 100)
    assert edge_density(edges(noise())) > 0.9


def test_lines_of_thirds_hold_the_energy_of_what_lies_there() -> None:
    for position, share in [(1 / 3, 1.0), (0.5, 0.19)]:
        image = np.zeros((300, 300), np.float32)
        image[:, round(300 * position)] = 100
        assert thirds_energy(edges(image)) == pytest.approx(share, abs=0.03)
    assert thirds_energy(edges(noise(300, 300))) == pytest.approx(0.36, abs=0.02)
    assert thirds_energy(np.zeros((9, 9), np.float32)) == 0
