"""Licence texts and links → SPDX ids, and what each licence allows.

What is not understood is `LicenseRef-unknown`, never guessed: a licence without a version or with a
jurisdiction that SPDX does not list keeps its terms in a `LicenseRef-CC-…` of its own.
"""

import re
from typing import Literal, NamedTuple

UNKNOWN = "LicenseRef-unknown"
PUBLIC_DOMAIN = "LicenseRef-public-domain"
RESERVED = "LicenseRef-all-rights-reserved"
FMA_LIMITED = "LicenseRef-FMA-Limited"

Tier = Literal["open", "share-alike", "non-commercial", "no-derivatives", "metadata-only", "unknown"]


class Terms(NamedTuple):
    """What a licence allows; all false where that is not known."""

    commercial: bool = False
    derivatives: bool = False
    share_alike: bool = False  # derivatives only under the same licence
    redistribution: bool = False


# Ports to a jurisdiction that have an SPDX id of their own; SPDX licence list 3.27.
_PORTS = {
    *("CC-BY-2.5-AU", "CC-BY-3.0-AT", "CC-BY-3.0-AU", "CC-BY-3.0-DE", "CC-BY-3.0-IGO", "CC-BY-3.0-NL"),
    *("CC-BY-3.0-US", "CC-BY-NC-3.0-DE", "CC-BY-NC-ND-3.0-DE", "CC-BY-NC-ND-3.0-IGO", "CC-BY-NC-SA-2.0-DE"),
    *("CC-BY-NC-SA-2.0-FR", "CC-BY-NC-SA-2.0-UK", "CC-BY-NC-SA-3.0-DE", "CC-BY-NC-SA-3.0-IGO"),
    *("CC-BY-ND-3.0-DE", "CC-BY-SA-2.0-UK", "CC-BY-SA-2.1-JP", "CC-BY-SA-3.0-AT", "CC-BY-SA-3.0-DE"),
    "CC-BY-SA-3.0-IGO",
}
_VERSIONS = {"1.0", "2.0", "2.1", "2.5", "3.0", "4.0"}
_COUNTRIES = {
    "united states": "US", "usa": "US", "us": "US", "u.s.": "US", "germany": "DE", "france": "FR",
    "netherlands": "NL", "austria": "AT", "australia": "AU", "japan": "JP", "spain": "ES", "italy": "IT",
    "canada": "CA", "brazil": "BR", "sweden": "SE", "switzerland": "CH", "poland": "PL", "portugal":
    "PT", "greece": "GR", "denmark": "DK", "belgium": "BE", "finland": "FI", "norway": "NO", "mexico":
    "MX", "argentina": "AR", "chile": "CL", "colombia": "CO", "china mainland": "CN", "taiwan": "TW",
    "south korea": "KR", "israel": "IL", "croatia": "HR", "hungary": "HU", "czech republic": "CZ",
    "romania": "RO", "new zealand": "NZ", "south africa": "ZA", "ireland": "IE", "serbia": "RS",
    "ecuador": "EC", "peru": "PE", "scotland": "SCOTLAND", "uk: scotland": "SCOTLAND", "uk": "UK",
    "united kingdom": "UK", "uk: england & wales": "UK", "england & wales": "UK", "england and wales":
    "UK",
}  # fmt: skip
_ELEMENTS = (  # how texts and short names write the elements, in the order in which ids do
    ("NC", re.compile(r"non-?\s?commercial|\bnc\b")),
    ("ND", re.compile(r"no[- ]?deriv(?:ative|s)?(?:[- ]?works?|s)?|\bnd\b")),
    ("SA", re.compile(r"share[- ]?alike|\bsa\b")),
)
_FREE = {"": Terms(True, True, False, True), "SA": Terms(True, True, True, True)}
_OTHERS = {  # SPDX ids that are taken as they are written
    "CC0-1.0": _FREE[""], "CC-PDM-1.0": _FREE[""], "PDDL-1.0": _FREE[""], "OGL-UK-3.0": _FREE[""],
    "etalab-2.0": _FREE[""], "LAL-1.3": _FREE["SA"], "LAL-1.2": _FREE["SA"], PUBLIC_DOMAIN: _FREE[""],
    RESERVED: Terms(), FMA_LIMITED: Terms(), UNKNOWN: Terms(),
}  # fmt: skip
_BY_LOWER = {name.lower(): name for name in _OTHERS}
_PHRASES = (
    (re.compile(r"(?:cc0|cc[- ]zero|creative commons zero)\b(?:[- ]?1\.0)?(?: universal)?.*"), "CC0-1.0"),
    (re.compile(r"public domain (?:mark)(?: 1\.0)?"), "CC-PDM-1.0"),
    (re.compile(r"public domain(?: dedication)?(?:\s*[(,;].*)?"), PUBLIC_DOMAIN),
    (re.compile(r"free art licen[cs]e(?: 1\.3)?|licence art libre(?: 1\.3)?"), "LAL-1.3"),
    (re.compile(r"fma-limited.*"), FMA_LIMITED),
    (re.compile(r"all rights reserved\.?|in copyright|©.*"), RESERVED),
)
_LINK = re.compile(
    r"creativecommons\.org/licenses/(by(?:-nc)?(?:-nd|-sa)?)/(\d\.\d)(?:/(?!deed\b)([a-z]{2,8}))?(?=[/?#]|$)"
)
_ZERO = re.compile(r"creativecommons\.org/publicdomain/(zero|mark)/1\.0")
_ID = re.compile(r"(?:licenseref-)?cc-(by(?:-nc)?(?:-nd|-sa)?)(?:-(\d\.\d)(?:-([a-z]+))?)?")


