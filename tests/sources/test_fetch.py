"""Fetching from a server that misbehaves in every way."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from artsound.errors import Reason, StoreError
from artsound.sources import fetch
from artsound.sources.fetch import Manners, fetch_images, retry_after
from artsound.sources.ledger import Entry, Ledger
from tests.sources.rude import IMAGE, RudeServer, address

MANNERS = Manners(workers=4, timeout=0.5, deadline=0.6, max_bytes=20_000, backoff=60)


def wanted(server: RudeServer, *names: str) -> list[tuple[str, str]]:
    return [(name, address(server, name)) for name in names]


def elsewhere(server: RudeServer, name: str) -> tuple[str, str]:
    """Name the same server as another host."""
    return name, address(server, name).replace("127.0.0.1", "localhost")


def test_each_misbehaviour_is_refused_with_its_cause_and_time(server: RudeServer, tmp_path: Path) -> None:
    ways = (
        *("good", "private", "noai", "broken", "cut", "page", "loop", "huge", "sly", "missing"),
        *("moved-private", "moved-missing", "nowhere", "local", "packed", "posed"),
    )
    ledger = Ledger(tmp_path / "ledger.sqlite")
    items = wanted(server, *(f"{way}.jpg" for way in ways))
    rejects = fetch_images(items, tmp_path / "images", ledger, MANNERS, now=lambda: 1000.0)
    assert [path.name for path in (tmp_path / "images").iterdir()] == ["good.jpg"]
    assert (tmp_path / "images/good.jpg").read_bytes() == IMAGE
    failed = ledger.read()
    listed = {(name, entry.reason, entry.cause) for name, entry in failed.items()}
    assert {(reject.item_id, reject.reason, reject.detail) for reject in rejects} == listed
    told = {name: (entry.reason, entry.due) for name, entry in failed.items()}
    assert told == {
        "private.jpg": (Reason.OPTED_OUT, None),
        "noai.jpg": (Reason.OPTED_OUT, None),
        "broken.jpg": (Reason.FETCH_FAILED, 1060.0),
        "cut.jpg": (Reason.FETCH_FAILED, 1060.0),
        "page.jpg": (Reason.FETCH_FAILED, None),
        "posed.jpg": (Reason.FETCH_FAILED, 1060.0),
        "loop.jpg": (Reason.FETCH_FAILED, None),
        "huge.jpg": (Reason.TOO_LARGE, None),
        "sly.jpg": (Reason.TOO_LARGE, None),
        "missing.jpg": (Reason.FETCH_FAILED, None),
        "moved-private.jpg": (Reason.OPTED_OUT, None),
        "moved-missing.jpg": (Reason.FETCH_FAILED, None),
        "nowhere.jpg": (Reason.FETCH_FAILED, None),
        "local.jpg": (Reason.FETCH_FAILED, None),
        "packed.jpg": (Reason.TOO_LARGE, None),
    }
    assert server.seen["/private.jpg"] == 0
    assert server.seen["/robots.txt"] >= 1


def test_a_host_that_asks_to_wait_is_left_alone(server: RudeServer, tmp_path: Path) -> None:
    ledger, alone = Ledger(tmp_path / "l.sqlite"), Manners(workers=1, backoff=60)
    items = [*wanted(server, "busy.jpg", "good.jpg", "good-2.jpg"), elsewhere(server, "good-3.jpg")]

    def run(now: float) -> list[str]:
        before = server.seen.copy()
        rejects = fetch_images(items, tmp_path / "images", ledger, alone, now=lambda: now)
        assert {reject.reason for reject in rejects} <= {Reason.FETCH_FAILED}
        return sorted(path for path in server.seen - before if path != "/robots.txt")

    assert run(1000) == ["/busy.jpg", "/good-3.jpg"]
    told = ledger.read()
    assert told["busy.jpg"] == Entry(Reason.FETCH_FAILED, "HTTP 429", 1, 1300.0)
    assert (told["good.jpg"].cause, told["good.jpg"].tries) == ("its host asked to wait", 0)
    assert told["good.jpg"].due == pytest.approx(1300, abs=30)
    assert run(1200) == []
    assert run(1301) == ["/busy.jpg", "/good-2.jpg", "/good.jpg"]
    assert ledger.read() == {}


def test_a_date_says_when_to_ask_again(server: RudeServer, tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.sqlite")
    fetch_images(wanted(server, "later.jpg"), tmp_path / "images", ledger, MANNERS, now=lambda: 1000.0)
    assert ledger.read()["later.jpg"].due == pytest.approx(1300, abs=30)
    for nonsense in ("", "soon", "-5", "Mon, 01 Jan 99999999999999999999 00:00:00 GMT"):
        assert retry_after(nonsense) == 0


def test_what_is_no_address_is_never_asked_again(server: RudeServer, tmp_path: Path) -> None:
    urls = (
        "no-scheme.jpg",
        "file:///etc/passwd",
        "http://[bad/x",
        f"http://{'a' * 80}.com/x",
        "http://.x",
    )
    ledger = Ledger(tmp_path / "ledger.sqlite")
    items = [(f"{number}.jpg", url) for number, url in enumerate(urls)]
    assert len(fetch_images(items, tmp_path / "images", ledger, MANNERS)) == len(urls)
    assert [entry.due for entry in ledger.read().values()] == [None] * len(urls)


def test_nothing_is_asked_while_the_rules_cannot_be_had(server: RudeServer, tmp_path: Path) -> None:
    ledger, items = Ledger(tmp_path / "ledger.sqlite"), wanted(server, "good.jpg", "good-2.jpg")
    server.robots = 503
    fetch_images(items, tmp_path / "images", ledger, MANNERS, now=lambda: 1000.0)
    assert set(server.seen) == {"/robots.txt"}
    server.robots = 404
    assert fetch_images(items, tmp_path / "images", ledger, MANNERS, now=lambda: 1100.0) == []


def test_pauses_that_a_host_asks_for_are_kept(
    server: RudeServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Time stands still here; a pause has a limit."""
    slept: list[float] = []
    monkeypatch.setattr(fetch, "time", SimpleNamespace(monotonic=lambda: 100.0, sleep=slept.append))
    items = wanted(server, "good.jpg", "good-2.jpg", "good-3.jpg")
    for asked, kept in ((7, 7), (99_999, 30)):
        slept.clear()
        server.rules = f"User-agent: *\nCrawl-delay: {asked}\n".encode()
        place = tmp_path / str(asked)
        ledger = Ledger(place / "ledger.sqlite")
        assert fetch_images(items, place / "images", ledger, Manners(), now=lambda: 0.0) == []
        assert sorted(slept) == [0, kept, 2 * kept]


