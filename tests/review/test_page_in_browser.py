"""The audit page as a person meets it: opened from disk in Chromium."""

import csv
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from artsound.review.page import write_page
from tests.review import pairs
from tests.review.browser import chromium

pytestmark = pytest.mark.slow
HOSTILE = "</script><script>window.hit=1</script><img src=x onerror='window.hit=1'>\"&amp; Ünï"


@pytest.fixture(scope="module")
def profile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("profile")


@pytest.fixture(scope="module")
def started(profile: Path) -> Iterator[Chrome]:
    with chromium(profile) as browser:
        yield browser


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return page(tmp_path_factory.mktemp("page") / "with space % and #", 60)


@pytest.fixture
def browser(started: Chrome, folder: Path) -> Chrome:
    """Open the page afresh, with nothing kept from the test before."""
    open_page(started, folder)
    started.execute_script("localStorage.clear()")
    open_page(started, folder)
    return started


def page(folder: Path, count: int, **texts: str) -> Path:
    rows = pairs.pairs(count, **texts)
    write_page(folder, rows, images=pairs.images(), audio=pairs.audio(), title="demo 1.0.0")
    return folder


def open_page(browser: Chrome, folder: Path, fragment: str = "") -> None:
    browser.get("about:blank")
    browser.get((folder / "index.html").as_uri() + fragment)
    browser.find_element(By.CSS_SELECTOR, ".card")


def cards(browser: Chrome) -> list[str]:
    return [card.get_attribute("id") or "" for card in browser.find_elements(By.CSS_SELECTOR, ".card")]


def press(browser: Chrome, *keys: str) -> None:
    for key in keys:
        browser.switch_to.active_element.send_keys(key)
        time.sleep(0.2)


def shown(browser: Chrome, selector: str) -> str:
    return browser.find_element(By.CSS_SELECTOR, selector).text


def choose(browser: Chrome, label: str) -> None:
    for choice in browser.find_elements(By.CSS_SELECTOR, ".choice"):
        if choice.text.startswith(label):
            choice.click()
            time.sleep(0.3)
            return
    raise AssertionError(f"no choice {label}")


def test_a_card_shows_picture_player_captions_and_score(browser: Chrome) -> None:
    assert len(cards(browser)) == 24
    card = browser.find_element(By.CSS_SELECTOR, ".card")
    for text in ("Painting 0", "A river under trees.", "Song 0", "A slow tune on a flute.", "0.100"):
        assert text in card.text
    picture = card.find_element(By.TAG_NAME, "img")
    assert browser.execute_async_script(
        "const [image, done] = arguments; image.decode().then(() => done(image.naturalWidth))", picture
    ) == pytest.approx(320)


def test_music_plays_from_disk(browser: Chrome) -> None:
    browser.find_element(By.CSS_SELECTOR, ".card .play").click()
    for _ in range(50):
        if browser.execute_script("return Player.audio.currentTime") > 0:
            break
        time.sleep(0.1)
    assert browser.execute_script("return Player.audio.currentTime") > 0
    assert browser.execute_script("return Player.audio.duration") > 10


def test_nothing_is_reported_to_the_console(browser: Chrome) -> None:
    browser.find_element(By.CSS_SELECTOR, ".card").click()
    time.sleep(0.5)
    assert browser.get_log("browser") == []  # neither errors nor policy violations


def test_hostile_text_is_shown_as_text(started: Chrome, tmp_path: Path) -> None:
    open_page(
        started, page(tmp_path / "page", 2, title=HOSTILE, artist=HOSTILE, source_url="javascript:alert(1)")
    )
    assert HOSTILE in shown(started, ".card h3")
    started.find_element(By.CSS_SELECTOR, ".card").click()
    assert HOSTILE in shown(started, "#detail figcaption")
    assert started.execute_script("return window.hit") is None
    assert not started.find_elements(By.CSS_SELECTOR, "a[href^=javascript]")


def test_the_detail_tells_why_and_by_what_right(browser: Chrome) -> None:
    browser.find_element(By.CSS_SELECTOR, ".card").click()
    text = shown(browser, "#detail")
    for part in (
        "sentence",
        "affect",
        "+0.150",
        "CC-BY-4.0",
        "A minor",
        "flute",
        "Song 1",
        "Painting 1",
        "ahead of",
        "Price of the music 0.123, of the artwork 0.321; 7 artworks have this music among the ten best",
    ):
        assert part in text
    assert "Palette green 60 %, blue 40 %" in " ".join(text.split())
    assert "tan 0 %" not in text
    mel = browser.find_element(By.CSS_SELECTOR, ".mel img")
    assert browser.execute_async_script(
        "const [image, done] = arguments; image.decode().then(() => done(image.naturalHeight))", mel
    ) == pytest.approx(96)


def test_an_address_names_a_pair(browser: Chrome, folder: Path) -> None:
    open_page(browser, folder, f"#{37:016x}")
    assert "Painting 37" in shown(browser, "#detail")


