"""Years from free text."""

import csv
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from artsound.catalog.dates import UNKNOWN, parse_date

FORMS = {
    # plain, as in three quarters of ArtGraph
    "1885": (1885, 1885, False),
    " 1885 ": (1885, 1885, False),
    "850": (850, 850, False),
    # ArtGraph's irregular forms
    "c.1590": (1590, 1590, True),
    "c. 1590": (1590, 1590, True),
    "c1590": (1590, 1590, True),
    "1950 - 1954": (1950, 1954, False),
    "c.1950 - c.1954": (1950, 1954, True),
    "1885 ; 1890": (1885, 1890, False),
    "c.1642 - 1643 ; 1650": (1642, 1650, True),
    "1890; 1885": (1885, 1890, False),
    "1889 May": (1889, 1889, False),
    "May 1889": (1889, 1889, False),
    "12 May 1889": (1889, 1889, False),
    "May 12, 1889": (1889, 1889, False),
    "winter 1890": (1890, 1890, False),
    "1880s": (1880, 1889, False),
    "1880's": (1880, 1889, False),
    "1880s-90s": (1880, 1899, False),
    "1880s - 1890s": (1880, 1899, False),
    "XIX century": (1801, 1900, False),
    "XV cent.": (1401, 1500, False),
    # museums
    "dated 1694–95": (1694, 1695, False),
    "mid-12th century": (1101, 1200, False),
    "ca. 1383": (1383, 1383, True),
    "1868–77": (1868, 1877, False),
    "1885-6": (1885, 1886, False),
    "1885/86": (1885, 1886, False),
    "early 1490s": (1490, 1499, False),
    "ca. 1512–15": (1512, 1515, True),
    "possibly ca. 1320": (1320, 1320, True),
    "shortly after 1450": (1450, None, True),
    "after 1450": (1450, None, False),
    "before 1450": (None, 1450, False),
    "probably 1633–34": (1633, 1634, True),
    "probably 1651": (1651, 1651, True),
    "1494?": (1494, 1494, True),
    "1494(?)": (1494, 1494, True),
    "[1494]": (1494, 1494, False),
    "1570s": (1570, 1579, False),
    "ca. 1390–1353 B.C.": (-1390, -1353, True),
    "300 BCE": (-300, -300, False),
    "30 B.C.–A.D. 64": (-30, 64, False),
    "A.D. 64": (64, 64, False),
    "4th century B.C.": (-400, -301, False),
    "12th–13th century": (1101, 1300, False),
    "late 15th–early 16th century": (1401, 1600, False),
    "18th c.": (1701, 1800, False),
    "first half of the 16th century": (1501, 1550, False),
    "second quarter of the 15th century": (1426, 1450, False),
    "last quarter 15th century": (1476, 1500, False),
    "between 1885 and 1890": (1885, 1890, False),
    "from 1885 to 1890": (1885, 1890, False),
    "1885 or 1887": (1885, 1887, False),
    "1885, 1887": (1885, 1887, False),
    # decade or century: the wider reading
    "1900s": (1900, 1999, False),
    # year and month, or 1999 to 2001: the end stays open
    "1999-01": (1999, None, False),
    # FMA
    "2008-11-26 00:00:00": (2008, 2008, False),
    "2009-01-05T00:00:00": (2009, 2009, False),
    "12/31/2008": (2008, 2008, False),
}

NOTHING = [
    "",
    " ",
    "?",
    "n.d.",
    "undated",
    "unknown",
    "Date unknown",
    "after the war",
    "12",
    "5555",
    "0",
    "abc 1885x",
    "IIX century",
    "99th century",
    "1890 - 1880",
    "late",
    "c.",
    "1885 -",
    "- 1885 -",
    "12th",
]


@pytest.mark.parametrize(("text", "years"), FORMS.items())
def test_a_known_form_gives_its_years(text: str, years: tuple[int | None, int | None, bool]) -> None:
    assert parse_date(text) == years


@pytest.mark.parametrize("text", [*NOTHING, None])
def test_what_is_not_understood_gives_nulls_not_a_guess(text: str | None) -> None:
    assert parse_date(text) == UNKNOWN


def test_every_date_of_the_sample_is_understood() -> None:
    with Path("data/sample/artworks/artworks.csv").open(encoding="utf-8-sig") as file:
        dates = [row["year"] for row in csv.DictReader(file)]
    assert [date for date in dates if parse_date(date) == UNKNOWN] == []


@given(st.text(alphabet="0123456789 -–/;,.?cabdentury'XVIs()", max_size=24))
def test_any_text_gives_an_ordered_span_or_nulls(text: str) -> None:
    years = parse_date(text)
    if years.year_from is not None and years.year_to is not None:
        assert years.year_from <= years.year_to <= 2100
