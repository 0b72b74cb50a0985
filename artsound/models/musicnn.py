"""musicnn: 50 + 50 music tags, trained on MagnaTagATune and on the Million Song Dataset.

The packaged ONNX files hold the original weights; the front end below is the one they were trained with.

Source:
    Pons and Serra 2019, arXiv:1909.06654; ISC licence.
"""

import hashlib
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float32

RATE = 16_000  # Hz
FRAMES = 187  # of one window: 3 s at a hop of 256
WEIGHTS = Path(__file__).parent / "weights"
_WORDS = {
    "MTT": (
        "guitar, classical, slow, techno, strings, drums, electronic, rock, fast, piano, ambient, beat, "
        "violin, vocal, synth, female, indian, opera, male, singing, vocals, no vocals, harpsichord, "
        "loud, quiet, flute, woman, male vocal, no vocal, pop, soft, sitar, solo, man, classic, choir, "
        "voice, new age, dance, male voice, female vocal, beats, harp, cello, no voice, weird, country, "
        "metal, female voice, choral"
    ),
    "MSD": (
        "rock, pop, alternative, indie, electronic, female vocalists, dance, 00s, alternative rock, jazz, "
        "beautiful, metal, chillout, male vocalists, classic rock, soul, indie rock, mellow, electronica, "
        "80s, folk, 90s, chill, instrumental, punk, oldies, blues, hard rock, ambient, acoustic, "
        "experimental, female vocalist, guitar, hip-hop, 70s, party, country, easy listening, sexy, "
        "catchy, funk, electro, heavy metal, progressive rock, 60s, rnb, indie pop, sad, house, happy"
    ),
}
TAGS = {part: words.split(", ") for part, words in _WORDS.items()}  # in the order of the outputs


INSTRUMENTS = (
    *(
        "guitar",
        "strings",
        "drums",
        "piano",
        "violin",
        "synth",
        "harpsichord",
        "flute",
        "sitar",
        "harp",
        "cello",
    ),
)
VOICES = (
    *("vocal", "vocals", "voice", "singing", "choir", "choral", "opera", "male vocal", "female vocal"),
    *("male voice", "female voice", "male vocalists", "female vocalists", "female vocalist"),
)


class Musicnn:
    """Tags a clip; safe in threads. A tag that both vocabularies have is the mean of the two."""

    def __init__(self) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1  # spread over clips instead
        self._sessions: dict[str, Any] = {
            part: onnxruntime.InferenceSession(_file(part), options, providers=["CPUExecutionProvider"])
            for part in TAGS
        }

    @cached_property
    def name(self) -> str:
        """Name and revision of the weights."""
        weights = hashlib.sha256(b"".join(_file(part).read_bytes() for part in TAGS))
        return f"musicnn@{weights.hexdigest()[:12]}"

    def hear(
        self, samples: Float32[np.ndarray, " frame"], part: str
    ) -> tuple[Float32[np.ndarray, "200"], Float32[np.ndarray, "50"]]:
        """Give the means over windows of the layer before the tags, and of the tags' probabilities.

        Args:
            samples: mono at `RATE`.
            part: which vocabulary and weights, a key of `TAGS`.
        """
        patches = windows(log_mel(samples))
        vectors, tags = self._sessions[part].run(["penultimate", "tags"], {"logmel": patches})
        return vectors.mean(axis=0), tags.mean(axis=0)

    def tags(self, samples: Float32[np.ndarray, " frame"]) -> dict[str, float]:
        """Give every tag its mean probability over windows of 3 s, likeliest first, ties by name.

        Args:
            samples: mono at `RATE`.
        """
        patches = windows(log_mel(samples))
        found: dict[str, list[float]] = {}
        for part, session in self._sessions.items():
            (seen,) = session.run(["tags"], {"logmel": patches})
            for tag, value in zip(TAGS[part], seen.mean(axis=0).tolist(), strict=True):
                found.setdefault(tag, []).append(value)
        means = {tag: sum(values) / len(values) for tag, values in found.items()}
        return dict(sorted(means.items(), key=lambda item: (-item[1], item[0])))


def instruments(tags: Mapping[str, float], *, least: float = 0.1) -> dict[str, float]:
    """Pick the instruments that are likely enough; the order is kept."""
    return {tag: value for tag, value in tags.items() if tag in INSTRUMENTS and value >= least}


def voice(tags: Mapping[str, float]) -> float:
    """Give the probability of the likeliest voice."""
    return max((tags.get(tag, 0.0) for tag in VOICES), default=0.0)


def log_mel(samples: Float32[np.ndarray, " frame"]) -> Float32[np.ndarray, "time 96"]:
    """Compute the spectrogram that musicnn reads."""
    import librosa

    mel = librosa.feature.melspectrogram(
        y=samples, sr=RATE, n_fft=512, hop_length=256, n_mels=96, pad_mode="constant"
    )
    return np.ascontiguousarray(np.log10(10_000 * mel + 1).T, dtype=np.float32)


def windows(frames: Float32[np.ndarray, "time 96"]) -> Float32[np.ndarray, "window 187 96"]:
    """Cut into whole windows side by side; the rest is dropped, a short clip is filled with silence."""
    if len(frames) < FRAMES:
        frames = np.pad(frames, ((0, FRAMES - len(frames)), (0, 0)))
    whole = len(frames) // FRAMES
    return frames[: whole * FRAMES].reshape(whole, FRAMES, frames.shape[1])


def _file(part: str) -> Path:
    return WEIGHTS / f"musicnn_{part}.onnx"
