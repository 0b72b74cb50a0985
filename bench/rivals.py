"""Other packages' readers, run by an interpreter that has them: `python rivals.py read mds PLACE`.

They pin other versions of numpy than this project, so they live in an environment of their own. This file
imports nothing of ArtSound: it takes the samples out of the Parquet that the benchmark wrote.
"""

import glob
import importlib.machinery
import sys
import time
import types
from collections.abc import Iterator
from typing import Any

COLUMNS = {"image": "bytes", "audio": "bytes", "art_caption": "str", "music_caption": "str", "meta": "str"}
ROUNDS = 3


def samples(place: str) -> Iterator[dict[str, Any]]:
    """Take the samples out of Parquet."""
    import pyarrow.parquet as pq

    for path in sorted(glob.glob(f"{place}/parquet/*.parquet")):  # noqa: PTH207  # stands alone
        for batch in pq.ParquetFile(path).iter_batches(50):
            for row in batch.to_pylist():
                yield {
                    name: row[name]["bytes"] if name in ("image", "audio") else row[name] for name in COLUMNS
                }


class _Absent(types.ModuleType):
    """A package that is imported and never used: whatever is asked of it is an empty class."""

    __path__ = ()

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return type(name, (), {})


def _without_torchvision() -> None:
    """Let `streaming` import torchvision, of which nothing is needed here, though it is not installed."""
    for name in ("", ".datasets", ".transforms", ".transforms.functional"):
        absent = _Absent(f"torchvision{name}")
        absent.__spec__ = importlib.machinery.ModuleSpec(absent.__name__, None)
        sys.modules[absent.__name__] = absent


def write_mds(place: str) -> None:
    """Write MosaicML's shards."""
    _without_torchvision()
    from streaming import MDSWriter

    with MDSWriter(out=f"{place}/mds", columns=COLUMNS, size_limit="100mb") as out:
        for sample in samples(place):
            out.write(sample)


def read_mds(place: str) -> Any:
    """Open MosaicML's shards."""
    _without_torchvision()
    from streaming import StreamingDataset

    return StreamingDataset(local=f"{place}/mds", shuffle=False, batch_size=1)


def _listed(sample: dict[str, Any]) -> dict[str, Any]:
    return sample


def write_litdata(place: str) -> None:
    """Write Lightning's chunks."""
    import litdata

    litdata.optimize(
        fn=_listed,
        inputs=list(samples(place)),
        output_dir=f"{place}/litdata",
        chunk_bytes="100MB",
        num_workers=1,
    )


def read_litdata(place: str) -> Any:
    """Open Lightning's chunks."""
    import litdata

    return litdata.StreamingDataset(f"{place}/litdata", shuffle=False)


def measure(make: Any, size: Any) -> tuple[float, float, int]:
    """Read all samples some times; returns the least CPU and wall seconds, and the bytes of media."""
    best_cpu = best_wall = float("inf")
    total = 0
    for _ in range(ROUNDS):
        cpu, wall, total = time.process_time(), time.perf_counter(), 0
        for sample in make():
            total += size(sample)
        best_cpu = min(best_cpu, time.process_time() - cpu)
        best_wall = min(best_wall, time.perf_counter() - wall)
    return best_cpu, best_wall, total


def main() -> None:
    """Write, or read and print what it took."""
    what, which, place = sys.argv[1:]
    if what == "write":
        {"mds": write_mds, "litdata": write_litdata}[which](place)
        return
    opened = {"mds": read_mds, "litdata": read_litdata}[which](place)
    print(*measure(lambda: opened, lambda sample: len(sample["image"]) + len(sample["audio"])))


if __name__ == "__main__":
    main()
