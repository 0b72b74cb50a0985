"""Real servers for tests, on free loopback ports, gone when the test is."""

import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

USER, PASSWORD = "neo4j", "artsound-pass"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Bolt:
    """An ArcadeDB that speaks Bolt; it can be killed and started again on the same data."""

    folder: Path
    port: int
    databases: tuple[str, ...]
    heap: str = "512m"
    process: subprocess.Popen[bytes] | None = None

    @property
    def uri(self) -> str:
        return f"bolt://127.0.0.1:{self.port}"

    def start(self) -> None:
        spec = find_spec("arcadedb_embedded")
        assert spec
        assert spec.origin
        package = Path(spec.origin).parent
        self.folder.mkdir(exist_ok=True)
        options = {
            "server.rootPath": str(self.folder),
            "server.rootPassword": "root-pass1",
            "server.mode": "test",
            "server.httpIncomingHost": "127.0.0.1",
            "server.httpIncomingPort": str(free_port()),
            "server.plugins": "Bolt:com.arcadedb.bolt.BoltProtocolPlugin",
            "bolt.host": "127.0.0.1",
            "bolt.port": str(self.port),
            "bolt.defaultDatabase": self.databases[0],
            "server.defaultDatabases": ";".join(
                f"{name}[{USER}:{PASSWORD}:admin]" for name in self.databases
            ),
        }
        command = [
            *(str(package / "jre/bin/java"), f"-Xmx{self.heap}", "--add-modules=jdk.incubator.vector"),
            "--enable-native-access=ALL-UNNAMED",
            *(f"-Darcadedb.{name}={value}" for name, value in options.items()),
            *("-cp", str(package / "jars/*"), "com.arcadedb.server.ArcadeDBServer"),
        ]
        log = (self.folder / "log.txt").open("ab")
        with log:
            self.process = subprocess.Popen(
                command, cwd=self.folder, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT
            )
        self._wait()

    def kill(self) -> None:
        if self.process:
            self.process.kill()
            self.process.wait()
            self.process = None

    def _wait(self) -> None:
        """Wait until a query answers: the port opens seconds earlier."""
        import neo4j

        until = time.monotonic() + 120
        while True:
            try:
                with neo4j.GraphDatabase.driver(self.uri, auth=(USER, PASSWORD)) as driver:
                    for name in self.databases:
                        driver.execute_query("RETURN 1", database_=name)
                    return
            except (neo4j.exceptions.Neo4jError, neo4j.exceptions.DriverError, OSError):
                if time.monotonic() > until:
                    raise
                time.sleep(0.5)


@contextmanager
def bolt(folder: Path, *databases: str, heap: str = "512m") -> Iterator[Bolt]:
    server = Bolt(folder, free_port(), databases or ("neo4j",), heap)
    try:
        server.start()
        yield server
    finally:
        server.kill()


class CuttingProxy:
    """Passes TCP on to a port, and cuts the connection whenever a budget of answered bytes is spent."""

    def __init__(self, port: int, budgets: list[int]) -> None:
        self.target, self.budgets, self.cuts = port, budgets, 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            server = socket.create_connection(("127.0.0.1", self.target))
            threading.Thread(target=self._pass, args=(client, server, False), daemon=True).start()
            threading.Thread(target=self._pass, args=(server, client, True), daemon=True).start()

    def _pass(self, source: socket.socket, sink: socket.socket, counted: bool) -> None:
        with suppress(OSError):
            while data := source.recv(4096):
                if counted and self.budgets:
                    self.budgets[0] -= len(data)
                    if self.budgets[0] < 0:
                        self.budgets.pop(0)
                        self.cuts += 1
                        break
                sink.sendall(data)
        for end in (source, sink):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()