def test_filters_narrow_and_clear(browser: Chrome) -> None:
    choose(browser, "val")
    assert shown(browser, "#found") == "15 of 60 pairs"
    browser.find_elements(By.CSS_SELECTOR, ".decile")[9].click()
    time.sleep(0.3)
    assert {card.text for card in browser.find_elements(By.CSS_SELECTOR, ".card .tag")} == {"val"}
    assert len(cards(browser)) in {1, 2}
    browser.find_element(By.XPATH, "//button[text()='Clear all']").click()
    time.sleep(0.3)
    assert shown(browser, "#found") == "60 pairs"


def test_captions_that_contradict_the_measures_are_found_and_said(browser: Chrome) -> None:
    choose(browser, "contradicts measures")
    assert shown(browser, "#found") == "12 of 60 pairs"
    browser.find_element(By.CSS_SELECTOR, ".card").click()
    assert shown(browser, "#detail .found") == "says bpm “60”, measured 96"


def test_a_search_finds_titles(browser: Chrome) -> None:
    browser.find_element(By.ID, "words").send_keys("painting 17")
    time.sleep(0.5)
    assert cards(browser) == [f"pair-{17:016x}"]


def test_a_sample_takes_the_same_number_from_every_stratum_and_repeats(browser: Chrome) -> None:
    size = browser.find_element(By.ID, "sample-size")
    size.clear()
    size.send_keys("2")
    browser.find_element(By.ID, "draw").click()
    time.sleep(0.3)
    drawn = cards(browser)
    assert shown(browser, "#found") == "20 of 60 pairs"
    assert sorted(int(card.removeprefix("pair-"), 16) // 6 for card in drawn) == sorted([*range(10)] * 2)
    browser.find_element(By.ID, "draw").click()
    time.sleep(0.3)
    assert cards(browser) == drawn


def test_keys_judge_and_the_verdicts_survive_a_reload(browser: Chrome, folder: Path) -> None:
    body = browser.find_element(By.TAG_NAME, "body")
    body.send_keys(Keys.ARROW_RIGHT)
    time.sleep(0.3)
    press(browser, "a", Keys.ARROW_RIGHT, "r", Keys.ARROW_RIGHT, "u", "u")
    open_page(browser, folder)
    assert shown(browser, "#reviewed") == "2 of 60 reviewed: 1 accepted, 1 rejected"
    assert [card.text for card in browser.find_elements(By.CSS_SELECTOR, ".stamp")] == [
        "accepted",
        "rejected",
    ]
    choose(browser, "To review")
    assert shown(browser, "#found") == "58 of 60 pairs"


def test_arrows_walk_through_the_details_over_the_page_edge(browser: Chrome) -> None:
    browser.find_elements(By.CSS_SELECTOR, ".card")[23].click()
    press(browser, Keys.ARROW_RIGHT)
    assert "Painting 24" in shown(browser, "#detail figcaption")
    press(browser, Keys.ESCAPE)
    assert browser.find_element(By.ID, "goto").get_attribute("value") == "2"


def test_notes_and_verdicts_are_exported(browser: Chrome, profile: Path) -> None:
    browser.find_element(By.ID, "reviewer").send_keys('Ann "A", B')
    browser.find_element(By.CSS_SELECTOR, ".card").click()
    press(browser, "r")
    browser.find_element(By.ID, "note").send_keys('too loud, "really"\nsecond line')
    press(browser, Keys.ESCAPE, Keys.ESCAPE)
    browser.find_element(By.ID, "export").click()
    path = profile / "reviews-Ann_A_B.csv"
    for _ in range(50):
        if path.exists():
            break
        time.sleep(0.1)
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert rows == [
        {
            "pair_id": f"{0:016x}",
            "reviewer": 'Ann "A", B',
            "verdict": "reject",
            "note": 'too loud, "really"\nsecond line',
        }
    ]


def test_two_reviewers_are_compared(browser: Chrome, tmp_path: Path) -> None:
    for at, key in enumerate("aaru"):
        browser.find_elements(By.CSS_SELECTOR, ".card")[at].click()
        press(browser, key, Keys.ESCAPE)
    other = tmp_path / "other.csv"
    lines = [
        f"{at:016x},Bo,{verdict}," for at, verdict in enumerate(["accept", "accept", "reject", "accept"])
    ]
    other.write_text("\n".join(["pair_id,reviewer,verdict,note", *lines]))
    browser.find_element(By.ID, "other").send_keys(str(other))
    time.sleep(0.5)
    # observed 3/4; chance 2/4·3/4 + 1/4·1/4 + 1/4·0 = 7/16; κ = (12/16 − 7/16) / (9/16) = 0.56
    assert "You and Bo both judged 4 pairs: 75 % the same, Cohen's κ 0.56" in shown(browser, "#notice")
    choose(browser, "Disagreed")
    assert cards(browser) == [f"pair-{3:016x}"]
