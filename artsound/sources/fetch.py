"""Fetches images over HTTP, by the thousand, with a retry ledger. Archives: `download`.

A failed image goes to the ledger with its cause and the time when it is due again; a rerun touches only what
is due, and what is there is not asked for. Robots rules, with Crawl-delay, and opt-out headers are honoured.
"""

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from pathlib import Path
from urllib.parse import urljoin, urlsplit
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
SIGNATURES = (b"\xff\xd8\xff", b"\x89PNG", b"RIFF", b"II*\0", b"MM\0*", b"GIF8", b"BM")  # images begin so
CHUNK = 1 << 16
REDIRECTS = 5  # followed at most
MOST_RULES = 500_000  # bytes of a robots.txt that are read, as RFC 9309 asks at least
LONGEST_NAME = 240  # bytes of a file's name; file systems end at 255, and `.part` is put behind it


@dataclass(frozen=True)
class Manners:
    """How politely and how patiently to ask."""

    workers: int = 8
    per_host: int = 2  # connections at once
    timeout: float = 30.0  # s without a byte
    deadline: float = 120.0  # s for one file
    max_bytes: int = 100_000_000
    longest_pause: float = 30.0  # s between files of a host that asks for pauses
    backoff: float = 60.0  # s until the first repetition; doubles each time
    modifiers: tuple[str, ...] = ()  # WikiArt's sizes to try, best first; then the address itself


class Refused(Exception):
    """One file could not be had; it may be asked again `after` so many seconds, or never."""

    def __init__(
        self,
        cause: str,
        *,
        after: float | None = 0.0,
        reason: Reason = Reason.FETCH_FAILED,
        asked: bool = True,
    ) -> None:
        super().__init__(cause)
        self.cause, self.after, self.reason = cause, after, reason
        self.asked = asked  # false: the file itself was not asked for, since its host wants to be left alone


@dataclass
class _Host:
    """What is known of a host."""

    turns: threading.Semaphore
    busy_until: float = 0.0  # of the monotonic clock, s: it asked to be left alone
    robots: RobotFileParser | None = None
    pause: float = 0.0  # s between files, as its robots.txt asks
    next: float = 0.0  # when the next file may be asked for, by the monotonic clock


