"""Decoding a clip to 48 kHz mono, side by side with bare libraries: `python -m bench.decode`.

Rivals take turns within one run; CPU seconds and their ratio are the figures to trust on a busy machine.
"""

import io
import time
from collections.abc import Callable

import librosa
import numpy as np
import soundfile
import soxr

from artsound.media.audio import decode_audio

SECONDS, RATE = 30, 44_100  # a clip of FMA
CLIPS, ROUNDS = 10, 5


def main() -> None:
    """Measure and print."""
    print(f"{CLIPS} clips of {SECONDS} s, {RATE} Hz stereo → 48 kHz mono, best of {ROUNDS}")
    print(f"{'':6}{'decoder':32}{'× real time':>12}{'speed of ours over it':>24}")
    for kind in ("MP3", "OGG", "FLAC"):
        clips = [_clip(kind, seed) for seed in range(CLIPS)]
        np.testing.assert_allclose(decode_audio(clips[0]).samples, _bare(clips[0]), atol=1e-6)
        rivals: dict[str, Callable[[bytes], object]] = {
            "artsound, checked": decode_audio,
            "soundfile + soxr, unchecked": _bare,
            "the same, mixed by a product": _bare_product,
            "librosa.load": lambda data: librosa.load(io.BytesIO(data), sr=48_000),
        }
        best = dict.fromkeys(rivals, float("inf"))
        for _ in range(ROUNDS):
            for name, decode in rivals.items():
                best[name] = min(best[name], _seconds(decode, clips))
        ours = best["artsound, checked"]
        for name, took in best.items():
            print(f"{kind:6}{name:32}{CLIPS * SECONDS / took:12.0f}{took / ours:24.2f}")


def _bare(data: bytes) -> np.ndarray:
    samples, rate = soundfile.read(io.BytesIO(data), dtype="float32", always_2d=True)
    return soxr.resample(samples.mean(axis=1), rate, 48_000, "HQ")


def _bare_product(data: bytes) -> np.ndarray:
    samples, rate = soundfile.read(io.BytesIO(data), dtype="float32", always_2d=True)
    return soxr.resample(
        samples @ np.full(samples.shape[1], 1 / samples.shape[1], np.float32), rate, 48_000, "HQ"
    )


def _seconds(decode: Callable[[bytes], object], clips: list[bytes]) -> float:
    start = time.process_time()
    for data in clips:
        decode(data)
    return time.process_time() - start


def _clip(kind: str, seed: int) -> bytes:
    """Chords and noise, so that the coders have work."""
    rng = np.random.default_rng(seed)
    moments = np.arange(SECONDS * RATE) / RATE
    tones = sum(np.sin(2 * np.pi * tone * moments) for tone in rng.uniform(80, 4000, 8))
    stereo = 0.05 * tones[:, None] + rng.normal(0, 0.02, (len(moments), 2))
    file = io.BytesIO()
    with soundfile.SoundFile(file, "w", RATE, 2, format=kind) as out:
        for start in range(0, len(stereo), RATE):  # long OGG writes overflow libsndfile's stack
            out.write(stereo[start : start + RATE])
    return file.getvalue()


if __name__ == "__main__":
    main()
