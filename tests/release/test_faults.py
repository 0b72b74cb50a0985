"""A disk that is full, and what is left of a build that met it."""

import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pytest

from tests.release import world

_BUILD = """
import resource, signal, sys
from pathlib import Path
from artsound.errors import StoreError
from tests.release import world

media, place, most = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
rows = world.plan(media, 24)
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))  # writing beyond it fails as on a full disk
try:
    world.build(world.release(media, rows, place))
except StoreError as error:
    print(error)
    sys.exit(3)
"""


@pytest.mark.slow
@pytest.mark.parametrize("most", [100, 5_000, 28_000, 40_000])
def test_a_full_disk_is_one_clear_line_and_the_next_run_goes_on(
    media: Path, rows: pa.Table, finished: Path, tmp_path: Path, most: int
) -> None:
    command = [sys.executable, "-c", _BUILD, str(media), str(tmp_path), str(most)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 3, done.stderr[-2000:]
    assert done.stdout.startswith("cannot write to ")
    assert len(done.stdout.splitlines()) == 1
    assert not (tmp_path / finished.name).exists()
    making = world.release(media, rows, tmp_path)
    world.build(making)
    assert world.contents(making.folder) == world.contents(finished)
