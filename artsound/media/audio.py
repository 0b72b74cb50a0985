"""Audio: bytes to a mono signal at a stated rate; loudness.

An MP3 is decoded as ffmpeg does it: what lies before its first frame is skipped; after damage, and where rate
or channels change, decoding goes on at the next sound frames, and what comes is brought to the first rate.
"""

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
from artsound.media.mpeg import next_frame

FORMATS = {"MP3": "mp3", "OGG": "ogg", "FLAC": "flac", "WAV": "wav", "WAVEX": "wav", "RF64": "wav"}
BLOCK = 1 << 16  # frames decoded at a time, into the same memory: 0.5 MB of stereo
EXPECTED = 60  # s; room that is made for a recording before it proves longer
MARK = 1152  # frames of a long MP3 frame
MOST_STREAMS = 1000  # one after another in a file; more is noise
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
            if channels == 1:
                mono[start:length] = block[:, 0]  # a product by one column takes ten times as long
            else:
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

    def __init__(self, data: bytes, begin: int = 0) -> None:
        self.whole, self.begin = data, begin
        self.source = io.BytesIO(data[begin:])
        super().__init__(self.source)

    @property
    def reached(self) -> int:
        """Say up to which byte of the whole the decoder has read."""
        return self.begin + self.source.tell()

    def seekable(self) -> bool:
        """Keep soundfile from seeking."""
        return False


def _expected(file: _Stream) -> int:
    """Return how many frames to make room for; a header that promises much is not believed at once."""
    return int(min(max(file.frames, BLOCK), EXPECTED * file.samplerate))


def _opened(data: bytes) -> _Stream:
    """Read the header; the caller closes."""
    try:
        file = _Stream(data)
    except soundfile.LibsndfileError as error:
        later = _mp3_after(data, 0)
        if later is None:
            why = f"not an mp3, ogg, flac or wav: {error.error_string}"
            raise MediaError(Reason.UNREADABLE, why) from error
        return later
    if file.format not in FORMATS:
        file.close()
        raise MediaError(Reason.UNREADABLE, f"{file.format} is not one of mp3, ogg, flac, wav")
    return file


def _check_finite(samples: Float32[np.ndarray, "..."]) -> None:
    with np.errstate(over="ignore", invalid="ignore"):
        if not np.isfinite(samples.sum()):
            raise MediaError(Reason.UNREADABLE, "samples are not finite")


def _mp3_after(data: bytes, position: int) -> _Stream | None:
    """Open the MP3 that begins next in some bytes; None when none does."""
    begin = next_frame(data, position)
    for _ in range(MOST_STREAMS):
        if begin is None:
            break
        try:
            return _Stream(data, begin)
        except soundfile.LibsndfileError:
            begin = next_frame(data, begin + 1)
    return None


def _streams(file: _Stream) -> Iterator[_Stream]:
    """Give what was opened, and what an MP3 has after damage or after a change of its format."""
    yield file
    for _ in range(MOST_STREAMS):
        later = _mp3_after(file.whole, file.reached) if file.format == "MP3" else None
        if later is None:
            return
        with later:
            yield later
        file = later


def _blocks(file: _Stream) -> Iterator[Float32[np.ndarray, "frame channel"]]:
    """Decode to the end, whatever length the header promises; each block overwrites the one before.

    All have the rate and the channels of the file as it begins.
    """
    left = int(LONGEST * file.samplerate)
    for stream in _streams(file):
        alike = (stream.samplerate, stream.channels) == (file.samplerate, file.channels)
        for block in _decoded(stream) if alike else _turned(stream, file.samplerate, file.channels):
            yield block
            left -= len(block)
            if left <= 0:
                raise MediaError(Reason.TOO_LARGE, f"longer than {LONGEST:g} s")


def _turned(file: _Stream, rate: int, channels: int) -> Iterator[Float32[np.ndarray, "frame channel"]]:
    """Bring a stream to another rate and number of channels; of other channels, their mean goes to each."""
    resampler = soxr.ResampleStream(file.samplerate, rate, channels, dtype="float32")
    for block in _decoded(file):
        mixed = block if file.channels == channels else block.mean(axis=1, keepdims=True)
        yield resampler.resample_chunk(np.ascontiguousarray(np.broadcast_to(mixed, (len(block), channels))))
    yield resampler.resample_chunk(np.empty((0, channels), np.float32), last=True)


def _decoded(file: _Stream) -> Iterator[Float32[np.ndarray, "frame channel"]]:
    """Decode one stream; an MP3 ends where it is damaged."""
    left = int(file.frames)
    memory = np.empty((min(BLOCK, left), file.channels), np.float32)
    marks = memory[::MARK, 0]
    while left > 0:
        marks.fill(np.nan)
        try:
            block = file.read(out=memory[:left])  # what is decoded beyond the promised length is thrown away
        except soundfile.LibsndfileError as error:
            if file.format != "MP3":
                raise MediaError(Reason.UNREADABLE, f"decoder: {error.error_string}") from error
            written = int(np.argmax(np.isnan(marks)))  # how much came before the damage is not told
            yield memory[: max(0, written - 1) * MARK]
            return
        if not len(block):
            return
        yield block
        left -= len(block)
