"""Recordings are decoded to their end and measured."""

from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import soundfile

from artsound import tables
from artsound.catalog.clips import check_clips, signal_facts
from artsound.catalog.tracks import clean_tracks
from artsound.errors import Outcome, Reason
from artsound.media.files import open_media
from artsound.settings import Collection
from artsound.sources.folder import read_tracks
from tests.rows import tracks

RATE = 8000


def recording(seconds: float, format_: str = "WAV") -> bytes:
    file = BytesIO()
    tone = 0.5 * np.sin(np.arange(round(seconds * RATE)) * 0.3)
    soundfile.write(file, tone, RATE, format=format_)
    return file.getvalue()


def checked(folder: Path, files: dict[str, bytes]) -> Outcome:
    for name, data in files.items():
        (folder / name).write_bytes(data)
    listed = tracks(*({"track_id": name, "audio_path": name} for name in files))
    return check_clips(listed, media=open_media(folder), min_seconds=10.0, workers=2)


def test_the_whole_sample_is_usable() -> None:
    path = Path("data/sample/music")
    cleaned = clean_tracks(read_tracks(Collection(path=path)).rows).rows
    one, many = (check_clips(cleaned, media=open_media(path), min_seconds=10, workers=n) for n in (1, 2))
    assert (len(one.rows), one.rejects) == (9, [])
    assert one.rows.equals(many.rows)
    assert set(cleaned["licence"].to_pylist()) == {"CC0-1.0", "CC-BY-3.0", "LicenseRef-public-domain"}
    assert not any(one.rows["constant"].to_pylist())
    assert min(one.rows["bit_rate"].to_pylist()) > 16_000
    tables.conform("clips", one.rows)


def test_ten_seconds_are_enough_and_less_is_not(tmp_path: Path) -> None:
    outcome = checked(tmp_path, {"enough.wav": recording(10), "short.wav": recording(10 - 1 / RATE)})
    assert outcome.rows["clip_id"].to_pylist() == ["enough.wav"]
    assert [(reject.item_id, reject.reason) for reject in outcome.rejects] == [
        ("short.wav", Reason.TOO_SHORT)
    ]


def test_what_the_file_is_comes_along(tmp_path: Path) -> None:
    row = checked(tmp_path, {"plain.wav": recording(12)}).rows.to_pylist()[0]
    probed = (row["format"], row["duration"], row["sample_rate"], row["channels"])
    assert probed == ("wav", 12.0, RATE, 1)
    assert row["bit_rate"] == pytest.approx(16 * RATE, rel=0.01)  # and a header


def test_broken_recordings_are_refused_with_their_reason(tmp_path: Path) -> None:
    outcome = checked(tmp_path, {"ok.flac": recording(11, "FLAC"), "empty.mp3": b"", "text.ogg": b"no sound"})
    assert {reject.item_id: reject.reason for reject in outcome.rejects} == {
        "empty.mp3": Reason.EMPTY_FILE,
        "text.ogg": Reason.UNREADABLE,
    }
    assert outcome.rows["format"].to_pylist() == ["flac"]


@pytest.mark.parametrize("level", [0.0, 0.25, -1.0])
def test_a_constant_signal_is_told(level: float) -> None:
    facts = signal_facts(np.full(RATE, level, dtype=np.float32), RATE)
    assert facts["constant"]
    assert facts["clipped"] == (abs(level) == 1)
    assert facts["silent"] == (level == 0)


def test_half_a_silent_recording_is_half_silent() -> None:
    tone = np.sin(np.arange(RATE) * 0.3).astype(np.float32)
    facts = signal_facts(np.concatenate([np.zeros(RATE, np.float32), tone]), RATE)
    assert facts["silent"] == 0.5
    assert facts["rms"] == pytest.approx(-6.02, abs=0.05)
    assert not facts["constant"]


def test_a_clipped_signal_is_told() -> None:
    loud = np.clip(3 * np.sin(np.arange(RATE) * 0.3), -1, 1).astype(np.float32)
    assert signal_facts(loud, RATE)["clipped"] > 0.5


def test_the_shortest_signal_can_be_measured() -> None:
    assert signal_facts(np.array([0.5], dtype=np.float32), RATE)["peak"] == 0.5
