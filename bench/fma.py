"""FMA: reading and checking the audio zip against bare decoding, memory by size, metadata of all tracks.

`python -m bench.fma [members seconds]`; each size runs in a process of its own, for its own memory. Without
arguments: clips of 30 s, stereo at 44.1 kHz, for speed; then short ones, 1,000 and 20,000, for memory.
"""

import io
import os
import re
import subprocess
import sys
import tempfile
import time
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import soundfile

from artsound.catalog.clips import check_clips
from artsound.catalog.tracks import clean_tracks
from artsound.media.files import open_media
from artsound.sources import synthetic_fma
from artsound.sources.fma import read_tracks
from artsound.sources.fma_makers import read_albums, read_musicians
from artsound.sources.synthetic_fma import make_fma

SECONDS = 30.0  # as the real clips
SHORT = 11.0  # just long enough to be kept
TURNS = 2


def bare(archive: Path) -> int:
    """Decode every member by soundfile alone, with all cores, and drop what comes out."""
    opened = zipfile.ZipFile(archive)

    def decode(name: str) -> int:
        return len(soundfile.read(io.BytesIO(opened.read(name)), dtype="float32")[0])

    with opened, ThreadPoolExecutor(os.cpu_count()) as pool:
        return sum(1 for _ in pool.map(decode, [n for n in opened.namelist() if n.endswith(".mp3")]))


def checked(folder: Path) -> int:
    """Do what a build does: list, decode to the end, hash, measure."""
    media = open_media(folder / "fma_large.zip")
    tracks = clean_tracks(read_tracks(folder / "fma_metadata.zip", media).rows).rows
    outcome = check_clips(tracks, media=media, min_seconds=10, workers=os.cpu_count() or 1)
    return len(outcome.rows)


def one_size(members: int, seconds: float) -> None:
    """Measure one size of archive in this process: a warm-up, then turns."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        make_fma(folder, members, seconds=seconds, stereo=seconds >= SECONDS)
        costs: dict[str, list[float]] = {}
        for name, run in (
            ("bare", lambda: bare(folder / "fma_large.zip")),
            ("checked", lambda: checked(folder)),
        ) * TURNS:
            wall, cpu = time.perf_counter(), time.process_time()
            count = run()
            wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
            rate, each = count / wall, cpu / count * 1e3
            costs.setdefault(name, []).append(each)
            told = f"{members:6} {name:8} {rate:8.1f} files/s {each:7.2f} CPU ms each {peak():6.0f} MB"
            print(told, flush=True)
        print(f"{members:6} checked over bare, CPU, best: {min(costs['bare']) / min(costs['checked']):.2f}")


def peak() -> float:
    """Return the largest memory of this process so far, MB."""
    found = re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())
    return int(found[1]) / 1024 if found else 0.0


def metadata(tracks: int = 106_574) -> None:
    """Load the metadata of all tracks, as rows, as a build does; artists and albums too."""
    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / "fma_metadata.zip"
        ids = list(range(2, 2 + tracks))
        synthetic_fma._write_metadata(path, ids)
        wall, cpu = time.perf_counter(), time.process_time()
        rows = len(read_tracks(path, Names(ids)).rows)
        makers = len(read_musicians(path).rows), len(read_albums(path).rows)
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        print(f"metadata: {rows} tracks, {makers} artists and albums in {wall:.1f} s, {cpu:.1f} CPU s")


class Names:
    """An archive that has the names of all tracks, and no audio."""

    def __init__(self, ids: list[int]) -> None:
        self._names = [f"fma_large/{number:06d}.mp3" for number in ids]

    def names(self) -> list[str]:
        """List the members."""
        return self._names

    def read(self, path: str) -> bytes:
        """Hold nothing."""
        raise NotImplementedError(path)

    def size(self, path: str) -> int:
        """Hold nothing."""
        raise NotImplementedError(path)


if __name__ == "__main__":
    if len(sys.argv) == 3:
        one_size(int(sys.argv[1]), float(sys.argv[2]))
    else:
        metadata()
        for size, length in ((1_000, SECONDS), (1_000, SHORT), (20_000, SHORT)):
            command = [sys.executable, "-m", "bench.fma", str(size), str(length)]
            subprocess.run(command, check=True, stderr=subprocess.DEVNULL)  # noqa: S603  # mpg123 grumbles
