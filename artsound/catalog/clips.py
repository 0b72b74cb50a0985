"""tracks → clips: every recording decoded to its end; too short or broken ones are refused."""

import hashlib
from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa
from jaxtyping import Float32

from artsound.catalog.each import outcome_of
from artsound.errors import Outcome, Reason, Reject
from artsound.media.audio import decode_audio
from artsound.media.files import Media, MediaError

QUIETEST = -120.0  # dBFS; what is below counts as this
SILENCE = -60.0  # dBFS, root mean square of 0.1 s
FULL_SCALE = 0.999  # 16 bits reach 0.99997, and a mono mix of clipped channels loses a little


def check_clips(tracks: pa.Table, *, media: Media, min_seconds: float, workers: int) -> Outcome:
    """Keep the tracks that decode and last long enough. Silence, clipping and the like are told, not refused.

    Args:
        tracks: rows of `tracks`.
        media: where their audio paths lead.
        min_seconds: shortest decoded length that is kept.
        workers: threads that decode.
    """
    return outcome_of("clips", tracks, partial(_check, media=media, min_seconds=min_seconds), workers)


def _check(track: Mapping[str, Any], *, media: Media, min_seconds: float) -> dict[str, Any] | Reject:
    try:
        data = media.read(track["audio_path"])
        sound = decode_audio(data, rate=None)
    except MediaError as error:
        return Reject(track["track_id"], error.reason, error.detail)
    if sound.duration < min_seconds:
        detail = f"{sound.duration:.2f} s, need {min_seconds:g} s"
        return Reject(track["track_id"], Reason.TOO_SHORT, detail)
    return {
        "clip_id": track["track_id"],
        "track_id": track["track_id"],
        "audio_path": track["audio_path"],
        "sha256": hashlib.sha256(data).hexdigest(),
        "bytes": len(data),
        "format": sound.format,
        "duration": sound.duration,
        "sample_rate": sound.source_rate,
        "channels": sound.channels,
        "bit_rate": round(8 * len(data) / sound.duration),
        **signal_facts(sound.samples, sound.rate),
    }


def signal_facts(samples: Float32[np.ndarray, " frame"], rate: int) -> dict[str, Any]:
    """Measure level and defects of a mono signal; see the columns of `clips`."""
    low, high = float(samples.min()), float(samples.max())
    peak = max(high, -low)
    frames = len(samples) // (rate // 10) or 1
    tenths, rest = np.split(samples, [len(samples) // frames * frames])
    tenths = tenths.reshape(frames, -1)
    energies = np.einsum("ij,ij->i", tenths, tenths)  # BLAS would add up in an order of its own
    energy = float(energies.sum(dtype=np.float64)) + float(np.einsum("i,i->", rest, rest))
    return {
        "peak": peak,
        "rms": _decibels(energy / len(samples)),
        "clipped": float(np.mean(np.abs(samples) >= FULL_SCALE)) if peak >= FULL_SCALE else 0.0,
        "silent": float(np.mean(energies < 10 ** (SILENCE / 10) * tenths.shape[1])),
        "constant": low == high,
    }


def _decibels(power: float) -> float:
    return max(QUIETEST, 10 * float(np.log10(max(power, 1e-30))))
