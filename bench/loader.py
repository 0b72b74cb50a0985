"""Reading a release, bytes only, side by side with readers of the same samples: `python -m bench.loader`.

MosaicML's and LitData's readers do not install beside this project's versions: `make rivals` gives them an
environment of their own; without it they are left out. One process, no workers, files in the page cache;
every reader in a process of its own; CPU seconds are the figure to trust on a busy machine.
"""

import hashlib
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from artsound import tables
from artsound.loader.pairs import Pairs
from artsound.loader.shards import COLUMNS, Groups, ParquetShard, Shard, TarShard
from artsound.release.hashing import HashedFile
from artsound.release.media import samples
from artsound.release.parquet import write_parquet
from artsound.release.webdataset import write_tar
from bench import rivals

PAIRS, SHARDS = 1000, 4
IMAGE_BYTES, AUDIO_BYTES, META_CHARS = 80_000, 160_000, 3_000  # a 640 px JPEG; 10 s of MP3; provenance
RIVALS = Path("build/rivals/bin/python")


class Made:
    """Media that are made up when they are asked for: a name is a seed and a size."""

    def read(self, path: str) -> bytes:
        """Make the bytes."""
        seed, size = path.split("/")
        return np.random.default_rng(int(seed)).bytes(int(size))

    def size(self, path: str) -> int:
        """Tell the size."""
        return int(path.split("/")[1])

    def names(self) -> list[str]:
        """List nothing."""
        return []


def rows(start: int, stop: int) -> pa.Table:
    """Make up plan rows."""
    made = []
    for number in range(start, stop):
        image, audio = f"{2 * number}/{IMAGE_BYTES}", f"{2 * number + 1}/{AUDIO_BYTES}"
        text = {name: f"{name} {number}" for name in tables.RELEASE_ROWS.names}
        sizes = {"score": 0.5, "image_bytes": IMAGE_BYTES, "audio_bytes": AUDIO_BYTES}
        media = {
            f"{name}_{what}": value
            for name, path, form in (("image", image, "jpg"), ("audio", audio, "mp3"))
            for what, value in (
                *(("path", path), ("format", form)),
                ("sha256", hashlib.sha256(Made().read(path)).hexdigest()),
            )
        }
        said = {"pair_id": f"{number:016x}", "meta": f"{number} ".ljust(META_CHARS, "x")}
        made.append(text | sizes | media | said)
    return tables.rows_of("release_rows", made)


def write(place: Path) -> None:
    """Write the same samples as tars and as Parquet."""
    for form in ("webdataset", "parquet"):
        (place / form).mkdir()
    for shard in range(SHARDS):
        some = rows(shard * PAIRS // SHARDS, (shard + 1) * PAIRS // SHARDS)
        with HashedFile(place / "webdataset" / f"train-{shard:06d}.tar") as file:
            write_tar(file, samples([some], Made(), Made()))
        with HashedFile(place / "parquet" / f"train-{shard:05d}.parquet") as file:
            write_parquet(file, [some], images=Made(), audio=Made(), group_bytes=64_000_000)


def pairs(place: Path, kind: type[TarShard] | type[ParquetShard], form: str) -> Pairs:
    """Open what was written."""
    groups = Groups()
    shards: list[Shard] = [
        kind(partial(Path, path), PAIRS // SHARDS, COLUMNS, groups)
        for path in sorted((place / form).iterdir())
    ]
    return Pairs(tuple(shards))


def _fresh(place: Path, kind: Any, form: str, **walk: Any) -> Iterator[Any]:
    """Index anew in every round, as every epoch of a worker does."""
    return iter(pairs(place, kind, form).stream(**walk))


def _webdataset(place: Path) -> Iterator[Any]:
    import webdataset

    return iter(
        webdataset.WebDataset([str(p) for p in sorted((place / "webdataset").iterdir())], shardshuffle=False)
    )


def _pyarrow(place: Path) -> Iterator[Any]:
    for path in sorted((place / "parquet").iterdir()):
        for batch in pq.ParquetFile(path).iter_batches(50, columns=list(COLUMNS), use_threads=False):
            yield from batch.to_pylist()


def _media(sample: Any) -> int:
    return len(sample["image"]) + len(sample["audio"])


READERS: dict[str, tuple[Callable[[Path], Any], Callable[[Any], int]]] = {
    "artsound, tar": (lambda place: _fresh(place, TarShard, "webdataset", shuffle=False), _media),
    "artsound, tar, shuffled": (lambda place: _fresh(place, TarShard, "webdataset"), _media),
    "artsound, Parquet": (lambda place: _fresh(place, ParquetShard, "parquet", shuffle=False), _media),
    "artsound, Parquet, shuffled": (lambda place: _fresh(place, ParquetShard, "parquet"), _media),
    "webdataset": (_webdataset, lambda sample: len(sample["jpg"]) + len(sample["mp3"])),
    "pyarrow": (_pyarrow, lambda row: len(row["image"]["bytes"]) + len(row["audio"]["bytes"])),
}


def main() -> None:
    """Measure and print, or measure one reader in a process of its own."""
    if len(sys.argv) > 2:
        make, size = READERS[sys.argv[1]]
        place = Path(sys.argv[2])
        print(*rivals.measure(lambda: make(place), size))
        return
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        write(place)
        jobs = {reader: [sys.executable, "-m", "bench.loader", reader, name] for reader in READERS}
        if RIVALS.exists():
            script = str(Path(rivals.__file__))
            for rival in ("mds", "litdata"):
                written = [str(RIVALS), script, "write", rival, name]
                done = subprocess.run(written, check=False, capture_output=True)  # noqa: S603  # ours
                if done.returncode:
                    print(f"{rival} does not run there and is left out")
                    continue
                jobs[rival] = [str(RIVALS), script, "read", rival, name]
        print(f"{PAIRS} pairs, {PAIRS * (IMAGE_BYTES + AUDIO_BYTES) / 1e6:.0f} MB, best of {rivals.ROUNDS}")
        for reader, job in jobs.items():
            done = subprocess.run(job, check=True, capture_output=True, text=True)  # noqa: S603  # ours
            cpu, wall, total = (float(number) for number in done.stdout.splitlines()[-1].split())
            assert total == PAIRS * (IMAGE_BYTES + AUDIO_BYTES), reader
            print(f"{reader:30} {PAIRS / cpu:8.0f} pairs per CPU s {PAIRS / wall:8.0f} per s", flush=True)


if __name__ == "__main__":
    main()
