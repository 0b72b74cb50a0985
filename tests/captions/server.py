"""A caption endpoint on this machine that answers as it is told to, and misbehaves on demand."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

PRINCIPLES = (
    *("balance", "harmony", "variety", "unity", "contrast"),
    *("emphasis", "proportion", "movement", "rhythm", "pattern"),
)


def artwork(**given: Any) -> dict[str, Any]:
    """Give an answer that has the form for artworks."""
    texts = ("subject", "composition", "colour", "technique", "mood", "caption", "paragraph")
    fine = {name: f"This is the {name} of the work." for name in texts}
    fine |= {name: {"present": True, "words": "clearly"} for name in PRINCIPLES}
    return fine | {"emotion": "awe", "valence": 0.5, "arousal": -0.5} | given


def clip(**given: Any) -> dict[str, Any]:
    """Give an answer that has the form for clips."""
    texts = ("genre", "tempo", "chords", "instruments", "timbre", "structure", "dynamics", "production")
    fine: dict[str, Any] = {name: f"This is the {name} of the clip." for name in (*texts, "vocals", "mood")}
    fine |= {"caption": "This is a sentence on the clip.", "paragraph": "This is what is heard in the clip."}
    fine |= {"bpm": 120.0, "key": "C major", "language": None, "context": None}
    return fine | {"valence": 0.1, "arousal": 0.2} | given


@dataclass(frozen=True)
class Says:
    """One HTTP response."""

    body: Any = ""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    after: float = 0.0  # s of silence before it
    cut: bool = False  # promise more bytes than are sent
    trickle: float = 0.0  # s between one byte and the next; 0: all at once


def completion(content: Any, *, finish: str = "stop", **message: Any) -> Says:
    """Wrap an answer as a chat completion."""
    text = content if isinstance(content, str) or content is None else json.dumps(content)
    choice = {"message": {"role": "assistant", "content": text, **message}, "finish_reason": finish}
    return Says({"choices": [choice], "usage": {"total_tokens": 100}})


@dataclass
class Endpoint:
    """What the server was asked, and what it says: a function of the request and its number."""

    says: Callable[[int, dict[str, Any]], Says]
    asked: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    most_at_once: int = 0
    url: str = ""

    def __post_init__(self) -> None:
        self._lock, self._inside = threading.Lock(), 0

    def take(self, body: dict[str, Any], headers: dict[str, str]) -> Says:
        """Note a request and decide on the answer."""
        with self._lock:
            number = len(self.asked)
            self.asked.append(body)
            self.headers.append(headers)
            self._inside += 1
            self.most_at_once = max(self.most_at_once, self._inside)
        says = self.says(number, body)
        time.sleep(says.after)
        with self._lock:
            self._inside -= 1
        return says


@contextmanager
def serving(says: Callable[[int, dict[str, Any]], Says]) -> Iterator[Endpoint]:
    """Serve on a free port of this machine until the block ends."""
    endpoint = Endpoint(says)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = int(self.headers["Content-Length"])
            reply = endpoint.take(json.loads(self.rfile.read(length)), dict(self.headers))
            data = (reply.body if isinstance(reply.body, str) else json.dumps(reply.body)).encode()
            try:
                self.send_response(reply.status)
                for name, value in reply.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(data) + (1000 if reply.cut else 0)))
                self.end_headers()
                for part in (data[i : i + 1] for i in range(len(data))) if reply.trickle else (data,):
                    self.wfile.write(part)
                    time.sleep(reply.trickle)
            except OSError:
                pass  # the client has gone
            self.close_connection = True

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    endpoint.url = f"http://127.0.0.1:{server.server_port}/v1"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield endpoint
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
