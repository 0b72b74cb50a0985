"""The main job on the sample pack: whole, again, under Prefect, killed and gone on, with bad input."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from artsound import pipeline, tables
from artsound.errors import ArtSoundError, ConfigError, MissingExtra, RunnerError, TooManyRejects
from artsound.products import audit_folder, release_folder
from artsound.release.verify import verify
from artsound.settings import Settings
from artsound.store import Store
from flows.runner import reaching_prefect
from tests.builds import artsound, bytes_of, painting, sample_config, tone

pytestmark = pytest.mark.slow


def test_every_stage_reads_what_an_earlier_one_makes() -> None:
    known: set[str] = set()
    for stage in pipeline.stages(Settings.load(Path("configs/demo.toml"))):
        assert set(stage.reads) <= known, stage.writes
        assert stage.writes in tables.TABLES
        assert {name.partition(".")[0] for name in stage.sections} <= set(Settings.model_fields)
        known.add(stage.writes)


def test_a_package_that_the_release_will_need_is_missed_before_anything_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = sample_config(tmp_path)
    config.write_text(config.read_text().replace("[release]", "[release]\nplots = true"))
    monkeypatch.setattr("artsound.models.files.find_spec", lambda _: None)
    with pytest.raises(MissingExtra, match=r"release.plots needs matplotlib: .*publish"):
        pipeline.check(Settings.load(config))


def test_the_sample_becomes_a_verified_release(demo: Path) -> None:
    settings = Settings.load(demo)
    report = verify(release_folder(settings), deep=True)
    assert report.problems == []
    assert (audit_folder(settings) / "index.html").exists()


def test_every_usable_clip_gets_one_artwork_of_its_split(demo: Path) -> None:
    store = Store(Settings.load(demo).root)
    pairs, splits = store.read("pairs").to_pylist(), store.read("splits").to_pylist()
    split = {(row["side"], row["item_id"]): row["split"] for row in splits}
    assert sorted(pair["clip_id"] for pair in pairs) == sorted(store.read("clips")["clip_id"].to_pylist())
    assert len({pair["artwork_id"] for pair in pairs}) == len(pairs)
    for pair in pairs:
        sides = {split["art", pair["artwork_id"]], split["music", pair["clip_id"]]}
        assert sides == {pair["split"]}


def test_a_second_build_does_nothing(demo: Path) -> None:
    done = artsound("build", "--config", str(demo), "--json")
    made = json.loads(done.stdout)
    assert made
    assert not any(one["ran"] for one in made.values())


def test_plan_says_all_is_current_and_touches_nothing(demo: Path) -> None:
    root = Settings.load(demo).root
    before = bytes_of(root)
    done = artsound("plan", "--config", str(demo))
    assert all(line.startswith("current") for line in done.stdout.splitlines())
    assert bytes_of(root) == before


def test_prefect_and_the_plain_walk_leave_the_same_bytes(demo: Path, tmp_path: Path) -> None:
    config = sample_config(tmp_path)
    env = {"PREFECT_HOME": str(tmp_path / "prefect")}
    artsound("build", "--config", str(config), env=env)
    assert bytes_of(tmp_path / "store") == bytes_of(Settings.load(demo).root)


def test_a_prefect_server_that_is_down_is_said_in_one_line(tmp_path: Path) -> None:
    config = sample_config(tmp_path)
    env = {"PREFECT_HOME": str(tmp_path / "prefect"), "PREFECT_API_URL": "http://127.0.0.1:9/api"}
    done = artsound("build", "--config", str(config), env=env, code=1)
    assert done.stderr.startswith("RunnerError: Prefect's server cannot be reached")
    assert done.stderr.count("\n") == 1


def test_a_missing_folder_is_said_before_a_prefect_server_is_sought(tmp_path: Path) -> None:
    config = sample_config(tmp_path)
    config.write_text(config.read_text().replace("sample/music", "sample/nowhere"))
    env = {"PREFECT_HOME": str(tmp_path / "prefect"), "PREFECT_API_URL": "http://127.0.0.1:9/api"}
    done = artsound("build", "--config", str(config), env=env, code=2)
    assert done.stderr.startswith("ConfigError: ")
    assert "nowhere" in done.stderr


@pytest.mark.parametrize(
    "error",
    [httpx.ConnectError("All connection attempts failed"), httpx.ReadTimeout("")],
    ids=["lost", "slow"],
)
def test_a_prefect_server_that_is_lost_on_the_way_is_said_so(error: Exception) -> None:
    with pytest.raises(RunnerError, match="what was finished is kept: run again"), reaching_prefect():
        raise error


@pytest.mark.parametrize("given", [None, "3"])
def test_one_part_is_made_at_a_time_unless_more_are_asked_for(given: str | None) -> None:
    name = "PREFECT_TASKS_RUNNER_THREAD_POOL_MAX_WORKERS"
    env = {key: value for key, value in os.environ.items() if key != name}
    code = "import flows.build as made; print(made.build.task_runner._max_workers)"
    command = [sys.executable, "-c", code]
    done = subprocess.run(
        command, capture_output=True, text=True, check=True, env=env | ({name: given} if given else {})
    )
    assert done.stdout.strip() == (given or "1")


def test_an_interruption_that_stops_the_private_server_too_stays_one() -> None:
    """In a terminal both get the signal, and the flow's end can be told to nobody."""
    lost = httpx.ConnectError("Connection refused")
    lost.__context__ = KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt), reaching_prefect():
        raise lost


def test_what_fails_in_a_step_is_not_taken_for_a_lost_server() -> None:
    with pytest.raises(RuntimeError, match="out of memory"), reaching_prefect():
        raise RuntimeError("out of memory")