def test_one_name_given_twice_is_fetched_once(server: RudeServer, tmp_path: Path) -> None:
    items = wanted(server, *["good.jpg"] * 8, "muddled.jpg")
    assert fetch_images(items, tmp_path / "images", Ledger(tmp_path / "ledger.sqlite"), MANNERS) == []
    assert (server.seen["/good.jpg"], server.seen["/muddled.jpg"]) == (1, 1)


def test_names_without_an_address_and_with_two_are_told(server: RudeServer, tmp_path: Path) -> None:
    other = ("good.jpg", address(server, "missing.jpg"))
    items = [("none.jpg", ""), other, *wanted(server, "good.jpg"), ("", "http://x")]
    rejects = fetch_images(items, tmp_path / "images", Ledger(tmp_path / "ledger.sqlite"), MANNERS)
    assert {reject.item_id: reject.reason for reject in rejects} == {
        "none.jpg": Reason.MISSING_FILE,
        "good.jpg": Reason.DUPLICATE_KEY,
        "": Reason.UNSAFE_PATH,
    }
    assert (tmp_path / "images/good.jpg").read_bytes() == IMAGE
    (tmp_path / "images/none.jpg").write_bytes(IMAGE)
    again = fetch_images(items, tmp_path / "images", Ledger(tmp_path / "ledger.sqlite"), MANNERS)
    assert "none.jpg" not in {reject.item_id for reject in again}


