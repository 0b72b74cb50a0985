"""A release → the latent cache. Resumable: run it again and it makes what is missing."""

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from artsound.errors import ReleaseError
from artsound.media.audio import decode_audio, window
from artsound.media.files import MediaError
from artsound.media.image import decode_image
from artsound.progress import track
from artsound.train.cache import Header, read_part, write_part
from artsound.train.prior import AudioPrior, CaptionTeacher
from artsound.train.shards import Pair, Shards
from artsound.train.visual import VisualEncoder
from artsound.train.workers import own_device

LOG = logging.getLogger(__name__)
BATCH = 32  # items that are encoded together
WINDOW = "middle-1"  # names the rule of `window_of`; a cache made by another one is refused
MAX_MEGAPIXELS = 400.0  # the release's own limit was applied when it was built
Item = TypeVar("Item")
Encode = Callable[[Sequence[Pair]], dict[str, Tensor]]


@dataclass(frozen=True)
class Maker:
    """One family of the cache: what makes it, identified."""

    family: str
    made_from: str
    encode: Encode


def window_of(audio: bytes, rate: int, seconds: float) -> NDArray[np.float32]:
    """Decode the middle of a recording, padded by silence, without offset, at half of full scale.

    Source:
        The normalisation of AudioLDM2's training code.
    """
    samples = window(decode_audio(audio, rate=rate), seconds).samples
    samples = samples - samples.mean()
    samples = 0.5 * samples / max(float(np.abs(samples).max()), 1e-6)
    missing = round(rate * seconds) - len(samples)
    return np.pad(samples[: round(rate * seconds)], (0, max(0, missing))).astype(np.float32)


def windows(pairs: Iterable[Pair], prior: AudioPrior) -> Tensor:
    """Decode what the prior hears of each pair, (B, sample)."""
    return torch.from_numpy(np.stack([window_of(pair.audio, prior.rate, prior.seconds) for pair in pairs]))


def audio_maker(prior: AudioPrior) -> Maker:
    """Encode audio as latents, with the conditioning that the prior derives from them."""

    def encode(pairs: Sequence[Pair]) -> dict[str, Tensor]:
        waves = windows(pairs, prior).to(own_device())
        latents = prior.encode_audio(waves)
        return {"latents": latents} | _named(prior.targets(waves, latents))

    return Maker("audio", audio_fingerprint(prior), encode)


def audio_fingerprint(prior: AudioPrior) -> str:
    """Identify all that cached latents depend on: the prior's codec, and which window it was given."""
    return f"{prior.fingerprint}-{WINDOW}"


def visual_maker(encoder: VisualEncoder) -> Maker:
    """Encode images, and captions where the encoder reads them, as visual tokens."""

    def encode(pairs: Sequence[Pair]) -> dict[str, Tensor]:
        pixels = [decode_image(one.image, max_megapixels=MAX_MEGAPIXELS).pixels for one in pairs]
        return encoder(pixels, [one.art_caption for one in pairs])

    return Maker("visual", encoder.fingerprint, encode)


def caption_maker(teacher: CaptionTeacher) -> Maker:
    """Let a prior that reads captions say which conditioning it would have made of them."""

    def encode(pairs: Sequence[Pair]) -> dict[str, Tensor]:
        return _named(teacher([one.music_caption for one in pairs]))

    return Maker("caption", teacher.fingerprint, encode)


def _named(targets: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {f"target.{name}": one for name, one in targets.items()}


def training_windows(shards: Shards, prior: AudioPrior, count: int, label: str) -> Iterator[Tensor]:
    """Read the first windows of the training split, (B, sample), at most `count` of them."""
    for batch in chunks(track(islice(shards.read("train"), count), label), BATCH):
        yield windows(batch, prior)


@torch.no_grad()
def fill(folder: Path, shards: Shards, makers: Sequence[Maker], part_rows: int) -> int:
    """Bring every part of the given families up to date; returns how many files were made.

    Raises:
        ReleaseError: a file of the release does not decode.
    """
    made = 0
    for split in shards.splits:
        pairs = track(shards.read(split), f"encoding {split}")
        number = -1
        for number, part in enumerate(chunks(pairs, part_rows)):
            made += sum(_make(folder, f"{split}-{number:05d}", part, maker, shards) for maker in makers)
        for maker in makers:
            _clear(folder / maker.family, split, number + 1)
    return made


def _make(folder: Path, name: str, part: Sequence[Pair], maker: Maker, shards: Shards) -> bool:
    """Make one file unless it is current; says whether it was made."""
    path = folder / maker.family / f"{name}.safetensors"
    ids = tuple(pair.pair_id for pair in part)
    header = Header(maker.made_from, shards.manifest, ids, tuple(pair.score for pair in part))
    if path.exists() and read_part(path).header == header:
        return False
    write_part(path, header, _encoded(part, maker.encode))
    return True


def _clear(folder: Path, split: str, parts: int) -> None:
    """Remove what a larger release left behind."""
    for path in sorted(folder.glob(f"{split}-*.safetensors"))[parts:]:
        path.unlink()


def chunks(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    """Cut a stream into lists; the last may be shorter."""
    chunk: list[Item] = []
    for item in items:
        chunk.append(item)
        if len(chunk) == size:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


def _encoded(part: Sequence[Pair], encode: Encode) -> dict[str, Tensor]:
    batches = []
    for batch in chunks(part, BATCH):
        try:
            batches.append(encode(batch))
        except MediaError as error:
            raise ReleaseError(
                f"a file of pairs {batch[0].pair_id} to {batch[-1].pair_id} does not decode "
                f"({error.detail}): run `artsound verify`"
            ) from error
    return {name: torch.cat([batch[name] for batch in batches]) for name in batches[0]}
