"""The offline captioners and the stages around them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from artsound import tables
from artsound.captions import checks
from artsound.captions.artworks import caption_artworks
from artsound.captions.clips import caption_clips
from artsound.errors import Outcome, Reason
from artsound.media.files import MediaError, open_media
from artsound.models import registry
from artsound.models.protocols import Answer, Item
from artsound.settings import Captioner
from tests import rows

ART = {
    "artwork_id": "a1",
    "artist_id": "art:jan",
    "artist": "Jan van Eyck",
    "title": "The Annunciation",
    "medium": "Oil on panel, transferred to canvas",
    "culture": "Netherlandish",
    "year_from": 1480,
    "year_to": 1489,
    "tags": ["Annunciation", "Angels", "Virgin Mary", "Working"],
}
SEEN = {
    "artwork_id": "a1",
    "palette": [{"name": "brown", "value": 0.6}, {"name": "red", "value": 0.4}],
    "lightness": 30.0,
    "contrast": 25.0,
    "saturation": 20.0,
    "warmth": 0.9,
    "edge_density": 0.1,
    "symmetry": 0.7,
    "valence": -0.3,
    "arousal": 0.4,
}
TRACK = {
    "track_id": "t1",
    "title": "Blue Rondo",
    "artist": "Dave Brubeck",
    "album": "Time Out",
    "genres": ["Jazz"],
}
HEARD = {
    "clip_id": "t1",
    "tempo": 176.2,
    "tempo_confidence": 0.6,
    "key": "F major",
    "key_confidence": 0.2,
    "loudness": -15.0,
    "dynamics": 8.0,
    "brightness": 1500.0,
    "onset_rate": 5.0,
    "valence": 0.5,
    "arousal": 0.5,
    "tags": [
        {"name": "piano", "value": 0.7},
        {"name": "jazz", "value": 0.6},
        {"name": "no vocals", "value": 0.3},
    ],
}


def art(facts: dict[str, Any] | None = None, seen: dict[str, Any] | None = None, **options: Any) -> Outcome:
    return caption_artworks(
        rows.artworks(ART | (facts or {})),
        tables.rows_of("art_measures", [rows.row("art_measures", **(SEEN | (seen or {})))]),
        tables.rows_of("artists", [rows.row("artists", artist_id="art:jan", name="Jan van Eyck")]),
        captioner=options.get("captioner") or registry.art_captioner(Captioner()),
        media=options.get("media"),
    )


def music(facts: dict[str, Any] | None = None, heard: dict[str, Any] | None = None) -> Outcome:
    return music_of("t1", heard, facts)


def music_of(key: str, heard: dict[str, Any] | None, facts: dict[str, Any] | None = None) -> Outcome:
    return caption_clips(
        rows.clips({"clip_id": key, "track_id": "t1"}),
        tables.rows_of("music_measures", [rows.row("music_measures", **(HEARD | (heard or {})))]),
        rows.tracks(TRACK | (facts or {})),
        captioner=registry.music_captioner(Captioner()),
    )


def only(outcome: Outcome, table: str) -> dict[str, Any]:
    (row,) = tables.conform(table, outcome.rows).to_pylist()
    return dict(row)


def test_an_artwork_is_described_by_its_facts_and_measures() -> None:
    row = only(art(), "art_captions")
    for words in ("15th-century", "Netherlandish", "an angel", "oil on panel", "brown"):
        assert words in row["caption"]
    assert "transferred" not in row["caption"]
    assert row["contrast"] == {"present": True, "words": "strong steps between light and dark"}
    assert row["emotion"] == "fear"
    assert row["model"] == registry.identity("art_captioner", Captioner())


def test_a_clip_is_described_by_its_facts_and_measures() -> None:
    row = only(music(), "music_captions")
    assert "jazz" in row["caption"]
    assert "piano" in row["caption"]
    assert "176 BPM" in row["paragraph"]
    assert "F major" in row["paragraph"]
    assert (row["bpm"], row["key"], row["vocals"]) == (176, "F major", "no vocals")


def test_all_ten_principles_are_judged_by_their_measures() -> None:
    low = dict.fromkeys(tables.PRINCIPLES, 0.0) | {"contrast": 5.0, "symmetry": 0.1}
    high = dict.fromkeys(tables.PRINCIPLES, 1.0) | {"contrast": 40.0}
    absent, present = (only(art(seen=seen), "art_captions") for seen in (low, high))
    for name in tables.PRINCIPLES:
        assert (absent[name]["present"], present[name]["present"]) == (False, True)
        assert absent[name]["words"] != present[name]["words"] or name == "variety"
    assert "principles of art" not in absent["paragraph"]


def test_the_paragraph_names_the_principles_that_are_clearest() -> None:
    seen = dict.fromkeys(tables.PRINCIPLES, 0.0) | {"contrast": 5.0}
    few = only(art(seen=seen | {"harmony": 0.86, "rhythm": 0.9}), "art_captions")
    assert "Of the principles of art, rhythm and harmony are the clearest." in few["paragraph"]
    one = only(art(seen=seen | {"unity": 0.9}), "art_captions")
    assert "Of the principles of art, unity is the clearest." in one["paragraph"]


@pytest.mark.parametrize(
    ("balance", "symmetry", "said"),
    [(0.95, -0.4, "freely balanced"), (0.95, 0.7, "nearly symmetric"), (0.5, 0.7, "weighted to one side")],
)
def test_what_is_said_of_the_layout_agrees_with_its_balance(
    balance: float, symmetry: float, said: str
) -> None:
    row = only(art(seen={"balance": balance, "symmetry": symmetry}), "art_captions")
    assert said in row["composition"]
    assert said in row["paragraph"]
    assert ("off centre" in row["balance"]["words"]) == (said == "weighted to one side")
    assert ("mirror" in row["balance"]["words"]) == (said == "nearly symmetric")


def test_a_single_colour_takes_the_singular() -> None:
    said = {
        only(
            art(
                {"artwork_id": key, "tags": []},
                {"artwork_id": key, "palette": [{"name": "red", "value": 1.0}]},
            ),
            "art_captions",
        )["caption"]
        for key in "abcdefgh"
    }
    assert any("red sets a" in one for one in said)
    assert any("its main colour is red" in one for one in said)


def test_a_beat_that_was_not_found_is_not_named() -> None:
    sure, unsure = (
        only(music(heard={"tempo_confidence": sure}), "music_captions")["caption"] for sure in (0.6, 0.0)
    )
    assert "fast" in sure
    assert "fast" not in unsure
    assert "tempo" not in unsure


def test_chords_are_named_by_how_long_they_sound() -> None:
    heard = [("G", 0.0, 4.0), ("Am", 4.0, 10.0), ("G", 10.0, 13.0), ("C", 13.0, 15.0), ("F", 15.0, 16.5)]
    chords = [{"name": name, "start": start, "end": end} for name, start, end in heard]
    row = only(music(heard={"chords": chords}), "music_captions")
    assert row["chords"] == "G major, A minor and C major"
    assert "moves mostly among G major, A minor and C major." in row["paragraph"]
    for few in (chords[:1], chords[3:]):
        assert only(music(heard={"chords": few}), "music_captions")["chords"] is None


def test_production_states_width_peaks_and_level_as_measured() -> None:
    level = {"loudness": -15.0, "loudness_range": 12.0}
    wide = only(music(heard=level | {"stereo": 0.4, "crest": 20.0}), "music_captions")
    flat = only(music(heard=level | {"stereo": 0.0, "crest": 8.0}), "music_captions")
    assert wide["production"] == (
        "wide stereo, with high peaks, wide in range: about -15 LUFS with a range of 12 LU"
    )
    assert flat["production"].startswith("mono, densely levelled, ")
    assert "in wide stereo" in wide["paragraph"]


def section(label: str, start: float, level: float) -> dict[str, Any]:
    return {"label": label, "start": start, "end": start + 10, "level": level}


def test_structure_tells_returns_and_levels() -> None:
    parts = [section("A", 0, -20), section("B", 10, -12), section("A", 20, -20)]
    row = only(music(heard={"sections": parts}), "music_captions")
    assert row["structure"] == (
        "three sections (A B A), the third like an earlier one, the second the loudest, busy texture"
    )
    assert "The clip has three sections (A B A)" in row["paragraph"]
    even = only(music(heard={"sections": [section("A", 0, -20), section("B", 10, -19)]}), "music_captions")
    assert even["structure"] == "two sections (A B), at about the same level, busy texture"
    one = only(music(heard={"sections": parts[:1]}), "music_captions")
    assert one["structure"] == "one section without a marked change, busy texture"


def test_voices_are_told_by_the_catalogue_before_the_tagger() -> None:
    sung = {"tags": [{"name": "female vocal", "value": 0.6}]}
    french = only(music({"language": "fr"}, sung), "music_captions")
    assert (french["vocals"], french["language"]) == ("female vocals", "fr")
    assert "There are female vocals in French." in french["paragraph"]
    assert only(music({"genres": ["Instrumental"]}, sung), "music_captions")["vocals"] == "no vocals"
    spoken = only(music({"genres": ["Spoken"], "language": "en"}, sung), "music_captions")
    assert "There is a speaking voice in English." in spoken["paragraph"]
    assert only(music(heard={"tags": []}), "music_captions")["vocals"] is None


def test_context_is_what_the_catalogue_knows_of_place_time_and_tradition() -> None:
    def context(**facts: Any) -> str | None:
        row = only(music(facts, {"tags": []}), "music_captions")
        return row["context"] if row["context"] is None else str(row["context"])

    assert context(genres=["Rock"]) is None
    assert context(genres=["Jazz"]) == "music in the African American jazz tradition"
    decade = {"year_from": 1923, "year_to": 1923}
    assert context(genres=["Brazil"], **decade) == "music from Brazil of the 1920s"
    assert context(genres=["Rock"], year_from=1959, year_to=1961) is None
    assert context(genres=["Brazil"], title="Brazil") is None


def test_the_title_is_said_in_other_words() -> None:
    row = only(art(), "art_captions")
    assert "annunciation" not in (row["caption"] + row["paragraph"]).lower()
    assert "an angel bringing news" in row["caption"]
    assert row["leaks"] == []


def test_a_tag_that_names_the_title_and_has_no_other_words_is_left_out() -> None:
    row = only(art({"title": "Gondolas", "tags": ["Gondolas", "Bridges"]}), "art_captions")
    assert "gondola" not in row["caption"]
    assert "bridges" in row["caption"]


@pytest.mark.parametrize(
    ("tags", "said"),
    [
        (["Portraits", "Men", "Monks"], "showing a monk;"),
        (["Portraits", "Men", "Profiles", "Women"], "showing men and women in profile;"),
        (["Portraits", "Women", "Dogs", "Boys"], "showing women and boys, with dogs;"),
        (
            ["Self-portraits", "Women", "Artists", "Painting"],
            "self-portrait in oil on panel, showing a woman;",
        ),
        (
            ["Madonna and Child", "Virgin Mary", "Jesus", "Angels"],
            "in oil on panel, with angels and the Virgin and Child;",
        ),
        (["Saint Peter", "Saints"], "in oil on panel, showing Saint Peter;"),
        (["Madonna and Child"], "in oil on panel, showing the Virgin and Child;"),
        (["Men", "Dogs", "Animals"], "in oil on panel, with men and dogs;"),
        (["St.-Peter"], "in oil on panel, showing Saint Peter;"),
        (["Virgin-and-Child", "Jesus-Christ"], "in oil on panel, showing Christ and the Virgin and Child;"),
        (
            ["forests-and-trees", "houses-and-buildings"],
            "in oil on panel, with forests and trees, and houses and buildings;",
        ),
    ],
)
def test_nothing_is_said_twice_and_sitters_are_persons(tags: list[str], said: str) -> None:
    assert said in only(art({"tags": tags, "title": "Untitled"}), "art_captions")["caption"]


def test_doubtful_key_and_beat_are_not_stated() -> None:
    row = only(music(heard={"key_confidence": 0.001, "tempo_confidence": 0.01}), "music_captions")
    assert (row["key"], row["bpm"], row["tempo"]) == (None, None, None)
    assert "BPM" not in row["paragraph"]


def test_drums_alone_have_no_key() -> None:
    assert only(music(heard={"tags": [{"name": "drums", "value": 0.9}]}), "music_captions")["key"] is None


@pytest.mark.parametrize(
    ("genres", "said"),
    [
        (["Soul-RnB", "Funk"], "soul and R&B"),
        (["Old-Time / Historic"], "old-time and historic"),
        (["Reggae - Dub"], "reggae and dub"),
        (["Easy Listening: Vocal"], "vocal easy listening"),
        (["Field Recordings", "IDM"], "field-recording and IDM"),
        (["Folk Music", "British Folk"], "folk and British folk"),
    ],
)
def test_genres_are_written_as_words_of_a_sentence(genres: list[str], said: str) -> None:
    row = only(music({"genres": genres, "title": "Untitled"}), "music_captions")
    assert row["genre"] == said
    assert f"{said} " in row["caption"]


def test_one_instrument_is_not_a_list() -> None:
    for key in "abcdefgh":
        heard = {"clip_id": key, "tags": [{"name": "guitar", "value": 0.7}]}
        row = only(music_of(key, heard), "music_captions")
        assert "include" not in row["paragraph"]
        assert "a guitar" in row["paragraph"].lower()


def test_a_choir_is_told_among_the_voices_alone() -> None:
    row = only(
        music(heard={"tags": [{"name": "choir", "value": 0.7}, {"name": "harp", "value": 0.5}]}),
        "music_captions",
    )
    assert (row["instruments"], row["vocals"]) == ("harp", "choral voices")
    assert "with harp and choral voices" in row["caption"]


def test_two_chords_are_moved_between() -> None:
    chords = [{"name": "G", "start": 0.0, "end": 5.0}, {"name": "C", "start": 5.0, "end": 9.0}]
    row = only(music(heard={"chords": chords}), "music_captions")
    assert "between G major and C major" in row["paragraph"]


def test_a_place_among_the_genres_is_context_and_not_genre() -> None:
    row = only(music({"genres": ["Middle East"]}, {"tags": []}), "music_captions")
    assert (row["genre"], row["context"]) == (None, "music from the Middle East")


def test_annotated_emotions_count_more_than_colour() -> None:
    named = [{"name": "awe", "value": 5.0}, {"name": "fear", "value": 2.0}, {"name": "joy", "value": 9.0}]
    assert only(art({"emotions": named}), "art_captions")["emotion"] == "awe"


def test_an_item_that_was_not_measured_is_not_described() -> None:
    outcome = art(seen={"artwork_id": "another"})
    assert (len(outcome.rows), outcome.rejects) == (0, [])


@given(
    title=st.text(max_size=40),
    artist=st.text(max_size=20),
    tags=st.lists(st.text(min_size=1, max_size=20), max_size=6),
    medium=st.none() | st.text(max_size=30),
    year=st.none() | st.integers(-3000, 2030),
)
def test_any_facts_give_a_clean_caption(
    title: str, artist: str, tags: list[str], medium: str | None, year: int | None
) -> None:
    facts = {
        "title": title,
        "artist": artist,
        "tags": tags,
        "medium": medium,
        "year_from": year,
        "year_to": year,
    }
    row = only(art(facts), "art_captions")
    assert row["caption"][0].isupper() or not row["caption"][0].isalpha()
    assert row["caption"].endswith(".")
    assert "  " not in row["caption"]


class Says:
    """Gives a fixed answer to every item."""

    name = "says@0"

    def __init__(self, answer: Answer) -> None:
        self.answer = answer

    def __call__(self, items: Sequence[Item]) -> list[Answer]:
        return [self.answer for _ in items]


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (Answer({"caption": " ", "paragraph": "Words."}), Reason.EMPTY_CAPTION),
        (Answer({"caption": "Words.", "paragraph": ""}), Reason.EMPTY_CAPTION),
        (Answer({}), Reason.EMPTY_CAPTION),
        (Answer(refused="the model declined"), Reason.REFUSED_CAPTION),
        (Answer(refused="HTTP 500", failed=True), Reason.NO_ANSWER),
        (Answer({"caption": "I'm sorry, I can't say.", "paragraph": "Words."}), Reason.REFUSED_CAPTION),
    ],
)
def test_no_caption_is_a_reject(answer: Answer, reason: Reason) -> None:
    outcome = art(captioner=Says(answer))
    assert (len(outcome.rows), [reject.reason for reject in outcome.rejects]) == (0, [reason])


def test_leaks_of_any_captioner_are_flagged() -> None:
    said = Answer({"caption": "The ANNUNCIATION by van Eyck.", "paragraph": "An angel."})
    assert only(art(captioner=Says(said)), "art_captions")["leaks"] == ["annunciation", "eyck"]


class Reads:
    """Reads the file of every item."""

    name = "reads@0"

    def __call__(self, items: Sequence[Item]) -> list[Answer]:
        return [Answer({"caption": item.read().decode(), "paragraph": "."}) for item in items]


def test_a_captioner_reads_the_file_of_its_item(tmp_path: Path) -> None:
    (tmp_path / "image_path").write_text("It is here.")
    row = only(art(captioner=Reads(), media=open_media(tmp_path)), "art_captions")
    assert row["caption"] == "It is here."
    with pytest.raises(MediaError, match="no media"):
        art(captioner=Reads())


@pytest.mark.parametrize(
    ("text", "facts", "found"),
    [
        ("A work by Édouard MANET.", {"artist": "Edouard Manet"}, ["edouard manet", "manet"]),
        ("A manatee.", {"artist": "Edouard Manet"}, []),
        ("Unidentified hands.", {"artist": "Unidentified artist"}, []),
        ("Stacks in autumn.", {"title": "Haystacks: Autumn"}, ["autumn"]),
        ("The harvesters rest.", {"title": "The Harvesters"}, ["harvesters"]),
        ("Time out of mind.", {"album": "Time Out"}, ["time out"]),
        ("In 1494.", {"title": "1494"}, []),
        ("Clear.", {"title": None, "artist": None}, []),
    ],
)
def test_names_are_found_as_whole_words(text: str, facts: dict[str, str | None], found: list[str]) -> None:
    assert checks.leaks([text], checks.names(facts)) == found


def test_same_input_same_captions() -> None:
    assert art().rows.equals(art().rows)
    assert isinstance(music().rows, pa.Table)
