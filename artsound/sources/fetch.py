"""Fetches images over HTTP, by the thousand, with a retry ledger. Archives: `download`.

A failed image goes to the ledger with its cause and the time when it is due again; a rerun touches only what
is due, and what is there is not asked for. Robots rules and opt-out headers are honoured.
"""

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from pathlib import Path
from urllib.parse import urlsplit
from urllib.robotparser import RobotFileParser

import requests

from artsound.errors import Reason, Reject
from artsound.progress import track
from artsound.sources.ledger import Entry, Ledger
from artsound.store import disk_errors, write_whole

AGENT = "artsound-builder (dataset research; honours robots.txt and noai)"
MODIFIERS = (  # of WikiArt, as its downloaders try them
    *("HD", "HalfHD", "Large", "Blog", "Portrait", "PortraitSmall", "PinterestLarge", "PinterestSmall"),
)
OPT_OUT = {"noai", "noimageai", "noindex", "noimageindex"}  # words of X-Robots-Tag
CHUNK = 1 << 16


@dataclass(frozen=True)
class Manners:
    """How politely and how patiently to ask."""

    workers: int = 8
    per_host: int = 2  # connections at once
    timeout: float = 30.0  # s without a byte
    deadline: float = 120.0  # s for one file
    max_bytes: int = 100_000_000
    backoff: float = 60.0  # s until the first repetition; doubles each time
    modifiers: tuple[str, ...] = ()  # WikiArt's sizes to try, best first; then the address itself


class Refused(Exception):
    """One file could not be had; it may be asked again `after` so many seconds, or never."""

    def __init__(
        self, cause: str, *, after: float | None = 0.0, reason: Reason = Reason.FETCH_FAILED
    ) -> None:
        super().__init__(cause)
        self.cause, self.after, self.reason = cause, after, reason


@dataclass
class Fetcher:
    """Asks for files; one for all threads of a run."""

    manners: Manners
    _sessions: threading.local = field(default_factory=threading.local)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _hosts: dict[str, threading.Semaphore] = field(default_factory=dict)
    _robots: dict[str, RobotFileParser] = field(default_factory=dict)

    def fetch(self, url: str) -> bytes:
        """Get one image.

        Raises:
            Refused: says why, and when it may be asked again.
        """
        for candidate in candidates(url, self.manners.modifiers):
            with self._host(candidate):
                if not self._allowed(candidate):
                    raise Refused("robots.txt", after=None, reason=Reason.OPTED_OUT)
                found = self._get(candidate)
            if found is not None:
                return found
        raise Refused("not found", after=None)

    def _get(self, url: str) -> bytes | None:
        """Ask once; None when there is no such file."""
        try:
            with self._session().get(url, stream=True, timeout=self.manners.timeout) as answer:
                if answer.status_code in (404, 410):
                    return None
                _check(answer, self.manners.max_bytes)
                return b"".join(_limited(answer, self.manners))
        except requests.TooManyRedirects as error:
            raise Refused("redirects without end", after=None) from error
        except (requests.RequestException, OSError) as error:
            raise Refused(type(error).__name__) from error

    def _session(self) -> requests.Session:
        if not hasattr(self._sessions, "session"):
            session = requests.Session()
            session.headers["User-Agent"] = AGENT
            session.max_redirects = 5
            self._sessions.session = session
        found: requests.Session = self._sessions.session
        return found

    def _host(self, url: str) -> threading.Semaphore:
        with self._lock:
            return self._hosts.setdefault(urlsplit(url).netloc, threading.Semaphore(self.manners.per_host))

    def _allowed(self, url: str) -> bool:
        """Look up robots.txt, once a host; one that cannot be had forbids nothing."""
        parts = urlsplit(url)
        with self._lock:
            known = self._robots.get(parts.netloc)
        if known is None:
            known = RobotFileParser()
            rules: list[str] = []
            with suppress(requests.RequestException):
                answer = self._session().get(
                    f"{parts.scheme}://{parts.netloc}/robots.txt", timeout=self.manners.timeout
                )
                rules = answer.text.splitlines() if answer.ok else []
            known.parse(rules)
            with self._lock:
                self._robots[parts.netloc] = known
        return known.can_fetch(AGENT, url)


