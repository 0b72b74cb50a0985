import numpy as np
import pytest

from artsound.measures.colour import NAMED, chroma, lab, names, palette, warmth


def flat(*rgb: int, height: int = 4, width: int = 6) -> np.ndarray:
    return np.full((height, width, 3), rgb, np.uint8)


@pytest.mark.parametrize(
    ("rgb", "expected"),
    [
        ((255, 255, 255), (100, 0, 0)),
        ((0, 0, 0), (0, 0, 0)),
        ((255, 0, 0), (53.24, 80.09, 67.20)),
        ((0, 255, 0), (87.73, -86.18, 83.18)),
        ((0, 0, 255), (32.30, 79.19, -107.86)),
        ((119, 119, 119), (50.03, 0, 0)),
    ],
)
def test_lab_of_known_colours(rgb: tuple[int, int, int], expected: tuple[float, float, float]) -> None:
    assert lab(flat(*rgb))[0, 0] == pytest.approx(expected, abs=0.1)


def test_half_red_is_half_red() -> None:
    pixels = np.concatenate([flat(220, 20, 20), flat(250, 250, 250)])
    assert palette(names(lab(pixels))) == {"red": 0.5, "white": 0.5}


def test_plain_colours_bear_their_names() -> None:
    seen = {
        "red": (200, 30, 30), "green": (40, 140, 60), "blue": (40, 70, 180), "yellow": (245, 225, 60),
        "orange": (240, 130, 30), "purple": (110, 50, 140), "pink": (245, 170, 190), "brown": (95, 60, 35),
        "black": (12, 12, 12), "white": (248, 248, 248), "grey": (128, 128, 128), "turquoise": (50, 180, 175),
        "light blue": (160, 195, 230), "beige": (225, 210, 180), "olive": (110, 110, 50),
        "ochre": (200, 140, 40), "dark brown": (58, 38, 24), "tan": (175, 140, 100),
    }  # fmt: skip
    assert set(seen) == set(NAMED)
    assert {name: palette(names(lab(flat(*rgb)))) for name, rgb in seen.items()} == {
        name: {name: 1.0} for name in seen
    }


@pytest.mark.parametrize("level", range(0, 256, 15))
def test_greys_have_no_chroma_no_warmth_and_no_hue_name(level: int) -> None:
    colours = lab(flat(level, level, level))
    assert chroma(colours).max() < 0.1
    assert warmth(colours) == 0
    assert set(palette(names(colours))) <= {"black", "grey", "white"}


def test_shares_sum_to_one_largest_first() -> None:
    shares = palette(names(lab(np.random.default_rng(0).integers(0, 256, (40, 50, 3), dtype=np.uint8))))
    assert sum(shares.values()) == pytest.approx(1)
    assert list(shares.values()) == sorted(shares.values(), reverse=True)


def test_orange_is_warm_blue_is_cold_and_half_of_each_is_between() -> None:
    orange, blue = lab(flat(255, 140, 0)), lab(flat(0, 90, 200))
    assert warmth(orange) > 0.95
    assert warmth(blue) < -0.6
    assert warmth(blue) < warmth(np.concatenate([orange, blue])) < warmth(orange)
