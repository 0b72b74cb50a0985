"""Names of people and titles: cleaned for readers, and made into keys that spelling does not split."""

import html
import re
import unicodedata

_NOBODY = re.compile(
    r"(?:unidentified|unknown|anonymous|various)"
    r"(?: (?:artists?|painters?|makers?|authors?|masters?|performers?))?"
    r"|artist unknown|n/?a|none|traditional|not detected",
    re.IGNORECASE,
)
_TAGS = re.compile(r"<!--.*?-->|<[/!]?[a-zA-Z][^<>]*>", re.DOTALL)
_LATIN_MARKS = re.compile("[̀-ͯ]")


def clean_text(text: str | None) -> str | None:
    """Resolve HTML entities and runs of blanks; null for what is empty.

    Examples:
        >>> clean_text(" Still&nbsp;Life &amp; Bread ")
        'Still Life & Bread'
    """
    return " ".join(html.unescape(text or "").split()) or None


def plain_text(markup: str | None) -> str | None:
    """Take the words out of HTML, as collections write descriptions; null for what has none.

    Examples:
        >>> plain_text("<p>A <b>live</b> set,<br />recorded &amp; mixed at home.</p>")
        'A live set, recorded & mixed at home.'
    """
    return clean_text(_TAGS.sub(" ", markup or ""))


def printed_name(text: str | None) -> str | None:
    """Clean a person's name; null when the text says that nobody knows it.

    Examples:
        >>> printed_name("Unidentified artist")
    """
    name = clean_text(text)
    return None if name is None or _NOBODY.fullmatch(name) else name


def slug(name: str) -> str:
    """Make a key that case, accents and punctuation do not change; the name itself if that leaves nothing.

    Examples:
        >>> slug("Jean-François Millet"), slug("!!!")
        ('jean-francois-millet', '!!!')
    """
    folded = _LATIN_MARKS.sub("", unicodedata.normalize("NFKD", name.casefold()))
    words = re.findall(r"\w+", unicodedata.normalize("NFKC", folded).replace("_", " "))
    return "-".join(words) or name.casefold()


def artist_id(side: str, item_id: str, name: str | None, key: str | None = None) -> str:
    """Give the row of `artists` that made an item: by the source's key, else by name; each nobody is alone.

    Examples:
        >>> artist_id("art", "met_1.jpg", "Edouard Manet"), artist_id("art", "met_2.jpg", None)
        ('art:edouard-manet', 'art:?met_2.jpg')
    """
    return f"{side}:{key or (slug(name) if name else '?' + item_id)}"
