"""Small parts of English that the offline captioners share."""

import hashlib
from collections.abc import Sequence
from typing import NamedTuple

OFFLINE = "offline@6"  # raise the revision when the offline captions change
NTH = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth")
LOW, HIGH = -0.15, 0.15  # valence and arousal between these are neutral


class Feeling(NamedTuple):
    """One field of the plane of valence and arousal, in words."""

    moods: tuple[str, str]
    emotion: str  # nearest of the nine ArtEmis classes


FEELINGS = {  # (valence, arousal), each −1, 0 or 1
    (1, 1): Feeling(("lively and joyful", "vivid and exuberant"), "excitement"),
    (1, 0): Feeling(("cheerful", "good-humoured"), "amusement"),
    (1, -1): Feeling(("serene", "gentle and untroubled"), "contentment"),
    (0, 1): Feeling(("restless", "charged and alert"), "awe"),
    (0, 0): Feeling(("poised", "even-tempered"), "something else"),
    (0, -1): Feeling(("tranquil", "calm and reserved"), "contentment"),
    (-1, 1): Feeling(("turbulent", "tense and dramatic"), "fear"),
    (-1, 0): Feeling(("sombre", "grave"), "sadness"),
    (-1, -1): Feeling(("melancholy", "hushed and brooding"), "sadness"),
}


def feeling(valence: float, arousal: float) -> Feeling:
    """Put a point of the affect plane into words."""
    return FEELINGS[_third(valence), _third(arousal)]


def pick(key: str, what: str, options: Sequence[str]) -> str:
    """Choose a wording by hash: the same for the same item, varied between items."""
    return options[int.from_bytes(hashlib.sha256(f"{what}/{key}".encode()).digest()[:8]) % len(options)]


def listed(words: Sequence[str]) -> str:
    """Join words to a list.

    Examples:
        >>> listed(["men", "dogs", "horses"])
        'men, dogs and horses'
        >>> listed(["trees and shrubs", "a lake"])
        'trees and shrubs, and a lake'
    """
    last = ", and " if any(" and " in word for word in words[:-1]) else " and "
    return last.join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def a(phrase: str) -> str:
    """Put the indefinite article before a phrase.

    Examples:
        >>> a("oil painting"), a("18th-century view"), a("15th-century view"), a("European song")
        ('an oil painting', 'an 18th-century view', 'a 15th-century view', 'a European song')
    """
    start = phrase.lower()
    vowel = start.startswith(("a", "e", "i", "o", "u", "8", "11th", "18th")) and not start.startswith(
        ("eu", "uni", "use", "one-", "u-")
    )
    return f"{'an' if vowel or start.startswith('unid') else 'a'} {phrase}"


def sentence(text: str) -> str:
    """Make a phrase a sentence: first letter upper-case, one full stop at the end.

    Examples:
        >>> sentence("a calm lake")
        'A calm lake.'
    """
    text = " ".join(text.split()).rstrip(".;, ")
    return f"{text[:1].upper()}{text[1:]}." if text else ""


def ordinal(number: int) -> str:
    """Write a number as an ordinal.

    Examples:
        >>> ordinal(1), ordinal(12), ordinal(22)
        ('1st', '12th', '22nd')
    """
    ending = {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{'th' if number % 100 in (11, 12, 13) else ending}"


def nth(number: int) -> str:
    """Write a small ordinal as a word.

    Examples:
        >>> nth(2), nth(12)
        ('second', '12th')
    """
    return NTH[number - 1] if number <= len(NTH) else ordinal(number)


def level(value: float, steps: Sequence[tuple[float, str]], top: str) -> str:
    """Name the first step that a value stays below, or `top`.

    Examples:
        >>> level(35, [(30, "dark"), (60, "mid-toned")], "light")
        'mid-toned'
    """
    return next((name for limit, name in steps if value < limit), top)


def _third(value: float) -> int:
    return (value > HIGH) - (value < LOW)
