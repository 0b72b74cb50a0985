"""Little pieces of music whose tempo and key are known."""

import numpy as np

RATE = 22_050
MAJOR, MINOR = (0, 4, 7), (0, 3, 7)


def clicks(bpm: float, seconds: float = 20.0, rate: int = RATE) -> np.ndarray:
    """A short burst on every beat."""
    samples = np.zeros(round(seconds * rate), np.float32)
    burst = np.sin(2 * np.pi * 1000 * np.arange(rate // 50) / rate) * np.hanning(rate // 50)
    for start in (np.arange(0, seconds - 0.1, 60 / bpm) * rate).astype(int):
        samples[start : start + len(burst)] += burst.astype(np.float32)
    return samples


def chord(root: int, notes: tuple[int, ...], seconds: float, rate: int = RATE) -> np.ndarray:
    """Notes above a root (semitones from C4), with four overtones and a decay."""
    time = np.arange(round(seconds * rate)) / rate
    tones = [261.63 * 2 ** ((root + note) / 12) for note in notes]
    wave = sum(np.sin(2 * np.pi * tone * n * time) / n**1.5 for tone in tones for n in range(1, 6))
    return (0.05 * wave * np.exp(-time)).astype(np.float32)


def progression(*chords: tuple[int, tuple[int, ...]], seconds: float = 1.0, rate: int = RATE) -> np.ndarray:
    """Chords one after the other, four times."""
    return np.tile(np.concatenate([chord(root, notes, seconds, rate) for root, notes in chords]), 4)


C_MAJOR = progression((0, MAJOR), (5, MAJOR), (7, MAJOR), (0, MAJOR))
A_MINOR = progression((-3, MINOR), (2, MINOR), (4, MAJOR), (-3, MINOR))
