"""Publishing into a folder: whole or not seen, never changed after."""

import json
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pyarrow as pa
import pytest

from artsound.errors import ReleaseError, SourceError, StoreError
from artsound.publish import place as publishing
from artsound.publish import switch as switching
from artsound.publish.hub import plan_upload
from artsound.publish.place import publish
from artsound.receive.find import find
from artsound.receive.place import Place
from artsound.release.manifest import MANIFEST, read_manifest
from artsound.release.pointer import POINTER, Pointer
from artsound.release.verify import verify
from artsound.store import alone_in
from tests.receive.conftest import point
from tests.release import world


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(publishing, "PAUSE", 0.001)


def test_a_published_release_is_found_whole_by_its_name(finished: Path, tmp_path: Path) -> None:
    done = publish(finished, str(tmp_path / "sets"))
    assert (done.newest, done.kept) == (True, 0)
    assert find(str(tmp_path / "sets" / "demo")).manifest == read_manifest(finished)
    assert world.contents(tmp_path / "sets" / "demo-1.0.0") == world.contents(finished)


def test_publishing_again_sends_nothing(finished: Path, tmp_path: Path) -> None:
    first = publish(finished, str(tmp_path))
    pointer = tmp_path / "demo" / POINTER
    before = pointer.stat().st_mtime_ns
    again = publish(finished, str(tmp_path))
    assert (again.sent, again.kept) == (0, first.sent)
    assert pointer.stat().st_mtime_ns == before


def test_a_version_once_published_keeps_its_content(
    finished: Path, media: Path, rows: pa.Table, tmp_path: Path
) -> None:
    publish(finished, str(tmp_path / "sets"))
    other = world.release(media, rows, tmp_path, shard_megabytes=1)
    world.build(other)
    before = world.contents(tmp_path / "sets")
    with pytest.raises(ReleaseError, match=r"1\.0\.0 is published already, with other content: bump it"):
        publish(other.folder, str(tmp_path / "sets"))
    assert world.contents(tmp_path / "sets") == before


def test_a_version_that_nothing_points_to_keeps_its_content_too(
    finished: Path, media: Path, rows: pa.Table, tmp_path: Path
) -> None:
    shutil.copytree(finished, tmp_path / "sets" / "demo-1.0.0")
    other = world.release(media, rows, tmp_path, shard_megabytes=1)
    world.build(other)
    with pytest.raises(ReleaseError, match=r"demo-1\.0\.0 is there already, with other content: bump the"):
        publish(other.folder, str(tmp_path / "sets"))
    assert world.contents(tmp_path / "sets" / "demo-1.0.0") == world.contents(finished)
    assert publish(finished, str(tmp_path / "sets")).sent == 0
    assert find(str(tmp_path / "sets" / "demo")).manifest == read_manifest(finished)


def test_what_was_damaged_where_it_is_published_is_mended_by_publishing_again(
    finished: Path, tmp_path: Path
) -> None:
    publish(finished, str(tmp_path))
    for path in (MANIFEST, "README.md"):
        (tmp_path / "demo-1.0.0" / path).write_bytes(b"spoilt")
    assert publish(finished, str(tmp_path)).sent == 2
    assert world.contents(tmp_path / "demo-1.0.0") == world.contents(finished)


