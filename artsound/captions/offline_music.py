"""Clips in words, from what the catalogue says and what was measured: no language model, no chance."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from artsound.captions import checks
from artsound.captions.heard import production, structure, texture, vocals
from artsound.captions.vocabulary import (
    CAPITAL,
    GENRE_WORDS,
    GENRES,
    INSTRUMENTS,
    LANGUAGES,
    MOODS,
    PLACES,
    TRADITIONS,
)
from artsound.captions.words import OFFLINE, a, feeling, level, listed, pick, sentence
from artsound.models.protocols import Answer, Item

Row = Mapping[str, Any]

LIKELY = 0.2  # probability from which a musicnn tag is believed
SURE_GENRE = 0.3  # genres are mistaken more often than instruments
SURE_KEY = 0.03  # margin of the best key profile from which the key is stated
SURE_BEAT = 0.1  # confidence of the tempo from which it is stated
PACE = [(60.0, "very slow"), (76.0, "slow"), (100.0, "moderate"), (126.0, "brisk"), (160.0, "fast")]  # BPM
LOUDNESS = [(-30.0, "very quiet"), (-23.0, "quiet"), (-17.0, "moderately loud"), (-11.0, "loud")]  # LUFS
RANGE = [(6.0, "little"), (14.0, "moderate")]  # dB between loud and quiet moments
BRIGHTNESS = [(700.0, "dark"), (1300.0, "warm"), (2200.0, "clear")]  # mean spectral centroid, Hz
WIDTH = [(1200.0, "focused"), (1800.0, "full")]  # spread of the spectrum, Hz
NOISE = [(0.03, "tonal"), (0.15, "slightly rough")]  # spectral flatness
ONE = ("{} can be heard", "one hears {}")  # instrument, or several
SEVERAL = frozenset({"drums", "strings"})  # take no article
MANY = (*ONE, "the instruments include {}")
CHORDS, LEAST_CHORD, LEAST_HARMONY = (
    3,
    2.0,
    6.0,
)  # chords that are named; s of one, and of all, that there must be


class OfflineMusic:
    """Same facts and measures, same words."""

    name = OFFLINE

    def __call__(self, items: Sequence[Item]) -> list[Answer]:
        """Return one answer a clip."""
        return [Answer(_fields(item)) for item in items]


def _fields(item: Item) -> dict[str, Any]:
    found, secret = item.measures, checks.names(item.facts)
    likely = [tag["name"].lower() for tag in found["tags"] if tag["value"] >= LIKELY]
    genres = _without(_genres(item.facts, found), secret)
    places = _without((PLACES[one.lower()] for one in item.facts["genres"] if one.lower() in PLACES), secret)
    sung = vocals(item.facts, likely)
    played = [
        one for one in _named(likely, INSTRUMENTS) if not (sung and one == "choir")
    ]  # said of the voices
    instruments = _without(played, secret)
    moods = _without(_named(likely, MOODS), secret)[:1]
    moods.append(pick(item.key, "mood", feeling(found["valence"], found["arousal"]).moods))
    two = genres[:1] if any(" and " in genre for genre in genres[:2]) else genres[:2]
    fields: dict[str, Any] = {
        "genre": listed(two) or None,
        **_beat(found),
        "key": _key(found, instruments),
        "instruments": listed(instruments) or None,
        "chords": _chords(found, instruments),
        "timbre": _timbre(found),
        "structure": structure(found),
        "dynamics": _dynamics(found),
        "production": production(found),
        "vocals": sung,
        "language": item.facts.get("language"),
        "mood": moods[0],
        "valence": found["valence"],
        "arousal": found["arousal"],
        "context": _context(item.facts, places, secret),
    }
    place = f" from {places[0]}" if places else ""
    return fields | {
        "caption": _caption(item.key, fields, place),
        "paragraph": _paragraph(item, fields, instruments, moods, secret),
    }


def _caption(key: str, fields: Row, place: str) -> str:
    pace, genre = (fields["tempo"] or "").partition(",")[0], fields["genre"] or ""
    piece = pick(key, "piece", ("piece", "recording", "performance"))
    rest = f"{place}{_sounding(fields)}"
    beat = f"{pace} in tempo" if pace else "without a clear beat"
    frames = (
        f"{a(f'{pace} {genre} {piece}'.strip())}{rest}, {fields['mood']} in mood",
        f"{a(f'{genre} {piece}'.strip())}{rest}, {beat}, {fields['mood']} in mood",
        f"{a(fields['mood'])} {genre} {piece}{rest}, {beat}",
    )
    return sentence(pick(key, "frame", frames))


def _sounding(fields: Row) -> str:
    heard = [part for part in (fields["instruments"], fields["vocals"]) if part and part != "no vocals"]
    if heard:
        return f" with {' and '.join(heard) if ' and ' not in heard[0] else ', and '.join(heard)}"
    return " without vocals" if fields["vocals"] else ""


def _paragraph(
    item: Item, fields: Row, instruments: Sequence[str], moods: Sequence[str], secret: set[str]
) -> str:
    key, tempo = item.key, fields["tempo"]
    heard = listed([one if one in SEVERAL else a(one) for one in instruments])
    pulse = pick(key, "pulse", ("the tempo is {}", "the pulse is {}", "its pace is {}")).format(tempo)
    parts = (
        pulse if tempo else "no steady beat stands out",
        f"it is centred on {fields['key']}" if fields["key"] else "",
        _harmony(fields["chords"]),
        pick(key, "heard", MANY if len(instruments) > 1 else ONE).format(heard) if heard else "",
        _voices(fields),
        f"the sound is {fields['timbre']}, the texture {texture(item.measures)}",
        f"the clip has {fields['structure'].rpartition(', ')[0]}",
        f"the recording, in {fields['production'].partition(',')[0]}, is {fields['dynamics']}",
        f"it is {fields['context']}" if fields["context"] else "",
        pick(key, "closing", ("the mood is {}", "it comes across as {}", "the whole feels {}")).format(
            moods[-1]
        ),
    )
    return " ".join(sentence(part) for part in parts if part and not checks.leaks([part], secret))


def _beat(found: Row) -> dict[str, Any]:
    """Put the tempo into words, where there is a beat."""
    bpm = found["tempo"]
    if not bpm or found["tempo_confidence"] < SURE_BEAT:
        return {"tempo": None, "bpm": None}
    return {"tempo": f"{level(bpm, PACE, 'very fast')}, about {round(bpm)} BPM", "bpm": round(bpm)}


def _key(found: Row, instruments: Sequence[str]) -> str | None:
    """State the key where it is clear; drums alone have none, whatever their resonances suggest."""
    clear = found["key_confidence"] >= SURE_KEY and list(instruments) != ["drums"]
    return found["key"] if clear else None


def _chords(found: Row, instruments: Sequence[str]) -> str | None:
    """Name the chords that sound longest, where there are at least two and something to play them."""
    lasting: dict[str, float] = {}
    for chord in found["chords"]:
        lasting[chord["name"]] = lasting.get(chord["name"], 0.0) + chord["end"] - chord["start"]
    held = [name for name in lasting if lasting[name] >= LEAST_CHORD]
    longest = sorted(held, key=lambda name: (-lasting[name], name))[:CHORDS]
    sure = len(longest) > 1 and sum(lasting.values()) >= LEAST_HARMONY and list(instruments) != ["drums"]
    named = [f"{one[:-1]} minor" if one.endswith("m") else f"{one} major" for one in longest]
    return listed(named) if sure else None


def _harmony(chords: str | None) -> str:
    """Say between which chords the harmony moves, or among which."""
    return f"the harmony moves mostly {'among' if ', ' in chords else 'between'} {chords}" if chords else ""


def _timbre(found: Row) -> str:
    """Say where the spectrum lies, how wide it is, and how much of it is noise."""
    bright = level(found["brightness"], BRIGHTNESS, "bright")
    width, noise = level(found["bandwidth"], WIDTH, "wide-ranging"), level(found["noisiness"], NOISE, "noisy")
    return f"{bright}, {width} and {noise}"


def _voices(fields: Row) -> str:
    """Say who sings, and in which language where the catalogue knows."""
    sung, language = fields["vocals"], LANGUAGES.get((fields["language"] or "").lower()[:2])
    if not sung:
        return ""
    words = f" in {language}" if language and sung != "no vocals" else ""
    return f"there {'is' if sung.startswith('a ') else 'are'} {sung}{words}"


def _context(facts: Row, places: Sequence[str], secret: set[str]) -> str | None:
    """Say where and when the music comes from, as far as the catalogue tells."""
    genres = [genre.lower() for genre in facts["genres"]]
    tradition = next((TRADITIONS[genre] for genre in genres if genre in TRADITIONS), "")
    first, last = facts.get("year_from"), facts.get("year_to")
    decade = f"of the {first // 10 * 10}s" if first and last and first // 10 == last // 10 else ""
    parts = [f"from {places[0]}" if places else "", decade, f"in {tradition}" if tradition else ""]
    said = " ".join(part for part in parts if part and not checks.leaks([part], secret))
    return f"music {said}" if said else None


def _dynamics(found: Row) -> str:
    loud = level(found["loudness"], LOUDNESS, "very loud")
    return f"{loud}, with {level(found['dynamics'], RANGE, 'strong')} contrast from moment to moment"


def _genres(facts: Row, found: Row) -> list[str]:
    """Prefer the catalogue's genres; else what the tagger hears."""
    given = [_cased(genre) for genre in facts["genres"] if genre.lower() not in PLACES]
    heard = [tag["name"].lower() for tag in found["tags"] if tag["value"] >= SURE_GENRE]
    return given or [GENRES[tag] for tag in heard if tag in GENRES]


def _cased(genre: str) -> str:
    """Lower-case a genre except for proper names; parts that a catalogue divides by signs are joined."""
    if known := GENRE_WORDS.get(genre.lower()):
        return known
    family, _, kind = genre.partition(": ")
    words = f"{kind} {family}".replace(" / ", " and ").replace(" - ", " and ").split()
    words = words[:-1] if len(words) > 1 and words[-1].lower() == "music" else words
    return " ".join(word if word.lower() in CAPITAL else word.lower() for word in words)


def _named(likely: Iterable[str], names: Mapping[str, str]) -> list[str]:
    return list(dict.fromkeys(names[tag] for tag in likely if tag in names))


def _without(words: Iterable[str], secret: set[str]) -> list[str]:
    return [word for word in words if not checks.leaks([word], secret)]
