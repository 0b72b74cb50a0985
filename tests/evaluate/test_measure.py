import json
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from artsound.errors import EvaluationError
from artsound.evaluate.ears import EARS, Heard, listen
from artsound.evaluate.measure import check_equal_counts, measure
from artsound.evaluate.report import Example, Report, markdown, rounded, write_report
from tests.review.pairs import PAINTINGS, SAMPLE

RATE = 8_000


def heard(count: int, seed: int, noise: float = 1.0) -> Heard:
    base = np.random.default_rng(7).standard_normal((count, 12))
    own = np.random.default_rng(seed).standard_normal((count, 12))
    tags = 1 / (1 + np.exp(-(base + noise * own)[:, :5]))
    return Heard((base + noise * own).astype(np.float32), tags.astype(np.float32))


def tone(pitch: float, seconds: float = 1.0) -> np.ndarray:
    return (0.3 * np.sin(2 * np.pi * pitch * np.arange(round(seconds * RATE)) / RATE)).astype(np.float32)


def test_a_nearer_system_is_better_in_every_metric() -> None:
    real = {"ear": heard(64, 1, 0.0)}
    near, far = measure({"ear": heard(64, 2, 0.1)}, real), measure({"ear": heard(64, 3, 2.0)}, real)
    for metric in ("fad", "kl_softmax", "kl_sigmoid"):
        assert near[metric]["ear"] < far[metric]["ear"]
    assert near["kad"]["ear"]["value"] < far["kad"]["ear"]["value"]
    assert near["retrieval"]["ear"]["recall_at_1"] > far["retrieval"]["ear"]["recall_at_1"]
    assert all(gap["low"] > 0 for gap in near["gap"].values())
    score = "same sound, ear"
    assert near["gap"][score]["difference"] > far["gap"][score]["difference"]


def test_an_ear_without_tags_has_no_tag_metrics() -> None:
    real, ours = heard(20, 1)._replace(tags=None), heard(20, 2)._replace(tags=None)
    found = measure({"mel": ours}, {"mel": real})
    assert "kl_softmax" not in found
    assert list(found["gap"]) == ["same sound, mel"]


def test_too_few_clips_have_no_extrapolation_but_all_else() -> None:
    found = measure({"ear": heard(5, 1)}, {"ear": heard(5, 2)})
    assert found["fad_infinity"]["ear"] is None
    assert np.isfinite(found["kad"]["ear"]["value"])


def test_unlike_numbers_of_clips_are_refused() -> None:
    with pytest.raises(EvaluationError, match="unlike size"):
        check_equal_counts({"a": {"ear": heard(5, 1)}, "b": {"ear": heard(4, 1)}}, {"ear": heard(5, 2)})
    with pytest.raises(EvaluationError, match="cannot be evaluated"):
        check_equal_counts({"a": {"ear": heard(1, 1)}}, {"ear": heard(1, 2)})


def test_every_ear_hears_the_same_clip_the_same_way_and_tells_others_apart() -> None:
    clips = np.stack([tone(220), tone(220), tone(1760)])
    found = listen({name: make() for name, make in EARS.items()}, clips, RATE)
    for one in found.values():
        assert np.array_equal(one.vectors[0], one.vectors[1])
        assert not np.allclose(one.vectors[0], one.vectors[2], atol=1e-2)
    assert found["musicnn-mtt"].vectors.shape == (3, 200)
    assert found["musicnn-mtt"].tags is not None
    assert found["mel"].tags is None


def report() -> Report:
    real = {"musicnn-mtt": heard(24, 1, 0.0)}
    rows = {
        name: measure({"musicnn-mtt": heard(24, n, 0.5 * n)}, real)
        for n, name in enumerate(("model", "<other>"))
    }
    about = {
        "release": "<b>demo</b> 1.0.0",
        "clips": 24,
        "split": "test",
        "prior": "small",
        "rate": RATE,
        "seconds": 1.0,
        "visual_encoder": "patches",
        "supervision": "audio_only",
    }
    judges = [{"name": "musicnn-mtt@1", "circular": True}]
    return Report(about, judges, rows, missing={"CLAP score": "no <weights>"}, notes=["a & b"])


def example() -> Example:
    image = (SAMPLE / "artworks" / PAINTINGS[0]).read_bytes()
    clips = {"model": tone(440), "<other>": tone(880)}
    return Example("0123", "<script>alert('x')</script> \"q\"", image, tone(220), clips)


class Tags(HTMLParser):
    """Collects what the page refers to."""

    def __init__(self) -> None:
        super().__init__()
        self.names: list[str] = []
        self.sources: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.append(tag)
        self.sources += [value or "" for name, value in attrs if name in {"src", "href"}]


def test_the_page_names_only_files_that_are_there_and_runs_nothing(tmp_path: Path) -> None:
    write_report(tmp_path, report(), [example()], RATE)
    tags = Tags()
    tags.feed((tmp_path / "index.html").read_text(encoding="utf-8"))
    assert "script" not in tags.names
    assert tags.names.count("audio") == 3
    assert all((tmp_path / source).is_file() for source in tags.sources)
    assert "&lt;script&gt;alert" in (tmp_path / "index.html").read_text(encoding="utf-8")


def test_a_report_is_written_the_same_twice_and_reads_back(tmp_path: Path) -> None:
    for name in "ab":
        write_report(tmp_path / name, report(), [example()], RATE)
    first, second = ({p.name: p.read_bytes() for p in (tmp_path / n).rglob("*") if p.is_file()} for n in "ab")
    assert first == second
    found = json.loads(first["report.json"])
    assert found["rows"]["model"]["fad"]["musicnn-mtt"] == pytest.approx(0, abs=1e-6)
    assert found["missing"] == {"CLAP score": "no <weights>"}


def test_circular_judges_are_named_in_every_form(tmp_path: Path) -> None:
    assert "circular" in markdown(report())
    write_report(tmp_path, report(), [], RATE)
    assert "†" in (tmp_path / "index.html").read_text(encoding="utf-8")


def test_what_is_not_a_number_is_null() -> None:
    assert rounded({"a": [float("nan"), 1 / 3, 2], "b": ("x", float("inf"))}) == {
        "a": [None, 0.333333, 2],
        "b": ["x", None],
    }
