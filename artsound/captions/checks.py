"""What is looked for in every caption."""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

SHORTEST_NAME = 4  # letters; shorter names ("Art", "II") stand in too many innocent texts
ANYBODY = frozenset(
    (
        *("anonymous", "artist", "artists", "master", "maestro", "painter", "school", "unidentified"),
        *("unknown", "various", "workshop"),
    )
)
NO_GALLERY = frozenset({"private collection", "public collection", "public domain", "lost", "destroyed"})
NO_WORDS = frozenset(  # of a caption: where it comes from, and values out of a closed list
    {"prompt", "weights", "sampling", "answer", "emotion", "key", "language"}
)
FAULTS = ("caption_short", "caption_long", "paragraph_long", "repeated", "not_english")
SHORTEST, LONGEST, LONGEST_PARAGRAPH = 4, 60, 300  # words
REPEATED = 0.3  # share of word triples that occurred before
FUNCTION_WORDS = 0.12  # least share of English function words in an English text
ENGLISH = frozenset(
    (
        *("a", "an", "and", "are", "as", "at", "by", "for", "from", "has", "have", "in", "into", "is", "it"),
        *("its", "of", "on", "or", "that", "the", "there", "this", "to", "was", "which", "with"),
    )
)
SLOWEST = 40  # BPM; a smaller number in words is read as no tempo
TEMPO_TOLERANCE = 0.08  # estimates differ by this much without contradicting
SURE_BEAT, SURE_KEY = 0.1, 0.05  # confidence from which a measure can contradict
LEAST_SHARE = 0.005  # of the area; less counts as not there
TONES = {"black": "black", "white": "white", "grey": "grey", "gray": "grey", "brown": "brown"}
BASES = {"dark brown": "brown", "tan": "brown", "light blue": "blue", "olive": "green", "turquoise": "green"}
COLOURS = {  # colour word → measured colour
    **{word: word for word in ("red", "orange", "yellow", "green", "blue", "purple", "pink")},
    "crimson": "red",
    "scarlet": "red",
    "violet": "purple",
    "azure": "blue",
    "emerald": "green",
}
BETWEEN = {  # colour word → measured colours, any of which bears it out
    **dict.fromkeys(("gold", "ochre"), ("ochre", "yellow", "orange", "brown")),
    **dict.fromkeys(("teal", "cyan", "turquoise"), ("green", "blue")),
    "beige": ("beige", "brown", "yellow", "white"),
    "magenta": ("pink", "purple", "red"),
    "navy": ("blue", "purple"),
}
_DECLINES = re.compile(
    r"^(i'?m (very )?sorry|i am (very )?sorry|sorry|i apologi[sz]e|i can(not|'t)|i (won't|will not)"
    r"|(i'?m|i am) (unable|not able)|(i'?m|i am) afraid,?( that)? i|i regret"
    r"|unfortunately, i|as an ai|as a language model)\b",
    re.IGNORECASE,
)
_STATED_KEY = re.compile(  # a key, not a chord: the letter is a capital, as "in a minor way" is no key
    r"\b(?:[Ii]n|[Kk]ey(?: of| is|:)|[Cc]ent(?:re|er)ed (?:on|around)|[Tt]on(?:ality|ic) of|(?<!chord )is)"
    r" (?:the key of )?([A-G](?: ?[♯#♭b]|[-‑ ](?:sharp|flat))?[-‑ ](?:major|minor)\b)"
)
_BEATS = r"[-‑ ]?(?:bpm|beats[-‑ ](?:a|per)[-‑ ]minute)\b"
_STATED_TEMPO = re.compile(
    rf"\b(\d{{2,3}})(?:\.\d+)?{_BEATS}"
    r"|\b(?:bpm|tempo)(?: is| of|:| around| about| at| roughly| approximately)+ (\d{2,3})\b"
)
_SPELT_TEMPO = re.compile(rf"\b((?:[a-z]+[-‑ ]){{0,4}}[a-z]+){_BEATS}")
_ONES = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
_TEENS = (
    *("ten", "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen"),
    "nineteen",
)
_TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_HUE = rf"(?:{'|'.join(COLOURS | TONES | BETWEEN)})s?\b"
_DENIED = re.compile(  # colours that a text in plain words says are not there, and navies that sail
    r"\b(?:no|not|nor|neither|without|lacks?|lacking|(?:lack|absence|devoid|free) of)"
    rf"(?: (?:any|a|the|traces?|touch|hint|bit|of))* {_HUE}(?: n?or {_HUE})*|\b(?:the|royal) navy\b(?! blue)"
)
_ARTICLES = re.compile(r"^(the|a|an|la|le|les|el|il|der|die|das) ")


