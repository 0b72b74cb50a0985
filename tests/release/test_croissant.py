"""`croissant.json`: valid, complete, and it loads the records."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from artsound.release.manifest import read_manifest
from tests.release.test_arrays import all_arrays, expected, made

_READ = """
import json, sys, warnings
warnings.simplefilter("ignore")
import mlcroissant
found = mlcroissant.Dataset(jsonld=sys.argv[1])
known = ("pairs", "captions", "scores", "items", "vectors", "latents")
names = [one.name for one in found.metadata.record_sets if one.name in known]
rows = {name: list(found.records(name)) for name in names}
first = rows["pairs"][0]
values = {
    key: {row[f"{name}/pair_id"].decode(): [float(one) for one in row[key]] for row in rows[name]}
    for name in ("vectors", "latents") if name in names
    for key in rows[name][0] if key.rpartition("/")[2] not in ("pair_id", "split")
}
print(json.dumps({
    "errors": sorted(found.metadata.ctx.issues.errors),
    "warnings": sorted(found.metadata.ctx.issues.warnings),
    "ids": {name: [row[f"{name}/pair_id"].decode() for row in rows[name]] for name in names},
    "values": values,
    "splits_told": len(list(found.records("splits"))),
    "splits": [row["pairs/split"].decode() for row in rows["pairs"]],
    "image": first["pairs/image"].size,
    "audio": type(first["pairs/audio"]).__name__,
}))
"""


def read(path: Path) -> dict[str, Any]:
    """Load all records in a process of its own: the package warns of things, and warnings are errors here."""
    command = [sys.executable, "-c", _READ, str(path / "croissant.json")]
    done = subprocess.run(command, capture_output=True, check=False, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    found: dict[str, Any] = json.loads(done.stdout)
    assert found["errors"] == []
    assert found["warnings"] == []
    return found


@pytest.mark.slow
def test_mlcroissant_finds_it_sound_and_loads_the_records(finished: Path, rows: pa.Table) -> None:
    found = read(finished)
    assert {name: sorted(ids) for name, ids in found["ids"].items()} == dict.fromkeys(
        ("pairs", "captions", "scores", "items"), sorted(rows["pair_id"].to_pylist())
    )
    assert found["splits_told"] == 3
    assert sorted(found["splits"]) == sorted(rows["split"].to_pylist())
    assert found["image"][1] == 8


@pytest.mark.slow
def test_mlcroissant_loads_vectors_and_latents(media: Path, rows: pa.Table, tmp_path: Path) -> None:
    arrays = all_arrays(rows)
    found = read(made(media, rows, tmp_path, arrays, formats=("parquet",)))
    assert set(found["values"]) == {"vectors/art_sentence", "vectors/music_sentence", "latents/latents"}
    for one in arrays:
        told = found["values"][f"{one.record.family}/{one.record.name}"]
        for key, own in expected(rows, one):
            assert np.allclose(told[key], own.reshape(-1), atol=1e-3)


def test_every_data_file_stands_in_it_with_its_hash(finished: Path) -> None:
    described = json.loads((finished / "croissant.json").read_text())
    named = {each["contentUrl"]: each["sha256"] for each in described["distribution"] if "sha256" in each}
    made = read_manifest(finished)
    assert named == {record.path: record.sha256 for record in made.files if record.role != "document"}


def test_counts_agree_in_all_files(finished: Path, rows: pa.Table) -> None:
    made = read_manifest(finished)
    card = (finished / "README.md").read_text()
    described = json.loads((finished / "croissant.json").read_text())
    splits = next(each for each in described["recordSet"] if each["@id"] == "splits")
    sizes = json.loads((finished / "webdataset" / "sizes.json").read_text())
    assert made.splits == {row["splits/name"]: row["splits/pairs"] for row in splits["data"]}
    for split, pairs in made.splits.items():
        assert rows["split"].to_pylist().count(split) == pairs
        assert f'name: "{split}"\n    num_bytes' in card
        assert f"| {split} | {pairs} |" in card
        assert sum(count for name, count in sizes.items() if name.startswith(split)) == pairs
        assert f"{pairs} {split}" in (finished / "CHANGELOG.md").read_text()
