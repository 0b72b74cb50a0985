"""Music for images, by a trained model."""

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from artsound import __version__
from artsound.errors import ConfigError, StoreError
from artsound.media.files import MediaError
from artsound.media.image import decode_image
from artsound.progress import track
from artsound.train.model import Model
from artsound.train.prior import Cond
from artsound.train.sound import FADE, join, windows_for, write_picture, write_wav

ENDINGS = {".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff"}
MAX_MEGAPIXELS = 120.0


@dataclass(frozen=True)
class Request:
    """What is wanted for each image."""

    seconds: float = 10.0
    seed: int = 0
    count: int = 1  # pieces an image
    steps: int | None = None  # of the sampler; None takes the model's
    guidance: float | None = None  # 1 is none; None takes the model's


class Piece(NamedTuple):
    """One piece on disk."""

    image: Path
    wav: Path
    picture: Path


class Refused(NamedTuple):
    """An image that could not be used."""

    image: Path
    why: str


class Generated(NamedTuple):
    """What came of a request."""

    pieces: list[Piece]
    refused: list[Refused]


def images_in(place: Path) -> list[Path]:
    """List the image itself, or the images of a folder by name.

    Raises:
        ConfigError: nothing is there, or no image in the folder.
    """
    if place.is_dir():
        found = sorted(one for one in place.iterdir() if one.suffix.lower() in ENDINGS)
        if not found:
            raise ConfigError(f"{place} has no images ({', '.join(sorted(ENDINGS))})")
        return found
    if not place.exists():
        raise ConfigError(f"{place} does not exist: name an image or a folder of images")
    return [place]


def generate(model: Model, images: Sequence[Path], out: Path, request: Request) -> Generated:
    """Write a WAV and a picture of its spectrum for every image and number; same request, same bytes.

    Raises:
        ConfigError: a length or count that makes no sense, or no image can be read.
        StoreError: the folder cannot be written.
    """
    if not 0 < request.seconds <= 600 or request.count < 1:
        raise ConfigError("ask for more than 0 and at most 600 seconds, and for at least one piece")
    pieces, refused = [], []
    for image in track(images, "making music"):
        try:
            data = image.read_bytes()
            pixels = decode_image(data, max_megapixels=MAX_MEGAPIXELS).pixels
        except (MediaError, OSError) as error:
            refused.append(Refused(image, error.detail if isinstance(error, MediaError) else str(error)))
            continue
        source = hashlib.sha256(data).hexdigest()
        sounds = compose(model, pixels, request, source)
        pieces += [
            _write(model, image, source, sound, out, request, number) for number, sound in enumerate(sounds)
        ]
    if not pieces:
        raise ConfigError(f"no image can be read: {refused[0].image}: {refused[0].why}")
    return Generated(pieces, refused)


@torch.no_grad()
def compose(
    model: Model, pixels: NDArray[np.uint8], request: Request, source: str
) -> list[NDArray[np.float32]]:
    """Make the pieces for one image; `source` names it, and the noise depends on it."""
    prior = model.prior
    windows = windows_for(request.seconds, prior.seconds)
    rows = request.count * windows
    cond = {
        name: one.expand(rows, -1, -1) for name, one in model.conditioner(model.encoder([pixels])).items()
    }
    noise = seeded_noise((rows, *prior.latent_shape), f"{source}/{request.seed}")
    made = prior.decode(sample(model, cond, noise, request)).numpy()
    frames = round(request.seconds * prior.rate)
    parts = [list(made[start : start + windows]) for start in range(0, rows, windows)]
    return [join(part, frames, round(FADE * prior.rate)) for part in parts]


def sample(model: Model, cond: Cond, noise: Tensor, request: Request) -> Tensor:
    """Draw latents under a conditioning, with the model's settings where the request has none."""
    chosen = model.settings.sampling
    guidance = chosen.guidance if request.guidance is None else request.guidance
    null = model.conditioner.nothing(len(noise))
    return model.prior.sample(cond, null, noise, request.steps or chosen.steps, guidance)


def seeded_noise(shape: tuple[int, ...], name: str) -> Tensor:
    """Draw standard normal noise that depends on a name alone."""
    seed = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8]) >> 1
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def _write(  # noqa: PLR0913, PLR0917  # one place that knows all that a file says of itself
    model: Model,
    image: Path,
    source: str,
    sound: NDArray[np.float32],
    out: Path,
    request: Request,
    number: int,
) -> Piece:
    stem = out / f"{image.stem}-{request.seed}-{number}"
    made: dict[str, Any] = {
        **{name: value for name, value in asdict(request).items() if value is not None},
        "image": image.name,
        "image_sha256": source,
        "number": number,
        "prior": model.settings.prior.kind,
        "software": f"artsound {__version__}",
    }
    wav, picture = stem.with_name(f"{stem.name}.wav"), stem.with_name(f"{stem.name}.png")
    try:
        out.mkdir(parents=True, exist_ok=True)
        write_wav(wav, sound, model.prior.rate, made)
        write_picture(picture, sound, model.prior.rate)
    except OSError as error:
        raise StoreError(f"cannot write to {out}: {error.strerror or error}") from error
    return Piece(image, wav, picture)
