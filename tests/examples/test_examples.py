"""Every example runs as it stands and meets every pair."""

import subprocess
import sys
from pathlib import Path

import pytest

from artsound.products import release_folder
from artsound.settings import Settings
from tests.release.conftest import finished, media, rows

__all__ = ["finished", "media", "rows"]

EXAMPLES = sorted((Path(__file__).parents[2] / "data" / "examples").glob("*.py"))
NEEDS = {"with_artsound": "torch"}


def lines(example: Path, release: Path, tmp_path: Path) -> list[str]:
    pytest.importorskip(NEEDS.get(example.stem, "pyarrow"))
    done = subprocess.run(
        [sys.executable, str(example), str(release)],
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).parents[2],
        env={"HF_HOME": str(tmp_path), "HF_HUB_OFFLINE": "1", "PYTHONPATH": "."},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@pytest.mark.slow
@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_runs_on_a_small_release(example: Path, finished: Path, tmp_path: Path) -> None:
    wanted = {"with_artsound": 3, "with_polars": 1}  # batches; kinds of licences
    found = lines(example, finished, tmp_path)
    assert len(found) >= wanted.get(example.stem, 12)
    if example.stem not in wanted:
        assert len({line.split()[0] for line in found if len(line.split()[0]) == 16}) == 12


@pytest.mark.slow
@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_runs_on_the_demo_release(example: Path, demo: Path, tmp_path: Path) -> None:
    assert lines(example, release_folder(Settings.load(demo)), tmp_path)