def spdx(text: str | None, url: str | None = None) -> str:
    """Name the licence of an item; a text and a link that contradict each other are unknown.

    Examples:
        >>> spdx("Attribution-NonCommercial-ShareAlike 3.0 International")
        'CC-BY-NC-SA-3.0'
        >>> spdx("ask the artist")
        'LicenseRef-unknown'
    """
    linked, written = _from_url(url or ""), _from_text(text or "")
    if UNKNOWN in (linked, written):
        return written if linked == UNKNOWN else linked
    if terms(linked) != terms(written):
        return UNKNOWN
    loose, exact = sorted((linked, written), key=lambda name: len(_bare(name)))
    if not (_ID.fullmatch(linked.lower()) and _ID.fullmatch(written.lower())):
        return linked
    return exact if _bare(exact).startswith(_bare(loose)) else UNKNOWN


def terms(licence: str) -> Terms:
    """Say what an id that `spdx` returned allows."""
    if licence in _OTHERS:
        return _OTHERS[licence]
    match = _ID.fullmatch(licence.lower())
    if not match:
        return Terms()
    elements = match[1].split("-")
    return Terms("nc" not in elements, "nd" not in elements, "sa" in elements, redistribution=True)


def tier(licence: str) -> Tier:
    """Say in which tier of a release an item may be: the most restrictive of its terms decides."""
    if licence in (RESERVED, FMA_LIMITED):
        return "metadata-only"
    allowed = terms(licence)
    if not allowed.redistribution:
        return "unknown"
    if not allowed.derivatives:
        return "no-derivatives"
    if not allowed.commercial:
        return "non-commercial"
    return "share-alike" if allowed.share_alike else "open"


def _bare(licence: str) -> str:
    return licence.removeprefix("LicenseRef-")


def _from_url(url: str) -> str:
    if match := _LINK.search(url.lower()):
        return _creative_commons(match[1].upper(), match[2], (match[3] or "").upper())
    if match := _ZERO.search(url.lower()):
        return "CC0-1.0" if match[1] == "zero" else "CC-PDM-1.0"
    return UNKNOWN


def _from_text(text: str) -> str:
    plain = " ".join(text.lower().split())
    if plain in _BY_LOWER:
        return _BY_LOWER[plain]
    if match := _ID.fullmatch(plain):
        return _creative_commons(match[1].upper(), match[2] or "", (match[3] or "").upper())
    if "://" in plain or plain.startswith("creativecommons.org"):
        return _from_url(plain)
    for pattern, name in _PHRASES:
        if pattern.fullmatch(plain):
            return name
    return _from_words(plain)


def _from_words(plain: str) -> str:
    """Read `Attribution-NonCommercial 3.0 United States`, `CC BY-NC 4.0` and their like."""
    bare = re.sub(r"\(aka [^)]*\)|creative commons|\blicen[cs]e\b|\bcc\b", " ", plain)
    version = re.search(r"\d\.\d", bare)
    words, place = (bare, "") if version is None else (bare[: version.start()], bare[version.end() :])
    rest = words
    elements = ["BY"]
    for name, pattern in _ELEMENTS:
        rest, count = pattern.subn(" ", rest)
        elements += [name] * min(count, 1)
    attributed, by = re.subn(r"attribution|\bby\b", " ", rest)
    if by != 1 or re.search(r"\w", attributed) or {"ND", "SA"} <= set(elements):
        return UNKNOWN
    country = _country(place)
    return (
        UNKNOWN
        if country is None
        else _creative_commons("-".join(elements), version[0] if version else "", country)
    )


def _country(place: str) -> str | None:
    """Return the code of a jurisdiction, empty for the international licence, None for what is not one."""
    name = place.strip(" .()-")
    return "" if name in ("", "international", "intl", "unported", "generic") else _COUNTRIES.get(name)


def _creative_commons(elements: str, version: str, port: str) -> str:
    """Build the id; where SPDX lists no such licence, a LicenseRef that keeps all that is known."""
    name = "-".join(part for part in ("CC", elements, version, port) if part)
    listed = version in _VERSIONS - {"2.1"} and not port
    return name if listed or name in _PORTS else f"LicenseRef-{name}"
