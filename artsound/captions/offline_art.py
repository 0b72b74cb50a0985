"""Artworks in words, from what the catalogue says and what was measured: no language model, no chance."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from artsound.captions import checks
from artsound.captions.iconography import ADJECTIVES, CLASSES, GENERAL, KINDS, ONE_OF, PHRASES, PROPER, SAID
from artsound.captions.words import OFFLINE, a, feeling, level, listed, ordinal, pick, sentence
from artsound.models.protocols import Answer, Item
from artsound.tables import EMOTIONS, PRINCIPLES

Row = Mapping[str, Any]

MOST = 5  # subjects named in a caption
CLEAREST = 3  # principles named in a paragraph
PAINTS = re.compile(r"\b(oil|tempera|watercolour|gouache|acrylic|fresco|distemper|encaustic)\b")
MATERIALS = re.compile(
    r"^(opaque |transparent )?(oil|tempera|ink|watercolour|gouache|pastel|acrylic|fresco|enamel|encaustic"
    r"|chalk|charcoal|pencil|graphite|distemper|gold|silver|mixed media|etching|engraving|lithograph"
    r"|woodcut)\b"
)
GROUPS = frozenset({"male figures", "female figures"})  # how `GENERAL` says men and women
ONE_SCENE = re.compile(r"[A-Z]|(a|an|the) ")  # a phrase that is not a class of things in the plural
DARKNESS = [(32.0, "dark"), (45.0, "subdued"), (58.0, "mid-toned")]  # mean L*
STRENGTH = [(10.0, "faint"), (18.0, "muted"), (28.0, "moderately strong")]  # mean chroma
CONTRAST = [(13.0, "soft"), (20.0, "moderate")]  # standard deviation of L*
WARMTH = [(-0.1, "cool"), (0.5, "balanced between warm and cool"), (0.9, "warm")]
DETAIL = [(0.22, "broad in handling"), (0.36, "moderately detailed")]  # edge density
PRESENT = {  # measure from which a principle counts as present: about the upper half of old paintings
    "balance": 0.9,
    "harmony": 0.85,
    "variety": 0.6,
    "unity": 0.67,
    "contrast": 20.0,
    "emphasis": 0.12,
    "proportion": 0.45,
    "movement": 0.3,
    "rhythm": 0.18,
    "pattern": 0.24,
}
MIRRORED = 0.6  # correlation with the mirror image from which a layout counts as symmetric


class OfflineArt:
    """Same facts and measures, same words."""

    name = OFFLINE

    def __call__(self, items: Sequence[Item]) -> list[Answer]:
        """Return one answer an artwork."""
        return [Answer(_fields(item)) for item in items]


def _fields(item: Item) -> dict[str, Any]:
    key, facts, found = item.key, item.facts, item.measures
    secret = checks.names(facts)
    kind, things = _kind(facts), _things(facts, secret)
    mood = pick(key, "mood", feeling(found["valence"], found["arousal"]).moods)
    technique = _technique(facts, secret)
    picture, shown = kind or _noun(technique), _shown(kind, facts, things, secret)
    made = f" in {technique}" if MATERIALS.match(technique) else ""
    what = a(" ".join(f"{_origin(facts, secret)} {picture}{made}".split()))
    words = {"what": _joined(what, shown), "mood": mood, "kind": kind or "picture"}
    return {
        "subject": sentence(_joined(a(picture), shown)) if shown else None,
        "composition": sentence(_composition(found)),
        "colour": sentence(_colour(found)),
        "technique": sentence(technique) if technique else None,
        **_principles(found),
        "mood": mood,
        "valence": found["valence"],
        "arousal": found["arousal"],
        "emotion": _emotion(facts, found),
        "caption": _caption(key, found, words),
        "paragraph": _paragraph(key, facts, found, words, technique),
    }


def _caption(key: str, found: Row, words: dict[str, str]) -> str:
    light, colours = level(found["lightness"], DARKNESS, "bright"), _colours(found)[:3]
    alone = len(colours) == 1 and not colours[0].endswith("colours")
    palette, verb = listed(colours), "colour is" if alone else "colours are"
    frames = (
        f"{words['what']}; it is {light}, mostly {palette}, and its mood is {words['mood']}",
        f"{words['what']}; {palette} {'sets' if alone else 'set'} {a(words['mood'])} mood",
        f"{words['what']}; its main {verb} {palette}, and the mood is {words['mood']}",
    )
    return sentence(pick(key, "frame", frames))


def _paragraph(key: str, facts: Row, found: Row, words: dict[str, str], technique: str) -> str:
    feel = feeling(found["valence"], found["arousal"])
    openings = (
        f"the {words['kind']} is {_composition(found)}",
        f"seen as a whole, the {words['kind']} is {_composition(found)}",
    )
    closings = (
        f"the overall effect is {words['mood']}",
        f"colour and line together feel {feel.moods[0]}",
        f"it leaves {a(feel.moods[1])} impression",
    )
    clear = _clearest(found)
    verb = "is the clearest" if len(clear) == 1 else "are the clearest"
    principles = f"of the principles of art, {listed(clear)} {verb}" if clear else ""
    style = f"in style it belongs to {facts['style']}" if facts.get("style") else ""
    made = (
        f"the catalogue gives its medium as {technique}"
        if technique and not MATERIALS.match(technique)
        else ""
    )
    parts = (
        pick(key, "opening", openings),
        f"it is {_colour(found)}",
        principles,
        style,
        made,
        pick(key, "closing", closings),
    )
    secret = checks.names(facts)
    said = (sentence(part) for part in parts if part)
    return " ".join(part for part in said if not checks.leaks([part], secret))


def _kind(facts: Row) -> str:
    """Tell portrait from landscape and so on; empty when nothing says so."""
    given = [_tag(facts.get("genre") or ""), *(_tag(tag) for tag in facts["tags"])]
    return next((KINDS[tag] for tag in KINDS if tag in given), "")


def _noun(technique: str) -> str:
    return "painting" if PAINTS.search(technique) else "picture"


def _things(facts: Row, secret: set[str]) -> list[str]:
    """Name what is shown, without naming the title."""
    said = _said(facts)
    tags = [tag for tag in facts["tags"] if _tag(tag) not in KINDS and _tag(tag) not in said]
    phrases = (_unless_secret(tag, facts["title"] or "", secret) for tag in tags)
    found = list(dict.fromkeys(phrase for phrase in phrases if phrase))[:MOST]
    return sorted(found, key=lambda phrase: " and " in phrase or phrase.count(" ") > 2)  # long ones last


def _said(facts: Row) -> set[str]:
    """Collect the tags that other tags say already: whoever reads of monks need not read of men."""
    tags = [_tag(tag) for tag in facts["tags"]]
    named = {"saints"} if any(tag.startswith("saint ") for tag in tags) else set()
    return named.union(*(SAID.get(tag, ()) for tag in tags))


def _unless_secret(tag: str, title: str, secret: set[str]) -> str:
    """Put a tag into a phrase; a more general one where the title has the same word, empty where none is."""
    plain = _tag(tag)
    titled = bool(checks.leaks([title], [checks.plain(tag)]))
    saint = "a saint" if plain.startswith(("saint ", "st ", "st. ")) else ""
    general = GENERAL.get(plain, saint)
    if not (general and titled) and not checks.leaks(
        [tag, phrase := PHRASES.get(plain) or _cased(tag)], secret
    ):
        return phrase
    return "" if checks.leaks([general], secret) else general


def _cased(tag: str) -> str:
    """Lower-case a tag except for proper names."""
    if _tag(tag) in CLASSES:
        return _tag(tag)
    words = re.sub(r"^st\.? ", "saint ", _tag(tag)).split()
    small = {"the", "of", "and", "in", "with", "on", "at"}
    return " ".join(
        word.capitalize() if word.lower() in PROPER and word.lower() not in small else word.lower()
        for word in words
    )


def _shown(kind: str, facts: Row, things: list[str], secret: set[str]) -> str:
    """Say what a picture shows. Tags are classes, in the plural: they tell what there is, not how many."""
    shown, sitters = list(things), ""
    if kind in {"portrait", "self-portrait"} and (sitters := _sitters(facts)):
        sitters += " in profile" if "faces in profile" in shown else ""
        known = {"faces in profile", "a painter at work" if kind == "self-portrait" else "", *ONE_OF, *GROUPS}
        shown = [thing for thing in shown if thing not in known]
    scene = not sitters and all(ONE_SCENE.match(thing) for thing in shown)
    motifs = f"{'showing' if scene else 'with'} {listed(shown)}" if shown else ""
    said = ", ".join(part for part in (sitters, motifs) if part)
    return "" if checks.leaks([said], secret) else said


def _joined(what: str, shown: str) -> str:
    return f"{what}{',' if ' in ' in what else ''} {shown}" if shown else what


def _sitters(facts: Row) -> str:
    """Say who is portrayed: one person where the tags name one class."""
    said, tags = _said(facts), [_tag(tag) for tag in facts["tags"]]
    classes = dict.fromkeys(ONE_OF[tag] for tag in tags if tag in ONE_OF and tag not in said)
    if len(classes) < 2:
        return f"showing {next(iter(classes))}" if classes else ""
    plural = {one: tag for tag, one in ONE_OF.items() if " " not in tag}
    return f"showing {listed([plural[one] for one in classes])}"


def _origin(facts: Row, secret: set[str]) -> str:
    """Say when and where: century and culture."""
    century = _century(facts.get("year_from"), facts.get("year_to"))
    head = re.split(r"[(,;]", facts.get("culture") or facts.get("country") or "")[0].strip()
    culture = ADJECTIVES.get(head.lower(), head)
    return " ".join(part for part in (century, culture) if part and not checks.leaks([part], secret))


def _century(first: int | None, last: int | None) -> str:
    if first is None or first <= 0:
        return "ancient" if first is not None else ""
    middle = (first + (last if last is not None else first)) // 2
    return f"{ordinal((middle - 1) // 100 + 1)}-century"


def _technique(facts: Row, secret: set[str]) -> str:
    """Tidy the catalogue's words on materials; the first one that names a material, else the first."""
    given = re.sub(r"\(.*?\)", "", facts.get("medium") or "").replace("olor", "olour")
    parts = [" ".join(part.split()) for part in given.split(";")]
    parts = [part[:1].lower() + part[1:] for part in parts if part and "verso" not in part]
    chosen = next((part for part in parts if MATERIALS.match(part)), parts[0] if parts else "")
    chosen = re.sub(r", transferred .*$", "", chosen)
    chosen = re.sub(r",? gold ground$", " with a gold ground", chosen)
    chosen = re.sub(r", and ", " and ", chosen)
    return "" if checks.leaks([chosen], secret) else chosen


