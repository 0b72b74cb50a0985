from pathlib import Path

import numpy as np
import pytest

from artsound import tables
from artsound.errors import Reason
from artsound.measures.image import measure_artworks, measure_picture
from artsound.media.files import open_media
from tests import rows
from tests.media.samples import encoded, painted

SAMPLE = Path("data/sample/artworks")


def test_measures_conform_and_do_not_depend_on_the_number_of_workers(tmp_path: Path) -> None:
    paths = sorted(path.name for path in SAMPLE.glob("*.jpg"))[:12]
    artworks = rows.artworks(*({"artwork_id": name, "image_path": name} for name in [*paths, "gone.jpg"]))
    outcomes = [measure_artworks(artworks, media=open_media(SAMPLE), workers=workers) for workers in (1, 4)]
    assert outcomes[0] == outcomes[1]
    kept = tables.conform("art_measures", outcomes[0].rows)
    assert kept["artwork_id"].to_pylist() == paths
    assert [(reject.item_id, reject.reason) for reject in outcomes[0].rejects] == [
        ("gone.jpg", Reason.MISSING_FILE)
    ]


def test_a_file_that_no_longer_decodes_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(encoded(painted()))
    (tmp_path / "b.png").write_bytes(encoded(painted())[:100])
    artworks = rows.artworks(*({"artwork_id": name, "image_path": name} for name in ("a.png", "b.png")))
    outcome = measure_artworks(artworks, media=open_media(tmp_path), workers=2)
    assert outcome.rows["artwork_id"].to_pylist() == ["a.png"]
    assert [(reject.item_id, reject.reason) for reject in outcome.rejects] == [("b.png", Reason.UNREADABLE)]


def test_a_half_red_image_has_known_measures() -> None:
    pixels = np.zeros((100, 200, 3), np.uint8)
    pixels[:, :100] = (255, 0, 0)
    measures = measure_picture(pixels)
    assert measures["palette"] == [{"name": "black", "value": 0.5}, {"name": "red", "value": 0.5}]
    tones = {tone["name"]: tone["value"] for tone in measures["tones"]}
    assert tones == {"black": 0.5, "brown": 0, "grey": 0, "white": 0}
    assert measures["lightness"] == pytest.approx(53.24 / 2, abs=0.1)
    assert measures["contrast"] == pytest.approx(53.24 / 2, abs=0.1)
    assert measures["saturation"] == pytest.approx(104.55 / 2, abs=0.1)
    assert measures["symmetry"] == pytest.approx(-1)


def test_measures_hardly_depend_on_the_size_of_the_file() -> None:
    small, large = (np.asarray(painted(200, 150).resize(size)) for size in [(256, 192), (1024, 768)])
    first, second = measure_picture(small), measure_picture(large)
    for name in ("lightness", "contrast", "saturation", "warmth", "symmetry", "valence", "arousal"):
        assert first[name] == pytest.approx(second[name], rel=0.03, abs=0.01)


@pytest.mark.parametrize("size", [(1, 1), (1, 5000), (3, 2)])
def test_the_oddest_sizes_are_measured(size: tuple[int, int]) -> None:
    assert measure_picture(np.full((*size, 3), 90, np.uint8))["symmetry"] == 1
