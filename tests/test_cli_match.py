"""`match check` and `explain` on a small store."""

import json
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from artsound import cli, cli_match, pipeline, tables
from artsound.errors import MatchingError, Outcome, StoreError
from artsound.matching import stage
from artsound.matching.changes import Changes
from artsound.matching.history import History, read_history, write_history
from artsound.matching.optimal import Round
from artsound.matching.stage import calibrate, certify, explain_pairs, match_splits
from artsound.settings import Settings
from artsound.store import Store
from tests.matching import made
from tests.rows import artworks

SPLITS = made.splits(train=(12, 9), val=(3, 3))
NAMES = ("art_sentence_vectors", "music_sentence_vectors", "art_measures", "music_measures")
SETTINGS = 'root = "store"\n[artworks]\npath = "a"\n[tracks]\npath = "m"\n'


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """Write settings whose store holds everything up to the pairs."""
    sides = made.sides(SPLITS)
    given = dict(zip(NAMES, sides, strict=True)) | {"splits": SPLITS}
    given["calibration"] = calibrate(SPLITS, *sides, weights=made.WEIGHTS).rows
    given["matching"] = match_splits(given["calibration"], SPLITS, *sides).rows
    rest = (given["matching"], given["calibration"], SPLITS, *sides)
    given |= {"certificates": certify(*rest).rows, "pairs": explain_pairs(*rest).rows}
    given["artworks"] = artworks(*({"artwork_id": item} for item in made.items(SPLITS, "art")))
    (tmp_path / "run.toml").write_text(SETTINGS)
    for name, rows in given.items():
        put(tmp_path, name, rows)
    return tmp_path / "run.toml"


def put(folder: Path, name: str, rows: pa.Table) -> None:
    """Store a table; a matching as one that is made by the settings."""
    matched = name == "matching"
    made_from = pipeline.step(Settings.load(folder / "run.toml"), name).begin().digest if matched else "made"
    Store(folder / "store").write(name, [Outcome(tables.conform(name, rows))], made_from)


def run(*words: str) -> tuple[int, str]:
    result = CliRunner().invoke(cli.app, [*words], catch_exceptions=False)
    return result.exit_code, result.output


def test_a_matching_is_proved_again(config: Path) -> None:
    code, text = run("match", "check", "--config", str(config), "--json")
    assert code == 0
    assert [row["gap"] for row in json.loads(text)] == [0, 0]


def test_a_matching_of_other_settings_is_not_proved_but_says_what_differs(config: Path) -> None:
    cli_match.made_again(Settings.load(config), "matching")
    before = config.read_text()
    config.write_text(before + '[matching]\nsentence = 0.5\nforbidden = [["train-a0", "train-c1"]]\n')
    says = r'forbidden was \[\], is \[\["train-a0", "train-c1"\]\]'
    with pytest.raises(MatchingError, match=rf"matching.sentence was 1\.0, is 0\.5; matching.{says}\)"):
        run("match", "check", "--config", str(config))
    config.write_text(before)
    assert run("match", "check", "--config", str(config))[0] == 0


def test_a_matching_of_other_tables_is_not_proved(config: Path) -> None:
    put(config.parent, "splits", SPLITS.slice(1))
    with pytest.raises(MatchingError, match=r"of another build \(its tables, its settings or the version"):
        run("match", "check", "--config", str(config))


def test_a_tampered_matching_fails_the_check(config: Path) -> None:
    rows = Store(config.parent / "store").read("matching").to_pylist()
    dear = max((r for r in rows if r["side"] == "art"), key=lambda r: r["price"])
    dear["price"] *= 3
    put(config.parent, "matching", tables.rows_of("matching", rows))
    with pytest.raises(MatchingError, match=r"val: 1 prices are not what vectors and prices allow"):
        run("match", "check", "--config", str(config))


def test_a_matching_with_two_partners_exchanged_is_not_proved(config: Path) -> None:
    rows = Store(config.parent / "store").read("matching").to_pylist()
    first, second = [r for r in rows if r["split"] == "train" and r["side"] == "art" and r["partners"]][:2]
    first["partners"], second["partners"] = second["partners"], first["partners"]
    art = {clip: r["item_id"] for r in rows if r["side"] == "art" for clip in r["partners"]}
    for row in rows:
        if row["side"] == "music":
            row["partners"] = [art[row["item_id"]]]
    put(config.parent, "matching", tables.rows_of("matching", rows))
    code, text = run("match", "check", "--config", str(config))
    assert code == 1
    assert "not proved" in text


def test_a_pair_is_explained(config: Path) -> None:
    pair = Store(config.parent / "store").read("pairs").to_pylist()[0]
    code, text = run("explain", pair["artwork_id"], "--config", str(config))
    assert code == 0
    assert pair["clip_id"] in text
    assert all(other["name"] in text for other in pair["other_clips"])


def test_an_unmatched_artwork_is_explained_by_its_reason(config: Path) -> None:
    rows = Store(config.parent / "store").read("matching").to_pylist()
    lonely = next(row["item_id"] for row in rows if not row["partners"])
    with pytest.raises(MatchingError, match="outnumbered"):
        run("explain", lonely, "--config", str(config))
    with pytest.raises(MatchingError, match=r"no artwork 'nothing'; `artsound show -c .* pairs` shows"):
        run("explain", "nothing", "--config", str(config))
    with pytest.raises(MatchingError, match=r"no artwork 'train-a0.jpg'; there is train-a0 "):
        run("explain", "train-a0.jpg", "--config", str(config))


