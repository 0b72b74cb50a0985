"""Making a release: same bytes always, whatever interrupts it."""

import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest

from artsound.errors import ReleaseError, StoreError
from artsound.release.verify import verify
from tests.release import world


def test_a_rebuild_has_the_same_bytes_in_whatever_order_its_parts_run(
    media: Path, rows: pa.Table, finished: Path, tmp_path: Path
) -> None:
    again = world.release(media, rows, tmp_path)
    for number in reversed(range(again.parts())):
        again.run(number)
        again.run(number)
    again.finish()
    assert world.contents(again.folder) == world.contents(finished)
    assert again.parts() > 8


def test_a_finished_release_is_current_and_nothing_is_left_beside_it(
    media: Path, rows: pa.Table, finished: Path
) -> None:
    found = world.release(media, rows).current()
    assert found is not None
    assert found.pairs == len(rows)
    assert world.names(finished.parent) == [finished.name]


def test_another_setting_or_a_missing_file_makes_it_stale(media: Path, rows: pa.Table, copied: Path) -> None:
    assert world.release(media, rows, copied.parent).current()
    assert not world.release(media, rows, copied.parent, shard_megabytes=1).current()
    next(copied.glob("data/*")).unlink()
    again = world.release(media, rows, copied.parent)
    assert not again.current()
    world.build(again)
    assert verify(copied).problems == []


def test_parts_of_other_settings_are_never_reused(media: Path, rows: pa.Table, tmp_path: Path) -> None:
    stopped = world.release(media, rows, tmp_path, shard_megabytes=0.05)
    stopped.run(0)
    other = world.release(media, rows, tmp_path)
    world.build(other)
    assert verify(other.folder).problems == []
    assert world.names(tmp_path) == [other.folder.name]


def test_finishing_too_early_is_refused(media: Path, rows: pa.Table, tmp_path: Path) -> None:
    making = world.release(media, rows, tmp_path)
    making.run(0)
    with pytest.raises(ReleaseError, match="shards are not written yet"):
        making.finish()


def test_media_that_changed_since_the_catalogue_are_named(
    media: Path, rows: pa.Table, tmp_path: Path
) -> None:
    own = Path(shutil.copytree(media, tmp_path / "own", ignore=shutil.ignore_patterns("release")))
    path = own / "art" / rows["image_path"][0].as_py()
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    with pytest.raises(ReleaseError, match=r"pic ü%20 \d+\.png has changed .* run the build again"):
        world.release(own, rows).run(0)
    path.unlink()
    with pytest.raises(ReleaseError, match=r"pic ü%20 \d+\.png is not there.* run the build again"):
        world.release(own, rows).run(0)


def test_more_files_can_be_added_and_are_listed(media: Path, rows: pa.Table, tmp_path: Path) -> None:
    making = world.release(media, rows, tmp_path)
    for number in range(making.parts()):
        making.run(number)
    made = making.finish(add=[lambda folder: (folder / "extra.html").write_text("x") and ()])
    assert "extra.html" in {record.path for record in made.files}
    assert verify(making.folder).problems == []


def test_a_place_that_cannot_be_written_is_said_in_one_line(
    media: Path, rows: pa.Table, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(StoreError, match="cannot write to"):
        world.release(media, rows, tmp_path / "file").run(0)


@pytest.mark.slow
def test_killed_at_any_moment_the_same_command_ends_in_the_same_bytes(
    media: Path, rows: pa.Table, finished: Path, tmp_path: Path
) -> None:
    script = (
        "import sys, pathlib; from tests.release import world\n"
        "media, place = map(pathlib.Path, sys.argv[1:])\n"
        "making = world.release(media, world.plan(media, 24), place)\n"
        "print('go', flush=True)\n"
        "world.build(making)\n"
    )
    wait, kills = 0.0, 0
    while True:
        run = subprocess.Popen(
            [sys.executable, "-c", script, str(media), str(tmp_path)], stdout=subprocess.PIPE
        )
        assert run.stdout is not None
        run.stdout.readline()
        time.sleep(wait)
        run.send_signal(signal.SIGKILL)
        kills += run.wait() == -signal.SIGKILL
        run.stdout.close()
        if (tmp_path / finished.name).exists() or kills > 12:
            break
        wait = 0.01 + wait * 1.3
    assert kills > 2
    making = world.release(media, rows, tmp_path)
    if not making.current():
        world.build(making)
    assert world.contents(making.folder) == world.contents(finished)
    assert world.names(tmp_path) == [finished.name]


def test_the_card_tells_which_split_has_too_few_artworks(media: Path, rows: pa.Table, tmp_path: Path) -> None:
    side = {"items": {"train": 2}, "divided": {"groups": 0}, "divided_if_random": {"groups": 0.5}}
    told = dict.fromkeys(("art", "music"), side | {"largest_group_share": 0.5})
    leaks = {"sides": told, "shortfall": {"train": 3, "val": 0}}
    making = replace(world.release(media, rows, tmp_path), facts=world.FACTS | {"leaks": leaks})
    world.build(making)
    text = (making.folder / "README.md").read_text()
    assert "| music, if drawn one by one | 0.5 |" in text
    assert "| artworks | 2 | 50.0 % |" in text
    assert "Clips for which their split has too few artworks: 3 of train." in text
