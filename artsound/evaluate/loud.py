"""One loudness for all that is compared: a louder clip is another clip to every embedding."""

import numpy as np
from jaxtyping import Float32

from artsound.media.audio import QUIETEST, loudness
from artsound.progress import track

LEVEL = -23.0  # LUFS, the level of EBU R 128


def level(clip: Float32[np.ndarray, " frame"], rate: int) -> Float32[np.ndarray, " frame"]:
    """Scale a mono clip to `LEVEL`; silence, and what is too short to be measured, stays as it is.

    Peaks may pass full scale: nothing is cut, since embeddings take floats.
    """
    found = loudness(clip[:, None], rate)
    if found <= QUIETEST:
        return clip
    return (clip * 10 ** ((LEVEL - found) / 20)).astype(np.float32)


def level_all(clips: Float32[np.ndarray, "clip frame"], rate: int) -> Float32[np.ndarray, "clip frame"]:
    """Scale every clip by itself."""
    return np.stack([level(clip, rate) for clip in track(clips, "measuring loudness")])
