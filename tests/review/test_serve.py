import http.client
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from artsound.errors import ConfigError
from artsound.review.serve import page_server


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    page = tmp_path / "page"
    (page / "media").mkdir(parents=True)
    (page / "index.html").write_text("<p>page")
    (page / "media" / "a b%.ogg").write_bytes(bytes(range(100)))
    (tmp_path / "secret.txt").write_text("secret")
    (page / "link.txt").symlink_to(tmp_path / "secret.txt")
    return page


@pytest.fixture
def port(folder: Path) -> Iterator[int]:
    with page_server(folder) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


def ask(port: int, path: str, method: str = "GET", **headers: str) -> tuple[int, bytes, dict[str, str]]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request(method, path, headers=headers)
    answer = connection.getresponse()
    try:
        return answer.status, answer.read(), dict(answer.getheaders())
    finally:
        connection.close()


def test_the_page_and_its_media_are_served(port: int) -> None:
    assert ask(port, "/")[:2] == (200, b"<p>page")
    assert ask(port, "/index.html?x=1")[:2] == (200, b"<p>page")
    assert ask(port, "/media/a%20b%25.ogg")[1] == bytes(range(100))
    status, body, headers = ask(port, "/index.html", "HEAD")
    assert (status, body, headers["Content-Length"]) == (200, b"", "7")


def test_a_player_can_seek_by_range(port: int) -> None:
    status, body, headers = ask(port, "/media/a%20b%25.ogg", Range="bytes=10-19")
    assert (status, body, headers["Content-Range"]) == (206, bytes(range(10, 20)), "bytes 10-19/100")
    assert ask(port, "/media/a%20b%25.ogg", Range="bytes=-5")[1] == bytes(range(95, 100))
    for impossible in ("bytes=100-", "bytes=-", "bytes=5-4", "bytes=-0", "lines=1-2"):
        assert ask(port, "/media/a%20b%25.ogg", Range=impossible)[0] == 416


@pytest.mark.parametrize(
    "path", ["/../secret.txt", "/%2e%2e/secret.txt", "/link.txt", "//etc/passwd", "/media", "/none", "/a%00b"]
)
def test_nothing_outside_the_folder_is_served(port: int, path: str) -> None:
    assert ask(port, path)[0] == 404


def test_another_name_for_this_address_is_refused(port: int) -> None:
    assert ask(port, "/", Host="evil.example")[0] == 403
    assert ask(port, "/", Host=f"localhost:{port}")[0] == 200


def test_only_this_machine_can_reach_it(folder: Path) -> None:
    with page_server(folder) as server:
        assert server.server_address[0] == "127.0.0.1"


def test_a_folder_without_a_page_and_a_taken_port_are_refused(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no page in"), page_server(tmp_path):
        pass
    with (
        page_server(folder) as server,
        pytest.raises(ConfigError, match="choose another"),
        page_server(folder, server.server_port),
    ):
        pass


def test_ctrl_c_is_how_it_is_stopped_and_no_failure(folder: Path) -> None:
    command = [sys.executable, "-m", "artsound.cli", "review", "serve", str(folder), "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        said = server.stdout.readline()
        found = re.match(r"http://127\.0\.0\.1:(\d+)/", said)
        assert found is not None
        assert ask(int(found[1]), "/")[1] == b"<p>page"
        server.send_signal(signal.SIGINT)
        _, error = server.communicate(timeout=30)
    assert (server.returncode, error) == (0, "")
