"""A real web server over a folder, which breaks, stalls and lies as it is told to."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


@dataclass
class Web:
    """What the server does, and what it was asked for."""

    root: Path
    url: str = ""
    ranges: bool = True  # answers range requests
    fault: Callable[[str, int], str | int | None] = lambda path, number: None
    asked: list[tuple[str, str]] = field(default_factory=list)  # path, range
    sent: int = 0  # bytes

    @property
    def demo(self) -> str:
        return f"{self.url}/demo"

    def files(self) -> list[str]:
        return [path.rpartition("demo-1.0.0/")[2] for path, _ in self.asked]


@contextmanager
def serve(root: Path) -> Iterator[Web]:
    web = Web(root)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            number = sum(path == self.path for path, _ in web.asked)
            web.asked.append((self.path, self.headers.get("Range", "")))
            fault = web.fault(self.path, number)
            path = web.root / self.path.lstrip("/")
            if isinstance(fault, int):
                self.send_error(fault)
            elif not path.is_file():
                self.send_error(404)
            else:
                self._send(path.read_bytes(), fault)

        def _send(self, data: bytes, fault: str | None) -> None:
            start, stop = 0, len(data)
            if wanted := self.headers.get("Range") if web.ranges else None:
                first, _, last = wanted.removeprefix("bytes=").partition("-")
                start, stop = int(first), int(last) + 1 if last else len(data)
            body = data[start:stop]
            if fault == "flip":
                body = bytes([body[0] ^ 1]) + body[1:]
            self.send_response(206 if wanted else 200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if fault == "cut":
                body = body[: max(1, len(body) // 2)]
                self.close_connection = True
            for piece in _slowly(body) if fault == "slow" else (body,):
                self.wfile.write(piece)
            web.sent += len(body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        web.url = f"http://127.0.0.1:{server.server_port}"
        try:
            yield web
        finally:
            server.shutdown()
            thread.join()


def _slowly(body: bytes) -> Iterator[bytes]:
    step = -(-len(body) // 100)
    for start in range(0, len(body), step):
        time.sleep(0.1)
        yield body[start : start + step]
