import sys
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from artsound.errors import MissingExtra
from artsound.review.plots import MOST, PLOTS, top, write_plots
from tests.review import pairs

pytestmark = pytest.mark.slow  # laying out text takes seconds
pytest.importorskip("matplotlib", reason="extra publish: pip install 'artsound-builder[publish]'")


def test_every_plot_is_a_picture_that_shows_something(tmp_path: Path) -> None:
    paths = write_plots(tmp_path, [pairs.pairs(40)])
    assert [path.stem for path in paths] == list(PLOTS)
    for path in paths:
        with Image.open(path) as image:
            assert np.asarray(image.convert("RGB")).std() > 5
        assert path.stat().st_size < 200_000


def test_the_same_rows_give_the_same_bytes(tmp_path: Path) -> None:
    first, second = (write_plots(tmp_path / name, [pairs.pairs(12)]) for name in "ab")
    for one, other in zip(first, second, strict=True):
        assert sha256(one.read_bytes()).digest() == sha256(other.read_bytes()).digest()


def test_an_empty_release_and_hostile_names_are_drawn(tmp_path: Path) -> None:
    assert len(write_plots(tmp_path / "a", [pairs.pairs(0)])) == len(PLOTS)
    hostile = {"style": r"$\frac{", "licence": "LicenseRef-<b>" + "x" * 99, "genres": ["$x_"]}
    assert len(write_plots(tmp_path / "b", [pairs.pairs(3, **hostile)])) == len(PLOTS)


def test_rare_values_are_added_up_and_none_is_lost() -> None:
    values = [f"value {number % 40}" for number in range(100)]
    counts = top(values)
    assert len(counts) == MOST
    assert sum(count for _, count in counts) == 100


def test_without_matplotlib_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(MissingExtra, match="publish"):
        write_plots(tmp_path, [pairs.pairs(1)])
