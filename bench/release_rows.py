"""A release of many rows: cost of a row and memory as rows grow: `python -m bench.release_rows`.

Planning, writing, both, and verifying run in a process each, with a peak of its own.
"""

import hashlib
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from artsound import memory, tables
from artsound.errors import Outcome
from artsound.media.files import Folder
from artsound.release.build import Release, ReleaseOptions
from artsound.release.plan import READS, plan_release
from artsound.release.rows import StoredRows
from artsound.release.verify import verify
from artsound.store import Store

FEW, MANY = 1_000, 100_000
PIECE = 1_000  # rows that are planned at one time, as `runtime.part_rows` says
BYTES = 300  # of an image, and of a recording
STEP = 7919  # a prime: artworks stand in another order than pairs and clips


def main() -> None:
    """Measure and print; with a work and a folder: do that work."""
    if len(sys.argv) > 1:
        _work(sys.argv[1], Path(sys.argv[2]))
        return
    memory.lean()  # as the command line does; the programs that are measured have it from here
    print("CPU ms a row and peak memory in MB: " + ", ".join(WORKS))
    with tempfile.TemporaryDirectory() as name:
        few, many = (_measured(Path(name) / str(pairs), pairs) for pairs in (FEW, MANY))
    print("ratios  " + "".join(f"{b / a:9.2f}" for a, b in zip(few, many, strict=True)))


def _measured(folder: Path, pairs: int) -> list[float]:
    store_tables(folder, pairs)
    found: list[float] = []
    for work in WORKS:
        command = [sys.executable, "-m", "bench.release_rows", work, str(folder)]
        done = subprocess.run(command, capture_output=True, check=True, text=True)  # noqa: S603
        cpu, peak = map(float, done.stdout.split()[-2:])
        found += [cpu / pairs * 1e3, peak]
    shutil.rmtree(folder)
    print(f"{pairs:7d} " + "".join(f"{value:9.3f}" for value in found), flush=True)
    return found


def _work(name: str, folder: Path) -> None:
    started = time.process_time()
    WORKS[name](folder)
    print(time.process_time() - started, _peak())


def _peak() -> float:
    """Read the largest resident memory of this program in MB; `ru_maxrss` would count its parent's, too."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) / 1024


def _plan(folder: Path) -> None:
    """Plan part by part, keep the parts, write the table: as the stage `release_rows` does."""
    store = Store(folder)
    shutil.rmtree(folder / "ordered", ignore_errors=True)
    planned = plan_release({name: store.path(name) for name in READS}, folder / "ordered")
    parts = store.parts("release_rows", "bench")
    numbers = range(-(-planned.pairs // PIECE))
    for number in numbers:
        parts.once(number, lambda at=number * PIECE: planned(at, at + PIECE))  # type: ignore[misc]
    store.write("release_rows", map(parts.read, numbers), "bench")


def _write(folder: Path) -> None:
    """Write the release of a plan that is stored."""
    shutil.rmtree(folder / "release", ignore_errors=True)
    store = Store(folder)
    found = store.manifest("release_rows")
    make_release(folder, StoredRows(store.path("release_rows"), found.content if found else ""))


def _both(folder: Path) -> None:
    """Plan and write, one after the other in one process, as a build does."""
    _plan(folder)
    _write(folder)


def _verify(folder: Path) -> None:
    assert verify(folder / "release").problems == []


WORKS = {"plan": _plan, "write": _write, "both": _both, "verify": _verify}


def store_tables(folder: Path, pairs: int) -> None:
    """Store the tables that a release is planned from, and its media."""
    random = np.random.default_rng(0)
    files: dict[str, list[dict[str, Any]]] = {}
    for side, form in (("art", "jpg"), ("music", "mp3")):
        (folder / side).mkdir(parents=True)
        data = [random.bytes(BYTES) for _ in range(pairs)]
        for number, content in enumerate(data):
            (folder / side / f"{number}.{form}").write_bytes(content)
        files[side] = [file_facts(content, form) for content in data]
    for table in READS:
        Store(folder).write(table, _pieces(table, pairs, files), "bench")


def _pieces(table: str, pairs: int, files: Mapping[str, list[dict[str, Any]]]) -> Iterator[Outcome]:
    for start in range(0, pairs, PIECE):
        rows = [_row(table, number, pairs, files) for number in range(start, min(start + PIECE, pairs))]
        yield Outcome(tables.rows_of(table, rows))


def _row(table: str, number: int, pairs: int, files: Mapping[str, list[dict[str, Any]]]) -> dict[str, Any]:
    caption = " ".join(f"word{(number * 7 + i) % 97}" for i in range(40))
    given = {
        "pair_id": f"{number * 2654435761 % 2**32:016x}",
        "split": "train",
        "score": 0.5,
        "artwork_id": f"a{number * STEP % pairs if table == 'pairs' else number}",
        "clip_id": f"t{number}",
        "track_id": f"t{number}",
        "artist_id": f"{number if table == 'artists' else number // 3}",
        "licence": "CC-BY-4.0",
        "caption": f"About this work: {caption}.",
        "paragraph": f"{caption}. " * 4,
        "title": f"title {number}",
        "source_url": f"https://example.org/{number}",
        "image_path": f"{number}.jpg",
        "audio_path": f"{number}.mp3",
    }
    given |= {"artworks": files["art"], "clips": files["music"]}.get(table, [{}] * pairs)[number]
    return {field.name: filled(field.type, given.get(field.name)) for field in tables.TABLES[table]}


def make_release(folder: Path, rows: pa.Table | StoredRows) -> Path:
    """Build a release in both formats."""
    options = ReleaseOptions("bench", "1.0.0", shard_megabytes=50)
    media = {"images": Folder(folder / "art"), "audio": Folder(folder / "music")}
    making = Release(folder / "release", rows, options=options, **media, facts={})
    for number in range(making.parts()):
        making.run(number)
    making.finish()
    return making.folder


_PLAIN = {"string": "words", "bool": False}


def filled(dtype: pa.DataType, given: Any = None) -> Any:
    """Complete what is given with plain values wherever a sample has more to say."""
    if pa.types.is_struct(dtype):
        return {field.name: filled(field.type, (given or {}).get(field.name)) for field in dtype}
    if given is not None:
        return given
    return [] if pa.types.is_list(dtype) else _PLAIN.get(str(dtype), 1)


def file_facts(data: bytes, form: str) -> dict[str, Any]:
    """Say of a file what the catalogue says."""
    return {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data), "format": form}


if __name__ == "__main__":
    main()
