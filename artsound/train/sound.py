"""Made sound on disk: a WAV that says how it was made, and a picture of its spectrum."""

import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from artsound.store import write_whole

FADE = 0.25  # s over which two windows are joined
LOUDEST = 0.95  # of full scale
RANGE = 70.0  # dB that the picture shows
HEIGHT, WIDTH = 256, 640  # px
LOWEST = 50.0  # Hz that the picture shows
TICKS = (100, 200, 500, 1000, 2000, 5000, 10_000)  # Hz that are named
INK = (225, 222, 215)
COLOURS = np.array([[0, 0, 4], [80, 18, 123], [182, 54, 121], [251, 136, 97], [252, 253, 191]], float)


def join(windows: Sequence[NDArray[np.float32]], frames: int, fade: int) -> NDArray[np.float32]:
    """Put windows behind each other, cross-faded over `fade` frames, and cut to `frames`.

    Examples:
        >>> ones = np.ones(4, np.float32)
        >>> join([ones, ones], 6, 2).tolist()
        [1.0, 1.0, 1.0, 1.0, 1.0, 1.0]
    """
    whole = windows[0]
    rise = np.linspace(0, 1, fade, dtype=np.float32)
    for after in windows[1:]:
        mixed = whole[-fade:] * (1 - rise) + after[:fade] * rise
        whole = np.concatenate([whole[:-fade], mixed, after[fade:]])
    return whole[:frames]


def windows_for(seconds: float, window: float) -> int:
    """Count the windows that a length needs.

    Examples:
        >>> windows_for(2.0, 2.0), windows_for(3.0, 2.0), windows_for(10.0, 2.0)
        (1, 2, 6)
    """
    return 1 + max(0, int(np.ceil((seconds - window) / (window - FADE) - 1e-9)))


def write_wav(path: Path, samples: NDArray[np.float32], rate: int, made: Mapping[str, Any]) -> None:
    """Write 16-bit PCM, brought below full scale, with how it was made as a JSON comment."""
    peak = float(np.abs(samples).max(initial=0))
    loud = samples * min(1.0, LOUDEST / peak) if peak else samples
    buffer = io.BytesIO()  # a full disk is then the system's error, not one of the sound library
    with soundfile.SoundFile(buffer, "w", rate, 1, "PCM_16", format="WAV") as file:
        file.title = str(made["image"])
        file.software = str(made["software"])
        if licence := made.get("weights_licence"):
            file.copyright = str(licence)
        file.comment = json.dumps(made, sort_keys=True)
        file.write(loud)
    write_whole(path, lambda part: part.write_bytes(buffer.getbuffer()))


def read_wav(path: Path) -> tuple[NDArray[np.float32], int, dict[str, Any]]:
    """Read samples, rate and how they were made."""
    with soundfile.SoundFile(path) as file:
        made: dict[str, Any] = json.loads(file.comment or "{}")
        samples: NDArray[np.float32] = file.read(dtype="float32")
        return samples, file.samplerate, made


def write_picture(path: Path, samples: NDArray[np.float32], rate: int) -> None:
    """Draw the level over time and pitch, the loudest brightest; an octave is as high everywhere."""
    size = 2048 if rate > 12_000 else 1024
    padded = np.pad(samples, size // 2)
    starts = np.linspace(0, len(samples) - 1, WIDTH).astype(int)
    frames = padded[starts[:, None] + np.arange(size)] * np.hanning(size)
    level = 20 * np.log10(np.abs(np.fft.rfft(frames)) + 1e-6)
    bins = np.geomspace(rate / 2, LOWEST, HEIGHT) * size / rate
    seen = np.stack([np.interp(bins, np.arange(level.shape[1]), column) for column in level], axis=1)
    shown = np.clip(1 + (seen - seen.max()) / RANGE, 0, 1)
    steps = np.linspace(0, 1, len(COLOURS))
    pixels = np.stack([np.interp(shown, steps, channel) for channel in COLOURS.T], axis=-1)
    image = Image.fromarray(pixels.round().astype(np.uint8))
    _label(image, len(samples) / rate, rate / 2)
    write_whole(path, lambda part: image.save(part, "PNG"))


def row_of(frequency: float, highest: float) -> int:
    """Find the row of the picture that shows a frequency in Hz.

    Examples:
        >>> row_of(4000.0, 4000.0), row_of(LOWEST, 4000.0)
        (0, 255)
    """
    return round((HEIGHT - 1) * float(np.log(highest / frequency) / np.log(highest / LOWEST)))


def _label(image: Image.Image, seconds: float, highest: float) -> None:
    """Name some frequencies at the left and some seconds at the bottom."""
    draw = ImageDraw.Draw(image)
    for hertz in (one for one in TICKS if one < 0.9 * highest):
        row = row_of(hertz, highest)
        draw.line([(0, row), (5, row)], fill=INK)
        draw.text((8, row - 6), f"{hertz / 1000:g} kHz" if hertz >= 1000 else f"{hertz} Hz", fill=INK)
    step = next(one for one in (0.5, 1, 2, 5, 10, 30, 60, 120) if seconds / one <= 10 or one == 120)
    for number in range(1, int(seconds / step + 1e-9) + 1):
        column = round((WIDTH - 1) * number * step / seconds)
        draw.line([(column, HEIGHT - 6), (column, HEIGHT)], fill=INK)
        draw.text((min(column - 4, WIDTH - 26), HEIGHT - 18), f"{number * step:g} s", fill=INK)
