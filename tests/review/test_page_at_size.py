"""The audit page of a hundred thousand pairs: made in parts, nothing copied, quick in a browser."""

import json
import shutil
import time
from pathlib import Path

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.keys import Keys

from artsound.media.files import Folder
from artsound.review import page
from artsound.review.page import PLAN, Facts, Page, Sources, index, score_deciles, write_script
from tests.review import pairs
from tests.review.browser import chromium
from tests.review.test_page import digests
from tests.review.test_page_in_browser import cards, choose, open_page, press, shown

PAIRS = 100_000
SOURCES = Sources(pairs.images(), pairs.audio())


def test_parts_in_any_order_and_after_a_stop_give_the_page_that_is_made_in_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(page, "CHUNK_ROWS", 2)
    monkeypatch.setattr(page, "PART_CHUNKS", 2)
    rows = pairs.pairs(6)
    page.write_page(tmp_path / "one", rows, images=SOURCES.images, audio=SOURCES.audio, title="demo")
    made = Page(tmp_path / "parts", rows.select(PLAN), "demo")
    made.write(rows.slice(4, 4), 4, SOURCES)
    before = (tmp_path / "parts" / "data" / "pairs-0002.js").stat().st_mtime_ns
    made.write(rows.slice(4, 4), 4, SOURCES)
    made.write(rows.slice(0, 4), 0, SOURCES)
    made.finish()
    assert (tmp_path / "parts" / "data" / "pairs-0002.js").stat().st_mtime_ns == before
    assert digests(tmp_path / "parts") == digests(tmp_path / "one")


def test_originals_are_linked_not_copied_and_never_written_through(tmp_path: Path) -> None:
    shutil.copytree(pairs.SAMPLE / "artworks", tmp_path / "art")
    shutil.copytree(pairs.SAMPLE / "music", tmp_path / "music")
    before = digests(tmp_path / "art") | digests(tmp_path / "music")
    images, audio = Folder(tmp_path / "art"), Folder(tmp_path / "music")
    for _ in range(2):
        page.write_page(tmp_path / "page", pairs.pairs(4), images=images, audio=audio, title="demo")
    originals = {path.stat().st_ino for folder in ("art", "music") for path in (tmp_path / folder).iterdir()}
    files = [path for path in (tmp_path / "page" / "media").rglob("*") if path.is_file()]
    linked = [path for path in files if path.stat().st_ino in originals]
    assert len(linked) == len(pairs.PAINTINGS) + len(pairs.RECORDINGS)
    made = sum(path.stat().st_size for path in files if path not in linked)
    assert made < sum(path.stat().st_size for path in linked)
    assert digests(tmp_path / "art") | digests(tmp_path / "music") == before


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of four real pairs, told 25,000 times under other names."""
    made = tmp_path_factory.mktemp("large")
    page.write_page(made, pairs.pairs(4), images=SOURCES.images, audio=SOURCES.audio, title="large 1.0.0")
    text = (made / "data" / "pairs-0000.js").read_text()
    four = json.loads(text[text.index(",") + 1 : text.rindex(")")])
    scores = [round(((7919 * at) % PAIRS) / PAIRS, 6) for at in range(PAIRS)]
    facts = (
        Facts(
            f"{at:016x}",
            ("train", "train", "val", "test")[at % 4],
            f"Style {at % 97}",
            (f"Genre {at % 31}",),
            "CC-BY-4.0 / CC-BY-4.0",
            ("clean",),
            scores[at],
            f"painting {at} song {at} maker {at % 5}",
        )
        for at in range(PAIRS)
    )
    deciles = score_deciles(scores)
    write_script(made / "data" / "index.js", "takeIndex", index(facts, deciles, "large 1.0.0"))
    for number in range(PAIRS // page.CHUNK_ROWS):
        records = []
        for at in range(number * page.CHUNK_ROWS, (number + 1) * page.CHUNK_ROWS):
            record = four[at % 4]
            art, music = (
                record["artwork"] | {"title": f"Painting {at}"},
                record["music"] | {"title": f"Song {at}"},
            )
            own = {"pair_id": f"{at:016x}", "score": scores[at], "decile": deciles[at]}
            records.append(record | own | {"artwork": art, "music": music})
        write_script(made / "data" / f"pairs-{number:04d}.js", f"takeChunk({number},", records)
    return made


@pytest.mark.slow
def test_a_hundred_thousand_pairs_stay_usable(folder: Path, tmp_path: Path) -> None:
    with chromium(tmp_path) as browser:
        open_page(browser, folder)
        assert shown(browser, "#found") == "100,000 pairs"
        assert len(cards(browser)) == 24
        choose(browser, "val")
        assert shown(browser, "#found") == "25,000 of 100,000 pairs"
        browser.find_element("id", "words").send_keys("painting 99998")
        wait(browser, "1 of 100,000 pairs")
        browser.find_element("id", "words").send_keys(Keys.CONTROL, "a")
        browser.find_element("id", "words").send_keys(Keys.DELETE)
        wait(browser, "25,000 of 100,000 pairs")
        jump = browser.find_element("id", "goto")
        jump.send_keys(Keys.CONTROL, "a")
        jump.send_keys("1042", Keys.ENTER)
        wait(browser, "Painting 99938", ".card h3")
        browser.execute_script("scrollTo(0, document.body.scrollHeight)")
        assert browser.execute_script("return Audit.chunks.size") < 20  # only what is shown was loaded
        browser.find_element("css selector", ".card").send_keys("a")
        wait(browser, "1 of 100,000 reviewed: 1 accepted", "#reviewed")
        press(browser, Keys.ARROW_RIGHT, "r")
        wait(browser, "2 of 100,000 reviewed: 1 accepted, 1 rejected", "#reviewed")
        assert browser.get_log("browser") == []
        quick = (
            "const t = performance.now(); Filters.positions(); Page.refresh(); return performance.now() - t"
        )
        assert browser.execute_script(quick) < 10_000  # milliseconds; a hang, not a speed, would fail here


def wait(browser: Chrome, text: str, selector: str = "#found") -> None:
    for _ in range(100):
        if shown(browser, selector) == text:
            return
        time.sleep(0.1)
    raise AssertionError(f"{selector} shows {shown(browser, selector)!r}, not {text!r}")
