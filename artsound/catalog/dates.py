"""Years from the free text in which museums, WikiArt and music catalogues write dates.

A strict grammar: what it does not know gives nulls, and a loose word (`early`, `mid`) never narrows a span.
Years before the common era are negative: 300 B.C. is −300.
"""

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple


class Years(NamedTuple):
    """The first and the last year that a date allows; null where it says nothing."""

    year_from: int | None = None
    year_to: int | None = None
    circa: bool | None = None


Span = tuple[int | None, int | None]

UNKNOWN = Years()
LAST_YEAR = 2100  # a larger number is no year
_MONTH = (
    r"(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?"
    r"|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?|spring|summer|autumn|fall|winter)\.?"
)
_DAY = r"\d{1,2}(?:st|nd|rd|th)?"
_TO_YEAR = (  # a day or a month says no more than its year
    (re.compile(r"\b(\d{4})-\d{2}-\d{2}(?:[t ][\d:.]+z?)?(?!\d)"), r"\1"),
    (re.compile(r"\b\d{1,2}([./])\d{1,2}\1(\d{4})\b"), r"\2"),
    (re.compile(r"\b(\d{4})([./])\d{1,2}\2\d{1,2}\b"), r"\1"),
    (re.compile(rf"\b(?:{_DAY} )?{_MONTH}(?: {_DAY})?,? (?=\d{{4}}\b)"), ""),
    (re.compile(rf"\b(\d{{4}}),? (?:{_DAY} )?{_MONTH}(?: {_DAY})?(?=$|[\s;,)-])"), r"\1"),
)
_CIRCA = re.compile(
    r"(?<![a-z0-9])(?:(?:circa|ca|c)\.? ?(?=\d|early|mid|late)"
    r"|(?:about|around|approx(?:imately|\.)?|possibly|probably|perhaps|shortly|likely) ?)|\(\?\)|\?"
)
_NOISE = re.compile(
    r"\b(?:dated|painted|made|created|executed|designed|signed|in|the|year|years|from)\b|[()\[\]]"
)
_ERA = r"(?P<era>b\.? ?c\.? ?e?\.?|a\.? ?d\.?|c\.? ?e\.?)"
_YEAR = re.compile(rf"(?P<ad>a\.? ?d\.? ?)?(?P<year>-?\d{{1,4}}) ?{_ERA}?")
_DECADE = re.compile(r"(?P<loose>(?:early|mid|late)[ -]*)?(?P<decade>\d{1,3}0)'?s")
_CENTURY = re.compile(
    r"(?:(?P<loose>early|mid|middle|late|end|beginning)(?: of)?[ -]*"
    r"|(?P<part>first|second|third|fourth|last|1st|2nd|3rd|4th) (?P<of>half|quarter)(?: of)? )?"
    rf"(?P<number>\d{{1,2}}(?:st|nd|rd|th)|[ivx]+)[ -]*(?:century|centuries|cent\.?|c\.?) ?{_ERA}?"
)
_SPLIT = re.compile(r"\s*(?:;|,|&|\bor\b|\band\b)\s*")
_BETWEEN = re.compile(r"\bbetween (.+?) and ")
_OPEN = re.compile(r"(?P<word>after|before|by|until|no later than|not before) (?P<rest>.+)")
_HALF_CENTURY = re.compile(
    r"(\d{1,2}(?:st|nd|rd|th))(?= ?- ?(?:early |mid |late )?\d{1,2}(?:st|nd|rd|th) (cent\w*))"
)
_PARTS = {
    "first": 0,
    "1st": 0,
    "second": 1,
    "2nd": 1,
    "third": 2,
    "3rd": 2,
    "fourth": 3,
    "4th": 3,
    "last": -1,
}
_ROMAN = {"i": 1, "v": 5, "x": 10}


@lru_cache(maxsize=1 << 14)  # collections repeat their dates
def parse_date(text: str | None) -> Years:
    """Read the years that a date allows.

    Examples:
        >>> parse_date("ca. 1390–1353 B.C.")
        Years(year_from=-1390, year_to=-1353, circa=True)
        >>> parse_date("mid-12th century")
        Years(year_from=1101, year_to=1200, circa=False)
        >>> parse_date("after the war")
        Years(year_from=None, year_to=None, circa=None)
    """
    plain = _plain(text or "")
    certain = _CIRCA.sub("", plain)
    spans = [_span(piece) for piece in _pieces(certain)]
    if not spans or None in spans:
        return UNKNOWN
    lows, highs = zip(*(span for span in spans if span), strict=True)
    year_from, year_to = _edge(lows, first=True), _edge(highs, first=False)
    if year_from is not None and year_to is not None and year_from > year_to:
        return UNKNOWN
    return Years(year_from, year_to, certain != plain)


