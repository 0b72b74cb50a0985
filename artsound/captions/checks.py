"""What is looked for in every caption."""

import re
import unicodedata
from collections.abc import Iterable, Mapping
from typing import Any

SHORTEST_NAME = 4  # letters; shorter names ("Art", "II") stand in too many innocent texts
ANYBODY = frozenset(
    "anonymous artist artists master maestro painter school unidentified unknown various workshop".split()  # noqa: SIM905
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
    """Collect, in plain words, the names that would give a pairing away: of artist, title and album.

    A printed name counts as a whole, by its parts between brackets, commas, colons and semicolons, and for
    artists by the last word of each part.
    """
    found: set[str] = set()
    for part in _parts(facts.get("artist")):
        if not set(part.split()) & ANYBODY:
            found |= {part, part.split()[-1]}
    for field in ("title", "album"):
        found |= {_ARTICLES.sub("", part) for part in _parts(facts.get(field))}
    return {name for name in found if len(name) >= SHORTEST_NAME and not name.isdecimal()}


def leaks(texts: Iterable[str | None], secret: Iterable[str]) -> list[str]:
    """List the secret names, in plain words, that stand in the texts as whole words."""
    padded = [f" {plain(text)} " for text in texts if text]
    return sorted(name for name in secret if any(f" {name} " in text for text in padded))


def _parts(printed: str | None) -> list[str]:
    """Split a printed name and reduce its parts to plain words, the whole name first."""
    given = printed or ""
    pieces = [re.sub(r"\(.*?\)", " ", given), *re.split(r"[()\[\];:,/]| - ", given)]
    return [words for piece in pieces if (words := plain(piece))]