def test_a_manifest_is_there_only_when_all_that_it_names_is(
    finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put, folder = publishing._put, tmp_path / "demo-1.0.0"
    unready: list[str] = []

    def slow(where: object, path: str, local: Path) -> None:
        if path.startswith("data/"):
            time.sleep(0.05)
        put(where, path, local)  # type: ignore[arg-type]
        if path == MANIFEST:
            named = {record.path for record in read_manifest(finished).files}
            unready.extend(sorted(named - set(world.contents(folder))))

    monkeypatch.setattr(publishing, "_put", slow)
    publish(finished, str(tmp_path), workers=32)
    assert unready == []
    assert world.contents(folder) == world.contents(finished)


def test_the_newest_version_moves_on_and_the_older_stays(finished: Path, newer: Path, tmp_path: Path) -> None:
    publish(finished, str(tmp_path))
    publish(newer, str(tmp_path))
    assert find(str(tmp_path / "demo")).manifest.version == "2.0.0"
    assert find(str(tmp_path / "demo@1.0.0")).manifest.version == "1.0.0"
    again = publish(finished, str(tmp_path))
    assert not again.newest
    assert find(str(tmp_path / "demo")).manifest.version == "2.0.0"


def test_a_version_that_says_too_little_is_refused(finished: Path, media: Path, tmp_path: Path) -> None:
    publish(finished, str(tmp_path / "sets"))
    fewer = world.release(media, world.plan(media, 20), tmp_path, version="1.0.1")
    world.build(fewer)
    with pytest.raises(ReleaseError, match=r"1\.0\.1 is not a version .* since 1\.0\.0 .*: make it 2\.0\.0"):
        publish(fewer.folder, str(tmp_path / "sets"))


def test_other_packaging_is_a_patch(finished: Path, media: Path, rows: pa.Table, tmp_path: Path) -> None:
    publish(finished, str(tmp_path / "sets"))
    same = world.release(media, rows, tmp_path, version="1.0.1", shard_megabytes=1)
    world.build(same)
    assert publish(same.folder, str(tmp_path / "sets")).newest


def test_a_damaged_release_is_not_published(copied: Path, tmp_path: Path) -> None:
    path = next(copied.glob("data/*"))
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(ReleaseError, match="is not sound, nothing was published"):
        publish(copied, str(tmp_path / "sets"))
    assert not (tmp_path / "sets").exists()


def test_media_that_may_not_be_passed_on_are_not(media: Path, tmp_path: Path) -> None:
    tracks = [
        {"track_id": f"t{i:04d}", "artist_id": "music:0", "licence": "LicenseRef-unknown"} for i in range(4)
    ]
    rows = world.plan(media, 4, tracks=tracks)
    held = world.release(media, rows, tmp_path / "held")
    world.build(held)
    with pytest.raises(ReleaseError, match="the licences of 4 pairs do not allow"):
        publish(held.folder, str(tmp_path / "sets"))
    references = world.release(media, rows, tmp_path / "references", media=False)
    world.build(references)
    assert publish(references.folder, str(tmp_path / "sets")).newest


def test_a_failed_publication_leaves_the_older_version_readable(
    finished: Path, newer: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(finished, str(tmp_path))
    put = publishing._put

    def fails(where: object, path: str, local: Path) -> None:
        if path == MANIFEST:
            raise SourceError("the line is cut")
        put(where, path, local)  # type: ignore[arg-type]

    monkeypatch.setattr(publishing, "_put", fails)
    with pytest.raises(SourceError, match="the line is cut"):
        publish(newer, str(tmp_path))
    assert find(str(tmp_path / "demo")).manifest.version == "1.0.0"
    monkeypatch.setattr(publishing, "_put", put)
    assert publish(newer, str(tmp_path)).kept > 0
    assert find(str(tmp_path / "demo")).manifest.version == "2.0.0"


def test_what_arrives_otherwise_is_sent_again_and_at_last_refused(
    finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put, spoilt = publishing._put, set()

    def spoils(where: object, path: str, local: Path) -> None:
        put(where, path, local)  # type: ignore[arg-type]
        if path not in spoilt:
            spoilt.add(path)
            (tmp_path / "demo-1.0.0" / path).write_bytes(b"other bytes")

    monkeypatch.setattr(publishing, "_put", spoils)
    publish(finished, str(tmp_path))
    assert world.contents(tmp_path / "demo-1.0.0") == world.contents(finished)
    assert len(spoilt) > 10


def test_a_version_that_others_published_meanwhile_is_not_forgotten(
    finished: Path, newer: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put = publishing._put

    def meanwhile(where: object, path: str, local: Path) -> None:
        if path == MANIFEST:
            shutil.copytree(finished, tmp_path / "demo-1.0.0")
            point(tmp_path, "1.0.0")
        put(where, path, local)  # type: ignore[arg-type]

    monkeypatch.setattr(publishing, "_put", meanwhile)
    assert publish(newer, str(tmp_path)).newest
    assert find(str(tmp_path / "demo")).manifest.version == "2.0.0"
    assert find(str(tmp_path / "demo@1.0.0")).manifest == read_manifest(finished)


def test_where_nothing_keeps_others_out_a_version_that_they_lost_is_told(
    finished: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put, theirs = switching._put, Pointer("demo", "0.9.0", {"0.9.0": "0" * 64})

    def then_they(place: Place, path: str, text: str, condition: dict[str, str]) -> bool:
        put(place, path, text, condition)
        return put(place, path, theirs.text(), condition)

    monkeypatch.setattr(switching, "_put", then_they)
    with pytest.raises(SourceError, match="others switch it at the same time; run the same command again"):
        publish(finished, "memory://sets")


def test_two_do_not_publish_into_one_folder_at_one_time(finished: Path, tmp_path: Path) -> None:
    with alone_in(tmp_path), pytest.raises(StoreError, match="another run is writing to"):
        publish(finished, str(tmp_path))
    assert not list(tmp_path.iterdir())


def test_a_place_that_cannot_be_written_is_said_in_one_line(finished: Path, tmp_path: Path) -> None:
    (tmp_path / "sets").write_text("no folder")
    with pytest.raises((StoreError, SourceError)) as caught:
        publish(finished, str(tmp_path / "sets"))
    assert "\n" not in str(caught.value)


def test_the_list_for_the_hub_names_every_file_with_its_hash(finished: Path) -> None:
    lines = list(plan_upload(finished, "someone/demo"))
    assert lines[0].startswith("create dataset repository someone/demo")
    assert lines[-1] == "tag v1.0.0"
    for record in read_manifest(finished).files:
        assert f"add {record.path} {record.bytes} B sha256 {record.sha256}" in lines


@pytest.mark.slow
def test_killed_at_any_moment_readers_see_the_old_version_or_the_new(
    finished: Path, newer: Path, tmp_path: Path
) -> None:
    publish(finished, str(tmp_path))
    script = (
        "import sys; from pathlib import Path; from artsound.publish.place import publish\n"
        "print('go', flush=True); publish(Path(sys.argv[1]), sys.argv[2])"
    )
    wait, kills, seen = 0.0, 0, set()
    while "2.0.0" not in seen and kills < 15:
        command = [sys.executable, "-c", script, str(newer), str(tmp_path)]
        run = subprocess.Popen(command, stdout=subprocess.PIPE)
        assert run.stdout is not None
        run.stdout.readline()
        time.sleep(wait)
        run.send_signal(signal.SIGKILL)
        kills += run.wait() == -signal.SIGKILL
        run.stdout.close()
        found = find(str(tmp_path / "demo"))
        seen.add(found.manifest.version)
        assert verify(Path(found.place.url)).problems == []
        wait = 0.01 + wait * 1.5
    publish(newer, str(tmp_path))
    assert world.contents(tmp_path / "demo-2.0.0") == world.contents(newer)
    assert json.loads((tmp_path / "demo" / POINTER).read_text())["version"] == "2.0.0"
    assert "1.0.0" in seen
