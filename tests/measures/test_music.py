from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from artsound import tables
from artsound.errors import Reason
from artsound.measures.music import measure_clips, measure_sound
from artsound.media.files import open_media
from artsound.models.musicnn import Musicnn
from tests import rows
from tests.measures.tunes import C_MAJOR, RATE
from tests.media.samples import recorded, written

SAMPLE = Path("data/sample/music")


@pytest.fixture(scope="module")
def tagger() -> Musicnn:
    return Musicnn()


def clips_of(root: Path, **files: bytes) -> pa.Table:
    for name, data in files.items():
        (root / name).write_bytes(data)
    return rows.clips(*({"clip_id": name, "audio_path": name, "duration": 6.0} for name in files))


@pytest.mark.slow
def test_measures_conform_and_do_not_depend_on_the_number_of_workers(tmp_path: Path) -> None:
    tune = written(C_MAJOR[: 6 * RATE], RATE, "FLAC")
    clips = clips_of(tmp_path, a=tune, b=recorded(5.0, kind="OGG"), d=b"text")
    outcomes = [measure_clips(clips, media=open_media(tmp_path), workers=workers) for workers in (1, 3)]
    assert outcomes[0] == outcomes[1]
    kept = tables.conform("music_measures", outcomes[0].rows).to_pylist()
    assert [row["clip_id"] for row in kept] == ["a", "b"]
    assert kept[0]["key"] == "C major"
    assert {"C", "F", "G"} <= {chord["name"] for chord in kept[0]["chords"]}
    assert [(reject.item_id, reject.reason) for reject in outcomes[0].rejects] == [("d", Reason.UNREADABLE)]


def test_no_clips_give_an_empty_table(tmp_path: Path) -> None:
    assert len(measure_clips(rows.clips(), media=open_media(SAMPLE), workers=1).rows) == 0


@pytest.mark.slow
def test_only_the_middle_is_analysed(tmp_path: Path) -> None:
    middle = np.sin(2 * np.pi * 1000 * np.arange(30 * 8000) / 8000) * 0.1
    noise = np.random.default_rng(0).normal(0, 0.1, 8000 * 5)
    padded = np.concatenate([noise, middle, noise])
    clips = clips_of(tmp_path, a=written(padded, 8000), b=written(middle, 8000)).set_column(
        *(rows.clips().schema.get_field_index("duration"), "duration", pa.array([40.0, 30.0]))
    )
    first, second = measure_clips(clips, media=open_media(tmp_path), workers=1).rows.to_pylist()
    assert [time - 5 for time in first["beats"]] == pytest.approx(second["beats"], abs=2e-3)
    moved = [part | {"start": part["start"] - 5, "end": part["end"] - 5} for part in first["sections"]]
    assert moved == second["sections"]
    timeless = {"clip_id": "", "beats": [], "chords": [], "sections": []}
    assert first | timeless == second | timeless


def test_a_sine_of_one_kilohertz_has_known_measures(tagger: Musicnn) -> None:
    """BS.1770: 1 kHz at −20 dBFS peak reads −23.0 LUFS on one channel."""
    sine = (0.1 * np.sin(2 * np.pi * 1000 * np.arange(10 * 44_100) / 44_100)).astype(np.float32)
    measures = measure_sound(sine[:, None], 44_100, tagger)
    assert measures["loudness"] == pytest.approx(-23.0, abs=0.1)
    assert measures["brightness"] == pytest.approx(1000, abs=20)
    assert measures["dynamics"] == pytest.approx(0, abs=0.5)


def test_silence_has_measures_too(tagger: Musicnn) -> None:
    measures = measure_sound(np.zeros((44_100 * 3, 2), np.float32), 44_100, tagger)
    assert measures["tempo"] == measures["onset_rate"] == measures["dynamics"] == measures["brightness"] == 0
    assert measures["key"] is None
    assert measures["beats"] == measures["chords"] == []
    assert measures["loudness"] == -70


@pytest.mark.parametrize("seconds", [0.3, 2.0])
def test_short_sounds_are_measured_without_a_warning(tagger: Musicnn, seconds: float) -> None:
    noise = np.random.default_rng(0).normal(0, 0.1, (round(44_100 * seconds), 1)).astype(np.float32)
    loudness = -70 if seconds < 0.4 else -17
    assert measure_sound(noise, 44_100, tagger)["loudness"] == pytest.approx(loudness, abs=2)
