"""clips → fingerprints: what each recording sounds like, as Chromaprint hears it.

Needs the extra `fingerprints` and the system's libchromaprint; a build without them leaves
`catalog.fingerprints` off, and then knows recordings of equal bytes only.
"""

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa
from jaxtyping import Float32

from artsound import tables
from artsound.catalog.each import checked
from artsound.errors import MissingExtra, Outcome, Reject
from artsound.media.audio import decode_audio
from artsound.media.files import Media, MediaError

ALGORITHM = 1  # Chromaprint's TEST2, its default and AcoustID's; its values do not change between versions
STEP = 0.1238  # s between two values
MISSING = (
    "audio fingerprints need Chromaprint: install the system's library (Debian, Ubuntu: apt install "
    "libchromaprint1) and the extra `fingerprints`, or set catalog.fingerprints = false"
)


def fingerprint_clips(clips: pa.Table, *, media: Media, workers: int) -> Outcome:
    """Fingerprint the clips.

    Args:
        clips: need `clip_id` and `audio_path`.
        media: where the audio paths lead.
        workers: threads; decoder and Chromaprint both let go of the interpreter's lock.

    Raises:
        MissingExtra: as `identity`.
    """
    identity()
    results = checked("fingerprints", clips, partial(_fingerprinted, media=media), workers)
    rows = [result for result in results if not isinstance(result, Reject)]
    columns = {
        "clip_id": pa.array([clip for clip, _ in rows], pa.string()),
        "fingerprint": pa.array([values for _, values in rows], pa.list_(pa.uint32())),
    }
    made = pa.table(columns, schema=tables.TABLES["fingerprints"])
    return Outcome(made, [result for result in results if isinstance(result, Reject)])


def identity() -> str:
    """Name what makes the fingerprints.

    Raises:
        MissingExtra: Chromaprint or its binding is not installed; says what to do.
    """
    _chromaprint()
    return f"chromaprint-{ALGORITHM}"


def fingerprint(samples: Float32[np.ndarray, " frame"], rate: int) -> np.ndarray:
    """Return Chromaprint's 32-bit values of a mono signal, one every `STEP`; none for less than some 3 s."""
    chromaprint = _chromaprint()
    printer = chromaprint.Fingerprinter(ALGORITHM)
    printer.start(rate, 1)
    printer.feed((np.clip(samples, -1, 1) * 32_767).astype("<i2").tobytes())
    values, _ = chromaprint.decode_fingerprint(printer.finish())
    return np.array(values, dtype=np.uint32)


def _fingerprinted(clip: Mapping[str, Any], *, media: Media) -> tuple[str, np.ndarray] | Reject:
    try:
        sound = decode_audio(media.read(clip["audio_path"]), rate=None)
    except MediaError as error:
        return Reject(clip["clip_id"], error.reason, error.detail)
    return clip["clip_id"], fingerprint(sound.samples, sound.rate)


def _chromaprint() -> Any:
    try:
        import chromaprint  # noqa: PLC0415  # an extra that looks for a system library
    except ImportError as error:
        raise MissingExtra(MISSING) from error
    return chromaprint
