"""The audit page as `artsound review` serves it, in Chromium: what works from disk works from a server."""

import threading
import time
from collections.abc import Iterator

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By

from artsound.review.serve import page_server
from tests.review.browser import chromium
from tests.review.test_page_in_browser import HOSTILE, cards, choose, page, press, shown

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = page(tmp_path_factory.mktemp("page"), 40, title=HOSTILE)
    with page_server(folder) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def browser(address: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chrome]:
    with chromium(tmp_path_factory.mktemp("profile")) as started:
        started.get(address)
        started.find_element(By.CSS_SELECTOR, ".card")
        yield started


def test_pictures_are_decoded_and_music_plays(browser: Chrome) -> None:
    picture = browser.find_element(By.CSS_SELECTOR, ".card img")
    wait = "const [image, done] = arguments; image.decode().then(() => done(image.naturalWidth))"
    assert browser.execute_async_script(wait, picture) > 100
    browser.find_element(By.CSS_SELECTOR, ".card .play").click()
    for _ in range(50):
        if browser.execute_script("return Player.audio.currentTime") > 0:
            break
        time.sleep(0.1)
    assert browser.execute_script("return Player.audio.currentTime") > 0


def test_filters_and_verdicts_work_and_foreign_text_stays_text(browser: Chrome) -> None:
    before = len(cards(browser))
    choose(browser, "val")
    assert 0 < len(cards(browser)) < before
    choose(browser, "val")
    press(browser, "a")
    assert not browser.execute_script("return window.hit")
    assert HOSTILE in shown(browser, ".card h3")
    told = [line["message"] for line in browser.get_log("browser") if line["level"] == "SEVERE"]
    assert not [line for line in told if "favicon" not in line]
