"""Full disks, read-only places and kills, for all that receives or publishes: one line, nothing is lost."""

import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from artsound.errors import ArtSoundError
from artsound.receive.check import check, verify_far
from artsound.receive.find import find
from artsound.receive.patch import make_patch
from artsound.release.manifest import MANIFEST
from artsound.release.tiers import REDISTRIBUTABLE
from artsound.release.verify import verify
from tests.receive.conftest import point
from tests.receive.test_cut import mixed
from tests.receive.web import Web
from tests.release import world
from tests.release.test_arrays import all_arrays

__all__ = ["mixed"]

CHILD = """
import os, resource, shutil, signal, sys
from pathlib import Path
from artsound.errors import StoreError
from artsound.publish.place import publish
from artsound.receive.cut import Cut, pull_cut
from artsound.receive.find import find
from artsound.receive.patch import apply_patch
from artsound.receive.pull import pull
from artsound.release.verify import verify

what, source, into, most, nobody = sys.argv[1:]
source, into = Path(source), Path(into)
work = {
    "pull": lambda into: pull(find(str(source / "demo")), into),
    "tier": lambda into: pull_cut(find(str(source / "demo")), into, Cut(tier="share-alike")),
    "columns": lambda into: pull_cut(find(str(source / "demo")), into, Cut(columns=("image", "latents"))),
    "apply": lambda into: apply_patch(source / "demo-1.0.0", source / "patch", into),
    "publish": lambda into: publish(source / "demo-1.0.0", str(into)),
}[what]
if int(nobody):
    work(source / "warm")  # imports what it needs as long as everything can be read
    shutil.rmtree(source / "warm")
if int(most):
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(most), int(most)))  # beyond it, as on a full disk
if int(nobody) and os.geteuid() == 0:
    os.setegid(65534)
    os.seteuid(65534)  # root may write everywhere
print("go", flush=True)
try:
    work(into)
except StoreError as error:
    print(error)
    sys.exit(3)
"""
WAYS = ("pull", "tier", "columns", "apply", "publish")


@pytest.fixture
def place(media: Path, mixed: pa.Table) -> Iterator[Path]:
    """A published release with vectors and latents, where everybody may read."""
    rows = mixed.filter(pc.is_in(mixed["tier"], value_set=pa.array(REDISTRIBUTABLE)))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        making = replace(world.release(media, rows, folder, npy=True), arrays=all_arrays(rows))
        world.build(making)
        point(folder, "1.0.0")
        make_patch(folder / "demo-1.0.0", folder / "demo-1.0.0", folder / "patch")
        for path in (folder, *folder.rglob("*")):
            path.chmod(0o755 if path.is_dir() else 0o644)
        yield folder


def child(what: str, place: Path, into: Path, most: int = 0, nobody: bool = False) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", CHILD, what, str(place), str(into), str(most), str(int(nobody))]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def sound(what: str, into: Path) -> bool:
    folder = into / "demo-1.0.0" if what == "publish" else into
    return verify(folder, deep=True).problems == []


@pytest.mark.slow
@pytest.mark.parametrize("what", WAYS)
def test_a_full_disk_is_one_line_and_the_next_run_goes_on(what: str, place: Path) -> None:
    into = place / "out" / "demo"
    full = child(what, place, into, most=9_000)
    told, errors = full.communicate()
    assert full.returncode == 3, errors[-2000:]
    assert told.splitlines()[1].startswith("cannot write to ")
    assert len(told.splitlines()) == 2
    assert not (into / MANIFEST).exists()
    done = child(what, place, into)
    assert done.wait() == 0, done.communicate()
    done.communicate()
    assert sound(what, into)


@pytest.mark.slow
@pytest.mark.parametrize("what", WAYS)
def test_a_read_only_place_is_one_line_and_stays_as_it_is(what: str, place: Path) -> None:
    into = place / "out" / "demo"
    into.mkdir(parents=True)
    for folder in (into, into.parent):
        folder.chmod(0o555)
    before = world.contents(place)
    run = child(what, place, into, nobody=True)
    told, errors = run.communicate()
    assert run.returncode == 3, errors[-2000:]
    assert "cannot write to " in told.splitlines()[1]
    assert world.contents(place) == before
    for folder in (into.parent, into):
        folder.chmod(0o755)


