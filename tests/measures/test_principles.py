import numpy as np
import pytest

from artsound.measures import principles
from artsound.measures.colour import NAMED, lab, names
from artsound.measures.composition import edges

SIDE = 192


def colours_of(pixels: np.ndarray) -> np.ndarray:
    return lab(pixels.astype(np.uint8))


def white() -> np.ndarray:
    return np.full((SIDE, SIDE, 3), 250, np.uint8)


def with_square(left: float, size: float, top: float = 0.5) -> np.ndarray:
    """A red square on white; its centre and size as shares of the side."""
    pixels, half = white(), round(size * SIDE / 2)
    row, column = round(top * SIDE), round(left * SIDE)
    pixels[max(0, row - half) : row + half, max(0, column - half) : column + half] = (200, 20, 20)
    return pixels


def stripes(angle: float, period: int = 16) -> np.ndarray:
    """Lightness of smooth stripes; 0° stands upright."""
    rows, columns = np.mgrid[:SIDE, :SIDE]
    along = columns * np.cos(np.deg2rad(angle)) + rows * np.sin(np.deg2rad(angle))
    return (50 + 40 * np.sin(2 * np.pi * along / period)).astype(np.float32)


def noise() -> np.ndarray:
    return np.random.default_rng(0).uniform(0, 100, (SIDE, SIDE)).astype(np.float32)


def some_colours(count: int) -> np.ndarray:
    """Named colours side by side in equal shares, one a column of blocks."""
    return np.repeat(np.arange(count), SIDE // count)[None, :].repeat(SIDE, axis=0)


@pytest.mark.parametrize(("left", "expected"), [(0.5, 1.0), (0.25, 0.5), (0.9, 0.2)])
def test_balance_is_the_distance_of_the_weight_from_the_middle(left: float, expected: float) -> None:
    assert principles.balance(colours_of(with_square(left, 0.1))) == pytest.approx(expected, abs=0.03)


def test_two_equal_weights_balance() -> None:
    both = np.minimum(with_square(0.2, 0.1), with_square(0.8, 0.1))
    assert principles.balance(colours_of(both)) == pytest.approx(1, abs=0.01)


def test_neighbouring_and_opposite_hues_harmonise_a_rainbow_does_not() -> None:
    def wheel(*hues: float) -> np.ndarray:
        angle = np.deg2rad(np.array([hues]))
        return np.stack([np.full_like(angle, 50), 40 * np.cos(angle), 40 * np.sin(angle)], axis=-1).astype(
            np.float32
        )

    assert principles.harmony(wheel(30, 40, 60)) == 1
    assert principles.harmony(wheel(30, 210)) == 1
    assert principles.harmony(wheel(*range(0, 360, 2))) == pytest.approx(1 / 3, abs=0.03)
    assert principles.harmony(wheel(0, 120, 240)) == pytest.approx(
        2 / 3, abs=0.01
    )  # one, and its near opposites
    assert principles.harmony(colours_of(white())) == 1


def test_variety_counts_named_colours() -> None:
    assert principles.variety(some_colours(1), 16) == 0
    assert principles.variety(some_colours(4), 16) == pytest.approx(0.5)
    assert principles.variety(some_colours(16), 16) == pytest.approx(1)


def test_unity_is_the_overlap_of_parts_and_whole() -> None:
    assert principles.unity(some_colours(1), 16) == 1
    assert principles.unity(some_colours(2), 16) == pytest.approx(0.5)
    assert principles.unity(some_colours(4), 16) == pytest.approx(0.25)
    mixed = np.random.default_rng(0).integers(0, 4, (SIDE, SIDE))
    assert principles.unity(mixed, 16) > 0.95


def test_one_spot_has_emphasis_many_have_less_and_noise_has_none() -> None:
    one = principles.emphasis(colours_of(with_square(0.5, 0.08)))
    spots = white()
    for row in range(12, SIDE, 32):
        for column in range(12, SIDE, 32):
            spots[row : row + 8, column : column + 8] = (200, 20, 20)
    many = principles.emphasis(colours_of(spots))
    assert one > 0.9
    assert many < 0.15
    assert principles.emphasis(colours_of(white())) == 0
    assert principles.emphasis(np.repeat(noise()[..., None], 3, axis=-1)) < 0.1


@pytest.mark.parametrize("size", [0.2, 0.5, 0.8])
def test_proportion_is_the_area_of_the_figure(size: float) -> None:
    assert principles.proportion(colours_of(with_square(0.5, size))) == pytest.approx(size**2, abs=0.02)
    assert principles.proportion(colours_of(white())) == 0


def test_movement_is_the_share_of_diagonals() -> None:
    assert principles.movement(stripes(0)) == principles.movement(stripes(90)) == 0
    assert principles.movement(stripes(45)) > 0.97
    assert principles.movement(stripes(135)) > 0.97
    assert principles.movement(noise()) == pytest.approx(0.5, abs=0.05)
    assert principles.movement(np.full((9, 9), 50, np.float32)) == 0


def test_regular_accents_have_rhythm_one_edge_and_noise_have_not() -> None:
    posts = np.zeros((SIDE, SIDE), np.float32)
    posts[:, ::24] = 80
    assert principles.rhythm(edges(posts)) > 0.8
    assert principles.rhythm(edges(np.ascontiguousarray(posts.T))) == pytest.approx(
        principles.rhythm(edges(posts))
    )
    edge = np.zeros((SIDE, SIDE), np.float32)
    edge[:, SIDE // 3 :] = 80
    assert principles.rhythm(edges(edge)) < 0.1
    assert principles.rhythm(edges(noise())) < 0.35
    assert principles.rhythm(np.zeros((9, 9), np.float32)) == 0


def test_a_checkerboard_is_a_pattern_a_single_shape_and_noise_are_not() -> None:
    rows, columns = np.mgrid[:SIDE, :SIDE]
    board = (((rows // 8 + columns // 8) % 2) * 80).astype(np.float32)
    assert principles.pattern(board) > 0.75
    assert principles.pattern(stripes(30)) > 0.75
    square = np.zeros((SIDE, SIDE), np.float32)
    square[60:130, 60:130] = 80
    assert principles.pattern(square) < 0.4
    assert principles.pattern(noise()) < 0.1
    assert principles.pattern(np.full((64, 64), 50, np.float32)) == 0


@pytest.mark.parametrize("size", [(1, 1), (1, 300), (3, 2), (7, 7)])
def test_the_oddest_sizes_have_principles(size: tuple[int, int]) -> None:
    colours = lab(np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8))
    lightness, named = np.ascontiguousarray(colours[..., 0]), names(colours)
    values = [
        *(measure(colours) for measure in (principles.balance, principles.harmony)),
        *(measure(colours) for measure in (principles.emphasis, principles.proportion)),
        *(measure(named, len(NAMED)) for measure in (principles.variety, principles.unity)),
        *(measure(lightness) for measure in (principles.movement, principles.pattern)),
        principles.rhythm(edges(lightness)),
    ]
    assert all(0 <= value <= 1 for value in values)
