"""A real S3 endpoint: SeaweedFS, started on free ports of this machine and ended with the test session."""

import json
import os
import socket
import subprocess
import sysconfig
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

KEY, SECRET = "artsound", "artsound-secret"


@dataclass(frozen=True)
class S3:
    """Where it answers, and the environment in which clients reach it."""

    endpoint: str

    @property
    def environment(self) -> dict[str, str]:
        return {
            "AWS_ACCESS_KEY_ID": KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_DEFAULT_REGION": "us-east-1",
        }


@contextmanager
def running(folder: Path) -> Iterator[S3]:
    """Run the server over an empty folder."""
    identity = {"name": "a", "credentials": [{"accessKey": KEY, "secretKey": SECRET}]}
    given = {"identities": [identity | {"actions": ["Admin", "Read", "Write", "List"]}]}
    (folder / "ids.json").write_text(json.dumps(given))
    s3, master, volume, filer = _free_ports()
    weed = Path(sysconfig.get_path("scripts")) / "weed"
    options = [
        *("-dir", folder, "-ip", "127.0.0.1", "-ip.bind", "127.0.0.1", "-master.telemetry=false"),
        *("-filer", "-s3", f"-s3.port={s3}", "-s3.config", folder / "ids.json", "-s3.port.iceberg=0"),
        *(f"-master.port={master}", f"-volume.port={volume}", f"-filer.port={filer}"),
        *("-master.volumeSizeLimitMB=64", "-volume.max=50"),
    ]
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen([weed, "server", *options], stdout=log, stderr=log)
    try:
        _wait(server, s3, folder / "log")
        yield S3(f"http://127.0.0.1:{s3}")
    finally:
        server.terminate()
        with suppress(subprocess.TimeoutExpired):
            server.wait(1)
        server.kill()
        server.wait()


def _free_ports() -> list[int]:
    """Find ports; each service of the server also takes the one 10,000 above for gRPC."""
    found: list[int] = []
    for port in range(20_000 + os.getpid() % 5_000, 32_000, 7):
        if all(_free(one) for one in (port, port + 10_000)):
            found.append(port)
        if len(found) == 4:
            break
    return found


def _free(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


def _wait(server: "subprocess.Popen[bytes]", port: int, log: Path) -> None:
    end = time.monotonic() + 120
    while time.monotonic() < end and server.poll() is None:
        if not _free(port):
            return
        time.sleep(0.2)
    raise RuntimeError(log.read_text()[-2000:])
