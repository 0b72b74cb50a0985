from hypothesis import given
from hypothesis import strategies as st

from artsound.measures.affect import CALM, LIVELY, PLEASANT, UNPLEASANT, of_music, of_picture, scaled

ANY = st.floats(-1e4, 1e4)
MUSIC = {
    "key": None,
    "tempo": 110.0,
    "key_confidence": 0.1,
    "loudness": -20.0,
    "onset_rate": 3.0,
    "brightness": 2000.0,
}
PICTURE = {"lightness": 50.0, "contrast": 15.0, "saturation": 20.0, "warmth": 0.0, "edge_density": 0.1}


def test_scaling_is_linear_inside_and_cut_off_outside() -> None:
    assert [scaled(value, 10, 20) for value in (0, 10, 15, 20, 99)] == [-1, -1, 0, 1, 1]


@given(
    st.tuples(ANY, st.floats(0, 2), ANY, ANY, ANY),
    st.sampled_from(["C major", "A minor", None]),
    st.floats(0, 1),
)
def test_affect_of_music_stays_in_range(values: tuple[float, ...], key: str | None, tag: float) -> None:
    tags = dict.fromkeys((*PLEASANT, *LIVELY), tag) | dict.fromkeys((*UNPLEASANT, *CALM), 1 - tag)
    assert all(-1 <= value <= 1 for value in of_music(dict(zip(MUSIC, (key, *values), strict=True)), tags))


@given(st.tuples(ANY, ANY, ANY, st.floats(-1, 1), ANY))
def test_affect_of_pictures_stays_in_range(values: tuple[float, ...]) -> None:
    assert all(-1 <= value <= 1 for value in of_picture(dict(zip(PICTURE, values, strict=True))))


def test_major_fast_and_happy_is_pleasant_and_loud_is_lively() -> None:
    plain = of_music(MUSIC, {})
    assert (
        of_music(MUSIC | {"key": "C major"}, {})[0] > plain[0] > of_music(MUSIC | {"key": "C minor"}, {})[0]
    )
    assert of_music(MUSIC, {"happy": 0.3})[0] > plain[0] > of_music(MUSIC, {"sad": 0.3})[0]
    assert of_music(MUSIC | {"loudness": -8.0}, {})[1] > plain[1]
    assert of_music(MUSIC | {"tempo": 160.0}, {})[1] > plain[1] > of_music(MUSIC | {"tempo": 60.0}, {})[1]
    assert of_music(MUSIC | {"tempo": 0.0}, {}) == plain, "no beat counts as a usual tempo"


def test_bright_colour_is_pleasant_and_strong_contrast_lively() -> None:
    plain = of_picture(PICTURE)
    assert (
        of_picture(PICTURE | {"lightness": 80.0})[0] > plain[0] > of_picture(PICTURE | {"lightness": 20.0})[0]
    )
    assert (
        of_picture(PICTURE | {"contrast": 30.0})[1] > plain[1] > of_picture(PICTURE | {"saturation": 0.0})[1]
    )
