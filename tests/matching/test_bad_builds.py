"""Whole builds on bad input: `artsound build` says one clear line, and writes nothing that rests on it.

One small collection is built; each test harms a copy of its store or its settings, as another program, an
older run or a mistake in the settings would.
"""

import json
import re
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from artsound import cli, pipeline
from artsound.errors import Outcome
from artsound.matching.stage import calibrate, match_splits
from artsound.settings import Settings
from artsound.store import Store
from tests.builds import bytes_of
from tests.matching import made
from tests.matching.conftest import ART, MUSIC

pytestmark = pytest.mark.slow

VECTORS = "art_sentence_vectors"
BEFORE_IT = {"splits", "calibration"}  # tables that a takedown or other rules may bring up to date


def said(config: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> str:
    """Build as a user does, and return what a failure says."""
    monkeypatch.setattr(sys, "argv", ["artsound", "build", "--config", str(config), "--no-prefect"])
    with pytest.raises(SystemExit) as failed:
        cli.main()
    assert failed.value.code in (1, 2)
    return capsys.readouterr().err


def forged(config: Path, name: str, rows: pa.Table) -> None:
    """Put other rows in place of a table, which still counts as current."""
    store = Store(config.parent / "store")
    known = store.manifest(name)
    assert known is not None
    path = store.path(name)
    if path.suffix == ".arrow":
        with pa.OSFile(str(path), "wb") as file, pa.ipc.new_file(file, rows.schema) as writer:
            writer.write_table(rows)
        text = json.dumps(vars(replace(known, content="0" * 64, rows=len(rows))))
        path.with_suffix(".json").write_text(text)
    else:
        store.write(name, [Outcome(rows)], known.made_from)


def vectors(change: Callable[[list[dict[str, Any]]], object]) -> Callable[[Path], None]:
    """Harm the sentence vectors of the artworks, which the build trusts to be current."""

    def harm(config: Path) -> None:
        table = Store(config.parent / "store").read(VECTORS)
        rows = table.to_pylist()
        change(rows)
        forged(config, VECTORS, pa.Table.from_pylist(rows, schema=table.schema))

    return harm


def with_vector(value: float) -> Callable[[list[dict[str, Any]]], None]:
    return lambda rows: rows[2].update(vector=[value] * len(rows[2]["vector"]))


def settings(more: str) -> Callable[[Path], object]:
    return lambda config: config.write_text(config.read_text() + more)


def taken_down(side: str, names: list[str]) -> Callable[[Path], object]:
    rows = ["side,item_id,reason,date", *(f"{side},{name},a request,2026-01-02" for name in names)]
    return lambda config: (config.parent / "takedowns.csv").write_text("\n".join(rows))


def scores_of_another_run(config: Path) -> None:
    """Put in place what was calibrated on the same items with other vectors."""
    store = Store(config.parent / "store")
    sides = [store.read(name) for name in pipeline.step(Settings.load(config), "calibration").reads[1:]]
    turned = sides[0].set_column(1, "vector", sides[0]["vector"].take(pa.array([1, 2, 3, 4, 0])))
    weights = {"sentence": 1.0, "affect": 0.2}
    forged(config, "calibration", calibrate(store.read("splits"), turned, *sides[1:], weights=weights).rows)


def matching_of_other_items(config: Path) -> None:
    splits = made.splits(train=(5, 3))
    sides = made.sides(splits)
    calibration = calibrate(splits, *sides, weights=made.WEIGHTS).rows
    forged(config, "matching", match_splits(calibration, splits, *sides).rows)


def prices_of_another_run(config: Path) -> None:
    """Leave the pairs, and give every item that is bid for a price of its own."""
    table = Store(config.parent / "store").read("matching")
    rows = table.to_pylist()
    for row, price in zip(rows, np.random.default_rng(0).uniform(0.1, 2, len(rows)), strict=True):
        row["price"] = float(price)
    forged(config, "matching", pa.Table.from_pylist(rows, schema=table.schema))


HARM: dict[str, tuple[Callable[[Path], object], str]] = {
    "two models on a side": (
        vectors(lambda rows: rows[0].update(model="other@1")),
        "sentence of artworks: vectors of unlike models .*, other@1: embed them again",
    ),
    "a model a side": (
        vectors(lambda rows: [row.update(model="other@1") for row in rows]),
        "artworks have other@1 in .* embed both sides with one model",
    ),
    "not a number": (vectors(with_vector(float("nan"))), "has a vector that is not finite: embed it again"),
    "a zero vector": (vectors(with_vector(0.0)), "has a vector of length 0, not 1: embed it again"),
    "a key twice": (
        vectors(lambda rows: rows[0].update(item_id=rows[1]["item_id"])),
        "sentence of artworks: 1 repeated keys",
    ),
    "no vectors": (vectors(lambda rows: rows.clear()), "sentence of artworks: no items"),
    "a vector missing": (vectors(lambda rows: rows.pop()), "no vector for '.*': build the embeddings again"),
    "all clips taken down": (taken_down("music", MUSIC), "one side has no items in `splits`"),
    "all artworks taken down": (taken_down("art", ART), "one side has no items in `splits`"),
    "fewer artworks than clips": (
        taken_down("art", ART[:3]),
        r"train: 2 artworks have 2 places for 3 clips: add artworks \(all of one artist go to one split\)",
    ),
    "a capacity of nothing": (settings("[matching]\nclips_per_artwork = 0\n"), "matching.clips_per_artwork"),
    "capacities on both sides": (
        settings("[matching]\nclips_per_artwork = 2\nartworks_per_clip = 2\n"),
        "one of clips_per_artwork and artworks_per_clip must be 1",
    ),
    "a limit that leaves clips over": (
        settings("[matching]\npairs_per_artist = 2\n"),
        "train: 5 artworks have 2 places for 3 clips: .* pairs_per_artist",
    ),
    "pairs that are all forbidden": (
        settings(f"[matching]\ncomplete = true\nforbidden = {[[name, 'a.wav'] for name in ART]}\n"),
        r"train: music a.wav cannot be matched \(forbidden\): relax \[matching\]",
    ),
    "a least score that is no number": (
        settings("[matching]\nmin_score = nan\n"),
        r"matching\.min_score: .*finite",
    ),
    "a least score that nobody reaches": (
        settings("[matching]\nmin_score = 100.0\n"),
        r"no pair is left in any split \(below_min_score\): relax min_score",
    ),
    "weights too large for whole quanta": (
        settings("[matching]\nsentence = 1e12\n"),
        "scores of up to .* are more than .*: lower min_score or all weights",
    ),
    "scores of another run": (scores_of_another_run, "sentence: calibrated on other vectors: delete"),
    "a matching of other items": (
        matching_of_other_items,
        "matching and splits differ in 16 items.*.delete",
    ),
    "prices of another run": (prices_of_another_run, "train: . prices are not what vectors .* .delete"),
}


def test_after_a_takedown_a_build_says_how_many_pairs_changed(
    config: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    partner = Store(config.parent / "store").read("pairs")["artwork_id"][0].as_py()
    taken_down("art", [partner])(config)
    config.write_text(config.read_text() + '[release]\nversion = "9.0.0"\n')
    monkeypatch.setattr(sys, "argv", ["artsound", "build", "--config", str(config), "--no-prefect"])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert not ended.value.code
    told = capsys.readouterr().out
    assert re.search(r"since the matching before: \d pairs kept, .* 1 gone with an item, 0 with a new", told)


@pytest.mark.parametrize(("harm", "says"), HARM.values(), ids=HARM)
def test_bad_input_is_one_clear_line_and_nothing_is_written(
    config: Path,
    harm: Callable[[Path], object],
    says: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    harm(config)
    config.write_text(config.read_text() + '[release]\nversion = "9.0.0"\n')
    before = bytes_of(config.parent / "store")
    text = said(config, monkeypatch, capsys)
    told = [line for line in text.splitlines() if "Error: " in line]
    assert len(told) == 1
    assert re.search(says, told[0])
    assert "Traceback" not in text
    after = bytes_of(config.parent / "store")
    touched = {name for name in before | after if before.get(name) != after.get(name)}
    assert {Path(name).name.split(".")[0] for name in touched} <= BEFORE_IT
