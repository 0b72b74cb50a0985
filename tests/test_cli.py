"""The command line as a user meets it: results on stdout, one-line errors on stderr, exit codes."""

import errno
import json
from pathlib import Path

import pytest

from artsound import __version__, cli
from artsound.errors import StoreError
from artsound.products import release_folder
from artsound.settings import Settings
from tests.builds import artsound, sample_config


def test_help_names_every_command() -> None:
    text = artsound("--help").stdout
    for command in ("plan", "build", "verify", "show"):
        assert command in text


def test_version() -> None:
    assert artsound("--version").stdout.strip() == __version__


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["build", "--config", "none.toml"], 2, "ConfigError: cannot read the settings file none.toml"),
        (["plan"], 2, "--config"),
        (["verify"], 2, "ConfigError: give a release folder or --config"),
    ],
)
def test_a_wrong_call_is_one_clear_line(arguments: list[str], code: int, message: str) -> None:
    done = artsound(*arguments, code=code)
    assert done.stdout == ""
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_an_error_is_one_line_whatever_a_library_said(capsys: pytest.CaptureFixture[str]) -> None:
    def failing() -> None:
        raise StoreError("cannot read it: no field\nin schema\n: mend it")

    with pytest.raises(SystemExit):
        cli.ended(failing)
    assert capsys.readouterr().err == "StoreError: cannot read it: no field in schema : mend it\n"


def test_a_file_that_may_not_be_read_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    def failing() -> None:
        raise PermissionError(errno.EACCES, "Permission denied", "held/manifest.json")

    with pytest.raises(SystemExit):
        cli.ended(failing)
    said = "StoreError: held/manifest.json: Permission denied; see that it may be read and written\n"
    assert capsys.readouterr().err == said


def test_verify_of_what_is_no_release_says_so_and_fails() -> None:
    done = artsound("verify", "nowhere", code=1)
    assert done.stdout.splitlines() == [
        "manifest.json: missing; nowhere is not a release",
        "1 problem: nowhere (0 files)",
    ]


def test_an_unknown_model_is_said_before_anything_runs(tmp_path: Path) -> None:
    config = sample_config(tmp_path, '[embeddings]\nimage = "clippy"\n')
    done = artsound("build", "--config", str(config), "--no-prefect", code=2)
    assert "clippy" in done.stderr
    assert "style" in done.stderr
    assert not (tmp_path / "store" / "tables").exists()


@pytest.mark.parametrize("command", [["plan"], ["build", "--no-prefect"], ["build"]], ids=" ".join)
def test_a_missing_column_is_said_before_anything_runs(command: list[str], tmp_path: Path) -> None:
    music = tmp_path / "music"
    music.mkdir()
    (music / "a.mp3").write_bytes(b"never looked at")
    (music / "music.csv").write_text("file,title,performer\na.mp3,A,B\n")
    config = tmp_path / "mine.toml"
    here = Path("data/sample/artworks").absolute()
    config.write_text(f'root = "store"\n[artworks]\npath = "{here}"\n[tracks]\npath = "music"\n')
    done = artsound(*command, "--config", str(config), code=2)
    assert "music.csv has no column licence; it has: file, title, performer" in done.stderr
    assert not (tmp_path / "store" / "tables").exists()


def test_plan_of_an_empty_store_runs_nothing(tmp_path: Path) -> None:
    config = sample_config(tmp_path)
    lines = artsound("plan", "--config", str(config)).stdout.splitlines()
    assert lines[0].startswith("to run")
    assert lines[-1].startswith("waits")
    assert not (tmp_path / "store").exists()


@pytest.mark.slow
class TestOnTheSample:
    def test_show_prints_rows_counts_and_rejects(self, demo: Path) -> None:
        text = artsound("show", "--config", str(demo), "artworks", "-n", "2").stdout
        assert "artworks (48 rows)" in text
        view = json.loads(artsound("show", "--config", str(demo), "clips", "-n", "2", "--json").stdout)
        assert (view["count"], len(view["rows"])) == (9, 2)

    def test_show_without_a_table_lists_them(self, demo: Path) -> None:
        view = json.loads(artsound("show", "--config", str(demo), "--json").stdout)
        assert {row["table"]: row["rows"] for row in view["rows"]}["pairs"] == 9

    def test_show_of_an_unknown_table_lists_the_known(self, demo: Path) -> None:
        error = artsound("show", "--config", str(demo), "art", code=2).stderr
        assert all(name in error for name in ("there are: ", "raw_artworks", "release_rows"))

    def test_verify_says_what_is_wrong_and_fails(self, demo: Path, tmp_path: Path) -> None:
        import shutil

        folder = tmp_path / "release"
        shutil.copytree(release_folder(Settings.load(demo)), folder)
        assert "verified" in artsound("verify", str(folder)).stdout
        card = folder / "README.md"
        card.write_text(card.read_text(encoding="utf-8") + " ", encoding="utf-8")
        done = artsound("verify", str(folder), "--json", code=1)
        (problem,) = json.loads(done.stdout)["problems"]
        assert "README.md" in problem
