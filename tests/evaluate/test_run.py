import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from artsound import cli_evaluate
from artsound.errors import ConfigError, EvaluationError
from artsound.evaluate.run import Choice, evaluate
from artsound.evaluate.systems import CODED, CONDITIONS, NEAREST
from artsound.train.run import prepare, run
from tests.train.conftest import tiny_settings, write_release

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Choice:
    folder = tmp_path_factory.mktemp("evaluate")
    settings = tiny_settings(write_release(folder / "tiny-1.0.0"), folder / "run")
    prepare(settings)
    run(settings)
    return Choice(settings.release, settings.run)


@pytest.fixture(scope="module")
def folder(trained: Choice, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report")
    evaluate(trained, folder)
    return folder


@pytest.fixture(scope="module")
def report(folder: Path) -> dict[str, Any]:
    return dict(json.loads((folder / "report.json").read_text()))


def test_every_row_is_there_with_the_same_number_of_clips(report: dict[str, Any], folder: Path) -> None:
    assert list(report["rows"]) == [*CONDITIONS, NEAREST, CODED]
    assert report["about"]["clips"] == 6
    assert {"CLAP score", "ImageBind score"} <= set(report["missing"])
    for row in report["rows"].values():
        assert len(row["fad"]) >= 2
        assert len(row["gap"]) == 5
    assert report["likelihood"]["retrieval"]["candidates"] == 6
    assert len(list((folder / "media").glob("*.wav"))) == 6 * (1 + len(report["rows"]))


def test_the_codec_is_nearer_to_real_clips_than_a_prior_that_hardly_trained(report: dict[str, Any]) -> None:
    divergence = {name: row["kl_softmax"]["musicnn-mtt"] for name, row in report["rows"].items()}
    assert divergence[CODED] < divergence["unconditional prior"]


def test_the_command_prints_json_and_the_same_choice_gives_the_same_report(
    trained: Choice, folder: Path, tmp_path: Path
) -> None:
    given = [str(trained.run), str(trained.release), "--out", str(tmp_path), "--json"]
    result = CliRunner().invoke(cli_evaluate.app, given)
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["about"]["clips"] == 6
    for name in ("report.json", "index.html", "report.md"):
        assert (tmp_path / name).read_bytes() == (folder / name).read_bytes()


def test_what_is_not_there_is_named(trained: Choice, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no split 'extra'"):
        evaluate(Choice(trained.release, trained.run, split="extra"), tmp_path)
    with pytest.raises(ConfigError, match="does not exist"):
        evaluate(Choice(trained.release, tmp_path / "none"), tmp_path)
    with pytest.raises(EvaluationError, match="cannot be evaluated"):
        evaluate(Choice(trained.release, trained.run, clips=1), tmp_path)
