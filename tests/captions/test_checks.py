"""What is looked for in every caption."""

from typing import Any, get_args

import numpy as np
import pytest

from artsound.captions import checks, fields
from artsound.measures.image import measure_picture
from artsound.tables import EMOTIONS, PRINCIPLES, TABLES

HEARD = {"tempo": 120.0, "tempo_confidence": 0.8, "key": "A minor", "key_confidence": 0.3}
SEEN = {
    "palette": [
        {"name": "dark brown", "value": 0.7},
        {"name": "red", "value": 0.298},
        {"name": "blue", "value": 0.002},
    ],
    "tones": [{"name": "brown", "value": 0.7}, {"name": "white", "value": 0.0}],
}
GOOD = "A quiet view of the sea with boats at rest in the evening."


def music(**said: Any) -> list[tuple[str, str]]:
    words = {"caption": "A song.", "paragraph": "It goes on.", "bpm": None, "key": None}
    return [(one["field"], one["stated"]) for one in checks.music_contradictions(words | said, HEARD)]


@pytest.mark.parametrize("bpm", [120, 122.5, 60, 240, 113])
def test_a_tempo_near_the_measured_one_or_its_octaves_agrees(bpm: float) -> None:
    assert music(bpm=bpm) == []


def test_another_tempo_contradicts_wherever_it_is_stated() -> None:
    assert music(bpm=90) == [("bpm", "90")]
    assert music(paragraph="It runs at 90 BPM.") == [("bpm", "90")]
    assert music(caption="Some 85 beats per minute.", bpm=120) == [("bpm", "85")]
    assert music(tempo="brisk, at 90.4 BPM") == [("bpm", "90")]
    assert music(paragraph="A tempo of around 85, later a BPM of 120.") == [("bpm", "85")]
    assert music(paragraph="A 95-BPM groove.") == [("bpm", "95")]
    assert music(paragraph="Ninety beats per minute.") == [("bpm", "90")]
    assert music(paragraph="It runs at eighty-five BPM, not at one hundred and twenty bpm.") == [
        ("bpm", "85")
    ]
    assert music(paragraph="A hundred and forty-five beats per minute.") == [("bpm", "145")]
    assert music(paragraph="Two beats per minute more, many beats per minute.") == []
    assert music(paragraph="In tempo it recalls 90 years of song.") == []


@pytest.mark.parametrize(
    ("key", "agrees"),
    [("A minor", True), ("a min", True), ("C major", False), ("A♭ minor", False), ("modal", True)],
)
def test_keys_are_compared_as_keys(key: str, agrees: bool) -> None:
    assert (music(key=key) == []) == agrees


@pytest.mark.parametrize(
    ("paragraph", "found"),
    [
        ("It is in C major throughout.", ["C major"]),
        ("The key is B-flat minor; later in the key of E major.", ["E major", "B-flat minor"]),
        ("It is centred on A minor, with chords of C major and G major.", []),
        ("In a minor way, it is in major.", []),
        ("The piece is F minor.", ["F minor"]),
        ("It is in F-minor.", ["F-minor"]),
        ("The song is F♯ minor.", ["F♯ minor"]),
        ("In F♯-minor, it is a minor work.", ["F♯-minor"]),
        ("Its last chord is C major.", []),
    ],
)
def test_another_key_contradicts_wherever_it_is_stated(paragraph: str, found: list[str]) -> None:
    assert music(paragraph=paragraph) == [("key", stated) for stated in found]
    assert music(paragraph=paragraph, key="A minor") == [("key", stated) for stated in found]


def test_a_key_stated_twice_contradicts_once() -> None:
    assert music(paragraph="It is in C major.", key="C maj") == [("key", "C maj")]


def test_series_gallery_and_record_label_give_a_pairing_away() -> None:
    art = {"series": "The Four Seasons", "gallery": "Musée d'Orsay, Paris, France", "artist": None}
    assert checks.names(art) == {"four seasons", "musee d orsay"}
    assert checks.leaks(["One of the Four Seasons, at the Musée d’Orsay in Paris."], checks.names(art)) == [
        "four seasons",
        "musee d orsay",
    ]
    assert checks.names({"gallery": "Private Collection"}) == set()
    assert checks.names({"label": "Blue Note; Verve Records"}) == {
        "blue note verve records",
        "blue note",
        "verve records",
    }


def test_doubtful_measures_contradict_nothing() -> None:
    said = {"caption": "", "paragraph": "", "bpm": 90, "key": "C major"}
    assert checks.music_contradictions(said, HEARD | {"tempo_confidence": 0.0, "key_confidence": 0.0}) == []
    assert checks.music_contradictions(said, HEARD | {"tempo": 0.0, "key": None}) == []


def test_a_colour_that_is_not_there_contradicts() -> None:
    said = {"colour": "Blue sky over brown earth", "caption": "A red and emerald field.", "paragraph": ""}
    found = checks.art_contradictions(said, SEEN)
    assert [(one["field"], one["stated"]) for one in found] == [("colour", "blue"), ("colour", "green")]
    assert found[0]["measured"] == "dark brown, red, blue"
    assert checks.art_contradictions({"caption": "It is covered with reeds."}, SEEN) == []


TEALS, GOLDS = {"teal", "cyan", "turquoise"}, {"gold", "ochre"}


