"""A Hugging Face Hub of one dataset repository, as its own client speaks to it; breaks as it is told to."""

import base64
import hashlib
import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

RESOLVED = re.compile(r"/datasets/someone/demo/resolve/([^/]+)/(.+)")


def commit(files: dict[str, bytes]) -> str:
    """Name a state of the repository."""
    return hashlib.sha1(repr(sorted(files.items())).encode(), usedforsecurity=False).hexdigest()


def blob(data: bytes) -> str:
    """Name a file as git does."""
    return hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()


class Refused(Exception):
    """What is asked for does not fit what is there."""


@dataclass
class Hub:
    """What the repository holds, and how it misbehaves."""

    url: str = ""
    stored: dict[str, bytes] = field(default_factory=dict)  # sha256 → large file
    files: dict[str, bytes] = field(default_factory=dict)  # path → content, at the head
    tags: dict[str, dict[str, bytes]] = field(default_factory=dict)
    received: list[str] = field(default_factory=list)  # sha256 of each large file that was sent whole
    commits: int = 0
    broken: Callable[[str, str], bool] = lambda method, path: False  # answers 400
    before_commit: Callable[[], object] = lambda: None

    def answer(self, path: str, body: bytes) -> Any:
        """Answer a request; None means there is nothing like it."""
        parts = path.strip("/").split("/")
        if parts[0] == "large":
            self.stored[hashlib.sha256(body).hexdigest()] = body
            self.received.append(parts[1])
            return {}
        if parts[-1] == "batch":
            return self._batch(json.loads(body))
        if parts[0] == "api" and parts[1] in {"repos", "validate-yaml"}:
            return {"url": f"{self.url}/datasets/someone/demo", "errors": [], "warnings": []}
        files = self.tags.get(unquote(parts[-1]), self.files)
        answers: dict[str, Callable[[], Any]] = {
            "refs": self._refs,
            "paths-info": lambda: [_listed(one, files[one]) for one in parse_qs(body.decode())["paths"]],
            "tree": lambda: [_listed(name, data) for name, data in files.items()],
            "preupload": lambda: {"files": [self._mode(one) for one in json.loads(body)["files"]]},
            "commit": lambda: self._commit(body),
            "revision": lambda: self._info(files),
            "tag": lambda: self.tags.update({json.loads(body)["tag"]: dict(self.files)}) or {},
        }
        if parts[:2] == ["api", "datasets"] and len(parts) == 4:
            return self._info(self.files)
        return answers[parts[4]]() if parts[4:] and parts[4] in answers else None

    def resolved(self, path: str) -> bytes | None:
        """Find a file by the address that readers fetch it from."""
        asked = RESOLVED.fullmatch(path)
        return self.tags.get(asked[1], self.files).get(unquote(asked[2])) if asked else None

    def _info(self, files: dict[str, bytes]) -> dict[str, Any]:
        return {"id": "someone/demo", "sha": commit(files)}

    def _refs(self) -> dict[str, Any]:
        told = [{"name": one, "ref": f"refs/tags/{one}", "targetCommit": "0" * 40} for one in self.tags]
        return {"branches": [], "converts": [], "tags": told}

    def _batch(self, asked: dict[str, Any]) -> dict[str, Any]:
        objects = []
        for one in asked["objects"]:
            sends = {"actions": {"upload": {"href": f"{self.url}/large/{one['oid']}"}}}
            objects.append(one | ({} if one["oid"] in self.stored else sends))
        return {"transfer": "basic", "objects": objects}

    def _mode(self, one: dict[str, Any]) -> dict[str, Any]:
        large = one["path"].endswith((".tar", ".parquet"))
        known = self.files.get(one["path"])
        oid = None if known is None else hashlib.sha256(known).hexdigest() if large else blob(known)
        mode = "lfs" if large else "regular"
        return {"path": one["path"], "uploadMode": mode, "shouldIgnore": False, "oid": oid}

    def _commit(self, body: bytes) -> dict[str, Any]:
        self.before_commit()
        for line in map(json.loads, body.splitlines()):
            value = line["value"]
            if line["key"] == "header":
                if value.get("parentCommit") not in (None, commit(self.files)):
                    raise Refused("a commit was made since the parent that was named")
            elif line["key"] == "file":
                self.files[value["path"]] = base64.b64decode(value["content"])
            elif line["key"] == "lfsFile":
                self.files[value["path"]] = self.stored[value["oid"]]
            elif line["key"] == "deletedFile":
                del self.files[value["path"]]
        self.commits += 1
        return {
            "success": True,
            "commitOid": commit(self.files),
            "commitUrl": f"{self.url}/datasets/someone/demo/commit/1",
        }


def _listed(name: str, data: bytes) -> dict[str, Any]:
    return {"type": "file", "path": name, "size": len(data), "oid": blob(data)}


@contextmanager
def hub() -> Iterator[Hub]:
    """Run one."""
    told = Hub()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _any(self) -> None:
            path = urlsplit(self.path).path
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            status, data = self._answer(path, body)
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("ETag", f'"{blob(data)}"')
            self.send_header("X-Repo-Commit", "0" * 40)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(b"" if self.command == "HEAD" else data)

        def _answer(self, path: str, body: bytes) -> tuple[int, bytes]:
            if told.broken(self.command, path):
                return 400, b'{"error": "told to"}'
            if RESOLVED.fullmatch(path):
                found = told.resolved(path)
                return (404, b"{}") if found is None else (200, found)
            try:
                given = told.answer(path, body)
            except Refused as error:
                return 412, json.dumps({"error": str(error)}).encode()
            return 404 if given is None else 200, json.dumps(given).encode()

        do_GET = do_POST = do_PUT = do_HEAD = _any

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        told.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield told
        finally:
            server.shutdown()
            thread.join()