def candidates(url: str, modifiers: Iterable[str]) -> list[str]:
    """Give the addresses to try for an image of WikiArt.

    Examples:
        >>> candidates("https://w/a.jpg!Large.jpg", ["HD"])
        ['https://w/a.jpg!HD.jpg', 'https://w/a.jpg']
    """
    base = url.partition("!")[0]
    ending = base.rpartition(".")[2]
    return [*(f"{base}!{modifier}.{ending}" for modifier in modifiers), base]


def fetch_images(
    wanted: Iterable[tuple[str, str]],
    folder: Path,
    ledger: Ledger,
    manners: Manners,
    now: Callable[[], float] = time.time,
) -> list[Reject]:
    """Fetch images into a folder, under their names; returns what is not there at the end, and why.

    Args:
        wanted: names and addresses; a name is one file name, without folders.
        folder: where the images go; those that are there are left as they are.
        ledger: what failed before, and when it is due.
        manners: limits and patience.
        now: seconds since the epoch.

    Raises:
        StoreError: the folder cannot be written to, or its disk is full.
    """
    with disk_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
    known = ledger.read()
    given = list(wanted)
    unsafe = [Reject(name, Reason.UNSAFE_PATH, "no plain file name") for name, _ in given if not _plain(name)]
    items = [(name, url) for name, url in given if _plain(name) and not (folder / name).exists()]
    due = [(name, url) for name, url in items if name not in known or known[name].is_due(now())]
    fetcher = Fetcher(manners)

    def one(item: tuple[str, str]) -> None:
        name, url = item
        try:
            data = fetcher.fetch(url)
        except Refused as refused:
            tries = known[name].tries + 1 if name in known else 1
            wait = None if refused.after is None else max(refused.after, manners.backoff * 2 ** (tries - 1))
            due_at = None if wait is None else now() + wait
            ledger.add(name, Entry(refused.reason, refused.cause, tries, due_at))
        else:
            with disk_errors(folder):
                write_whole(folder / name, lambda part: part.write_bytes(data))
            ledger.remove(name)

    with ThreadPoolExecutor(manners.workers) as pool:
        for _ in track(pool.map(one, due), "images", len(due)):
            pass
    failed = ledger.read()
    rejects = [Reject(name, failed[name].reason, failed[name].cause) for name, _ in items if name in failed]
    return [*unsafe, *rejects]


def _plain(name: str) -> bool:
    return name not in ("", ".", "..") and Path(name).name == name and "\\" not in name and "\0" not in name


def _check(answer: requests.Response, max_bytes: int) -> None:
    """Refuse an answer by its head."""
    tags = answer.headers.get("X-Robots-Tag", "").replace(":", ",")
    words = {word.strip().lower() for word in tags.split(",")}
    if words & OPT_OUT or answer.headers.get("TDM-Reservation", "").strip() == "1":
        raise Refused("opted out by header", after=None, reason=Reason.OPTED_OUT)
    if answer.status_code in (401, 403, 451):
        raise Refused(f"HTTP {answer.status_code}", after=None)
    if answer.status_code != 200:
        raise Refused(f"HTTP {answer.status_code}", after=retry_after(answer.headers.get("Retry-After", "")))
    kind = answer.headers.get("Content-Type", "").partition(";")[0].strip()
    if not (kind.startswith("image/") or kind == "application/octet-stream"):
        raise Refused(f"content type {kind or 'not stated'}", after=None)
    if int(answer.headers.get("Content-Length") or 0) > max_bytes:
        raise Refused(f"more than {max_bytes} bytes", after=None, reason=Reason.TOO_LARGE)


def _limited(answer: requests.Response, manners: Manners) -> Iterator[bytes]:
    """Pass the body on until it grows too large or takes too long; urllib3 notices when it is cut short."""
    until, size = time.monotonic() + manners.deadline, 0
    for chunk in answer.iter_content(CHUNK):
        size += len(chunk)
        if size > manners.max_bytes:
            raise Refused(f"more than {manners.max_bytes} bytes", after=None, reason=Reason.TOO_LARGE)
        if time.monotonic() > until:
            raise Refused(f"slower than {manners.deadline:g} s")
        yield chunk


def retry_after(text: str) -> float:
    """Read seconds or a date; 0 for what is neither."""
    if text.strip().isdecimal():
        return float(text)
    with suppress(ValueError):
        return max(0.0, parsedate_to_datetime(text).timestamp() - time.time())
    return 0.0