def test_the_part_size_and_the_workers_change_no_byte(demo: Path, tmp_path: Path) -> None:
    config = sample_config(tmp_path, "[runtime]\npart_rows = 5\nworkers = 1\nbatch_size = 3\n")
    artsound("build", "--config", str(config), "--no-prefect")
    assert bytes_of(tmp_path / "store") == bytes_of(Settings.load(demo).root)


KILLS: dict[str, Callable[[Path], bool]] = {
    "while the first images are decoded": lambda root: (root / "tables" / "raw_tracks.json").exists(),
    "with a part in progress": lambda root: len(list(root.glob("parts/music_measures/*/*.arrow"))) > 1,
    "between two stages": lambda root: (root / "tables" / "art_captions.json").exists(),
    "when shards are being written": lambda root: any((root / "release").glob(".*/**/*.tar")),
    "when the release is in its place": lambda root: any((root / "release").glob("*/manifest.json")),
}


@pytest.mark.parametrize("due", KILLS.values(), ids=KILLS)
def test_killed_and_run_again_it_ends_in_the_same_bytes(
    demo: Path, tmp_path: Path, due: Callable[[Path], bool]
) -> None:
    config = sample_config(tmp_path, "[runtime]\npart_rows = 2\n")
    command = [sys.executable, "-m", "artsound.cli", "build", "--config", str(config), "--no-prefect"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as running:
        while not due(tmp_path / "store"):
            assert running.poll() is None, "it ended before the moment to kill it came"
            time.sleep(0.002)
        os.kill(running.pid, signal.SIGKILL)
    assert running.returncode == -signal.SIGKILL
    artsound(*command[3:])
    assert bytes_of(tmp_path / "store") == bytes_of(Settings.load(demo).root)


@pytest.fixture
def faulty(tmp_path: Path) -> Path:
    """Every fault that the issue names, planted between good items."""
    art, music = tmp_path / "art", tmp_path / "music"
    art.mkdir()
    music.mkdir()
    good_art = [
        "a b.png",
        "100%.png",
        "naïve – 花.png",
        "webp.webp",
        "tiff.tiff",
        *(f"{n}.jpg" for n in range(9)),
    ]
    for number, name in enumerate(good_art):
        painting(art / name, 10 * number)
    (art / "text.jpg").write_text("not an image")
    whole = (art / "0.jpg").read_bytes()
    (art / "torn.jpg").write_bytes(whole[: len(whole) // 2])
    shutil.copy(art / "1.jpg", art / "twin.jpg")
    good_music = ["a b.wav", "50%.flac", "mùsica.ogg"]
    for name in good_music:
        tone(music / name, 10.5)
    (music / "empty.mp3").touch()
    tone(music / "short.wav", 3)
    listed_art = [*good_art, "text.jpg", "torn.jpg", "twin.jpg", "absent.jpg"]
    rows = [f'"{name}","<b>""Title""</b> {n}",Artist {n},CC0-1.0' for n, name in enumerate(listed_art)]
    (art / "art.csv").write_text("\n".join(["file,title,artist,licence", *rows]), encoding="utf-8")
    rows = [
        f'"{name}",Tune,Band {n},CC-BY-4.0' for n, name in enumerate([*good_music, "empty.mp3", "short.wav"])
    ]
    (music / "music.csv").write_text("\n".join(["file,title,artist,licence", *rows]), encoding="utf-8")
    config = tmp_path / "faulty.toml"
    config.write_text(
        'root = "store"\nmax_reject_share = 0.5\n[artworks]\npath = "art"\n[tracks]\npath = "music"\n'
        "[splits]\nshares = {train = 1.0}\n"
    )
    return config


def test_every_planted_fault_is_found_under_its_reason_and_the_rest_goes_on(faulty: Path) -> None:
    pipeline.build(faulty)
    settings = Settings.load(faulty)
    store = Store(settings.root)
    found = {
        (row["item_id"], row["reason"]) for name in tables.TABLES for row in store.rejects(name).to_pylist()
    }
    assert found == {
        ("absent.jpg", "missing_file"),
        ("text.jpg", "unreadable"),
        ("torn.jpg", "unreadable"),
        ("twin.jpg", "duplicate_content"),
        ("empty.mp3", "empty_file"),
        ("short.wav", "too_short"),
    }
    assert len(store.read("pairs")) == 3
    assert verify(release_folder(settings), deep=True).problems == []


def test_a_share_of_rejects_above_the_setting_stops_the_build(faulty: Path) -> None:
    faulty.write_text(faulty.read_text().replace("0.5", "0.1"))
    with pytest.raises(TooManyRejects, match=r"artworks: 2 of 17 refused|clips: 2 of 5 refused"):
        pipeline.build(faulty)


BROKEN: dict[str, tuple[Callable[[Path], object], type[ArtSoundError], str]] = {
    "missing folder": (lambda at: shutil.rmtree(at / "music"), ConfigError, "music"),
    "empty folder": (lambda at: [path.unlink() for path in (at / "music").iterdir()], ConfigError, "music"),
    "missing column": (
        lambda at: (at / "music" / "music.csv").write_text("file,title,artist\na b.wav,T,A\n"),
        ConfigError,
        "licence",
    ),
}


@pytest.mark.parametrize(("break_it", "error", "message"), BROKEN.values(), ids=BROKEN)
def test_a_broken_source_is_one_clear_line_before_anything_is_built(
    faulty: Path, break_it: Callable[[Path], object], error: type[ArtSoundError], message: str
) -> None:
    break_it(faulty.parent)
    with pytest.raises(error, match=message) as caught:
        pipeline.build(faulty)
    assert "\n" not in str(caught.value)
    assert Store(Settings.load(faulty).root).manifest("artworks") is None
