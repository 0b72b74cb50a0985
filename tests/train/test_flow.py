import os
import subprocess
import sys
from pathlib import Path

import pytest

from artsound.train.checkpoint import read_tensors
from tests.train.conftest import write_release

CONFIG = """
release = "nowhere"
run = "run"
[prior]
kind = "small"
width = 16
blocks = 1
heads = 2
[pretrain]
samples = 16
batch = 8
[loop]
samples = 16
batch = 8
[sampling]
heard = 0
[machine]
threads = 1
"""


@pytest.mark.slow
def test_the_flow_pulls_a_version_and_trains_on_it(tmp_path: Path) -> None:
    for version in ("1.0.0", "1.1.0"):
        write_release(tmp_path / "published" / f"tiny-{version}", version)
    (tmp_path / "train.toml").write_text(CONFIG)
    address = f"{tmp_path / 'published' / 'tiny'}@1.0.0"
    done = subprocess.run(
        [sys.executable, "-m", "flows.train", tmp_path / "train.toml", address],
        env=os.environ | {"PREFECT_HOME": str(tmp_path / "prefect"), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    _, meta = read_tensors(tmp_path / "run" / "model.safetensors")
    assert meta["release"] == "tiny 1.0.0"
    assert (tmp_path / "run" / "releases" / "tiny-1.0.0" / "manifest.json").exists()