def test_the_report_is_written_with_its_plots(config: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    code, text = run("match", "report", "--config", str(config), "--out", str(out))
    assert code == 0
    assert "train: 9 pairs" in text
    assert sorted(path.name for path in out.iterdir()) == [
        "matching-train.png",
        "matching-val.png",
        "report.json",
        "report.md",
        "unmatched.csv",
    ]
    told = (out / "report.md").read_text()
    assert "| train | artworks | outnumbered | 3 |" in told
    assert "| greedy_sorted |" in told
    assert "](matching-val.png)" in told
    assert (out / "unmatched.csv").read_text().count("outnumbered") == 3


def test_without_matplotlib_the_report_has_no_pictures_and_says_why(
    config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    code, text = run("match", "report", "--config", str(config), "--out", str(tmp_path / "out"))
    assert code == 0
    assert "no pictures: plots need the extra `publish`" in text
    assert "![" not in (tmp_path / "out" / "report.md").read_text()


def test_another_selector_chooses_on_the_same_vectors(config: Path, tmp_path: Path) -> None:
    sums = {}
    for name in ("optimal", "greedy"):
        code, text = run("match", "select", name, "--config", str(config), "--out", str(tmp_path / name))
        assert code == 0
        assert "12 pairs" in text
        sums[name] = pa.compute.sum(pq.read_table(tmp_path / name)["score"]).as_py()
    stored = Store(config.parent / "store").read("pairs")
    assert sums["optimal"] == pytest.approx(pa.compute.sum(stored["score"]).as_py())
    assert sums["greedy"] <= sums["optimal"]
    with pytest.raises(MatchingError, match="no selector 'best'; there are: optimal, greedy"):
        run("match", "select", "best", "--config", str(config), "--out", str(tmp_path / "none"))
    with pytest.raises(MatchingError, match="no correction 'hubs'; there are: none, csls"):
        run("match", "report", "--config", str(config), "--out", str(tmp_path), "--correction", "hubs")


def test_top_k_gives_each_clip_as_many_artworks_as_asked_for(config: Path, tmp_path: Path) -> None:
    out = tmp_path / "new" / "pairs.parquet"
    words = ("--config", str(config), "--out", str(out), "--k", "2")
    assert run("match", "select", "top_k", *words)[0] == 0
    clips = pq.read_table(out)["clip_id"].to_pylist()
    assert {clips.count(clip) for clip in clips} == {2}
    assert len(set(clips)) == 12
    with pytest.raises(MatchingError, match="only top_k takes --k"):
        run("match", "select", "greedy", *words)


def test_a_place_that_cannot_be_written_is_refused_before_the_work(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_work(*_: object) -> None:
        raise AssertionError("worked")

    monkeypatch.setattr(stage, "fused_splits", no_work)
    below = config / "deeper" / "out"
    for command in (("report",), ("select", "greedy")):
        with pytest.raises(StoreError, match=r"run.toml is not a folder: name another --out"):
            run("match", *command, "--config", str(config), "--out", str(below))
    with pytest.raises(StoreError, match=r"run.toml is not a folder"):
        run("match", "report", "--config", str(config), "--out", str(config))
    with pytest.raises(MatchingError, match="is a folder: name a file"):
        run("match", "select", "greedy", "--config", str(config), "--out", str(config.parent))


def test_the_report_tells_passes_changes_and_what_every_engine_reaches(config: Path, tmp_path: Path) -> None:
    passes = [Round(300, 9.0, 9.5, 3), Round(320, 9.2, 9.2, 0)]
    write_history(config.parent / "store", History("blas", {"train": passes}, Changes(7, 2, 0, 2, 1)))
    out = tmp_path / "out"
    code, text = run("match", "report", "--config", str(config), "--out", str(out), "--engines")
    assert code == 0
    assert "since the matching before: 7 pairs kept, 2 given up for 2 others" in text
    told = json.loads((out / "report.json").read_text())
    assert [one["pass"] for one in told["splits"]["train"]["rounds"]] == [2, 3]
    assert told["changes"]["taken_down"] == 1
    assert {"blas", "faiss", "torch"} >= set(told["engines"]["train"]) >= {"blas"}
    assert all(one["difference"] == one["other_pairs"] == 0 for one in told["engines"]["train"].values())


@pytest.mark.parametrize("gap", [0.0, 0.01])
def test_a_matching_made_again_tells_what_changed_whatever_gap_is_allowed(config: Path, gap: float) -> None:
    config.write_text(config.read_text() + f"[matching]\ngap = {gap}\n")
    settings = Settings.load(config)
    assert read_history(settings.root)["changes"] is None
    cli_match.made_again(settings, "matching")
    assert read_history(settings.root)["changes"] == Changes(12, 0, 0, 0, 0)._asdict()


def test_changes_since_an_earlier_matching_are_counted(config: Path) -> None:
    old = config.parent / "store" / "tables" / "matching.parquet"
    code, text = run("match", "changes", str(old), "--config", str(config), "--json")
    assert code == 0
    assert json.loads(text) == {"kept": 12, "repaired": 0, "new_items": 0, "lost": 0, "taken_down": 0}


def test_a_file_that_is_no_matching_is_refused(config: Path) -> None:
    other = config.parent / "store" / "tables" / "pairs.parquet"
    for path in (config, other, config.parent / "absent.parquet"):
        with pytest.raises(MatchingError, match="of an earlier build") as caught:
            run("match", "changes", str(path), "--config", str(config))
        assert "\n" not in str(caught.value)
