import json
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from artsound import cli_evaluate
from artsound.errors import ArtSoundError, ConfigError, EvaluationError, ReleaseError, StoreError
from artsound.evaluate.material import Choice, music_captions, pairs_at
from artsound.evaluate.run import evaluate
from artsound.evaluate.systems import CODED, CONDITIONS, NEAREST
from artsound.train import synthetic
from artsound.train.checkpoint import read_tensors, write_tensors
from artsound.train.run import prepare, run
from artsound.train.shards import open_shards
from tests.builds import artsound
from tests.train.conftest import tiny_settings

pytestmark = pytest.mark.slow
PAIRS, JUDGED = 170, 17


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Choice:
    folder = tmp_path_factory.mktemp("evaluate")
    config = synthetic.write(folder, pairs=PAIRS)
    artsound("build", "--no-prefect", "--config", str(config))
    settings = tiny_settings(folder / "build" / "release" / "synthetic-1.0.0", folder / "run")
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
    assert report["about"]["clips"] == JUDGED
    assert report["about"]["language"] == "training read no caption"
    assert report["absent"] == {}
    assert set(report["missing"]) == {"CLAP score", "ImageBind score", "IMSM"}
    for row in report["rows"].values():
        assert len(row["fad"]) >= 2
        assert all(found["value"] is not None for found in row["fad_infinity"].values())
        assert set(row["whole"]["fad"]) == set(row["fad"]), "every packaged ear hears more than 4 kHz"
        assert len(row["scores"]) == 7
    assert report["likelihood"]["retrieval"]["candidates"] == JUDGED
    assert set(report["sensitivity"]) == set(report["rows"]["model"]["fad"])
    assert "no words reach this prior" in report["how"]["text cascade"]
    assert len(list((folder / "media").glob("*.wav"))) == 8 * (1 + len(report["rows"]))


def test_the_report_says_who_chose_the_pairs_and_marks_them(report: dict[str, Any]) -> None:
    assert {one["family"] for one in report["miners"]} == {"minilm", "titles", "patches"}
    assert not [one for one in [*report["judges"], *report["scores"]] if one["circular"]]


def test_the_codec_is_nearer_to_real_clips_than_a_prior_that_hardly_trained(report: dict[str, Any]) -> None:
    score = "minus KL (softmax), musicnn-mtt"
    kept = {name: row["scores"][score]["gap"]["matched"] for name, row in report["rows"].items()}
    assert kept[CODED] > kept["unconditional prior"]


def test_the_command_prints_json_and_the_same_choice_gives_the_same_report(
    trained: Choice, folder: Path, tmp_path: Path
) -> None:
    given = [str(trained.run), str(trained.release), "--out", str(tmp_path), "--json"]
    result = CliRunner().invoke(cli_evaluate.app, given)
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["about"]["clips"] == JUDGED
    for name in ("report.json", "index.html", "report.md"):
        assert (tmp_path / name).read_bytes() == (folder / name).read_bytes()


GUIDE = Path("data/generator.md")
PYTHON = re.findall(r"```python\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)


@pytest.mark.parametrize("code", PYTHON, ids=["generate", "evaluate"])
def test_the_python_of_the_guide_runs(code: str, trained: Choice, tmp_path: Path) -> None:
    code = code.replace("build/train-demo/run", str(trained.run))
    code = code.replace("build/train-demo/build/release/synthetic-1.0.0", str(trained.release))
    code = code.replace('Path("generated")', f'Path("{tmp_path}")')
    code = code.replace('run / "report"', f'Path("{tmp_path}")')
    exec(compile(code, str(GUIDE), "exec"), {})  # noqa: S102  # what the guide shows
    assert list(tmp_path.glob("*.wav")) or (tmp_path / "report.json").exists()


@pytest.mark.parametrize(
    ("wrong", "kind", "says"),
    [
        ({"split": "extra"}, ConfigError, "no split 'extra'"),
        ({"run": Path("none")}, ConfigError, "does not exist"),
        ({"release": Path("none")}, ReleaseError, "does not verify"),
        (
            {"clips": JUDGED + 1},
            EvaluationError,
            f"{JUDGED + 1} clips are asked for, split test has {JUDGED}",
        ),
        ({"clips": 15}, EvaluationError, "too few for FAD∞"),
        ({"clips": 1}, EvaluationError, "cannot be evaluated"),
    ],
)
def test_what_cannot_be_judged_is_named(
    trained: Choice, tmp_path: Path, wrong: dict[str, Any], kind: type[ArtSoundError], says: str
) -> None:
    with pytest.raises(kind, match=says) as caught:
        evaluate(Choice(**vars(trained) | wrong), tmp_path)
    assert "\n" not in str(caught.value)


def test_a_place_that_cannot_be_written_is_told_before_anything_is_made(
    trained: Choice, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_work(*_: object, **__: object) -> None:
        raise AssertionError("worked")

    monkeypatch.setattr("artsound.evaluate.run.load_model", no_work)
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(StoreError, match="taken is not a folder: name another --out"):
        evaluate(trained, tmp_path / "taken" / "out")


def test_a_release_with_a_changed_byte_is_not_judged(trained: Choice, tmp_path: Path) -> None:
    copy = shutil.copytree(trained.release, tmp_path / "release")
    (path,) = copy.glob("data/test-*.parquet")
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(ReleaseError, match=r"does not verify: .*test-00000"):
        evaluate(Choice(copy, trained.run), tmp_path / "out")


def test_a_model_of_another_release_is_not_judged(trained: Choice, tmp_path: Path) -> None:
    copy = shutil.copytree(trained.run, tmp_path / "run")
    tensors, meta = read_tensors(copy / "model.safetensors")
    write_tensors(
        copy / "model.safetensors", tensors, meta | {"manifest": "0" * 64, "release": "other 2.0.0"}
    )
    with pytest.raises(
        ConfigError, match=r"trained on another release \(other 2\.0\.0, manifest 000000000000\)"
    ):
        evaluate(Choice(trained.release, copy), tmp_path / "out")


def test_pairs_are_read_by_row_in_the_order_asked_for_and_captions_alone(trained: Choice) -> None:
    shards = open_shards(trained.release)
    every = list(shards.read("train"))
    rows = np.array([5, 0, 5, len(every) - 1])
    assert pairs_at(shards, "train", rows) == [every[row] for row in rows]
    assert music_captions(shards, "train") == [pair.music_caption for pair in every]
