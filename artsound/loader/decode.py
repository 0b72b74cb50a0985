"""What a training loop gets of a pair's media: pixels and a signal of stated sizes, instead of bytes."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, UInt8

from artsound.errors import ConfigError, ReleaseError
from artsound.loader.shards import Sample
from artsound.media.audio import decode_audio, window
from artsound.media.files import MediaError
from artsound.media.image import decode_image, resize


@dataclass(frozen=True)
class Decode:
    """Turns the bytes of a sample into arrays; sizes that are given make samples fit into one batch."""

    size: tuple[int, int] | None = None  # height and width, px; None keeps the image's
    rate: int | None = 48_000  # Hz; None keeps the recording's
    seconds: float | None = None  # the middle is cut out, what is shorter is filled with silence; None: all
    max_megapixels: float = 200.0

    def __post_init__(self) -> None:
        given = (*(self.size or ()), self.rate, self.seconds, self.max_megapixels)
        if any(one is not None and not one > 0 for one in given):
            raise ConfigError(f"sizes, rate and seconds must be above 0: {self}")

    def __call__(self, sample: Sample) -> Sample:
        """Replace `image` by sRGB pixels (height, width, 3) and `audio` by a mono signal (frame).

        Raises:
            ReleaseError: an image or a clip does not decode; names the pair.
        """
        made = dict(sample)
        try:
            if "image" in made:
                made["image"] = self._pixels(made["image"])
            if "audio" in made:
                made["audio"] = self._signal(made["audio"])
        except MediaError as error:
            raise ReleaseError(
                f"{sample.get('pair_id', 'a pair')} does not decode: {error.detail}"
            ) from error
        return made

    def _pixels(self, data: bytes) -> UInt8[np.ndarray, "height width 3"]:
        pixels = decode_image(data, max_megapixels=self.max_megapixels).pixels
        return np.require(resize(pixels, self.size) if self.size else pixels, requirements="W")

    def _signal(self, data: bytes) -> Float32[np.ndarray, " frame"]:
        sound = decode_audio(data, rate=self.rate)
        if self.seconds is None:
            return sound.samples
        cut = window(sound, self.seconds).samples
        return np.pad(cut, (0, round(self.seconds * sound.rate) - len(cut)))