@dataclass
class Fetcher:
    """Asks for files; one for all threads of a run."""

    manners: Manners
    _sessions: threading.local = field(default_factory=threading.local)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _hosts: dict[str, _Host] = field(default_factory=dict)

    def fetch(self, url: str) -> bytes:
        """Get one image.

        Raises:
            Refused: says why, and when it may be asked again.
        """
        try:
            for candidate in candidates(url, self.manners.modifiers):
                if (found := self._followed(candidate)) is not None:
                    return found
        except requests.RequestException as error:
            lasting = isinstance(error, ValueError)  # an address that is none
            raise Refused(type(error).__name__, after=None if lasting else 0.0) from error
        except ValueError as error:
            raise Refused("not an address", after=None) from error
        except OSError as error:
            raise Refused(type(error).__name__) from error
        raise Refused("not found", after=None)

    def _followed(self, url: str) -> bytes | None:
        """Ask once, also where an answer points on to; None when there is no such file."""
        for _ in range(REDIRECTS + 1):
            host = self._host(url)
            with host.turns:
                found = self._get(url, host)
            if not isinstance(found, str):
                return found
            url = found
        raise Refused("redirects without end", after=None)

    def _get(self, url: str, host: _Host) -> bytes | str | None:
        """Ask one host; returns the file, or the address that it points on to, or None."""
        if (left := host.busy_until - time.monotonic()) > 0:
            raise Refused("its host asked to wait", after=left, asked=False)
        if not self._robots(url, host).can_fetch(AGENT, url):
            raise Refused("robots.txt", after=None, reason=Reason.OPTED_OUT)
        self._pause(host)
        with self._ask(url) as answer:
            if answer.is_redirect:
                return urljoin(url, answer.headers["Location"])
            if answer.status_code in (404, 410):
                return None
            try:
                _check(answer, self.manners.max_bytes)
            except Refused as refused:
                if answer.status_code in (429, 503) and refused.after:
                    host.busy_until = time.monotonic() + refused.after
                raise
            found = b"".join(_limited(answer, self.manners))
        if not found.startswith(SIGNATURES):
            raise Refused("no image by its first bytes")
        return found

    def _pause(self, host: _Host) -> None:
        """Wait for the host's turn, where it asks for pauses."""
        if host.pause:
            with self._lock:
                now = time.monotonic()
                turn = max(host.next, now)
                host.next = turn + host.pause
            time.sleep(turn - now)

    def _ask(self, url: str, *, follow: bool = False) -> requests.Response:
        if not hasattr(self._sessions, "session"):
            session = requests.Session()
            session.headers["User-Agent"] = AGENT
            session.max_redirects = REDIRECTS
            self._sessions.session = session
        found: requests.Session = self._sessions.session
        return found.get(url, stream=True, timeout=self.manners.timeout, allow_redirects=follow)

    def _host(self, url: str) -> _Host:
        with self._lock:
            new = _Host(threading.Semaphore(self.manners.per_host))
            return self._hosts.setdefault(urlsplit(url).netloc, new)

    def _robots(self, url: str, host: _Host) -> RobotFileParser:
        """Look up robots.txt, once a host.

        As RFC 9309 has it: where there is none, nothing is forbidden; while it cannot be had, all is.
        """
        if host.robots is None:
            parts, known = urlsplit(url), RobotFileParser()
            with self._ask(f"{parts.scheme}://{parts.netloc}/robots.txt", follow=True) as answer:
                if answer.status_code == 429 or answer.status_code >= 500:
                    host.busy_until = time.monotonic() + self.manners.backoff
                    raise Refused(f"robots.txt: HTTP {answer.status_code}", after=self.manners.backoff)
                text = next(answer.iter_content(MOST_RULES), b"") if answer.ok else b""
            known.parse(text.decode(errors="replace").splitlines())
            host.pause = min(float(known.crawl_delay(AGENT) or 0), self.manners.longest_pause)
            host.robots = known
        return host.robots


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
        wanted: names and addresses; a name is one file name, without folders. Of several addresses of one
            name the last counts, and an empty one is none.
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
    listed = list(wanted)
    given = dict(listed)
    lacking = [(name, url) for name, url in given.items() if not (_plain(name) and (folder / name).exists())]
    items = [(name, url) for name, url in lacking if _plain(name) and url]
    due = [(name, url) for name, url in items if name not in known or known[name].is_due(now())]
    fetcher = Fetcher(manners)

    def one(item: tuple[str, str]) -> None:
        name, url = item
        try:
            data = fetcher.fetch(url)
        except Refused as refused:
            tries = (known[name].tries if name in known else 0) + refused.asked
            least = manners.backoff * 2.0 ** (tries - 1) if refused.asked else 0.0
            wait = None if refused.after is None else max(refused.after, least)
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
    return [*_not_asked(lacking), *_repeated(listed, given), *rejects]


def _not_asked(lacking: Iterable[tuple[str, str]]) -> Iterator[Reject]:
    for name, url in lacking:
        if not _plain(name):
            yield Reject(name, Reason.UNSAFE_PATH, "no plain file name")
        elif not url:
            yield Reject(name, Reason.MISSING_FILE, "no address is given")


def _repeated(listed: Iterable[tuple[str, str]], given: Mapping[str, str]) -> Iterator[Reject]:
    for name, url in dict.fromkeys(listed):
        if url != given[name] and _plain(name):
            yield Reject(name, Reason.DUPLICATE_KEY, "another address of the same name counts")


def _plain(name: str) -> bool:
    if len(name.encode(errors="replace")) > LONGEST_NAME:
        return False
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
    if stated_length(answer) > max_bytes:
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


def stated_length(answer: requests.Response) -> int:
    """Return how many bytes an answer says it has; 0 where it does not say, or says no number."""
    text = answer.headers.get("Content-Length", "").strip()
    return int(text) if text.isdecimal() else 0


def retry_after(text: str) -> float:
    """Read seconds or a date; 0 for what is neither."""
    if text.strip().isdecimal():
        return float(text)
    with suppress(ValueError, OverflowError):
        return max(0.0, parsedate_to_datetime(text).timestamp() - time.time())
    return 0.0