@pytest.mark.slow
@pytest.mark.parametrize("what", ["tier", "columns", "apply"])
def test_killed_at_any_moment_it_ends_in_the_same_bytes(what: str, place: Path) -> None:
    whole, into = place / "whole" / "demo", place / "out" / "demo"
    once = child(what, place, whole)
    once.communicate()
    assert once.returncode == 0
    wait, kills = 0.0, 0
    while kills < 8:
        run = child(what, place, into)
        assert run.stdout is not None
        run.stdout.readline()
        time.sleep(wait * random.Random(kills).uniform(0.7, 1))  # noqa: S311  # any moment will do
        run.send_signal(signal.SIGKILL)
        run.communicate()
        kills += run.returncode == -signal.SIGKILL
        if (into / MANIFEST).exists():
            break
        wait = 0.01 + wait * 1.6
    last = child(what, place, into)
    last.communicate()
    assert last.returncode == 0
    assert world.contents(into) == world.contents(whole)
    assert kills > 1
    assert [path.name for path in into.parent.iterdir()] == [into.name]


KILLED = """
import sys
from dataclasses import replace
from pathlib import Path
from tests.release import world
from tests.release.test_arrays import all_arrays

media, place = map(Path, sys.argv[1:])
rows = world.plan(media, 24)
making = replace(world.release(media, rows, place, npy=True), arrays=all_arrays(rows))
print("go", flush=True)
world.build(making)
"""


@pytest.mark.slow
def test_killed_while_arrays_are_written_it_ends_in_the_same_bytes(media: Path, tmp_path: Path) -> None:
    rows = world.plan(media, 24)
    whole = replace(world.release(media, rows, tmp_path / "whole", npy=True), arrays=all_arrays(rows))
    world.build(whole)
    wait, kills = 0.0, 0
    while not (tmp_path / "demo-1.0.0").exists() and kills < 10:
        command = [sys.executable, "-c", KILLED, str(media), str(tmp_path)]
        run = subprocess.Popen(command, stdout=subprocess.PIPE)
        assert run.stdout is not None
        run.stdout.readline()
        time.sleep(wait)
        run.send_signal(signal.SIGKILL)
        run.communicate()
        kills += run.returncode == -signal.SIGKILL
        wait = 0.02 + wait * 1.4
    making = replace(world.release(media, rows, tmp_path, npy=True), arrays=all_arrays(rows))
    world.build(making)
    assert world.contents(making.folder) == world.contents(whole.folder)
    assert kills > 2


def told(address: str) -> list[str]:
    """Say what is wrong; a damaged manifest is refused at once."""
    try:
        return check(address).report.problems
    except ArtSoundError as error:
        return [str(error)]


@pytest.mark.slow
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_any_changed_or_missing_byte_is_found_where_it_is_published(
    web: Web, published: Path, data: st.DataObject
) -> None:
    """What a web server has too much of is not seen: it lists no folder, and nobody reads it."""
    folder = published / "demo-1.0.0"
    path = folder / data.draw(st.sampled_from(sorted(world.contents(folder))))
    whole = path.read_bytes()
    place = data.draw(st.integers(0, len(whole) - 1))
    flipped = whole[:place] + bytes([whole[place] ^ (1 << data.draw(st.integers(0, 7)))]) + whole[place + 1 :]
    damaged = data.draw(st.sampled_from([flipped, whole[:place], whole + b"\0", None]))
    try:
        path.unlink() if damaged is None else path.write_bytes(damaged)
        assert [*told(f"{web.url}/demo-1.0.0")]
    finally:
        path.write_bytes(whole)
    assert verify_far(find(web.demo)).problems == []


@pytest.mark.slow
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_any_changed_byte_of_vectors_and_latents_is_found(place: Path, data: st.DataObject) -> None:
    folder = place / "demo-1.0.0"
    files = [name for name in world.contents(folder) if name.startswith(("vectors", "latents"))]
    path = folder / data.draw(st.sampled_from(sorted(files)))
    whole = path.read_bytes()
    at = data.draw(st.integers(0, len(whole) - 1))
    path.write_bytes(whole[:at] + bytes([whole[at] ^ (1 << data.draw(st.integers(0, 7)))]) + whole[at + 1 :])
    try:
        assert verify(folder).problems
    finally:
        path.write_bytes(whole)
