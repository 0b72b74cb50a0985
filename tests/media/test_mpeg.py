"""MP3s that are more than one clean stream: held against what was put in, and against ffmpeg where it is."""

import shutil
import subprocess
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from artsound.errors import Reason
from artsound.media import audio
from artsound.media.audio import decode_audio, decode_excerpt
from artsound.media.files import MediaError
from artsound.media.mpeg import frame_length, next_frame
from tests.media.samples import recorded, written

CLEAN = recorded(12.0, kind="MP3")
SIX = recorded(6.0, kind="MP3")
HALF = len(CLEAN) // 2
SPOILT = {
    "clean": CLEAN,
    "a tag at the end": CLEAN + b"TAG" + bytes(125),
    "zeros before": bytes(2000) + CLEAN,
    "text before": b"this is no frame " * 30 + CLEAN,
    "begins within a frame": CLEAN[5:],
    "ones in the middle": CLEAN[:HALF] + b"\xff" * 3000 + CLEAN[HALF:],
    "zeros in the middle": CLEAN[:HALF] + bytes(30_000) + CLEAN[HALF:],
    "two in one": SIX + SIX,
    "another rate after": SIX + recorded(6.0, rate=22_050, kind="MP3"),
    "a higher rate after": SIX + recorded(6.0, rate=48_000, kind="MP3"),
    "mono after stereo": SIX + recorded(6.0, channels=1, kind="MP3"),
    "stereo after mono": recorded(6.0, channels=1, kind="MP3") + SIX,
}


def by_ffmpeg(data: bytes, path: Path) -> int:
    """Count frames as the known counts of FMA were made; 0 for a failure."""
    path.write_bytes(data)
    command = f"ffmpeg -v error -i {path} -f f32le -acodec pcm_f32le -ac 1 -ar 48000 -"
    done = subprocess.run(command.split(), check=False, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    return 0 if done.returncode else len(done.stdout) // 4


def frames(data: bytes) -> int:
    with suppress(MediaError):
        return len(decode_audio(data).samples)
    return 0


@pytest.mark.parametrize("how", SPOILT)
def test_twelve_seconds_are_found_whatever_lies_between(how: str) -> None:
    sound = decode_audio(SPOILT[how])
    assert sound.duration == pytest.approx(12, abs=0.1)
    assert sound.source_rate == 44_100
    loud = np.abs(sound.samples[: len(sound.samples) // 12 * 12].reshape(12, -1)).max(axis=1)
    assert (loud[[0, 1, 2, 3, 4, 7, 8, 9, 10]] > 0.4).all(), "both halves are heard"


@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="needs ffmpeg")
def test_as_many_frames_come_out_as_by_ffmpeg(tmp_path: Path) -> None:
    cut = {f"{count} bytes": CLEAN[:count] for count in (0, 50, 500, 1000, 1752, 3000, 6000, HALF)}
    others = {"text": b"no audio", "zeros": bytes(1752), "a page": b"<html>" * 1000}
    for how, data in (SPOILT | cut | others).items():
        theirs, ours = by_ffmpeg(data, tmp_path / "a.mp3"), frames(data)
        assert bool(ours) == bool(theirs), how
        assert abs(ours - theirs) < 0.1 * 48_000, how


def test_what_follows_keeps_its_pitch_and_place() -> None:
    tones = [
        recorded(2.0, rate=rate, kind="MP3", hertz=hertz) for rate, hertz in ((44_100, 440), (22_050, 880))
    ]
    samples = decode_audio(b"".join(tones), rate=None).samples
    for start, hertz in ((0.5, 440), (2.5, 880)):
        heard = samples[round(start * 44_100) :][:44_100]
        assert np.argmax(np.abs(np.fft.rfft(heard))) == hertz


def test_an_excerpt_lies_across_a_change() -> None:
    data = SPOILT["mono after stereo"]
    part, rate = decode_excerpt(data, start=5.0, seconds=2.0)
    assert (part.shape, rate) == ((88_200, 2), 44_100)
    np.testing.assert_array_equal(part.mean(axis=1), decode_audio(data, rate=None).samples[220_500:308_700])


def test_the_limit_counts_all_that_follows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audio, "LONGEST", 9.0)
    with pytest.raises(MediaError) as error:
        decode_audio(SPOILT["another rate after"])
    assert error.value.reason == Reason.TOO_LARGE


def test_damage_in_other_formats_is_still_refused() -> None:
    data = bytearray(written(np.random.default_rng(0).normal(0, 0.1, (44_100, 2)), 44_100, "FLAC"))
    data[len(data) // 2 : len(data) // 2 + 2000] = bytes(2000)
    assert frames(bytes(data)) < 44_100


@pytest.mark.parametrize(
    ("head", "length"),
    [
        ("fffb9064", 417),  # 128 kbit/s, 44.1 kHz
        ("fffb9264", 418),  # the same, padded
        ("fff394c4", 240),  # MPEG 2: 80 kbit/s, 24 kHz
        ("ffe340c4", 208),  # MPEG 2.5: 32 kbit/s, 11.025 kHz
        ("fffbf064", 0),
        ("fffb0064", 0),
        ("fffb9c64", 0),
        ("fffd9064", 0),  # layer II
        ("fffb90", 0),
    ],
)
def test_a_frame_is_as_long_as_its_header_says(head: str, length: int) -> None:
    assert frame_length(bytes.fromhex(head)) == length


@given(st.binary(max_size=3000))
def test_noise_holds_no_frames(noise: bytes) -> None:
    assert next_frame(noise, 0) is None
    assert next_frame(noise + CLEAN[:5000], 0) is not None