def plain(text: str) -> str:
    """Reduce a text to lower-case words without accents and punctuation.

    Examples:
        >>> plain("Édouard Manet's “Boating”")
        'edouard manet s boating'
    """
    letters = unicodedata.normalize("NFKD", text.casefold())
    return " ".join(
        re.sub(r"[^\w]+", " ", "".join(c for c in letters if not unicodedata.combining(c))).split()
    )


def names(facts: Mapping[str, Any]) -> set[str]:
    """Collect, in plain words, the names that would give a pairing away; see `names_by_kind`."""
    return set().union(*names_by_kind(facts).values())


def names_by_kind(facts: Mapping[str, Any]) -> dict[str, set[str]]:
    """Collect those names by what they are names of.

    Of artist, title, album, series and record label; and of the gallery, without the town it stands in. A
    printed name counts as a whole, by its parts between brackets, commas, colons and semicolons, and for
    artists by the last word of each part.
    """
    makers = [part for part in _parts(facts.get("artist")) if not set(part.split()) & ANYBODY]
    found = {"artist": {name for part in makers for name in (part, part.split()[-1])}}
    for field in ("title", "album", "series", "label"):
        found[field] = {_ARTICLES.sub("", part) for part in _parts(facts.get(field))}
    holder = plain((facts.get("gallery") or "").partition(",")[0])
    found["gallery"] = {_ARTICLES.sub("", holder)} - NO_GALLERY
    return {
        kind: {name for name in given if len(name) >= SHORTEST_NAME and not name.isdecimal()}
        for kind, given in found.items()
    }


def leaks(texts: Iterable[str | None], secret: Iterable[str]) -> list[str]:
    """List the secret names, in plain words, that stand in the texts as whole words."""
    padded = [f" {plain(text)} " for text in texts if text]
    return sorted(name for name in secret if any(f" {name} " in text for text in padded))


def texts(said: Mapping[str, Any]) -> Iterator[str]:
    """Go through the words of a caption's fields, those on the principles among them."""
    for name, value in said.items():
        words = value.get("words") if isinstance(value, Mapping) else value
        if isinstance(words, str) and name not in NO_WORDS:
            yield words


def all_masked(said: Mapping[str, Any], secret: Iterable[str]) -> dict[str, Any]:
    """Mask the secret names in every field that `texts` goes through."""

    def one(name: str, value: Any) -> Any:
        if isinstance(value, Mapping) and isinstance(value.get("words"), str):
            return {**value, "words": masked(value["words"], secret)}
        return masked(value, secret) if isinstance(value, str) and name not in NO_WORDS else value

    return {name: one(name, value) for name, value in said.items()}


def masked(text: str, secret: Iterable[str]) -> str:
    """Put an ellipsis where a secret name stands, whatever its case, accents and punctuation.

    Examples:
        >>> masked("A boat by Édouard Manet, at rest.", {"edouard manet"})
        'A boat by …, at rest.'
    """
    words = [(match.start(), match.end(), plain(match.group())) for match in re.finditer(r"\w+", text)]
    for name in sorted(secret, key=len, reverse=True):
        count = len(name.split())
        for first in range(len(words) - count, -1, -1):
            if " ".join(word for _, _, word in words[first : first + count]) == name:
                text = f"{text[: words[first][0]]}…{text[words[first + count - 1][1] :]}"
                return masked(text, secret)
    return text


def declines(text: str) -> bool:
    """Say whether a model declines instead of answering."""
    return bool(_DECLINES.match(text.strip().replace("’", "'")))


def faults(caption: str, paragraph: str) -> list[str]:
    """List what is wrong with the words themselves: a closed list of names, see `FAULTS`."""
    words = plain(f"{caption} {paragraph}").split()
    found = {
        "caption_short": len(caption.split()) < SHORTEST,
        "caption_long": len(caption.split()) > LONGEST,
        "paragraph_long": len(paragraph.split()) > LONGEST_PARAGRAPH,
        "repeated": _repetition(words) > REPEATED,
        "not_english": len(words) >= 8
        and sum(word in ENGLISH for word in words) / len(words) < FUNCTION_WORDS,
    }
    return [name for name in FAULTS if found[name]]


def music_contradictions(said: Mapping[str, Any], measures: Mapping[str, Any]) -> list[dict[str, str]]:
    """Hold stated tempo and key against the measured ones; tempi an octave apart agree."""
    found = []
    measured, sure = measures["tempo"], measures["tempo_confidence"] >= SURE_BEAT
    written = f"{said.get('tempo') or ''} {said['caption']} {said['paragraph']}".lower()
    numbers = {number for found in _STATED_TEMPO.findall(written) for number in found if number}
    numbers |= {str(read) for words in _SPELT_TEMPO.findall(written) if (read := _number(words)) >= SLOWEST}
    for bpm in sorted(
        {float(number) for number in numbers} | ({float(said["bpm"])} if said.get("bpm") else set())
    ):
        ratios = (bpm / measured * octave for octave in (0.5, 1, 2)) if measured else ()
        if measured and sure and not any(abs(ratio - 1) <= TEMPO_TOLERANCE for ratio in ratios):
            found.append(_claim("bpm", f"{bpm:g}", f"{measured:.0f}"))
    return [*found, *_key_contradictions(said, measures)]


