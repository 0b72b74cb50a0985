"""Publishing to a real S3 endpoint, over a line that fails now and then."""

import errno
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
import s3fs

from artsound.publish import place as publishing
from artsound.publish import switch as switching
from artsound.publish.place import publish
from artsound.receive.find import find
from artsound.receive.place import Place
from artsound.receive.pull import pull
from artsound.release.pointer import POINTER, Pointer, parse_pointer
from artsound.release.verify import verify
from tests import s3

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[s3.S3]:
    with s3.running(tmp_path_factory.mktemp("s3")) as running:
        yield running


@pytest.fixture
def bucket(server: s3.S3, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setattr(publishing, "PAUSE", 0.01)
    for name, value in server.environment.items():
        monkeypatch.setenv(name, value)
    s3fs.S3FileSystem.clear_instance_cache()
    system = s3fs.S3FileSystem()
    for attempt in range(50):  # the port opens before the store can write
        try:
            system.mkdir("sets")
            break
        except OSError:
            time.sleep(0.2 * (attempt < 49))
    yield "s3://sets"
    s3fs.S3FileSystem.clear_instance_cache()
    monkeypatch.setenv("AWS_ENDPOINT_URL", server.endpoint)
    s3fs.S3FileSystem().rm("sets", recursive=True)
    s3fs.S3FileSystem.clear_instance_cache()


def test_a_release_goes_to_s3_and_comes_back_whole(
    bucket: str, finished: Path, newer: Path, tmp_path: Path
) -> None:
    publish(finished, bucket)
    assert publish(newer, bucket).newest
    assert publish(newer, bucket).sent == 0
    for version in ("1.0.0", "2.0.0"):
        pull(find(f"{bucket}/demo@{version}"), tmp_path / version)
        assert verify(tmp_path / version, deep=True).problems == []
    assert find(f"{bucket}/demo").manifest.version == "2.0.0"


@pytest.mark.parametrize("there", [True, False])  # whether a pointer is there before
def test_of_two_who_switch_the_pointer_at_one_time_neither_is_forgotten(
    bucket: str, finished: Path, newer: Path, monkeypatch: pytest.MonkeyPatch, there: bool
) -> None:
    publish(finished, bucket)
    system, path, tries = s3fs.S3FileSystem(), f"{bucket}/demo/{POINTER}", []
    first = parse_pointer(system.cat_file(path))
    theirs = Pointer("demo", "1.0.0", {"0.9.0": "0" * 64, **first.manifests})
    if not there:
        system.rm(path)
    put = switching._put

    def late(place: Place, name: str, text: str, condition: dict[str, str]) -> bool:
        if not tries:
            system.pipe_file(path, theirs.text().encode())
        tries.append(put(place, name, text, condition))
        return tries[-1]

    monkeypatch.setattr(switching, "_put", late)
    assert publish(newer, bucket).newest
    assert tries == [False, True]
    now = parse_pointer(system.cat_file(path))
    assert (now.version, list(now.manifests)) == ("2.0.0", ["0.9.0", "1.0.0", "2.0.0"])


def test_a_store_that_knows_no_conditions_is_published_to_all_the_same(
    bucket: str, finished: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipe = s3fs.S3FileSystem.pipe_file

    def old(self: s3fs.S3FileSystem, path: str, value: bytes, **given: str) -> object:
        if given:
            raise OSError(errno.ENOSYS, "A header you provided implies functionality that is not implemented")
        return pipe(self, path, value)

    monkeypatch.setattr(s3fs.S3FileSystem, "pipe_file", old)
    assert publish(finished, bucket).newest
    assert find(f"{bucket}/demo").manifest.version == "1.0.0"


def test_errors_cuts_and_delays_on_the_way_are_overcome(
    bucket: str, server: s3.S3, finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with _bad_line(server) as (endpoint, mishaps):
        monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
        s3fs.S3FileSystem.clear_instance_cache()
        for attempt in range(10):
            try:
                publish(finished, bucket)
                break
            except publishing.SourceError:
                assert attempt < 9
    assert {"500", "cut", "slow"} <= set(mishaps)
    monkeypatch.setenv("AWS_ENDPOINT_URL", server.endpoint)
    s3fs.S3FileSystem.clear_instance_cache()
    pull(find(f"{bucket}/demo"), tmp_path / "into")
    assert verify(tmp_path / "into", deep=True).problems == []


@contextmanager
def _bad_line(server: s3.S3) -> Iterator[tuple[str, list[str]]]:
    """Stand between client and server; every connection in turn is fine, cut short, answered 500, or slow."""
    host, port = server.endpoint.removeprefix("http://").split(":")
    mishaps: list[str] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0.2)
        stop = threading.Event()

        def accept() -> None:
            while not stop.is_set():
                with suppress(TimeoutError):
                    client, _ = listener.accept()
                    mishaps.append(("fine", "cut", "fine", "500", "slow")[len(mishaps) % 5])
                    threading.Thread(target=_serve, args=(client, (host, int(port)), mishaps[-1])).start()

        thread = threading.Thread(target=accept)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}", mishaps
        finally:
            stop.set()
            thread.join()


def _serve(client: socket.socket, upstream: tuple[str, int], mishap: str) -> None:
    with client, suppress(OSError):
        client.settimeout(20)
        if mishap == "500":
            client.recv(65536)
            client.sendall(
                b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
            )
            return
        if mishap == "slow":
            time.sleep(0.5)
        with socket.create_connection(upstream) as server:
            server.settimeout(20)
            budget = 6000 if mishap == "cut" else 10**9
            back = threading.Thread(target=_pass_on, args=(server, client, budget))
            back.start()
            _pass_on(client, server, budget)
            back.join()


def _pass_on(source: socket.socket, target: socket.socket, budget: int) -> None:
    with suppress(OSError):
        while budget > 0 and (data := source.recv(min(65536, budget))):
            target.sendall(data)
            budget -= len(data)
    for end in (source, target):
        with suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
