import json
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from artsound.errors import EvaluationError, StoreError
from artsound.evaluate.ears import Heard
from artsound.evaluate.judges import Judges
from artsound.evaluate.markdown import escaped, markdown
from artsound.evaluate.measure import Measured, check_equal_counts, measure
from artsound.evaluate.report import COLUMNS, Example, Report, cell, rounded, write_report
from artsound.evaluate.scores import Partners, scores
from artsound.evaluate.sensitivity import AGAIN, sensitivity
from tests.review.pairs import PAINTINGS, SAMPLE

RATE = 8_000


def heard(count: int, seed: int, noise: float = 1.0) -> Heard:
    base = np.random.default_rng(7).standard_normal((count, 12))
    own = np.random.default_rng(seed).standard_normal((count, 12))
    tags = 1 / (1 + np.exp(-(base + noise * own)[:, :5]))
    return Heard((base + noise * own).astype(np.float32), tags.astype(np.float32))


def tone(pitch: float, seconds: float = 1.0) -> np.ndarray:
    return (0.3 * np.sin(2 * np.pi * pitch * np.arange(round(seconds * RATE)) / RATE)).astype(np.float32)


class Listener:
    """An ear that is never asked to listen: its hearing is given."""

    rate = 8_000
    families = frozenset({"ear"})

    def __init__(self, name: str) -> None:
        self.name = f"{name}@1"

    def __call__(self, clips: np.ndarray) -> Heard:
        raise AssertionError


def measured(ours: Heard, real: Heard, ear: str = "ear") -> Measured:
    asked = scores(Judges({ear: Listener(ear)}), {ear: real}, Partners([], [], []))
    return measure({ear: ours}, {ear: real}, asked)


def test_a_nearer_system_is_better_in_every_metric() -> None:
    real = heard(64, 1, 0.0)
    near, far = measured(heard(64, 2, 0.1), real), measured(heard(64, 3, 2.0), real)
    for title in ("FAD∞", "FAD", "KAD", "KL softmax", "KL sigmoid", "R@1", "R@5", "R@10", "median rank"):
        (column,) = (one for one in COLUMNS if one.title == title)
        better, worse = cell(near, column, "ear"), cell(far, column, "ear")
        assert better is not None
        assert worse is not None
        assert (better < worse) == column.lower_is_better, title
    for score in near["scores"]:
        assert near["scores"][score]["gap"]["low"] > 0
        assert near["scores"][score]["found_gap"]["low"] > 0.5
        ours, others = (found["scores"][score]["gap"]["difference"] for found in (near, far))
        assert ours > others or "KL" in score


def test_a_system_that_ignores_the_picture_has_no_gap_in_any_score() -> None:
    real = heard(100, 1, 0.0)
    same = Heard(*(np.roll(one, 1, axis=0) for one in heard(100, 2, 0.1) if one is not None))
    for found in measured(same, real)["scores"].values():
        assert found["gap"]["low"] < 0.05 * abs(found["gap"]["matched"])
        assert found["found_gap"]["low"] < 0.02
        assert found["retrieval"]["recall_at_1"] < 0.1


def test_an_ear_without_tags_has_no_tag_metrics() -> None:
    real, ours = heard(20, 1)._replace(tags=None), heard(20, 2)._replace(tags=None)
    found = measured(ours, real, "mel")
    assert found["inception_score"] == {}
    assert list(found["scores"]) == ["same sound, mel"]


def test_too_few_clips_have_no_extrapolation_but_all_else() -> None:
    found = measured(heard(5, 1), heard(5, 2))
    assert found["fad_infinity"]["ear"] is None
    assert np.isfinite(found["kad"]["ear"]["value"])


def test_unlike_numbers_of_clips_are_refused() -> None:
    with pytest.raises(EvaluationError, match="the other has 4 clips against 5"):
        check_equal_counts({"ear": heard(4, 1)}, {"ear": heard(5, 2)}, "the other")


def test_swapped_pictures_and_other_noise_move_a_piece_as_far_as_they_do() -> None:
    base, other = np.random.default_rng(0).standard_normal((2, 16, 8))
    again = np.repeat(base, AGAIN, axis=0)
    found = sensitivity(base, base, again, np.zeros(8))
    assert (found.swapped, found.again) == (pytest.approx(0, abs=1e-9), pytest.approx(0, abs=1e-9))
    assert found.vendi_again == pytest.approx(1)
    assert found.apart == pytest.approx(1, abs=0.2)
    assert sensitivity(base, -base, again, np.zeros(8)).swapped == pytest.approx(2)
    moved = again + np.random.default_rng(1).standard_normal(again.shape)
    assert sensitivity(base, other, moved, np.zeros(8)).vendi_again > 1.5


def report() -> Report:
    real = heard(24, 1, 0.0)
    rows = {
        name: measured(heard(24, n, 0.5 * n), real, "musicnn-mtt") | {"whole": {}}
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
        "language": "captions are fused with the image",
    }
    judges = [{"ear": "musicnn-mtt", "name": "musicnn-mtt@<1>", "circular": "musicnn wrote <captions>"}]
    asked = [{"name": name, "ear": "musicnn-mtt", "circular": "x"} for name in rows["model"]["scores"]]
    return Report(
        about,
        judges,
        rows,
        asked,
        miners=[{"family": "musicnn", "name": "musicnn|<b>", "part": "wrote *captions*"}],
        sensitivity={"<ear>": {"swapped": 0.1, "again": 0.2, "apart": 0.3, "vendi_again": 1.5}},
        how={"<other>": "<i>how</i>"},
        absent={"oracle": "no <words>"},
        missing={"CLAP score": "no <weights>"},
        notes=["a & b"],
    )


def example() -> Example:
    image = (SAMPLE / "artworks" / PAINTINGS[0]).read_bytes()
    clips = {"model": tone(440), "<other>": tone(880)}
    return Example("../../0123<b>", "<script>alert('x')</script> \"q\"", image, tone(220), clips)


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
    assert not {"script", "i", "b", "captions", "ear", "other", "weights"} & set(tags.names) - {"b"}
    assert sorted(path.name for path in (tmp_path / "media").glob("*.wav")) == [
        f"00-{row}.wav" for row in range(3)
    ]
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


def test_a_row_that_cannot_be_stands_in_every_form_with_the_reason(tmp_path: Path) -> None:
    lines = markdown(report()).splitlines()
    assert [line for line in lines if line.startswith("| oracle | –")]
    assert r"- oracle: no \<words\>" in lines
    write_report(tmp_path, report(), [], RATE)
    page = (tmp_path / "index.html").read_text(encoding="utf-8")
    assert "<th scope='row'>oracle</th><td>–</td>" in page
    assert "oracle: no &lt;words&gt;" in page
    assert json.loads((tmp_path / "report.json").read_text())["absent"] == {"oracle": "no <words>"}


def test_markdown_from_data_is_only_text() -> None:
    lines = markdown(report()).splitlines()
    assert not [line for line in lines if re.search(r"(?<!\\)<", line)]
    (row, *_) = (line for line in lines if line.startswith("- musicnn"))
    assert row == r"- musicnn\|\<b\>: wrote \*captions\*"
    assert "| 1\n" not in escaped("a\n| 1\n")


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(StoreError, match=r"cannot write to .*taken"):
        write_report(tmp_path / "taken", report(), [], RATE)


def test_what_is_not_a_number_is_null() -> None:
    assert rounded({"a": [float("nan"), 1 / 3, 2], "b": ("x", float("inf"))}) == {
        "a": [None, 0.333333, 2],
        "b": ["x", None],
    }
