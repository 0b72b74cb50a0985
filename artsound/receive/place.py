"""Where releases are read from: a folder, or any URL that fsspec knows (https, s3, …). Reads only."""

import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import fsspec

from artsound.errors import ConfigError, MissingExtra, SourceError, extra

CHUNK = 1 << 20  # bytes read at a time
STALL = 60.0  # s without a byte until a web server counts as gone


class MissingFile(SourceError):
    """There is no such file at that place."""


class ShortFile(SourceError):
    """A file at that place ends before it should."""


@dataclass(frozen=True)
class Place:
    """A folder, near or far."""

    url: str  # without a slash at the end

    def __truediv__(self, path: str) -> "Place":
        return Place(f"{self.url}/{path}")

    def beside(self, name: str) -> "Place":
        """Name another folder of the same parent."""
        return Place(f"{self.url.rpartition('/')[0]}/{name}")

    @property
    def far(self) -> bool:
        """Whether it is a URL, and not a path of this machine."""
        return "://" in self.url

    @property
    def name(self) -> str:
        """The last part of the address."""
        return self.url.rpartition("/")[2]

    @property
    def shown(self) -> str:
        """The address without a password in it."""
        parts = urlsplit(self.url)
        return (
            urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2])) if parts.scheme else self.url
        )

    def read(self, path: str, most: int) -> bytes:
        """Read a small file.

        Raises:
            MissingFile: it is not there.
            SourceError: the place does not answer, or the file has more bytes than `most`.
        """
        data = b"".join(self.stream(path, most=most + 1))
        if len(data) > most:
            raise SourceError(f"{self.shown}/{path} has more than {most} bytes: it is not what it should be")
        return data

    def stream(self, path: str, start: int = 0, most: int | None = None) -> Iterator[bytes]:
        """Yield the bytes of a file from `start` on, at most `most` of them.

        Raises:
            MissingFile: it is not there.
            SourceError: the connection broke, or the place refuses.
        """
        with self.errors(path), _opened(self.url, path, start) as file:
            left = sys.maxsize if most is None else most
            while left > 0 and (chunk := file.read(min(CHUNK, left))):
                left -= len(chunk)
                yield chunk

    def span(self, path: str, start: int, size: int) -> bytes:
        """Read a stretch of a file; shorter where the file ends.

        Raises:
            MissingFile: it is not there.
            SourceError: the connection broke, or the place refuses.
        """
        with self.errors(path), _opened(self.url, path, start, start + size) as file:
            pieces: list[bytes] = []
            while size > 0 and (piece := file.read(size)):
                size -= len(piece)
                pieces.append(piece)
            return b"".join(pieces)

    @contextmanager
    def errors(self, path: str) -> Iterator[None]:
        """Turn what the many transports raise into two kinds of error."""
        where = f"{self.shown}/{path}"
        try:
            yield
        except FileNotFoundError as error:
            raise MissingFile(f"{where} is not there") from error
        except ImportError as error:
            raise MissingExtra(f"{where}: {error}; {extra('publish')}") from error
        except _transport_errors() as error:
            told = str(error).splitlines()
            raise SourceError(f"{where}: {told[0] if told else type(error).__name__}") from error


def open_place(address: str | Path) -> Place:
    """Take a path or a URL.

    Raises:
        ConfigError: it cannot be understood as either.
    """
    text = str(address)
    try:
        urlsplit(text)
    except ValueError as error:
        raise ConfigError(f"{text} is no address ({error}): give a folder or a URL") from error
    return Place(text.rstrip("/") if "://" in text else str(Path(text).absolute()))


@contextmanager
def _opened(url: str, path: str, start: int, stop: int | None = None) -> Iterator[Any]:
    """Open a file at a byte, to be read straight on, or no further than to `stop`."""
    if url.startswith(("http://", "https://")):
        with _from_web(f"{url}/{path}", start, stop) as file:
            yield file
        return
    system, root = fsspec.core.url_to_fs(url)
    ahead = {"cache_type": "readahead", "block_size": 8 * CHUNK} if stop is None else {"cache_type": "none"}
    reading = ahead if Place(url).far else {}
    with system.open(f"{root.rstrip('/')}/{path}", "rb", **reading) as file:
        file.seek(start)
        yield file


@contextmanager
def _from_web(url: str, start: int, stop: int | None) -> Iterator[Any]:
    """Send one request for all that is wanted; a server that knows no ranges is read from the beginning."""
    timeout = importlib.import_module("aiohttp").ClientTimeout(sock_connect=STALL, sock_read=STALL)
    system = fsspec.filesystem("http", client_kwargs={"timeout": timeout})
    wanted = {"Range": f"bytes={start}-{'' if stop is None else stop - 1}"} if start or stop else {}
    headers = {"Accept-Encoding": "identity"} | wanted
    with system.open(url, "rb", block_size=0, size=1, headers=headers) as file:  # a size spares a request
        passed = start if file.r.status != 206 else 0
        while passed > 0 and (skipped := file.read(min(CHUNK, passed))):
            passed -= len(skipped)
        yield file


def _transport_errors() -> tuple[type[BaseException], ...]:
    """Name what aiohttp and botocore raise, if they were loaded at all."""
    found: list[type[BaseException]] = [OSError, ValueError]
    for module, name in (
        *(("aiohttp", "ClientError"), ("botocore.exceptions", "BotoCoreError")),
        ("botocore.exceptions", "ClientError"),
    ):
        if module in sys.modules:
            found.append(getattr(sys.modules[module], name))
    return tuple(found)
