"""Recordings that sound alike."""

import io
import sys
from itertools import combinations
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import soundfile
import soxr

from artsound.catalog import fingerprints, sounding
from artsound.catalog.duplicates import find_duplicates
from artsound.catalog.fingerprints import fingerprint, fingerprint_clips, identity
from artsound.catalog.sounding import alike, near_sounds
from artsound.errors import MissingExtra, Reason
from artsound.media.files import Folder
from tests.media.samples import written
from tests.rows import artworks, clips

RATE = 22_050


def installed() -> bool:
    try:
        return bool(identity())
    except MissingExtra:
        return False


heard = pytest.mark.skipif(
    not installed(), reason="needs libchromaprint1 and the extra `fingerprints`; .ci/run installs both"
)


def tune(seed: int, seconds: float = 24.0) -> np.ndarray:
    """Random notes with overtones, some four a second: enough to be told apart."""
    rng = np.random.default_rng(seed)
    pieces = []
    while sum(map(len, pieces)) < seconds * RATE:
        pitch, length = 110 * 2 ** (rng.integers(0, 36) / 12), rng.uniform(0.15, 0.4)
        time = np.arange(round(length * RATE)) / RATE
        pieces.append(sum(np.sin(2 * np.pi * pitch * n * time) / n for n in (1, 2, 3)) * np.exp(-3 * time))
    return (0.3 * np.concatenate(pieces)[: round(seconds * RATE)]).astype(np.float32)


def recoded(samples: np.ndarray, kind: str) -> np.ndarray:
    return np.asarray(soundfile.read(io.BytesIO(written(samples, RATE, kind)), dtype="float32")[0])


CHANGES = {
    "as mp3": lambda sound: recoded(sound, "MP3"),
    "as ogg": lambda sound: recoded(sound, "OGG"),
    "louder": lambda sound: np.clip(sound * 2.5, -1, 1),
    "quieter": lambda sound: sound * 0.2,
    "cut at both ends": lambda sound: sound[round(3.06 * RATE) : -2 * RATE],
    "cut and as mp3": lambda sound: recoded(sound[round(5.31 * RATE) :], "MP3"),
    "with noise": lambda sound: sound + np.random.default_rng(0).normal(0, 0.01, len(sound)),
    "the second half": lambda sound: sound[len(sound) // 2 :],
}


def prints(*given: np.ndarray) -> pa.Array:
    return pa.array(given, pa.list_(pa.uint32()))


def pairs(found: tuple[np.ndarray, np.ndarray]) -> set[tuple[int, int]]:
    return set(zip(found[0].tolist(), found[1].tolist(), strict=True))


@heard
@pytest.mark.parametrize("change", CHANGES, ids=str)
def test_a_copy_is_found_however_it_was_changed(change: str) -> None:
    originals = [tune(seed) for seed in range(12)]
    changed = CHANGES[change](originals[3]).astype(np.float32)
    found = near_sounds(prints(*(fingerprint(one, RATE) for one in [*originals, changed])), 0.15)
    assert pairs(found) == {(3, 12)}


@heard
def test_the_rate_of_a_recording_does_not_matter() -> None:
    sound = tune(1)
    other = soxr.resample(sound, RATE, 44_100).astype(np.float32)
    assert alike(fingerprint(sound, RATE), fingerprint(other, 44_100), 0.05)


@heard
def test_silence_tones_and_short_sounds_are_like_nothing() -> None:
    time = np.arange(20 * RATE) / RATE
    dull = [np.zeros(20 * RATE), np.sin(2 * np.pi * 440 * time), tune(1, 3.5)]
    made = [fingerprint(sound.astype(np.float32), RATE) for sound in dull for _ in range(2)]
    assert pairs(near_sounds(prints(*made), 0.15)) == set()


@heard
def test_clips_that_sound_alike_are_a_near_cluster_and_all_go_on(tmp_path: Path) -> None:
    sounds = {"1": tune(1), "2": tune(2), "3": recoded(tune(1), "OGG"), "4": tune(2)}
    for name, sound in sounds.items():
        (tmp_path / f"{name}.wav").write_bytes(written(sound, RATE))
    (tmp_path / "5.wav").write_bytes(b"gone bad")
    rows = [{"clip_id": n, "audio_path": f"{n}.wav", "sha256": {"4": "2"}.get(n, n)} for n in "12345"]
    made = fingerprint_clips(clips(*rows), media=Folder(tmp_path), workers=2)
    assert [(reject.item_id, reject.reason) for reject in made.rejects] == [("5", Reason.UNREADABLE)]
    found = find_duplicates(
        artworks(), clips(*rows), made.rows, near_bits=4, near_errors=0.15
    ).rows.to_pylist()
    assert [(row["item_id"], row["kind"], row["cluster_id"], row["keeper"]) for row in found] == [
        ("2", "exact", "2", True),
        ("4", "exact", "2", False),
        ("1", "near", "1", True),
        ("3", "near", "1", True),
    ]


def noisy(values: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:
    flips = rng.random((len(values), 32)) < share
    return values ^ np.packbits(flips, axis=1).view(np.uint32)[:, 0]


def test_the_index_finds_what_comparing_all_with_all_finds() -> None:
    rng = np.random.default_rng(5)
    base = [rng.integers(0, 2**32, 200, dtype=np.uint32) for _ in range(40)]
    copies = [noisy(base[n][n : n + 120], 0.03, rng) for n in range(20)]
    given = [*base, *copies, base[30][:45], base[31][:39], np.empty(0, np.uint32)]
    expected = {(i, j) for i, j in combinations(range(len(given)), 2) if alike(given[i], given[j], 0.15)}
    assert len(expected) == 21
    assert pairs(near_sounds(prints(*given), 0.15)) == expected


def test_many_copies_of_one_recording_hang_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sounding, "CHUNK", 500)  # in many pieces
    rng = np.random.default_rng(2)
    base = rng.integers(0, 2**32, 100, dtype=np.uint32)
    left, right = near_sounds(prints(*(noisy(base, 0.01, rng) for _ in range(60))), 0.15)
    assert set(left.tolist()) | set(right.tolist()) == set(range(60))
    assert set(right.tolist()) == set(range(1, 60))


def test_what_is_missing_is_told_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "chromaprint", None)
    with pytest.raises(MissingExtra, match="apt install libchromaprint1") as raised:
        identity()
    assert str(raised.value) == fingerprints.MISSING
    assert "\n" not in str(raised.value)
