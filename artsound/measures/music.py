"""Clips → music_measures: tempo, key, loudness, timbre, tags, affect."""

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa
import soxr
from jaxtyping import Float32

from artsound.errors import Outcome
from artsound.measures import affect, harmony, rhythm
from artsound.measures.spread import measure_all
from artsound.media.audio import decode_excerpt, loudness
from artsound.media.files import Media
from artsound.models.musicnn import RATE as TAG_RATE
from artsound.models.musicnn import Musicnn

SECONDS = 30.0  # at most this much of a clip is analysed: its middle
RATE = rhythm.RATE
SHORTEST = 4.0  # s; a shorter sound is filled with silence, since the lowest notes need long windows
FLOOR = -80.0  # dBFS; quieter counts as this
STEP = 0.1  # s between two levels


def measure_clips(clips: pa.Table, *, media: Media, workers: int) -> Outcome:
    """Measure every clip; one that no longer decodes is refused."""
    import librosa

    tagger = Musicnn()
    librosa.beat, librosa.feature, librosa.onset  # noqa: B018  # loaded here once, not by all threads at a time
    work = partial(_measure_file, media=media, tagger=tagger)
    return measure_all("music_measures", clips, work, key="clip_id", workers=workers)


def _measure_file(clip: Mapping[str, Any], *, media: Media, tagger: Musicnn) -> dict[str, Any]:
    start = max(0.0, (clip["duration"] - SECONDS) / 2)
    channels, rate = decode_excerpt(media.read(clip["audio_path"]), start=start, seconds=SECONDS)
    return {"clip_id": clip["clip_id"], **measure_sound(channels, rate, tagger), "model": tagger.name}


def measure_sound(
    channels: Float32[np.ndarray, "frame channel"], rate: int, tagger: Musicnn
) -> dict[str, Any]:
    """Measure a recording: all columns of music_measures but the clip's id and the model."""
    mono = channels.mean(axis=1)
    mono = np.pad(mono, (0, max(0, round(SHORTEST * rate) - len(mono))))
    samples = soxr.resample(mono, rate, RATE)
    envelope = rhythm.onset_envelope(samples)
    beat = rhythm.tempo(envelope)
    key = harmony.key(harmony.pitch_classes(samples))
    tags = tagger.tags(soxr.resample(mono, rate, TAG_RATE))
    measures = {
        "tempo": beat.bpm,
        "tempo_confidence": beat.confidence,
        "key_confidence": key.confidence,
        "loudness": loudness(channels, rate),
        "dynamics": dynamics(samples),
        "brightness": brightness(samples),
        "onset_rate": rhythm.onset_rate(envelope),
    }
    valence, arousal = affect.of_music(measures, key.mode, tags)
    weighted = [{"name": tag, "value": value} for tag, value in tags.items()]
    return measures | {"key": key.name, "tags": weighted, "valence": valence, "arousal": arousal}


def dynamics(samples: Float32[np.ndarray, " sample"]) -> float:
    """Measure how far loud and quiet lie apart: 90th minus 10th percentile of the level, in dB."""
    step = round(STEP * RATE)
    whole = samples[: max(1, len(samples) // step) * step]
    power = np.square(whole.reshape(-1, min(step, len(whole))), dtype=np.float64).mean(axis=1)
    levels = 10 * np.log10(np.maximum(power, 10 ** (FLOOR / 10)))
    low, high = np.percentile(levels, [10, 90])
    return float(high - low)


def brightness(samples: Float32[np.ndarray, " sample"]) -> float:
    """Find the mean spectral centroid in Hz, frames weighted by their energy; 0 for silence."""
    import librosa

    spectrum = np.abs(librosa.stft(samples))
    energy = np.square(spectrum).sum(axis=0, dtype=np.float64)
    if not energy.any():
        return 0.0
    centroid = librosa.feature.spectral_centroid(S=spectrum, sr=RATE)[0]
    return float(np.average(centroid, weights=energy))
