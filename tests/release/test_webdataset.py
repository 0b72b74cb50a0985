"""The tars: exact, and open in what people use."""

import io
import json
import subprocess
import sys
import tarfile
from pathlib import Path

import pyarrow as pa
import pytest

from artsound.errors import ReleaseError
from artsound.release.webdataset import header


def _members(rows: pa.Table) -> list[tuple[str, int]]:
    return [
        (f"{row['pair_id']}.{ending}", size)
        for row in rows.to_pylist()
        for ending, size in (
            (row["image_format"], row["image_bytes"]),
            (row["audio_format"], row["audio_bytes"]),
            ("json", len(row["meta"].encode())),
            ("art.txt", len(row["art_caption"].encode())),
            ("music.txt", len(row["music_caption"].encode())),
        )
    ]


def test_a_tar_is_bit_for_bit_what_tarfile_writes(finished: Path) -> None:
    for path in (finished / "webdataset").glob("*.tar"):
        out = io.BytesIO()
        with (
            tarfile.open(path) as read,
            tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as wrote,
        ):
            for member in read:
                plain = tarfile.TarInfo(member.name)
                plain.size, plain.mtime = member.size, 0
                wrote.addfile(plain, read.extractfile(member))
        assert path.read_bytes() == out.getvalue()


def test_the_tars_hold_all_pairs_in_order_and_number_without_gaps(finished: Path, rows: pa.Table) -> None:
    found = []
    for split in ("train", "val", "test"):
        paths = sorted((finished / "webdataset").glob(f"{split}-*.tar"))
        assert [path.name for path in paths] == [f"{split}-{number:06d}.tar" for number in range(len(paths))]
        for path in paths:
            with tarfile.open(path) as tar:
                found += [(member.name, member.size) for member in tar]
    assert found == _members(rows)


def test_sizes_of_the_tars_are_listed_beside_them(finished: Path) -> None:
    sizes = json.loads((finished / "webdataset" / "sizes.json").read_text())
    found = {}
    for path in sorted((finished / "webdataset").glob("*.tar")):
        with tarfile.open(path) as tar:
            found[path.name] = len(tar.getnames()) // 5
    assert sizes == found


_READ = """
import json, sys, webdataset
samples = list(webdataset.WebDataset(sys.argv[1:], shardshuffle=False).decode("pil"))
assert all(sample["png"].size[1] == 8 for sample in samples)
assert all(sample["json"]["artwork"]["caption"]["caption"] == sample["art.txt"] for sample in samples)
print(json.dumps([[sample["__key__"], len(sample["wav"])] for sample in samples]))
"""


@pytest.mark.slow
def test_webdataset_reads_the_samples(finished: Path, rows: pa.Table) -> None:
    urls = sorted(str(path) for path in (finished / "webdataset").glob("train-*.tar"))
    # in a process of its own, since webdataset leaves its files open
    done = subprocess.run([sys.executable, "-c", _READ, *urls], capture_output=True, check=True)
    own = [[row["pair_id"], row["audio_bytes"]] for row in rows.to_pylist() if row["split"] == "train"]
    assert json.loads(done.stdout) == own


def test_a_name_that_ustar_cannot_hold_is_refused() -> None:
    with pytest.raises(ReleaseError, match="cannot stand in a USTAR archive"):
        header("x" * 100, 1)
    with pytest.raises(ReleaseError, match="cannot stand in a USTAR archive"):
        header("x", 8**11)
