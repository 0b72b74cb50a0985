"""FMA: reading and checking the audio zip against bare decoding, memory by size, metadata of all tracks.

`python -m bench.fma [members …]`; each size runs in a process of its own, for its own memory peak.
"""

import io
import os
import resource
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
from artsound.sources.fma import _Metadata, _row, read_tracks
from artsound.sources.synthetic_fma import make_fma

SECONDS = 30.0  # as the real clips


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


def one_size(members: int) -> None:
    """Measure one size of archive in this process."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        make_fma(folder, members, seconds=SECONDS)
        for name, run in (
            ("bare", lambda: bare(folder / "fma_large.zip")),
            ("checked", lambda: checked(folder)),
            ("bare", lambda: bare(folder / "fma_large.zip")),
        ):
            wall, cpu = time.perf_counter(), time.process_time()
            count = run()
            wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
            rate, each = count / wall, cpu / count * 1e3
            print(f"{members:6} {name:8} {rate:8.1f} files/s {each:7.2f} CPU ms each {peak:6.0f} MB")


def metadata(tracks: int = 106_574) -> None:
    """Load the metadata of all tracks, as rows, without audio."""
    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / "fma_metadata.zip"
        synthetic_fma._write_metadata(path, list(range(2, 2 + tracks)))
        wall, cpu = time.perf_counter(), time.process_time()
        with _Metadata(path) as given:
            lines = given.tracks("large")
            links = given.links({line["track_id"] for line in lines})
            genres = given.genres()
        rows = sum(1 for line in lines if _row(line, "", links[line["track_id"]], genres))
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        print(f"metadata: {rows} rows in {wall:.1f} s, {cpu:.1f} CPU s")


if __name__ == "__main__":
    sizes = [int(size) for size in sys.argv[1:]] or [1_000, 20_000]
    if len(sizes) == 1:
        one_size(sizes[0])
    else:
        metadata()
        for size in sizes:
            subprocess.run([sys.executable, "-m", "bench.fma", str(size)], check=True)  # noqa: S603