def _colours(found: Row) -> list[str]:
    return [colour["name"] for colour in found["palette"] if colour["value"] >= 0.08] or ["mixed colours"]


def _colour(found: Row) -> str:
    light = level(found["lightness"], DARKNESS, "bright")
    strength = level(found["saturation"], STRENGTH, "strong")
    contrast = level(found["contrast"], CONTRAST, "strong")
    warmth = level(found["warmth"], WARMTH, "decidedly warm")
    main = listed(_colours(found)[:4])
    tone = f"{warmth} in tone" if warmth.endswith(("cool", "warm")) and " and " not in warmth else warmth
    return f"{light}, in {strength} colours and {tone}: {main}, with {contrast} contrast of light and dark"


def _composition(found: Row) -> str:
    detail = level(found["edge_density"], DETAIL, "dense with detail")
    if not _shows(found, "balance"):
        return f"{detail} and weighted to one side"
    return f"{detail} and {'nearly symmetric' if found['symmetry'] >= MIRRORED else 'freely balanced'}"


def _principles(found: Row) -> dict[str, Any]:
    """Judge the ten Principles of Art by one measure each; the words say what was measured."""
    many = sum(colour["value"] >= 0.01 for colour in found["palette"])
    most = max((colour["value"] for colour in found["palette"]), default=0.0)
    contrast = level(found["contrast"], CONTRAST, "strong")
    balanced = "what stands out is off centre"
    if _shows(found, "balance"):
        mirrored = ", and the sides nearly mirror one another" if found["symmetry"] >= MIRRORED else ""
        balanced = f"what stands out is centred{mirrored}"
    judged = {
        "balance": balanced,
        "harmony": f"{found['harmony']:.0%} of the colour lies in one range of hue and its opposite",
        "variety": f"{_so_many(many)} beyond a hundredth of the picture, the commonest on {most:.0%} of it",
        "unity": f"its parts share {found['unity']:.0%} of their colours with the whole",
        "contrast": f"{contrast} steps between light and dark",
        "emphasis": "one place draws the eye" if _shows(found, "emphasis") else "no one place draws the eye",
        "proportion": f"what differs from the border takes {found['proportion']:.0%} of the picture",
        "movement": f"{found['movement']:.0%} of the edges run on diagonals",
        "rhythm": "accents recur at intervals"
        if _shows(found, "rhythm")
        else "accents do not recur regularly",
        "pattern": "detail repeats over the picture" if _shows(found, "pattern") else "detail hardly repeats",
    }
    return {name: {"present": _shows(found, name), "words": words} for name, words in judged.items()}


def _shows(found: Row, principle: str) -> bool:
    return bool(found[principle] >= PRESENT[principle])


def _clearest(found: Row) -> list[str]:
    """Name the principles furthest beyond where they count as present; the colour sentence tells contrast."""
    beyond = {
        name: (found[name] - PRESENT[name]) / (1 - PRESENT[name]) for name in PRINCIPLES if name != "contrast"
    }
    clear = sorted((name for name in beyond if _shows(found, name)), key=lambda name: -beyond[name])
    return clear[:CLEAREST]


def _so_many(count: int) -> str:
    """Say how many colours there are."""
    return "one colour" if count == 1 else f"{count or 'no'} colours"


def _emotion(facts: Row, found: Row) -> str:
    """Prefer what annotators named most; else derive it from colour and edges."""
    named = {one["name"]: one["value"] for one in facts.get("emotions") or () if one["name"] in EMOTIONS}
    if named:
        return str(max(sorted(named), key=lambda name: named[name]))
    return feeling(found["valence"], found["arousal"]).emotion


def _tag(tag: str) -> str:
    return tag.replace("-", " ").lower()
