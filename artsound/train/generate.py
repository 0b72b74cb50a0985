"""Music for images, by a trained model."""

import hashlib
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from artsound import __version__
from artsound.errors import ConfigError, StoreError, TrainingError
from artsound.media.files import MediaError
from artsound.media.image import decode_image
from artsound.progress import track
from artsound.train.audioldm2 import LICENCE
from artsound.train.model import Model
from artsound.train.prior import Cond
from artsound.train.settings import MOST_GUIDANCE, MOST_STEPS, AudioLdm2Prior
from artsound.train.sound import FADE, join, windows_for, write_picture, write_wav

ENDINGS = {".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff"}
MAX_MEGAPIXELS = 120.0
LONGEST = 600  # s of one piece
BATCH = 16  # windows that are sampled and decoded together


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
        ConfigError: a length, count or number of steps that makes no sense, or no image can be read.
        StoreError: the folder cannot be written.
        TrainingError: the model makes no finite sound.
    """
    request = _resolved(model, request)
    named = _names(images)
    origin = described(model, request)
    pieces, refused = [], []
    for image in track(images, "making music"):
        try:
            data = image.read_bytes()
            pixels = decode_image(data, max_megapixels=MAX_MEGAPIXELS).pixels
        except (MediaError, OSError) as error:
            why = error.detail if isinstance(error, MediaError) else error.strerror or str(error)
            refused.append(Refused(image, why))
            continue
        _make_room(out)
        source = hashlib.sha256(data).hexdigest()
        for number, sound in enumerate(compose(model, pixels, request, source)):
            about = {"image": image.name, "image_sha256": source, "number": number}
            stem = out / f"{named[image]}-{request.seed}-{number}"
            pieces.append(_write(stem, image, sound, model.prior.rate, origin | about))
    if not pieces:
        raise ConfigError(f"no image can be read: {refused[0].image}: {refused[0].why}")
    return Generated(pieces, refused)


@torch.no_grad()
def compose(
    model: Model, pixels: NDArray[np.uint8], request: Request, source: str
) -> list[NDArray[np.float32]]:
    """Make the pieces for one image; `source` names it, and the noise depends on it.

    Raises:
        TrainingError: a sound is not finite.
    """
    prior = model.prior
    windows = windows_for(request.seconds, prior.seconds)
    rows = request.count * windows
    seen = model.seen(model.encoder([pixels]))
    noise = seeded_noise((rows, *prior.latent_shape), f"{source}/{request.seed}")
    made = np.concatenate([_windows(model, seen, some, request) for some in noise.split(BATCH)])
    frames = round(request.seconds * prior.rate)
    parts = [list(made[start : start + windows]) for start in range(0, rows, windows)]
    return [join(part, frames, round(FADE * prior.rate)) for part in parts]


def _windows(model: Model, seen: Cond, noise: Tensor, request: Request) -> NDArray[np.float32]:
    """Make windows for one image, (window, sample)."""
    cond = {name: one.expand(len(noise), -1, -1) for name, one in seen.items()}
    latents = sample(model, cond, noise, request)
    if not latents.isfinite().all():
        raise TrainingError("the model makes no finite sound: train it again, or lower --guidance")
    made: NDArray[np.float32] = model.prior.decode(latents).float().cpu().numpy()
    return made


def sample(model: Model, cond: Cond, noise: Tensor, request: Request) -> Tensor:
    """Draw latents under a conditioning, with the model's settings where the request has none."""
    chosen = _resolved(model, request)
    null = model.conditioner.nothing(len(noise))
    steps, guidance = chosen.steps or 1, chosen.guidance if chosen.guidance is not None else 1.0
    return model.prior.sample(cond, null, noise.to(model.device), steps, guidance)


def seeded_noise(shape: tuple[int, ...], name: str) -> Tensor:
    """Draw standard normal noise that depends on a name alone."""
    seed = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8]) >> 1
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def described(model: Model, request: Request) -> dict[str, Any]:
    """Say all that a file must say of how it was made; with it and the image it can be made again."""
    settings, origin = model.settings, model.provenance
    made: dict[str, Any] = {
        "software": f"artsound {__version__}",
        "prior": settings.prior.kind,
        "visual_encoder": settings.visual.encoder,
        "supervision": settings.objective.supervision,
        "language": settings.language,  # captions that training read; empty: none
        "text_prompt": None,  # no words about the image reach the prior
        "model_sha256": origin.get("sha256"),
        "release": origin.get("release"),
        "manifest_sha256": origin.get("manifest"),
        **{name: value for name, value in asdict(request).items() if name != "count"},
    }
    if isinstance(settings.prior, AudioLdm2Prior):
        made |= {"weights": settings.prior.weights, "weights_licence": LICENCE}
        if settings.prior.t5_slot == "constant":
            made["constant_prompt"] = settings.prior.prompt  # the same for every image
    return made


def _resolved(model: Model, request: Request) -> Request:
    """Fill in the model's own settings, and refuse what makes no sense."""
    if not 0 < request.seconds <= LONGEST or request.count < 1:
        raise ConfigError(f"ask for more than 0 and at most {LONGEST} seconds, and for at least one piece")
    if request.steps is not None and not 1 <= request.steps <= MOST_STEPS:
        raise ConfigError(f"{request.steps} steps make no sense: ask for 1 to {MOST_STEPS}")
    if request.guidance is not None and not 0 <= request.guidance <= MOST_GUIDANCE:
        raise ConfigError(f"a guidance of {request.guidance} makes no sense: 1 is none, 2 to 5 are usual")
    chosen = model.settings.sampling
    return replace(
        request,
        steps=chosen.steps if request.steps is None else request.steps,
        guidance=chosen.guidance if request.guidance is None else request.guidance,
    )


def _names(images: Sequence[Path]) -> dict[Path, str]:
    """Name the files by the images' stems; where two share one, by their whole names."""
    times = Counter(image.stem for image in images)
    return {image: image.stem if times[image.stem] == 1 else image.name for image in images}


def _make_room(out: Path) -> None:
    """Find out before the music is made whether it can be kept."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=out):
            pass
    except OSError as error:
        raise StoreError(f"cannot write to {out}: {error.strerror or error}; name another --out") from error


def _write(stem: Path, image: Path, sound: NDArray[np.float32], rate: int, made: Mapping[str, Any]) -> Piece:
    """Write a piece with its picture; `stem` may have dots, so nothing is cut off it."""
    wav, picture = (stem.with_name(stem.name + ending) for ending in (".wav", ".png"))
    try:
        write_wav(wav, sound, rate, made)
        write_picture(picture, sound, rate)
    except OSError as error:
        raise StoreError(f"cannot write {wav}: {error.strerror or error}; name another --out") from error
    return Piece(image, wav, picture)
