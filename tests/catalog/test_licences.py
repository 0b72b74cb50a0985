"""Licence strings → SPDX ids and terms."""

import pytest

from artsound.catalog.licences import UNKNOWN, Terms, spdx, terms, tier

STRINGS = {
    # the ten most frequent of FMA, and others of its 114
    "Attribution-Noncommercial-Share Alike 3.0 United States": "LicenseRef-CC-BY-NC-SA-3.0-US",
    "Attribution-NonCommercial-NoDerivatives (aka Music Sharing) 3.0 International": "CC-BY-NC-ND-3.0",
    "Attribution-NonCommercial-ShareAlike 3.0 International": "CC-BY-NC-SA-3.0",
    "Attribution-NonCommercial-NoDerivatives 4.0": "CC-BY-NC-ND-4.0",
    "Attribution-Noncommercial-No Derivative Works 3.0 United States": "LicenseRef-CC-BY-NC-ND-3.0-US",
    "Attribution-NonCommercial-ShareAlike": "LicenseRef-CC-BY-NC-SA",
    "Attribution": "LicenseRef-CC-BY",
    "Attribution-NonCommercial 3.0 International": "CC-BY-NC-3.0",
    "Attribution-NonCommercial": "LicenseRef-CC-BY-NC",
    "Attribution-ShareAlike": "LicenseRef-CC-BY-SA",
    "Attribution 3.0 United States": "CC-BY-3.0-US",
    "Attribution-ShareAlike 3.0 Germany": "CC-BY-SA-3.0-DE",
    "Attribution-NonCommercial-ShareAlike 2.0 UK: England & Wales": "CC-BY-NC-SA-2.0-UK",
    "Attribution-NonCommercial-ShareAlike 4.0 International": "CC-BY-NC-SA-4.0",
    "Attribution 4.0": "CC-BY-4.0",
    "FMA-Limited: Download Only": "LicenseRef-FMA-Limited",
    "Free Art License": "LAL-1.3",
    "CC0 1.0 Universal": "CC0-1.0",
    "Public Domain Mark 1.0": "CC-PDM-1.0",
    # the same, as sources.md shortens them
    "BY-NC-SA 3.0 US": "LicenseRef-CC-BY-NC-SA-3.0-US",
    "BY-NC-ND 3.0 Intl": "CC-BY-NC-ND-3.0",
    "BY-NC-SA 3.0 Intl": "CC-BY-NC-SA-3.0",
    "BY-NC-ND 3.0 US": "LicenseRef-CC-BY-NC-ND-3.0-US",
    "BY-NC-SA": "LicenseRef-CC-BY-NC-SA",
    "BY-NC 3.0 Intl": "CC-BY-NC-3.0",
    "BY-NC": "LicenseRef-CC-BY-NC",
    "BY-SA": "LicenseRef-CC-BY-SA",
    "BY-NC-ND 4.0": "CC-BY-NC-ND-4.0",
    "BY": "LicenseRef-CC-BY",
    # museums and the sample
    "CC0-1.0 (Met Open Access, isPublicDomain=true)": "CC0-1.0",
    "CC0": "CC0-1.0",
    "Public Domain (theme readme.txt)": "LicenseRef-public-domain",
    "Public Domain": "LicenseRef-public-domain",
    "public domain": "LicenseRef-public-domain",
    # short names and ids
    "CC-BY-3.0": "CC-BY-3.0",
    "CC BY-SA 4.0": "CC-BY-SA-4.0",
    "cc-by-nc-4.0": "CC-BY-NC-4.0",
    "https://creativecommons.org/licenses/by/4.0/": "CC-BY-4.0",
    "All rights reserved": "LicenseRef-all-rights-reserved",
    # nothing that can be relied on
    "": UNKNOWN,
    "ask the artist": UNKNOWN,
    "not in the public domain": UNKNOWN,
    "Attribution maybe": UNKNOWN,
    "Attribution 3.0 Atlantis": UNKNOWN,
    "Attribution-ShareAlike-NoDerivatives 3.0": UNKNOWN,
    "Sampling+ 1.0": UNKNOWN,
    "NonCommercial": UNKNOWN,
}

LINKS = {
    "http://creativecommons.org/licenses/by-nc-sa/3.0/us/": "LicenseRef-CC-BY-NC-SA-3.0-US",
    "https://creativecommons.org/licenses/by-nc-nd/4.0": "CC-BY-NC-ND-4.0",
    "https://creativecommons.org/licenses/by/4.0/deed": "CC-BY-4.0",
    "https://creativecommons.org/licenses/by/4.0/deed.en": "CC-BY-4.0",
    "https://creativecommons.org/licenses/by/3.0/us/deed": "CC-BY-3.0-US",
    "https://creativecommons.org/licenses/by-sa/4.0/legalcode.txt": "CC-BY-SA-4.0",
    "http://creativecommons.org/licenses/by/3.0/us/": "CC-BY-3.0-US",
    "https://creativecommons.org/publicdomain/zero/1.0/": "CC0-1.0",
    "https://creativecommons.org/publicdomain/mark/1.0/": "CC-PDM-1.0",
    "https://creativecommons.org/licenses/by-nc-sa-extra/4.0/": UNKNOWN,
    "https://example.org/licence": UNKNOWN,
}


@pytest.mark.parametrize(("text", "expected"), STRINGS.items())
def test_a_licence_text_gets_its_id(text: str, expected: str) -> None:
    assert spdx(text) == expected


@pytest.mark.parametrize(("url", "expected"), LINKS.items())
def test_a_licence_link_gets_its_id(url: str, expected: str) -> None:
    assert spdx(None, url) == expected


@pytest.mark.parametrize("expected", sorted({*STRINGS.values(), *LINKS.values()}))
def test_an_id_is_read_back_as_itself(expected: str) -> None:
    assert spdx(expected) == expected


def test_the_link_is_more_exact_than_the_text() -> None:
    assert spdx("Attribution", "https://creativecommons.org/licenses/by/4.0/") == "CC-BY-4.0"


def test_text_and_link_that_contradict_each_other_are_unknown() -> None:
    assert spdx("Attribution-NonCommercial", "https://creativecommons.org/licenses/by/4.0/") == UNKNOWN
    assert spdx("CC BY 3.0", "https://creativecommons.org/licenses/by/4.0/") == UNKNOWN


def test_terms_follow_from_the_elements_of_the_id() -> None:
    assert terms("CC-BY-NC-SA-3.0") == Terms(
        commercial=False, derivatives=True, share_alike=True, redistribution=True
    )
    assert terms("LicenseRef-CC-BY-ND") == Terms(
        commercial=True, derivatives=False, share_alike=False, redistribution=True
    )
    assert terms(UNKNOWN) == Terms()


@pytest.mark.parametrize(
    ("licence", "expected"),
    [
        ("CC0-1.0", "open"),
        ("LicenseRef-public-domain", "open"),
        ("CC-BY-4.0", "open"),
        ("LAL-1.3", "share-alike"),
        ("CC-BY-SA-4.0", "share-alike"),
        ("CC-BY-NC-SA-4.0", "non-commercial"),
        ("CC-BY-NC-ND-4.0", "no-derivatives"),
        ("LicenseRef-FMA-Limited", "metadata-only"),
        ("LicenseRef-all-rights-reserved", "metadata-only"),
        (UNKNOWN, "unknown"),
        ("CC-BY-5.0-nonsense-more", "unknown"),
    ],
)
def test_the_most_restrictive_term_decides_the_tier(licence: str, expected: str) -> None:
    assert tier(licence) == expected
