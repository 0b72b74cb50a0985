"""Images are decoded, texts cleaned."""

from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from artsound import tables
from artsound.catalog.artworks import clean_artworks
from artsound.errors import Outcome, Reason
from artsound.media.files import open_media
from artsound.settings import Collection
from artsound.sources.folder import read_artworks
from tests.rows import row


def picture(format_: str = "JPEG") -> bytes:
    pixels = np.random.default_rng(0).integers(0, 255, (40, 60, 3), dtype=np.uint8)
    file = BytesIO()
    Image.fromarray(pixels).save(file, format_)
    return file.getvalue()


def cleaned(folder: Path, files: dict[str, bytes], **given: object) -> Outcome:
    for name, data in files.items():
        (folder / name).write_bytes(data)
    rows = [row("raw_artworks", artwork_id=name, image_path=name, **given) for name in files]
    raw = tables.rows_of("raw_artworks", rows)
    return clean_artworks(raw, media=open_media(folder), max_megapixels=1, workers=2)


def test_the_whole_sample_is_usable() -> None:
    path = Path("data/sample/artworks")
    raw = read_artworks(Collection(path=path)).rows
    one, many = (
        clean_artworks(raw, media=open_media(path), max_megapixels=100, workers=workers) for workers in (1, 2)
    )
    assert (len(one.rows), one.rejects) == (48, [])
    assert one.rows.equals(many.rows)
    assert set(one.rows["licence"].to_pylist()) == {"CC0-1.0", "LicenseRef-public-domain"}
    tables.conform("artworks", one.rows)


def test_each_broken_image_is_refused_with_its_reason_and_the_rest_goes_on(tmp_path: Path) -> None:
    files = {
        "good.png": picture("PNG"),
        "text.jpg": b"this is no image",
        "cut.jpg": picture()[:-400],
        "empty.jpg": b"",
    }
    outcome = cleaned(tmp_path, files)
    assert outcome.rows["artwork_id"].to_pylist() == ["good.png"]
    assert {reject.item_id: reject.reason for reject in outcome.rejects} == {
        "text.jpg": Reason.UNREADABLE,
        "cut.jpg": Reason.UNREADABLE,
        "empty.jpg": Reason.EMPTY_FILE,
    }


def test_an_image_above_the_limit_is_refused_undecoded(tmp_path: Path) -> None:
    file = BytesIO()
    Image.new("1", (2000, 2000)).save(file, "PNG")
    outcome = cleaned(tmp_path, {"bomb.png": file.getvalue()})
    assert [reject.reason for reject in outcome.rejects] == [Reason.TOO_LARGE]


def test_the_format_is_what_the_bytes_are(tmp_path: Path) -> None:
    assert cleaned(tmp_path, {"named.jpg": picture("WEBP")}).rows["format"].to_pylist() == ["webp"]


@pytest.mark.parametrize(
    ("given", "column", "value"),
    [
        ({"title": "Bread &amp;  Wine"}, "title", "Bread & Wine"),
        ({"artist": "Édouard Manet"}, "artist_id", "art:edouard-manet"),
        ({"artist": "Unidentified artist"}, "artist_id", "art:?a.png"),
        ({"artist": "Unidentified artist"}, "artist", None),
        ({"artist": "Vincent", "artist_key": "vincent-van-gogh"}, "artist_id", "art:vincent-van-gogh"),
        ({"date": "ca. 1320"}, "year_from", 1320),
        ({"date": "ca. 1320"}, "date", "ca. 1320"),
        ({"licence": "who knows"}, "licence", "LicenseRef-unknown"),
        ({"licence": "who knows"}, "licence_text", "who knows"),
    ],
)
def test_texts_are_cleaned_and_originals_kept(
    tmp_path: Path, given: dict[str, str], column: str, value: object
) -> None:
    outcome = cleaned(tmp_path, {"a.png": picture("PNG")}, **given)
    assert outcome.rows[column].to_pylist() == [value]
