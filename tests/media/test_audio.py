import io

import numpy as np
import pytest
import soundfile
import soxr
from hypothesis import given, settings
from hypothesis import strategies as st

from artsound.errors import Reason
from artsound.media import audio
from artsound.media.audio import QUIETEST, decode_audio, decode_excerpt, loudness, loudness_range, window
from artsound.media.files import MediaError
from tests.media.samples import recorded, written

KINDS = {"WAV": "wav", "FLAC": "flac", "OGG": "ogg", "MP3": "mp3"}


def reason_of(data: bytes) -> Reason:
    with pytest.raises(MediaError) as error:
        decode_audio(data)
    assert error.value.detail
    return error.value.reason


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("rate", [22_050, 44_100, 48_000])
@pytest.mark.parametrize("channels", [1, 2])
def test_every_format_rate_and_channel_count_decodes(kind: str, rate: int, channels: int) -> None:
    sound = decode_audio(recorded(3.0, rate=rate, channels=channels, kind=kind))
    assert (sound.format, sound.source_rate, sound.channels, sound.rate) == (
        KINDS[kind],
        rate,
        channels,
        48_000,
    )
    assert sound.duration == pytest.approx(3.0, abs=0.06 if kind == "MP3" else 0)  # MP3 pads to whole frames
    assert len(sound.samples) == pytest.approx(sound.duration * 48_000, abs=1)
    assert np.abs(sound.samples[4800:-9600]).max() == pytest.approx(0.5, abs=0.02)


@pytest.mark.parametrize("kind", KINDS)
def test_block_decoding_equals_whole_decoding(kind: str) -> None:
    data = written(np.random.default_rng(0).normal(0, 0.1, (5 * 44_100, 2)), 44_100, kind)
    whole, rate = soundfile.read(io.BytesIO(data), dtype="float32")
    expected = soxr.resample(whole.mean(axis=1), rate, 48_000)
    np.testing.assert_allclose(decode_audio(data).samples, expected, atol=1e-6)
    np.testing.assert_allclose(decode_audio(data, rate=None).samples, whole.mean(axis=1), atol=1e-6)


@pytest.mark.parametrize("channels", [1, 2, 6])
def test_a_recording_longer_than_room_was_made_for_is_whole(
    channels: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audio, "EXPECTED", 1)
    data = written(np.random.default_rng(0).normal(0, 0.1, (audio.BLOCK * 3 + 17, channels)), 48_000)
    whole, _ = soundfile.read(io.BytesIO(data), dtype="float32", always_2d=True)
    sound = decode_audio(data, rate=None)
    assert sound.duration == len(whole) / 48_000
    np.testing.assert_allclose(sound.samples, whole.mean(axis=1), atol=1e-6)


def test_opposite_channels_cancel_in_the_mix() -> None:
    wave = np.sin(np.arange(44_100) / 10)
    data = written(np.stack([wave, -wave], axis=1) * 0.5, 44_100, subtype="FLOAT")
    assert np.abs(decode_audio(data).samples).max() < 1e-6


@pytest.mark.parametrize(("frames", "long_enough"), [(441_000, True), (440_999, False)])
def test_the_ten_second_rule_is_exact_to_the_sample(frames: int, long_enough: bool) -> None:
    sound = decode_audio(written(np.zeros(frames), 44_100))
    assert (sound.duration >= 10.0) is long_enough
    assert (len(sound.samples) >= 480_000) is long_enough


def test_duration_does_not_depend_on_the_rate_asked_for() -> None:
    data = recorded(1.2345, rate=44_100)
    assert len({decode_audio(data, rate=rate).duration for rate in (None, 8_000, 16_000, 48_000)}) == 1


@pytest.mark.parametrize("data", [b"", b"a text file named .mp3", b"RIFF\0\0\0\0WAVE", b"ID3\4\0\0\0\0\0\0"])
def test_what_is_no_recording_is_unreadable(data: bytes) -> None:
    assert reason_of(data) == Reason.UNREADABLE


@pytest.mark.parametrize("kind", ["AIFF", "AU", "CAF"])
def test_other_formats_are_refused(kind: str) -> None:
    assert reason_of(recorded(kind=kind)) == Reason.UNREADABLE


def test_a_recording_without_samples_is_unreadable() -> None:
    assert reason_of(recorded(0.0)) == Reason.UNREADABLE


def test_samples_that_are_not_finite_are_unreadable() -> None:
    for values in ([np.nan, 0], [np.inf, 0], [np.inf, -np.inf], [3e38, 3e38]):
        samples = np.zeros((44_100, 2))
        samples[1000] = samples[2000] = values
        assert reason_of(written(samples, 44_100, subtype="FLOAT")) == Reason.UNREADABLE


def test_a_recording_beyond_the_limit_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("artsound.media.audio.LONGEST", 2.0)
    assert decode_audio(recorded(1.9)).duration == pytest.approx(1.9)
    assert reason_of(recorded(2.5)) == Reason.TOO_LARGE


