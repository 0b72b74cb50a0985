"""FMA: the audio zip against bare decoding, its memory by size, metadata of all tracks, fingerprints.

`python -m bench.fma [speed] [memory] [metadata] [fingerprints]`; all without arguments. Every part and every
client runs in a process of its own. Speed: clips of 30 s, stereo at 44.1 kHz, as most of the real ones.
Memory: 1,000 and 20,000 clips of 2 s, mono at 22.05 kHz. As in a build, tracks come from a Parquet file, part
by part.
"""

import io
import os
import re
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from statistics import median

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import soundfile

from artsound.catalog.clips import check_clips
from artsound.catalog.fingerprints import fingerprint_clips, identity
from artsound.catalog.sounding import near_sounds
from artsound.catalog.tracks import clean_tracks
from artsound.errors import ArtSoundError
from artsound.media.files import open_media
from artsound.sources import synthetic_fma
from artsound.sources.fma import read_tracks
from artsound.sources.fma_makers import read_albums, read_musicians
from artsound.sources.synthetic_fma import make_fma
from artsound.store import GROUP_ROWS

LARGE = 106_574  # tracks of fma_large
SPEED = (200, 30.0)  # clips, s each
MEMORY = ((1_000, 2.0), (20_000, 2.0))
TURNS = 3
PART = 1_000  # tracks checked at a time, as `runtime.part_rows` has it
FEW = 20  # clips before the clock runs
VALUES, COPIES = 240, 1_065  # of a fingerprint of 30 s; how many are copies


def bare(folder: Path) -> Callable[[int], int]:
    """Decode every member by soundfile alone, with all cores, and drop what comes out."""
    opened = zipfile.ZipFile(folder / "fma_large.zip")
    names = [name for name in opened.namelist() if name.endswith(".mp3")]

    def decode(name: str) -> int:
        return len(soundfile.read(io.BytesIO(opened.read(name)), dtype="float32")[0])

    def run(most: int) -> int:
        few = names[:most]
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            pieces = (few[start : start + PART] for start in range(0, len(few), PART))
            return sum(1 for piece in pieces for _ in pool.map(decode, piece))

    return run


def checked(folder: Path) -> Callable[[int], int]:
    """Do what a build does: decode to the end, hash, measure."""
    media, workers = open_media(folder / "fma_large.zip"), os.cpu_count() or 1
    check = partial(check_clips, media=media, min_seconds=1, workers=workers)
    return lambda most: sum(len(check(part).rows) for part in parts(folder, most))


def printed(folder: Path) -> Callable[[int], int]:
    """Decode and fingerprint every member, with all cores."""
    media, workers = open_media(folder / "fma_large.zip"), os.cpu_count() or 1
    make = partial(fingerprint_clips, media=media, workers=workers)
    names = ["clip_id", "audio_path"]
    return lambda most: sum(
        len(make(part.select(["track_id", "audio_path"]).rename_columns(names)).rows)
        for part in parts(folder, most)
    )


def parts(folder: Path, most: int) -> Iterator[pa.Table]:
    """Give the tracks, as many as asked for, part by part."""
    with pq.ParquetFile(folder / "tracks.parquet") as file:
        for batch in file.iter_batches(min(PART, most)):
            yield pa.Table.from_batches([batch])
            if (most := most - len(batch)) <= 0:
                return


RUNS = {"bare": bare, "checked": checked, "fingerprinted": printed}


def measured(name: str, folder: str) -> None:
    """Run one client in this process, started by lists and few clips; tell its rate, cost and memory."""
    run = RUNS[name](Path(folder))
    run(FEW)
    before = memory("VmRSS")
    wall, cpu = time.perf_counter(), time.process_time()
    count = run(LARGE)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    print(
        f"{name:14}{count:7} clips {count / wall:8.1f} clips/s {cpu / count * 1e3:7.2f} CPU ms each "
        f"{memory('VmHWM'):5.0f} MB (start {before:.0f})"
    )


