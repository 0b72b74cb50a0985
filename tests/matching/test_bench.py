"""The full-size bench in small: it runs on every engine, and says what it is held against."""

import json

import pytest

from artsound.matching import optimal
from artsound.matching.engines import installed
from bench import matching

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("engine", installed())
def test_every_engine_reaches_the_same_objective_and_is_held_against_its_arithmetic(
    engine: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(matching, "FULL", (1500, 1640))
    monkeypatch.setattr(matching, "TURNS", 1)
    monkeypatch.setattr(optimal, "DENSE_PAIRS", 0)
    matching.full(96, "severe", 0.0, ["check"], matching.Device(engine, 1e-3))
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines() if line.startswith("{")]
    made = next(row for row in rows if "passes" in row)
    assert made["engine"].startswith(engine)
    assert made["floor_s"] == round(made["passes"] * 2 * 1500 * 1640 * 96 / 1e9, 2)
    assert rows[-1]["primal"] == pytest.approx(made["primal"], abs=1e-6)
    assert rows[-1]["gap_percent"] == pytest.approx(0, abs=1e-9)
