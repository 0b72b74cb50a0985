from pathlib import Path

import numpy as np
import pytest

from artsound.media.audio import decode_audio, window
from artsound.models.musicnn import (
    INSTRUMENTS,
    RATE,
    TAGS,
    VOICES,
    Musicnn,
    instruments,
    log_mel,
    voice,
    windows,
)

SAMPLE = Path("data/sample/music")


@pytest.fixture(scope="module")
def tagger() -> Musicnn:
    return Musicnn()


def tags_of(tagger: Musicnn, name: str) -> list[str]:
    sound = decode_audio((SAMPLE / f"gcompris_{name}.ogg").read_bytes(), rate=RATE)
    return list(tagger.tags(window(sound, 6.0).samples))[:5]


@pytest.mark.slow
def test_real_recordings_get_fitting_tags(tagger: Musicnn) -> None:
    assert {"classical", "strings"} <= set(tags_of(tagger, "beethoven"))
    assert {"opera", "male"} <= set(tags_of(tagger, "italy"))
    assert tags_of(tagger, "japan")[0] == "drums"
    assert tags_of(tagger, "america")[0] == "rock"


def test_every_tag_is_given_once_as_a_probability_likeliest_first(tagger: Musicnn) -> None:
    tags = tagger.tags(np.zeros(RATE, np.float32))
    assert set(tags) == {*TAGS["MTT"], *TAGS["MSD"]}
    assert [len(names) for names in TAGS.values()] == [50, 50]
    assert all(0 <= value <= 1 for value in tags.values())
    assert list(tags.values()) == sorted(tags.values(), reverse=True)


def test_tags_do_not_depend_on_when_they_are_asked_for(tagger: Musicnn) -> None:
    noise = np.random.default_rng(0).normal(0, 0.1, RATE * 7).astype(np.float32)
    first = tagger.tags(noise)
    tagger.tags(np.zeros(RATE * 9, np.float32))
    assert Musicnn().tags(noise) == tagger.tags(noise) == first


def test_the_name_identifies_the_weights(tagger: Musicnn) -> None:
    assert tagger.name == "musicnn@e0c5ba3a754f"


def test_windows_are_whole_and_a_short_clip_is_filled() -> None:
    frames = np.arange(400 * 96, dtype=np.float32).reshape(400, 96)
    assert windows(frames).shape == (2, 187, 96)
    assert np.array_equal(windows(frames)[1], frames[187:374])
    assert windows(frames[:5]).shape == (1, 187, 96)
    assert not windows(frames[:5])[0, 5:].any()


def test_the_front_end_puts_a_tone_in_its_band() -> None:
    tone = np.sin(2 * np.pi * 1000 * np.arange(RATE) / RATE).astype(np.float32)
    seen = log_mel(tone)
    assert seen.shape == (RATE // 256 + 1, 96)
    assert seen.mean(axis=0).argmax() == pytest.approx(
        96 * 15 / 45.2, abs=1.5
    )  # 1 kHz is 15 of 45.2 Slaney mels
    assert not log_mel(np.zeros(RATE, np.float32)).any()


def test_instruments_and_voices_are_tags_of_the_model() -> None:
    assert {*INSTRUMENTS, *VOICES} <= {*TAGS["MTT"], *TAGS["MSD"]}
    tags = {"rock": 0.9, "guitar": 0.5, "female vocal": 0.3, "drums": 0.2, "vocals": 0.15, "flute": 0.05}
    assert list(instruments(tags).items()) == [("guitar", 0.5), ("drums", 0.2)]
    assert voice(tags) == 0.3
