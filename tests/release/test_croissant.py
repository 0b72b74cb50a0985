"""`croissant.json`: valid, complete, and it loads the records."""

import json
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pytest

from artsound.release.manifest import read_manifest

_READ = """
import json, sys, warnings
warnings.simplefilter("ignore")
import mlcroissant
found = mlcroissant.Dataset(jsonld=sys.argv[1])
rows = {name: list(found.records(name)) for name in ("pairs", "captions", "scores", "splits")}
first = rows["pairs"][0]
print(json.dumps({
    "errors": sorted(found.metadata.ctx.issues.errors),
    "warnings": sorted(found.metadata.ctx.issues.warnings),
    "ids": {name: [row[f"{name}/pair_id"].decode() for row in rows[name]] for name in list(rows)[:3]},
    "splits": [row["pairs/split"].decode() for row in rows["pairs"]],
    "image": first["pairs/image"].size,
    "audio": type(first["pairs/audio"]).__name__,
}))
"""


@pytest.mark.slow
def test_mlcroissant_finds_it_sound_and_loads_the_records(finished: Path, rows: pa.Table) -> None:
    # in a process of its own: the package warns of things of its own, and warnings are errors here
    command = [sys.executable, "-c", _READ, str(finished / "croissant.json")]
    done = subprocess.run(command, capture_output=True, check=False, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads(done.stdout)
    assert found["errors"] == []
    assert found["warnings"] == []
    assert {name: sorted(ids) for name, ids in found["ids"].items()} == dict.fromkeys(
        ("pairs", "captions", "scores"), sorted(rows["pair_id"].to_pylist())
    )
    assert sorted(found["splits"]) == sorted(rows["split"].to_pylist())
    assert found["image"][1] == 8


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