@pytest.mark.parametrize(
    ("rgb", "fine"),
    [
        ((0, 128, 128), TEALS),
        ((10, 20, 110), {"navy", "magenta"}),  # measured as purple
        ((16, 28, 72), TEALS | {"navy"}),
        ((212, 170, 40), GOLDS),
        ((204, 119, 34), GOLDS),
        ((255, 0, 255), {"navy", "magenta"}),
        ((235, 225, 200), {"beige"}),
    ],
)
def test_colours_between_the_measured_ones_are_held_against_their_neighbours(
    rgb: tuple[int, int, int], fine: set[str]
) -> None:
    seen = measure_picture(np.full((8, 8, 3), rgb, np.uint8))
    said = {"colour": "Gold, ochre, teal, cyan, turquoise, beige, magenta and navy."}
    found = {one["stated"] for one in checks.art_contradictions(said, seen)}
    assert found == set(checks.BETWEEN) - fine


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("There is no red in it.", []),
        ("Without any green or blue, it is bare.", []),
        ("A lack of blue; a total absence of the green.", []),
        ("It has no blue, but green.", ["green"]),
        ("The navy sails out.", []),
        ("A navy coat.", ["navy"]),
        ("Nothing but greens.", ["green"]),
    ],
)
def test_a_colour_that_is_said_to_be_absent_is_not_stated(text: str, found: list[str]) -> None:
    told = checks.art_contradictions({"paragraph": text}, SEEN)
    assert [one["stated"] for one in told] == found


@pytest.mark.parametrize(
    ("rgb", "fine"),
    [
        ((250, 250, 248), {"white"}),
        ((232, 222, 200), {"white"}),  # cream
        ((190, 190, 190), {"grey", "white"}),
        ((120, 118, 112), {"grey"}),
        ((66, 64, 62), {"black", "grey"}),
        ((12, 10, 8), {"black"}),
        ((44, 28, 20), {"black", "brown"}),  # a varnished dark
        ((110, 69, 38), {"brown"}),
        ((220, 40, 40), set()),
        ((40, 80, 200), set()),
        ((30, 120, 50), set()),
        ((250, 230, 40), set()),
    ],
)
def test_black_brown_grey_and_white_are_held_against_lightness_and_chroma(
    rgb: tuple[int, int, int], fine: set[str]
) -> None:
    seen = measure_picture(np.full((8, 8, 3), rgb, np.uint8))
    said = {"caption": "A black dog, brown reeds, a white house and gray clouds.", "paragraph": ""}
    found = {one["stated"] for one in checks.art_contradictions(said, seen)}
    assert found == {"black", "brown", "grey", "white"} - fine


def test_a_hundredth_of_the_area_is_enough_for_a_colour() -> None:
    pixels = np.full((100, 100, 3), (40, 80, 200), np.uint8)
    pixels[0] = 255
    said = {"caption": "A white sail.", "paragraph": ""}
    assert checks.art_contradictions(said, measure_picture(pixels)) == []


@pytest.mark.parametrize(
    ("caption", "paragraph", "found"),
    [
        (GOOD, "The boats lie at the shore, and the light is low.", []),
        ("Sea.", GOOD, ["caption_short"]),
        ("the sea " * 40, GOOD, ["caption_long", "repeated"]),
        (GOOD, f"{GOOD} " * 30, ["paragraph_long", "repeated"]),
        ("Ein stiller Blick aufs Meer mit Booten", "Abends ruhen alle Boote still am Ufer.", ["not_english"]),
    ],
)
def test_faulty_words_are_named(caption: str, paragraph: str, found: list[str]) -> None:
    assert checks.faults(caption, paragraph) == found
    assert set(found) <= set(checks.FAULTS)


@pytest.mark.parametrize(
    "text",
    [
        "I'm sorry, but no.",
        "I cannot help.",
        "Sorry, no.",
        "As an AI, I",
        "I’m unable to.",
        "I'm afraid I can't.",
        "I am unable to do it.",
    ],
)
def test_refusals_in_words_are_known(text: str) -> None:
    assert checks.declines(text)
    assert not checks.declines('{"caption": "I am sorry to see it."}')


def test_masking_leaves_no_secret_and_the_rest_as_it_was() -> None:
    secret = checks.names({"artist": "Édouard Manet", "title": "The Old Musician"})
    text = "By edouard MANET: an Old-Musician; MANET's best. A mandolin."
    masked = checks.masked(text, secret)
    assert masked == "By …: an …; …'s best. A mandolin."
    assert checks.leaks([masked], secret) == []


def test_the_forms_ask_for_columns_of_the_tables() -> None:
    art, music_form = fields.form("art", reasoning=True), fields.form("music", reasoning=True)
    assert set(art.model_fields) <= set(TABLES["art_captions"].names)
    assert set(music_form.model_fields) <= set(TABLES["music_captions"].names)
    assert set(PRINCIPLES) <= set(art.model_fields)
    assert get_args(fields.ArtworkAnswer.model_fields["emotion"].annotation) == EMOTIONS


def test_a_name_is_found_and_masked_in_every_field_that_has_words() -> None:
    said = {
        "subject": "Manet's boat",
        "rhythm": {"present": True, "words": "as in Manet"},
        "emotion": "awe",
        "key": None,
        "valence": 0.5,
        "answer": "raw words on Manet",
        "caption": "A boat.",
    }
    for field in ("subject", "rhythm"):
        assert checks.leaks(checks.texts({field: said[field]}), {"manet"}) == ["manet"]
    assert checks.leaks(checks.texts({"answer": said["answer"]}), {"manet"}) == []
    masked = checks.all_masked(said, {"manet", "awe"})
    assert checks.leaks(checks.texts(masked), {"manet"}) == []
    assert masked["rhythm"] == {"present": True, "words": "as in …"}
    kept = ("emotion", "key", "valence", "answer", "caption")
    assert {name: masked[name] for name in kept} == {name: said[name] for name in kept}
