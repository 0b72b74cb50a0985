"""Who judges: the packaged ears always, and models from folders that the user names.

Packaged, so that every report has several unlike ears without a download: two musicnn taggers and plain mel
statistics. CLAP, CLIP, ImageBind, AST and EnCodec join where `--judge NAME=FOLDER` says where their weights
lie; their licences are their owners'.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from jaxtyping import Float32

from artsound.errors import ConfigError
from artsound.evaluate.ears import PACKAGED, Ear, Heard
from artsound.models.protocols import AudioEncoder, ImageEncoder, TextEncoder
from artsound.models.windows import WindowRule
from artsound.progress import track

CLAP_WINDOW = WindowRule(seconds=10.0, hop=10.0, pooling="mean")
BOUND_WINDOW = WindowRule(seconds=2.0, hop=2.0, pooling="mean")  # what ImageBind hears at a time


@dataclass
class Judges:
    """Ears by name, and the other sides of the spaces they share with words and images."""

    ears: dict[str, Ear] = field(default_factory=dict)
    clap_words: TextEncoder | None = None
    clip_words: TextEncoder | None = None
    clip_sights: ImageEncoder | None = None
    bound_sights: ImageEncoder | None = None  # ImageBind's


class EncoderEar:
    """An audio encoder of the build, as an ear."""

    def __init__(self, encoder: AudioEncoder, family: str) -> None:
        self._encoder = encoder
        self.name, self.rate, self.families = encoder.name, encoder.rate, frozenset({family})

    def __call__(self, clips: Float32[np.ndarray, "clip frame"]) -> Heard:
        """Listen, clip by clip."""
        made = [
            self._encoder([self._encoder.prepare(clip)])
            for clip in track(clips, f"listening with {self.name}")
        ]
        return Heard(np.concatenate(made), None)


def _clap(judges: Judges, folder: Path) -> None:
    from artsound.models.clap import ClapSounds, ClapTexts  # noqa: PLC0415

    judges.ears["clap"] = EncoderEar(ClapSounds(folder, rule=CLAP_WINDOW), "clap")
    judges.clap_words = ClapTexts(folder)


def _clip(judges: Judges, folder: Path) -> None:
    from artsound.models.openclip import ClipImages, ClipTexts  # noqa: PLC0415

    judges.clip_sights, judges.clip_words = ClipImages(folder), ClipTexts(folder)


def _ast(judges: Judges, folder: Path) -> None:
    from artsound.evaluate.transformer_ears import AstEar  # noqa: PLC0415

    judges.ears["ast"] = AstEar(folder)


def _encodec(judges: Judges, folder: Path) -> None:
    from artsound.evaluate.transformer_ears import EncodecEar  # noqa: PLC0415

    judges.ears["encodec"] = EncodecEar(folder)


def _imagebind(judges: Judges, folder: Path) -> None:
    from artsound.models.imagebind import BoundImages, BoundSounds  # noqa: PLC0415

    judges.ears["imagebind"] = EncoderEar(BoundSounds(folder, rule=BOUND_WINDOW), "imagebind")
    judges.bound_sights = BoundImages(folder)


FROM_FOLDER: Mapping[str, Callable[[Judges, Path], None]] = {
    "ast": _ast,
    "clap": _clap,
    "clip": _clip,
    "encodec": _encodec,
    "imagebind": _imagebind,
}


def assemble(named: Mapping[str, Path]) -> Judges:
    """Seat the packaged ears and the named models.

    Raises:
        ConfigError: no such judge, or its weights do not load.
    """
    judges = Judges({name: make() for name, make in PACKAGED.items()})
    for name, folder in named.items():
        if name not in FROM_FOLDER:
            raise ConfigError(f"no judge {name!r}; there are: {', '.join(FROM_FOLDER)}")
        if not folder.exists():
            raise ConfigError(f"{folder} does not exist: name the folder with the weights of {name}")
        FROM_FOLDER[name](judges, folder)
    return judges


def named(given: Iterable[str]) -> dict[str, Path]:
    """Read `NAME=FOLDER`.

    Raises:
        ConfigError: there is no equals sign, or a name comes twice.

    Examples:
        >>> named(["clap=weights/clap"])
        {'clap': PosixPath('weights/clap')}
    """
    found: dict[str, Path] = {}
    for one in given:
        name, sign, folder = one.partition("=")
        if not (name and sign and folder) or name in found:
            raise ConfigError(f"--judge {one}: write NAME=FOLDER, each name once; there are: {_names()}")
        found[name] = Path(folder)
    return found


def _names() -> str:
    return ", ".join(FROM_FOLDER)