def compared(clips: int, seconds: float, turns: int, names: tuple[str, ...]) -> None:
    """Make an archive, and let each client read it in turn."""
    rates: dict[str, list[tuple[float, float]]] = {name: [] for name in names}
    with tempfile.TemporaryDirectory() as place:
        make_fma(Path(place), clips, seconds=seconds, stereo=seconds == SPEED[1])
        media = open_media(Path(place, "fma_large.zip"))
        rows = clean_tracks(read_tracks(Path(place, "fma_metadata.zip"), media).rows).rows
        pq.write_table(rows, Path(place, "tracks.parquet"), row_group_size=GROUP_ROWS)
        print(f"{clips} clips of {seconds:g} s, load {os.getloadavg()[0]:.1f}", flush=True)
        for name in names * turns:
            code = "import sys; from bench import fma; fma.measured(*sys.argv[1:])"
            command = [sys.executable, "-c", code, name, place]
            quiet = {"stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}  # mpg123 grumbles
            done = subprocess.run(command, check=True, text=True, **quiet)  # noqa: S603
            print(done.stdout.strip(), flush=True)
            rate, cost = re.findall(r"([\d.]+) (?:clips/s|CPU ms)", done.stdout)
            rates[name].append((float(rate), float(cost)))
    theirs, own = (list(zip(*rates[name], strict=True)) for name in names[:2])
    by_wall, by_cpu = median(own[0]) / median(theirs[0]), median(theirs[1]) / median(own[1])
    print(f"checked over bare, medians: {by_wall:.2f} by the wall, {by_cpu:.2f} by CPU", flush=True)


def memory(kind: str) -> float:
    """Return the memory of this process, now (VmRSS) or at most (VmHWM), MB."""
    found = re.search(rf"{kind}:\s+(\d+)", Path("/proc/self/status").read_text())
    return int(found[1]) / 1024 if found else 0.0


def metadata(tracks: int = LARGE) -> None:
    """Load the metadata of all tracks, as rows, as a build does; artists and albums too."""
    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / "fma_metadata.zip"
        ids = list(range(2, 2 + tracks))
        synthetic_fma._write_metadata(path, ids)
        wall, cpu = time.perf_counter(), time.process_time()
        rows = len(read_tracks(path, Names(ids)).rows)
        makers = len(read_musicians(path).rows), len(read_albums(path).rows)
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        print(
            f"metadata: {rows} tracks, {makers} artists and albums in {wall:.1f} s, {cpu:.1f} CPU s",
            flush=True,
        )


def fingerprints(clips: int = LARGE) -> None:
    """Find among made-up fingerprints those that are copies, cut by up to 5 s, 5 % of the bits wrong."""
    rng = np.random.default_rng(0)
    values = rng.integers(0, 1 << 32, (clips, VALUES), dtype=np.uint32)
    for copy in range(COPIES):
        cut = rng.integers(0, 40)
        wrong = np.packbits(rng.random((VALUES - cut, 32)) < 0.05, axis=1).view(np.uint32)[:, 0]
        values[clips - 1 - copy, : VALUES - cut] = values[copy, cut:] ^ wrong
    prints = pa.ListArray.from_arrays(np.arange(clips + 1, dtype=np.int32) * VALUES, values.ravel())
    before, began, cpu = memory("VmRSS"), time.perf_counter(), time.process_time()
    left, right = near_sounds(prints, 0.2)
    wall, cpu = time.perf_counter() - began, time.process_time() - cpu
    pairs = zip(left.tolist(), right.tolist(), strict=True)
    good = sum(a + b == clips - 1 and min(a, b) < COPIES for a, b in pairs)
    print(
        f"fingerprints: {good} of {COPIES} copies among {clips}, {len(left) - good} other pairs in "
        f"{wall:.1f} s, {cpu:.1f} CPU s, {memory('VmHWM') - before:.0f} MB above the fingerprints",
        flush=True,
    )


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


def speed() -> None:
    """Read and check clips as the real ones are."""
    compared(*SPEED, TURNS, ("bare", "checked", "fingerprinted"))


def sizes() -> None:
    """Read and check few clips and many."""
    for clips, seconds in MEMORY:
        compared(clips, seconds, 1, ("bare", "checked"))


PARTS = {"metadata": metadata, "fingerprints": fingerprints, "speed": speed, "memory": sizes}

if __name__ == "__main__":
    asked = sys.argv[1:] or [*PARTS]
    if unknown := sorted({*asked} - {*PARTS}):
        raise SystemExit(f"no part {unknown[0]}; there are: {', '.join(PARTS)}")
    try:
        if "speed" in asked:
            identity()  # Chromaprint, missed now and not after an hour
        if len(asked) == 1:
            PARTS[asked[0]]()
    except ArtSoundError as error:
        raise SystemExit(str(error)) from error
    for part in asked if len(asked) > 1 else ():
        subprocess.run([sys.executable, "-m", "bench.fma", part], check=True)  # noqa: S603
