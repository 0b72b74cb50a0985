"""Media as the page shows them: small JPEG pictures, a mel spectrogram, the outline of a waveform."""

import io
from functools import cache
from itertools import pairwise

import numpy as np
from jaxtyping import Float32, Float64, UInt8
from librosa.filters import mel
from PIL import Image

from artsound.media.audio import Sound
from artsound.media.image import resize

RATE = 22_050  # Hz; the picture ends at half of it
WINDOW = 2048  # samples of one spectrum
MELS, COLUMNS = 96, 480  # pixels of the spectrogram
FLOOR = -75.0  # dB below the loudest point that still shows
PEAKS = 128  # bars of a waveform
QUALITY = 82  # JPEG
# Dark violet to pale yellow with steadily rising lightness.
COLOURS = (
    (5, 4, 18),
    (47, 17, 88),
    (112, 30, 118),
    (178, 50, 103),
    (229, 92, 72),
    (250, 161, 74),
    (252, 240, 178),
)


def thumbnail(pixels: UInt8[np.ndarray, "height width 3"], longest: int) -> bytes:
    """Scale an image down so that neither side is longer than `longest` pixels; never up."""
    height, width, _ = pixels.shape
    scale = min(1.0, longest / max(height, width))
    return _jpeg(resize(pixels, (max(1, round(height * scale)), max(1, round(width * scale)))))


def peaks(sound: Sound) -> list[int]:
    """Outline a waveform: `PEAKS` whole numbers from 0 to 100, where 100 is its loudest sample."""
    edges = np.linspace(0, len(sound.samples), PEAKS + 1).astype(int)
    level = np.abs(sound.samples)
    highest = [float(level[start : max(end, start + 1)].max(initial=0)) for start, end in pairwise(edges)]
    top = max(highest) or 1.0
    return [round(100 * value / top) for value in highest]


def spectrogram(sound: Sound) -> bytes:
    """Draw the mel spectrogram of a sound at `RATE`: time to the right, low notes at the bottom."""
    power = np.einsum(
        "mf,tf->mt", _mel_filters(), _spectra(sound.samples)
    )  # no BLAS: the same bits on any thread count
    level = 10 * np.log10(np.maximum(power, 1e-10))
    shade = np.clip((level - level.max() - FLOOR) / -FLOOR, 0, 1)[::-1]
    return _jpeg(_palette()[np.round(shade * 255).astype(int)])


def _spectra(samples: Float32[np.ndarray, " frame"]) -> Float64[np.ndarray, "column bin"]:
    """Take the power spectra of `COLUMNS` windows, spaced evenly from the first sample to the last."""
    padded = np.pad(samples, WINDOW // 2).astype(np.float64)
    starts = np.linspace(0, len(samples) - 1, COLUMNS).astype(int)
    frames = padded[starts[:, None] + np.arange(WINDOW)] * np.hanning(WINDOW)
    return np.abs(np.fft.rfft(frames)) ** 2


@cache
def _mel_filters() -> Float64[np.ndarray, "mel bin"]:
    return np.asarray(mel(sr=RATE, n_fft=WINDOW, n_mels=MELS), dtype=np.float64)


@cache
def _palette() -> UInt8[np.ndarray, "256 3"]:
    at = np.linspace(0, len(COLOURS) - 1, 256)
    channels = [np.interp(at, range(len(COLOURS)), channel) for channel in zip(*COLOURS, strict=True)]
    return np.round(np.stack(channels, axis=1)).astype(np.uint8)


def _jpeg(pixels: UInt8[np.ndarray, "height width 3"]) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=QUALITY, optimize=True)
    return file.getvalue()