def test_a_slow_or_silent_server_is_given_up(server: RudeServer, tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.sqlite")
    fetch_images(wanted(server, "slow.jpg", "silent.jpg"), tmp_path / "images", ledger, MANNERS)
    assert {name: entry.cause for name, entry in ledger.read().items()} == {
        "slow.jpg": "slower than 0.6 s",
        "silent.jpg": "ReadTimeout",
    }


def test_a_rerun_touches_only_what_is_due(server: RudeServer, tmp_path: Path) -> None:
    ledger, items = (
        Ledger(tmp_path / "l.sqlite"),
        [*wanted(server, "good.jpg", "broken.jpg", "page.jpg"), elsewhere(server, "busy.jpg")],
    )

    def run(now: float) -> list[str]:
        before = server.seen.copy()
        fetch_images(items, tmp_path / "images", ledger, MANNERS, now=lambda: now)
        return sorted(path for path in server.seen - before if path != "/robots.txt")

    assert len(run(1000)) == 4
    assert run(1030) == []
    assert run(1060) == ["/broken.jpg"]
    assert ledger.read()["broken.jpg"] == Entry(Reason.FETCH_FAILED, "HTTP 500", 2, 1060 + 120)
    assert run(1299) == ["/broken.jpg"]
    assert run(1300) == ["/busy.jpg"]
    assert "busy.jpg" not in ledger.read()
    assert (tmp_path / "images/busy.jpg").exists()


def test_sizes_of_wikiart_are_tried_best_first(server: RudeServer, tmp_path: Path) -> None:
    manners = Manners(modifiers=("HD", "Large"))
    items = [("a.jpg", address(server, "good.jpg!Blog.jpg")), ("b.jpg", address(server, "none.jpg"))]
    rejects = fetch_images(items, tmp_path, Ledger(tmp_path / "ledger.sqlite"), manners)
    assert [path for path in server.seen if path.startswith("/good")] == ["/good.jpg!HD.jpg"]
    assert [path for path in server.seen if path.startswith("/none")] == [
        "/none.jpg!HD.jpg",
        "/none.jpg!Large.jpg",
        "/none.jpg",
    ]
    assert [(reject.item_id, reject.detail) for reject in rejects] == [("b.jpg", "not found")]


def test_a_name_that_is_a_path_is_refused(server: RudeServer, tmp_path: Path) -> None:
    names = ("../out.jpg", "/out.jpg", "a/b.jpg", "..", "n" * 250)
    items = [(name, address(server, "good.jpg")) for name in names]
    rejects = fetch_images(items, tmp_path / "in", Ledger(tmp_path / "ledger.sqlite"), MANNERS)
    assert [reject.reason for reject in rejects] == [Reason.UNSAFE_PATH] * 5
    assert server.seen.total() == 0


def test_a_full_disk_and_a_folder_that_is_a_file_are_told(server: RudeServer, tmp_path: Path) -> None:
    (tmp_path / "good.jpg.part").symlink_to("/dev/full")
    items, ledger = wanted(server, "good.jpg"), Ledger(tmp_path / "ledger.sqlite")
    with pytest.raises(StoreError, match="No space left on device; what was finished is kept"):
        fetch_images(items, tmp_path, ledger, MANNERS)
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(StoreError, match="cannot write to"):
        fetch_images(items, tmp_path / "file", ledger, MANNERS)
    with pytest.raises(StoreError, match="cannot write to"):
        Ledger(tmp_path / "file/ledger.sqlite")
    with pytest.raises(StoreError, match="not a database"):
        Ledger(tmp_path / "file")