@pytest.mark.parametrize("kind", KINDS)
def test_a_cut_recording_is_shorter_or_refused(kind: str) -> None:
    data = recorded(3.0, kind=kind)
    refused = None
    try:
        assert decode_audio(data[: len(data) // 2]).duration < 2.0
    except MediaError as error:
        refused = error.reason
    assert refused in {None, Reason.UNREADABLE}


@settings(max_examples=120)
@given(
    kind=st.sampled_from(sorted(KINDS)),
    changes=st.lists(
        st.tuples(st.floats(0, 1, exclude_max=True), st.integers(1, 255)), min_size=1, max_size=8
    ),
)
def test_damaged_bytes_decode_or_are_refused_and_nothing_else(
    kind: str, changes: list[tuple[float, int]]
) -> None:
    data = bytearray(recorded(0.5, kind=kind))
    for where, mask in changes:
        data[int(where * len(data))] ^= mask
    refused = None
    try:
        assert np.isfinite(decode_audio(bytes(data)).samples).all()
    except MediaError as error:
        refused = error.reason
    assert refused in {None, Reason.UNREADABLE, Reason.TOO_LARGE}


def test_window_takes_the_middle() -> None:
    sound = decode_audio(written(np.arange(10, dtype=np.float64) / 10, 8_000, subtype="FLOAT"), rate=None)
    assert window(sound, 4 / 8_000).samples == pytest.approx([0.3, 0.4, 0.5, 0.6])
    assert window(sound, 4 / 8_000).duration == 4 / 8_000
    assert window(sound, 1.0) is sound


@pytest.mark.parametrize("rate", [44_100, 48_000])
def test_loudness_of_the_reference_tones(rate: int) -> None:
    """BS.1770-4: a full-scale sine on one channel reads −3.01 LUFS; EBU Tech 3341 case 1 reads −23.0."""
    tone = np.sin(2 * np.pi * 997 * np.arange(10 * rate) / rate).astype(np.float32)
    assert loudness(tone[:, None], rate) == pytest.approx(-3.01, abs=0.1)
    both = np.stack([tone, tone], axis=1) * np.float32(10 ** (-23 / 20))
    assert loudness(both, rate) == pytest.approx(-23.0, abs=0.1)


def test_loudness_ignores_silence_between_and_has_a_floor() -> None:
    tone = np.sin(2 * np.pi * 997 * np.arange(10 * 48_000) / 48_000).astype(np.float32)[:, None]
    gap = np.zeros_like(tone)
    assert loudness(np.concatenate([tone, gap]), 48_000) == pytest.approx(loudness(tone, 48_000), abs=0.2)
    assert loudness(gap, 48_000) == QUIETEST


@pytest.mark.parametrize("kind", KINDS)
def test_an_excerpt_is_that_part_of_the_whole(kind: str) -> None:
    data = written(np.random.default_rng(0).normal(0, 0.1, (6 * 44_100, 2)), 44_100, kind)
    whole, _ = soundfile.read(io.BytesIO(data), dtype="float32")
    part, rate = decode_excerpt(data, start=2.0, seconds=3.0)
    assert rate == 44_100
    np.testing.assert_array_equal(part, whole[2 * 44_100 : 5 * 44_100])
    np.testing.assert_array_equal(decode_excerpt(data, start=0.0, seconds=99.0)[0], whole)


def test_an_excerpt_after_the_end_is_refused() -> None:
    with pytest.raises(MediaError) as error:
        decode_excerpt(recorded(1.0), start=2.0, seconds=1.0)
    assert error.value.reason == Reason.UNREADABLE


def test_loudness_of_many_channels_is_that_of_their_mix() -> None:
    tone = np.sin(2 * np.pi * 997 * np.arange(2 * 48_000) / 48_000).astype(np.float32)[:, None]
    assert loudness(np.repeat(tone, 8, axis=1), 48_000) == pytest.approx(loudness(tone, 48_000), abs=1e-3)


@pytest.mark.parametrize(("first", "second", "expected"), [(-20, -30, 10), (-20, -15, 5), (-40, -20, 20)])
def test_loudness_range_of_the_reference_tones(first: int, second: int, expected: int) -> None:
    """EBU Tech 3342, cases 1 to 3: two tones of 20 s; 1 LU either way is allowed."""
    tone = np.sin(2 * np.pi * 1000 * np.arange(20 * 48_000) / 48_000).astype(np.float32)
    both = np.concatenate([tone * np.float32(10 ** (level / 20)) for level in (first, second)])
    assert loudness_range(np.stack([both, both], axis=1), 48_000) == pytest.approx(expected, abs=1)


def test_a_steady_tone_has_no_loudness_range() -> None:
    tone = np.sin(2 * np.pi * 1000 * np.arange(5 * 48_000) / 48_000).astype(np.float32)[:, None]
    assert loudness_range(tone, 48_000) < 0.1


def test_silence_and_short_sounds_have_no_loudness_range() -> None:
    assert loudness_range(np.zeros((10 * 8_000, 2), np.float32), 8_000) == 0
    assert loudness_range(np.ones((8_000, 2), np.float32), 8_000) == 0


@pytest.mark.parametrize("kind", KINDS)
def test_decoding_in_blocks_gives_what_decoding_at_once_gives(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(3)
    data = written(np.clip(rng.normal(0, 0.2, (3 * 44_100, 2)), -1, 1), 44_100, kind)
    whole = soundfile.read(io.BytesIO(data), dtype="float32")[0]
    monkeypatch.setattr(audio, "BLOCK", 10_007)
    assert np.array_equal(decode_audio(data, rate=None).samples, whole @ np.full(2, 0.5, np.float32))
    excerpt, _ = decode_excerpt(data, start=0.5, seconds=1.5)
    assert np.array_equal(excerpt, whole[22_050:88_200])
