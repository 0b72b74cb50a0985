"""Serve an audit page to this machine only, for browsers that restrict pages opened from disk."""

import io
import mimetypes
import re
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import BinaryIO
from urllib.parse import unquote, urlsplit

from artsound.errors import ConfigError
from artsound.review.sounds import FROM_SHARDS, Sounds

BLOCK = 1 << 16  # bytes sent at a time


@contextmanager
def page_server(folder: Path, port: int = 0) -> Iterator[ThreadingHTTPServer]:
    """Bind a server for a page's folder to the loopback address; the caller runs `serve_forever`.

    Args:
        folder: with an `index.html`.
        port: 0 takes any free one.

    Raises:
        ConfigError: there is no page, or the port is taken.
    """
    if not (folder / "index.html").is_file():
        raise ConfigError(f"no page in {folder}: run `artsound build`, or name its folder")
    handler = type("Handler", (_Handler,), {"root": folder.resolve(), "sounds": Sounds(folder.resolve())})
    try:
        server = ThreadingHTTPServer(("127.0.0.1", port), handler)
    except OSError as error:
        raise ConfigError(f"port {port} cannot be used ({error.strerror}): choose another --port") from error
    with server:
        yield server


class _Handler(BaseHTTPRequestHandler):
    """Reads files below `root`, also by range, which players need to seek."""

    root: Path
    sounds: Sounds
    protocol_version = "HTTP/1.1"
    server_version = "artsound"
    sys_version = ""

    def do_GET(self) -> None:  # the name that http.server calls
        """Send a file."""
        self._answer(body=True)

    def do_HEAD(self) -> None:
        """Say what GET would send."""
        self._answer(body=False)

    def log_message(self, format: str, *args: object) -> None:
        """Stay quiet."""

    def _answer(self, *, body: bool) -> None:
        if not self._asked_by_this_machine():
            self._refuse(HTTPStatus.FORBIDDEN)
        elif (sound := self._sound()) is not None:
            self._send(io.BytesIO(sound), Path(self.path), len(sound), body=body)
        elif (path := self._path()) is None:
            self._refuse(HTTPStatus.NOT_FOUND)
        else:
            with path.open("rb") as file:
                self._send(file, path, path.stat().st_size, body=body)

    def _sound(self) -> bytes | None:
        """Take a sound that the page does not hold out of the release's shards."""
        asked = unquote(urlsplit(self.path).path).lstrip("/")
        if not asked.startswith(FROM_SHARDS):
            return None
        return self.sounds.get(asked.removeprefix(FROM_SHARDS).partition(".")[0])

    def _asked_by_this_machine(self) -> bool:
        """Refuse other names for this address, by which a foreign page could read along."""
        host = self.headers.get("Host", "").rsplit(":", 1)[0]
        return host in {"127.0.0.1", "localhost"}

    def _path(self) -> Path | None:
        asked = unquote(urlsplit(self.path).path).lstrip("/") or "index.html"
        if "\0" in asked:
            return None
        path = (self.root / asked).resolve()
        return path if path.is_relative_to(self.root) and path.is_file() else None

    def _send(self, file: BinaryIO, path: Path, size: int, *, body: bool) -> None:
        asked = self.headers.get("Range")
        span = _span(asked, size) if asked else (0, size)
        if span is None:
            self._refuse(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, {"Content-Range": f"bytes */{size}"})
            return
        start, stop = span
        self.send_response(HTTPStatus.PARTIAL_CONTENT if asked else HTTPStatus.OK)
        if asked:
            self.send_header("Content-Range", f"bytes {start}-{stop - 1}/{size}")
        self.send_header("Content-Type", mimetypes.guess_type(path.name)[0] or "application/octet-stream")
        self.send_header("Content-Length", str(stop - start))
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Cache-Control", "no-cache")
        self.end_headers()
        if body:
            self._copy(file, start, stop)

    def _copy(self, file: BinaryIO, start: int, stop: int) -> None:
        file.seek(start)
        try:
            while start < stop and (block := file.read(min(BLOCK, stop - start))):
                self.wfile.write(block)
                start += len(block)
        except (BrokenPipeError, ConnectionResetError):  # the player has heard enough
            self.close_connection = True

    def _refuse(self, status: HTTPStatus, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", "0")
        self.end_headers()


def _span(asked: str, size: int) -> tuple[int, int] | None:
    """Read one byte range (RFC 9110) as start and stop; None when it lies outside or is not understood.

    Examples:
        >>> _span("bytes=0-3", 10), _span("bytes=8-", 10), _span("bytes=-4", 10), _span("bytes=10-", 10)
        ((0, 4), (8, 10), (6, 10), None)
    """
    found = re.fullmatch(r"bytes=(\d*)-(\d*)", asked.strip())
    if not found or found[0] == "bytes=-":
        return None
    if not found[1]:
        start, stop = max(0, size - int(found[2])), size
    else:
        start, stop = int(found[1]), min(int(found[2]) + 1, size) if found[2] else size
    return (start, stop) if start < stop else None
