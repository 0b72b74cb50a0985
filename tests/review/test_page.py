import json
import re
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from artsound.errors import ReleaseError
from artsound.media.files import open_media
from artsound.review import page
from artsound.review.page import score_deciles, write_page
from tests.review import pairs

HOSTILE = "</script><img src=x onerror=alert(1)> \"quoted\" 'single' \u2028 Ünïcode & more"


def write(folder: Path, count: int = 3, workers: int = 1, **texts: str) -> Path:
    rows = pairs.pairs(count, **texts)
    write_page(folder, rows, images=pairs.images(), audio=pairs.audio(), title="demo 1.0.0", workers=workers)
    return folder


def value(path: Path) -> dict[str, Any]:
    """Read the one JSON value of a data script."""
    return dict(json.loads(re.sub(r"^Audit\.takeIndex\((.*)\);\n$", r"\1", path.read_text())))


def chunk(path: Path) -> list[dict[str, Any]]:
    return list(json.loads(re.sub(r"^Audit\.takeChunk\(\d+,(.*)\);\n$", r"\1", path.read_text())))


def digests(folder: Path) -> dict[str, str]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("page"))


def test_the_same_rows_give_the_same_bytes_on_any_number_of_threads(folder: Path, tmp_path: Path) -> None:
    assert digests(write(tmp_path, workers=4)) == digests(folder)


def test_every_file_that_a_record_names_is_there(folder: Path) -> None:
    for record in chunk(folder / "data" / "pairs-0000.js"):
        art, music = record["artwork"], record["music"]
        for name in (art["thumbnail"], art["picture"], music["sound"], music["mel"]):
            assert (folder / name).is_file()


def test_audio_is_the_original_and_pictures_are_small(folder: Path) -> None:
    record = chunk(folder / "data" / "pairs-0000.js")[0]
    original = (pairs.SAMPLE / "music" / pairs.RECORDINGS[0]).read_bytes()
    assert (folder / record["music"]["sound"]).read_bytes() == original
    assert (folder / record["artwork"]["thumbnail"]).stat().st_size < 40_000


def test_text_from_the_data_stays_json_and_never_ends_a_script(tmp_path: Path) -> None:
    write(tmp_path, title=HOSTILE, artist=HOSTILE)
    for path in (tmp_path / "data").iterdir():
        text = path.read_text(encoding="ascii")
        assert "<" not in text
        assert "\u2028" not in text
    assert chunk(tmp_path / "data" / "pairs-0000.js")[0]["artwork"]["title"] == HOSTILE


def test_the_page_asks_nothing_of_the_network_and_makes_no_markup_from_text(folder: Path) -> None:
    shell = (folder / "index.html").read_text()
    assert "default-src 'none'" in shell
    assert "unsafe" not in shell
    for path in folder.glob("*.js"):
        text = path.read_text()
        assert not re.search(
            r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|new Function|fetch\(", text
        )
        assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)", text)
    for path in folder.glob("*.css"):
        assert not re.search(r"@import|url\(", path.read_text())


def test_chunks_hold_all_pairs_in_order_and_the_index_agrees(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(page, "CHUNK_ROWS", 4)
    write(tmp_path, count=6)
    first, second = (chunk(tmp_path / "data" / f"pairs-000{number}.js") for number in range(2))
    index = value(tmp_path / "data" / "index.js")
    assert (len(first), len(second), index["chunk_rows"]) == (4, 2, 4)
    assert [record["pair_id"] for record in first + second] == index["columns"]["id"]
    for at, record in enumerate(first + second):
        assert record["split"] == index["facets"]["split"][index["columns"]["split"][at]]["name"]
    for facet in index["facets"].values():
        assert [one["count"] for one in facet] == sorted((one["count"] for one in facet), reverse=True)


def test_runners_up_name_the_pairs_that_hold_them(folder: Path) -> None:
    first, second, *_ = chunk(folder / "data" / "pairs-0000.js")
    assert first["other_clips"][0]["pair_id"] == second["pair_id"]
    assert first["other_clips"][0]["sound"] == second["music"]["sound"]
    found, unmatched = first["other_artworks"]
    assert found["thumbnail"] == second["artwork"]["thumbnail"]
    assert unmatched == {"name": "art-without-music", "value": 0.07}


def test_deciles_hold_equal_counts_and_rise_with_the_score() -> None:
    scores = [((7 * number) % 100) / 100 for number in range(100)]
    deciles = score_deciles(scores)
    assert [deciles.count(number) for number in range(10)] == [10] * 10
    assert all(deciles[scores.index(n / 100)] == n // 10 for n in range(100))


def test_fewer_pairs_than_ten_get_a_bin_each() -> None:
    assert score_deciles([0.3, 0.1, 0.2]) == [2, 0, 1]
    assert score_deciles([]) == []


def test_an_empty_release_has_a_page(tmp_path: Path) -> None:
    write(tmp_path, count=0)
    assert value(tmp_path / "data" / "index.js")["columns"]["id"] == []


def test_a_file_that_is_gone_is_named(tmp_path: Path) -> None:
    (tmp_path / "other.txt").write_text("no picture")
    with pytest.raises(ReleaseError, match=r"met_435868\.jpg is not there"):
        write_page(
            tmp_path / "page",
            pairs.pairs(1),
            images=open_media(tmp_path),
            audio=pairs.audio(),
            title="demo",
        )
