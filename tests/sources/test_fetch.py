"""Fetching from a server that misbehaves in every way."""

import hashlib
import threading
import time
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from artsound.errors import Reason, SourceError
from artsound.sources import fetch
from artsound.sources.base import Remote
from artsound.sources.fetch import Manners, download, fetch_images
from artsound.sources.ledger import Entry, Ledger

IMAGE = bytes(range(256)) * 40
MANNERS = Manners(workers=4, timeout=0.5, deadline=0.6, max_bytes=20_000, backoff=60)


class Rude(BaseHTTPRequestHandler):
    """Behaves as the path says."""

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        server = self.server
        assert isinstance(server, RudeServer)
        server.seen[self.path] += 1
        way = self.path.strip("/").partition(".")[0].partition("-")[0]
        getattr(self, f"way_{way}", self.way_missing)()

    def answer(self, status: int = 200, body: bytes = IMAGE, **headers: str) -> None:
        self.send_response(status)
        told = {"Content_Type": "image/jpeg", "Content_Length": str(len(body)), **headers}
        for name, value in told.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def way_missing(self) -> None:
        self.answer(404, b"gone", Content_Type="text/html")

    def way_robots(self) -> None:
        self.answer(body=b"User-agent: *\nDisallow: /private\n", Content_Type="text/plain")

    def way_good(self) -> None:
        self.answer()

    def way_private(self) -> None:
        self.answer()

    def way_noai(self) -> None:
        self.answer(X_Robots_Tag="noai, noimageai")

    def way_busy(self) -> None:
        server = self.server
        assert isinstance(server, RudeServer)
        if server.seen[self.path] > 1:
            self.answer()
        else:
            self.answer(429, b"", Retry_After="300")

    def way_broken(self) -> None:
        self.answer(500, b"")

    def way_cut(self) -> None:
        self.answer(body=IMAGE[:100], Content_Length=str(len(IMAGE)))

    def way_page(self) -> None:
        self.answer(body=b"<html>", Content_Type="text/html; charset=utf-8")

    def way_loop(self) -> None:
        self.answer(302, b"", Location=self.path)

    def way_huge(self) -> None:
        self.answer(body=IMAGE * 3)

    def way_sly(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "image/jpeg")
        self.end_headers()  # no length stated
        for _ in range(8):
            self.wfile.write(IMAGE)

    def way_slow(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "image/jpeg")
        self.end_headers()
        for _ in range(8):
            time.sleep(0.2)
            self.wfile.write(b"x" * 70_0)

    def way_silent(self) -> None:
        time.sleep(1.5)

    def way_part(self) -> None:
        start = int(self.headers.get("Range", "bytes=0-")[6:-1])
        if start >= len(IMAGE):
            self.answer(416, b"")
        elif start:
            self.answer(206, IMAGE[start:])
        else:
            self.answer(body=IMAGE[:1000], Content_Length=str(len(IMAGE)))


class RudeServer(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Rude)
        self.seen: Counter[str] = Counter()

    def handle_error(self, *_: object) -> None:
        """Clients hang up on purpose."""


@pytest.fixture
def server() -> Iterator[RudeServer]:
    with RudeServer() as started:
        thread = threading.Thread(target=started.serve_forever)
        thread.start()
        yield started
        started.shutdown()
        thread.join()


def address(server: RudeServer, path: str) -> str:
    return f"http://127.0.0.1:{server.server_port}/{path}"


def wanted(server: RudeServer, *names: str) -> list[tuple[str, str]]:
    return [(name, address(server, name)) for name in names]


def test_each_misbehaviour_is_refused_with_its_cause_and_time(server: RudeServer, tmp_path: Path) -> None:
    ways = ("good", "private", "noai", "busy", "broken", "cut", "page", "loop", "huge", "sly", "missing")
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
        "busy.jpg": (Reason.FETCH_FAILED, 1300.0),
        "broken.jpg": (Reason.FETCH_FAILED, 1060.0),
        "cut.jpg": (Reason.FETCH_FAILED, 1060.0),
        "page.jpg": (Reason.FETCH_FAILED, None),
        "loop.jpg": (Reason.FETCH_FAILED, None),
        "huge.jpg": (Reason.TOO_LARGE, None),
        "sly.jpg": (Reason.TOO_LARGE, None),
        "missing.jpg": (Reason.FETCH_FAILED, None),
    }
    assert server.seen["/private.jpg"] == 0
    assert server.seen["/robots.txt"] >= 1


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
        wanted(server, "good.jpg", "busy.jpg", "broken.jpg", "page.jpg"),
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
    items = [(name, address(server, "good.jpg")) for name in ("../out.jpg", "/out.jpg", "a/b.jpg", "..")]
    rejects = fetch_images(items, tmp_path / "in", Ledger(tmp_path / "ledger.sqlite"), MANNERS)
    assert [reject.reason for reject in rejects] == [Reason.UNSAFE_PATH] * 4
    assert server.seen.total() == 0


def remote(server: RudeServer, path: str, content: bytes = IMAGE) -> Remote:
    sha1 = hashlib.sha1(content, usedforsecurity=False).hexdigest()
    return Remote(path, address(server, path), sha1)


def test_a_download_goes_on_where_it_stopped(
    server: RudeServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetch, "CHUNK", 500)
    with pytest.raises(SourceError, match="Run again to go on"):
        download(remote(server, "part.zip"), tmp_path)
    assert (tmp_path / "part.zip.part").stat().st_size == 1000
    assert download(remote(server, "part.zip"), tmp_path).read_bytes() == IMAGE
    asked = server.seen["/part.zip"]
    download(remote(server, "part.zip"), tmp_path)
    assert server.seen["/part.zip"] == asked


def test_a_mirror_serves_when_the_first_address_fails_or_lies(server: RudeServer, tmp_path: Path) -> None:
    for first in ("broken.zip", "good-other.zip"):
        want = Remote(first, address(server, first), hashlib.sha1(IMAGE[:5]).hexdigest())  # noqa: S324
        with pytest.raises(SourceError, match=r"HTTPError|other bytes than published"):
            download(want, tmp_path)
        assert not (tmp_path / first).exists()
        whole = Remote(first, address(server, "broken.zip"), hashlib.sha1(IMAGE).hexdigest())  # noqa: S324
        assert download(whole, tmp_path, mirrors=[address(server, "good.zip")]).read_bytes() == IMAGE
