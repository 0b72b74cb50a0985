"""Audio: bytes to a mono signal at a stated rate; loudness."""

import io
import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import soundfile
import soxr
from jaxtyping import Float32, Float64

from artsound.errors import Reason
from artsound.media.files import MediaError

FORMATS = {"MP3": "mp3", "OGG": "ogg", "FLAC": "flac", "WAV": "wav", "WAVEX": "wav", "RF64": "wav"}
BLOCK = 1 << 17  # frames decoded at a time, into the same memory: 1 MB of stereo
EXPECTED = 60  # s; room that is made for a recording before it proves longer
LONGEST = 7200.0  # s; longer files would not fit in the memory of a worker
QUIETEST = -70.0  # LUFS; the absolute gate of BS.1770, which stands for silence
_METER = threading.Lock()  # pyloudnorm changes the warning filters while it measures


@dataclass(frozen=True)
class Sound:
    """A decoded recording."""

    samples: Float32[np.ndarray, " frame"]  # mean of all channels; 1 is full scale
    rate: int  # of `samples`, Hz
    duration: float  # s of audio that was decoded, counted before resampling
    source_rate: int  # Hz
    channels: int  # of the source
    format: str  # mp3, ogg, flac or wav


def decode_audio(data: bytes, *, rate: int | None = 48_000) -> Sound:
    """Decode a recording to its end and mix it to mono.

    Args:
        data: the whole file.
        rate: resample to this many Hz (soxr HQ); None keeps the source's rate.

    Raises:
        MediaError: not an mp3, ogg, flac or wav, damaged, without samples (UNREADABLE), or TOO_LARGE.
    """
    with _opened(data) as file, np.errstate(over="ignore", invalid="ignore"):
        source, channels, kind = int(file.samplerate), int(file.channels), FORMATS[file.format]
        mixer = np.full(channels, 1 / channels, np.float32)
        mono, length = np.empty(_expected(file), np.float32), 0
        for block in _blocks(file):  # only the mono mix is ever whole in memory
            start, length = length, length + len(block)
            if length > len(mono):
                mono = np.concatenate([mono[:start], np.empty(length, np.float32)])
            np.matmul(block, mixer, out=mono[start:length])
        if not length:
            raise MediaError(Reason.UNREADABLE, "no samples decode")
        mono = mono[:length]
        samples = mono if rate in {None, source} else soxr.resample(mono, source, rate, "HQ")
    _check_finite(samples)
    return Sound(samples, rate or source, len(mono) / source, source, channels, kind)


def decode_excerpt(
    data: bytes, *, start: float, seconds: float
) -> tuple[Float32[np.ndarray, "frame channel"], int]:
    """Decode a part of a recording with all its channels at its own rate; what lies after is not decoded.

    Returns:
        The samples, fewer than asked for where the recording ends, and their rate in Hz.

    Raises:
        MediaError: as `decode_audio`; also UNREADABLE when the recording ends before `start`.
    """
    with _opened(data) as file:
        rate = int(file.samplerate)
        first, last = round(start * rate), round((start + seconds) * rate)
        position, pieces = 0, []
        for block in _blocks(file):
            pieces.append(block[max(0, first - position) : last - position].copy())
            position += len(block)
            if position >= last:
                break
    samples = np.concatenate(pieces) if pieces else np.empty((0, 1), np.float32)
    if not len(samples):
        raise MediaError(Reason.UNREADABLE, f"no samples decode after {start:g} s")
    _check_finite(samples)
    return samples, rate


def window(sound: Sound, seconds: float) -> Sound:
    """Cut out the middle; a shorter sound is returned as it is."""
    frames = round(seconds * sound.rate)
    if len(sound.samples) <= frames:
        return sound
    start = (len(sound.samples) - frames) // 2
    return replace(sound, samples=sound.samples[start : start + frames], duration=frames / sound.rate)


def loudness(channels: Float32[np.ndarray, "frame channel"], rate: int) -> float:
    """Measure the integrated loudness in LUFS; silence, and less than one block of 0.4 s, give `QUIETEST`.

    Give the original channels: a mono mix of equal ones measures 3 LU less, as BS.1770 adds up their power.

    Source:
        ITU-R BS.1770-4.
    """
    if len(channels) < 0.4 * rate:
        return QUIETEST
    with _METER:
        found = float(_meter(rate).integrated_loudness(_metered(channels)))
    return max(found, QUIETEST)


def loudness_range(channels: Float32[np.ndarray, "frame channel"], rate: int) -> float:
    """Measure how far loud and quiet passages of 3 s lie apart, in LU; 0 for silence and for less than 3 s.

    Source:
        EBU Tech 3342.
    """
    if len(channels) < 3 * rate or not channels.any():
        return 0.0
    meter = _meter(rate, block_size=3.0, overlap=29 / 30)  # its own range counts 1.5 s of silence in
    with _METER:
        meter.integrated_loudness(_metered(channels))
    levels = np.array(meter.blockwise_loudness)
    heard = levels[levels >= QUIETEST]
    if not len(heard):
        return 0.0
    gate = 10 * np.log10(np.mean(10 ** (heard / 10))) - 20
    low, high = np.percentile(heard[heard >= gate], [10, 95])
    return float(high - low)


def _meter(rate: int, **options: float) -> Any:
    import pyloudnorm  # noqa: PLC0415  # brings scipy, 60 MB that most who decode do not need

    return pyloudnorm.Meter(rate, **options)


def _metered(channels: Float32[np.ndarray, "frame channel"]) -> Float64[np.ndarray, "frame channel"]:
    """Mix layouts down that the meter does not know."""
    known = channels if channels.shape[1] <= 5 else channels.mean(axis=1, keepdims=True)
    return known.astype(np.float64)


class _Stream(soundfile.SoundFile):  # type: ignore[misc]  # soundfile has no types
    """Decodes from front to end: soundfile seeks after every read, and a sought MP3 is wrong there."""

    def seekable(self) -> bool:
        """Keep soundfile from seeking."""
        return False


def _expected(file: soundfile.SoundFile) -> int:
    """Return how many frames to make room for; a header that promises much is not believed at once."""
    return int(min(max(file.frames, BLOCK), EXPECTED * file.samplerate))


def _opened(data: bytes) -> soundfile.SoundFile:
    """Read the header; the caller closes."""
    try:
        file = _Stream(io.BytesIO(data))
    except soundfile.LibsndfileError as error:
        raise MediaError(Reason.UNREADABLE, f"not an mp3, ogg, flac or wav: {error.error_string}") from error
    if file.format not in FORMATS:
        file.close()
        raise MediaError(Reason.UNREADABLE, f"{file.format} is not one of mp3, ogg, flac, wav")
    return file


def _check_finite(samples: Float32[np.ndarray, "..."]) -> None:
    with np.errstate(over="ignore", invalid="ignore"):
        if not np.isfinite(samples.sum()):
            raise MediaError(Reason.UNREADABLE, "samples are not finite")


def _blocks(file: soundfile.SoundFile) -> Iterator[Float32[np.ndarray, "frame channel"]]:
    """Decode to the end, whatever length the header promises; each block overwrites the one before."""
    left, memory = int(LONGEST * file.samplerate), np.empty((BLOCK, file.channels), np.float32)
    while left > 0:
        try:
            block = file.read(out=memory)
        except soundfile.LibsndfileError as error:
            raise MediaError(Reason.UNREADABLE, f"decoder: {error.error_string}") from error
        if not len(block):
            return
        yield block
        left -= len(block)
    raise MediaError(Reason.TOO_LARGE, f"longer than {LONGEST:g} s")
