"""Fetching from a server that misbehaves in every way."""

from pathlib import Path

import pytest

from artsound.errors import Reason, StoreError
from artsound.sources.fetch import Manners, fetch_images
from artsound.sources.ledger import Entry, Ledger
from tests.sources.rude import IMAGE, RudeServer, address

MANNERS = Manners(workers=4, timeout=0.5, deadline=0.6, max_bytes=20_000, backoff=60)


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