def _key_contradictions(said: Mapping[str, Any], measures: Mapping[str, Any]) -> list[dict[str, str]]:
    """Hold the key against the measured one, in its own field and wherever the text says what it is in."""
    key, written = _key(measures["key"]), f"{said['caption']} {said['paragraph']}"
    if not key or measures["key_confidence"] < SURE_KEY:
        return []
    stated = [*([str(said["key"])] if said.get("key") else []), *_STATED_KEY.findall(written)]
    claims = {read: " ".join(text.split()) for text in reversed(stated) if (read := _key(text))}
    return [_claim("key", claims[read], str(measures["key"])) for read in sorted(claims) if read != key]


def art_contradictions(said: Mapping[str, Any], measures: Mapping[str, Any]) -> list[dict[str, str]]:
    """Hold colour words against the measured palette; a colour that covers nothing was invented."""
    shares: dict[str, float] = {}
    for colour in measures["palette"]:
        base = BASES.get(colour["name"], colour["name"])
        shares[base] = shares.get(base, 0.0) + colour["value"]
    words = " ".join(str(said.get(field) or "") for field in ("colour", "caption", "paragraph"))
    text = _DENIED.sub(" ", plain(words))
    shares |= {tone["name"]: tone["value"] for tone in measures["tones"]}
    stated = {singular for word in text.split() for singular in (word, word.removesuffix("s"))}
    meant: dict[str, tuple[str, ...]] = {
        base: (base,) for word, base in (COLOURS | TONES).items() if word in stated
    }
    meant |= {word: any_of for word, any_of in BETWEEN.items() if word in stated}
    main = ", ".join(colour["name"] for colour in measures["palette"][:4])
    lacking = (word for word in meant if all(shares.get(base, 0.0) < LEAST_SHARE for base in meant[word]))
    return [_claim("colour", word, main) for word in sorted(lacking)]


def _claim(field: str, stated: str, measured: str) -> dict[str, str]:
    return {"field": field, "stated": stated, "measured": measured}


def _number(words: str) -> int:
    """Read the number below three hundred that some words end in; 0 where they end in none.

    Examples:
        >>> _number("at one hundred and twenty-five")
        125
    """
    total = hundreds = 0
    for word in re.findall(r"[a-z]+", words):
        if word == "hundred":
            total, hundreds = max(1, total) * 100, 1
        elif word in _ONES:
            total = (total if total % 10 == 0 and total else 0) + _ONES.index(word) + 1
        elif word in _TEENS or word in _TENS:
            value = _TEENS.index(word) + 10 if word in _TEENS else (_TENS.index(word) + 2) * 10
            total = (total if total and total % 100 == 0 and hundreds else 0) + value
        elif word != "and":
            total = hundreds = 0
    return total


def _key(text: str | None) -> tuple[int, str] | None:
    """Read a key as pitch class and mode; None where the text is none.

    Examples:
        >>> _key("B♭ minor") == _key("A# minor")
        True
    """
    match = re.match(
        r"^\s*([a-g])\s*-?(♯|#|sharp|♭|b|flat)?[\s-]*(major|minor|maj|min)\b",
        (text or "").lower().replace("‑", "-"),
    )
    if not match:
        return None
    letter, sign, mode = match.groups()
    shift = {"♯": 1, "#": 1, "sharp": 1, "♭": -1, "b": -1, "flat": -1}.get(sign or "", 0)
    return ("c d ef g a b".index(letter) + shift) % 12, mode[:3]


def _repetition(words: list[str]) -> float:
    """Share of word triples that occurred before; 0 for short texts."""
    triples = list(zip(words, words[1:], words[2:], strict=False))
    return 1 - len(set(triples)) / len(triples) if len(triples) >= 10 else 0.0


def _parts(printed: str | None) -> list[str]:
    """Split a printed name and reduce its parts to plain words, the whole name first."""
    given = printed or ""
    pieces = [re.sub(r"\(.*?\)", " ", given), *re.split(r"[()\[\];:,/]| - ", given)]
    return [words for piece in pieces if (words := plain(piece))]


CONTRADICTIONS = {"art_captions": art_contradictions, "music_captions": music_contradictions}
