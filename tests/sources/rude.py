"""A web server that misbehaves as the path says."""

import gzip
import hashlib
import json
import re
import time
from collections import Counter
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

IMAGE = b"\xff\xd8\xff\xe0" + bytes(range(256)) * 40  # begins as a JPEG does


class Rude(BaseHTTPRequestHandler):
    """Behaves as the path says."""

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        server = self.server
        assert isinstance(server, RudeServer)
        server.seen[self.path] += 1
        way = re.split(r"[-./]", self.path.strip("/"))[0]
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
        server = self.server
        assert isinstance(server, RudeServer)
        self.answer(server.robots, body=server.rules, Content_Type="text/plain")

    def way_good(self) -> None:
        self.answer()

    def way_posed(self) -> None:
        self.answer(body=b"<html>try again")

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

    def way_later(self) -> None:
        self.answer(503, b"", Retry_After=formatdate(time.time() + 300, usegmt=True))

    def way_moved(self) -> None:
        """Point to the path after the dash, on a host of another name."""
        path = self.path.partition("-")[2]
        self.answer(302, b"", Location=f"http://localhost:{self.server.server_port}/{path}")  # type: ignore[attr-defined]

    def way_nowhere(self) -> None:
        self.answer(302, b"", Location="http://[bad/")

    def way_local(self) -> None:
        self.answer(302, b"", Location="file:///etc/passwd")

    def way_muddled(self) -> None:
        self.answer(Content_Length="many bytes")

    def way_packed(self) -> None:
        """Send little that unpacks to much."""
        self.answer(body=gzip.compress(bytes(10_000_000)), Content_Encoding="gzip")

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
        """Send 1,000 bytes at a time, whatever is asked for."""
        start = int(self.headers.get("Range", "bytes=0-")[6:-1])
        if start >= len(IMAGE):
            self.answer(416, b"")
            return
        whole = f"bytes {start}-{len(IMAGE) - 1}/{len(IMAGE)}"
        ranged = {"Content_Range": whole} if "Range" in self.headers else {}
        sent = IMAGE[start : start + 1000]
        self.answer(206 if ranged else 200, sent, Content_Length=str(len(IMAGE) - start), **ranged)

    def way_otherrange(self) -> None:
        self.answer(206, IMAGE, Content_Range=f"bytes 7-{len(IMAGE) - 1}/{len(IMAGE)}")

    def way_overload(self) -> None:
        """Be busy twice, then fine."""
        server = self.server
        assert isinstance(server, RudeServer)
        if server.seen[self.path] > 2:
            self.answer()
        else:
            self.answer(503, b"", Retry_After="0")

    def way_vast(self) -> None:
        self.answer(body=IMAGE, Content_Length=str(10**15))

    def way_record(self) -> None:
        """Answer as Zenodo does."""
        server = self.server
        assert isinstance(server, RudeServer)
        md5 = hashlib.md5(IMAGE, usedforsecurity=False).hexdigest()
        files = [
            {
                "key": name,
                "size": len(IMAGE),
                "checksum": f"md5:{md5}",
                "links": {"self": address(server, f"{way}.dump/content")},
            }
            for name, way in (("graph.dump", "good"), ("images.zip", "good-images"))
        ]
        self.answer(body=json.dumps({"files": files}).encode(), Content_Type="application/json")


class RudeServer(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Rude)
        self.seen: Counter[str] = Counter()
        self.robots = 200  # status of robots.txt
        self.rules = b"User-agent: *\nDisallow: /private\n"

    def handle_error(self, *_: object) -> None:
        """Clients hang up on purpose."""


def address(server: RudeServer, path: str) -> str:
    return f"http://127.0.0.1:{server.server_port}/{path}"