def _plain(text: str) -> str:
    """Bring spelling, dashes and blanks to one form, and days and months to their year."""
    plain = re.sub(r"\s+", " ", re.sub(r"\s*[‐‑‒–—−]\s*", "-", text.strip().lower()))
    for pattern, year in _TO_YEAR:
        plain = pattern.sub(year, plain)
    plain = _BETWEEN.sub(r"\1 - ", plain)
    return _HALF_CENTURY.sub(r"\1 \2", plain)


def _pieces(text: str) -> list[str]:
    bare = re.sub(r"\s+", " ", _NOISE.sub(" ", text)).strip(" .")
    return [piece for piece in _SPLIT.split(bare) if piece]


def _edge(years: Iterable[int | None], *, first: bool) -> int | None:
    """Return the outermost of the years; null if one side is open."""
    known = list(years)
    if None in known:
        return None
    return (
        min(year for year in known if year is not None) if first else max(y for y in known if y is not None)
    )


def _span(piece: str) -> Span | None:
    """Read one date or one range; None when it is neither."""
    if opened := _OPEN.fullmatch(piece):
        point = _span(opened["rest"])
        if point is None:
            return None
        return (point[0], None) if opened["word"] in ("after", "not before") else (None, point[1])
    if point := _point(piece):
        return point
    for dash in re.finditer(r" ?(?:-|/|\bto\b) ?", piece):
        if dash.start() and (span := _range(piece[: dash.start()], piece[dash.end() :])):
            return span
    return None


def _range(first: str, last: str) -> Span | None:
    """Read `first – last`, where either may lean on the other for its century or era."""
    if short := re.fullmatch(r"(\d{1,2})('?s)?", last):
        return _shortened(first, short[1], decade=bool(short[2]))
    end = _point(last)
    if end is None:
        return None
    start = _point(first + " bc") if end[1] is not None and end[1] < 0 else None
    start = start or _point(first)
    return (start[0], end[1]) if start else None


def _shortened(first: str, digits: str, *, decade: bool) -> Span | None:
    """Read `1694–95` and `1880s–90s`; an end before its start may be a month: it stays open."""
    start = _point(first)
    if start is None or start[0] is None or not re.search(r"\d{3}", first):
        return None
    scale = 10 ** len(digits)
    end = start[0] // scale * scale + int(digits)
    if end < start[0]:
        return (start[0], None)
    return (start[0], end + 9 if decade else end)


def _point(text: str) -> Span | None:
    """Read one year, decade or century."""
    text = text.strip()
    if match := _YEAR.fullmatch(text):
        return _year(match)
    if match := _DECADE.fullmatch(text):
        decade = int(match["decade"])
        length = 100 if decade % 100 == 0 and not match["loose"] else 10  # `1900s` may mean either
        return (decade, decade + length - 1) if decade >= 100 else None
    if match := _CENTURY.fullmatch(text):
        return _century(match)
    return None


def _year(match: re.Match[str]) -> Span | None:
    year, era = int(match["year"]), (match["era"] or "").replace(" ", "")
    if abs(year) > LAST_YEAR and not era.startswith("b"):
        return None
    if not (era or match["ad"]) and len(match["year"].lstrip("-")) < 3:
        return None  # two digits may be a day, a month or half a year
    signed = -abs(year) if era.startswith("b") else year
    return (signed, signed) if signed else None


def _century(match: re.Match[str]) -> Span | None:
    number = _ordinal(match["number"])
    if not 1 <= number <= 21:
        return None
    low, high = number * 100 - 99, number * 100
    if (match["era"] or "").startswith("b"):
        low, high = -high, -low
    if match["part"]:
        length = 50 if match["of"] == "half" else 25
        position = _PARTS[match["part"]] % (100 // length)
        low, high = low + position * length, low + (position + 1) * length - 1
    return (low, high)


def _ordinal(number: str) -> int:
    """Read `12th` or `xii`; 0 when it is no well-formed number below 40."""
    if number[0].isdigit():
        return int(number[:-2])
    values = [_ROMAN[letter] for letter in number]
    total = sum(-v if v < max(values[i:]) else v for i, v in enumerate(values))
    return total if number == _roman(total) else 0


def _roman(number: int) -> str:
    ones = ("", "i", "ii", "iii", "iv", "v", "vi", "vii", "viii", "ix")
    return "x" * (number // 10) + ones[number % 10]
