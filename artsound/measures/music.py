"""Clips → music_measures: tempo, key, loudness, timbre, tags, affect."""

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa
import soxr
from jaxtyping import Float32

from artsound.errors import Outcome
from artsound.measures import affect, chords, harmony, rhythm, structure, timbre
from artsound.measures.spread import measure_all
from artsound.media.audio import decode_excerpt, loudness, loudness_range
from artsound.media.files import Media
from artsound.models import musicnn
from artsound.models.musicnn import RATE as TAG_RATE
from artsound.models.musicnn import Musicnn

SECONDS = 30.0  # at most this much of a clip is analysed: its middle
RATE = rhythm.RATE
SHORTEST = 4.0  # s; a shorter sound is filled with silence, since the lowest notes need long windows
SPAN = 0.5  # s; stands for a beat where none was found


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
    measures = measure_sound(channels, rate, tagger, start=start)
    return {"clip_id": clip["clip_id"], **measures, "model": tagger.name}


def measure_sound(
    channels: Float32[np.ndarray, "frame channel"], rate: int, tagger: Musicnn, *, start: float = 0.0
) -> dict[str, Any]:
    """Measure a recording: all columns of music_measures but the clip's id and the model.

    Args:
        channels: the samples.
        rate: in Hz.
        tagger: gives the tags.
        start: time in s of the first sample, for the times of beats and chords.
    """
    mono = channels.mean(axis=1)
    mono = np.pad(mono, (0, max(0, round(SHORTEST * rate) - len(mono))))
    samples = soxr.resample(mono, rate, RATE)
    measures = {
        **_rhythm_and_harmony(samples, start),
        **timbre.timbre(samples)._asdict(),
        "dynamics": timbre.dynamics(samples),
        "sections": [
            part._asdict() | {"start": _moment(part.start + start), "end": _moment(part.end + start)}
            for part in structure.sections(samples)
        ],
        "stereo": timbre.stereo(channels),
        "crest": timbre.crest(channels),
        "loudness": loudness(channels, rate),
        "loudness_range": loudness_range(channels, rate),
    }
    tags = tagger.tags(soxr.resample(mono, rate, TAG_RATE))
    valence, arousal = affect.of_music(measures, tags)
    return measures | {
        "tags": _weighted(tags),
        "instruments": _weighted(musicnn.instruments(tags)),
        "voice": musicnn.voice(tags),
        "valence": valence,
        "arousal": arousal,
    }


def _rhythm_and_harmony(samples: Float32[np.ndarray, " sample"], start: float) -> dict[str, Any]:
    envelope = rhythm.onset_envelope(samples)
    tempo = rhythm.tempo(envelope)
    beats = rhythm.beats(envelope, tempo.bpm)
    chroma = harmony.pitch_classes(samples)
    key = harmony.key(chroma)
    borders = beats if len(beats) > 1 else np.arange(0, len(samples) / RATE, SPAN)
    found = chords.chords(chroma, borders, harmony.FRAME_RATE)
    return {
        "tempo": tempo.bpm,
        "tempo_confidence": tempo.confidence,
        "beats": [_moment(beat + start) for beat in beats],
        "onset_rate": rhythm.onset_rate(envelope),
        "key": key.name,
        "key_confidence": key.confidence,
        "chords": [
            {"name": chord.name, "start": _moment(chord.start + start), "end": _moment(chord.end + start)}
            for chord in found
        ],
    }


def _moment(seconds: float) -> float:
    """Round to a millisecond: finer than any estimate."""
    return round(float(seconds), 3)


def _weighted(tags: Mapping[str, float]) -> list[dict[str, Any]]:
    return [{"name": tag, "value": value} for tag, value in tags.items()]
