"""The rows of a report: the model, and what it must beat or cannot reach.

All rows are made for the same pictures, from the same noise, with the same sampler and number of clips.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float32, Int
from torch import Tensor

from artsound.evaluate.alignment import derangements, unit
from artsound.models.protocols import TextEncoder
from artsound.train.heldout import take
from artsound.train.model import Model
from artsound.train.prior import Cond

BATCH = 32  # clips that are sampled together

Clips = Float32[np.ndarray, "clip frame"]


@dataclass(frozen=True)
class Side:
    """One split as the systems see it, row by row."""

    visual: Mapping[str, Tensor]  # source → (row, token, dim)
    targets: Mapping[str, Tensor]  # slot → (row, token, dim): conditioning taken from the audio; may be empty
    art_captions: list[str]
    music_captions: list[str]


@dataclass(frozen=True)
class Bench:
    """What the rows are made of."""

    model: Model
    judged: Side
    training: Side
    text: TextEncoder
    seed: int


@torch.no_grad()
def own(bench: Bench) -> Cond:
    """Condition on the picture: the model itself."""
    made: dict[str, Tensor] = bench.model.conditioner(bench.judged.visual)
    return made


@torch.no_grad()
def nothing(bench: Bench) -> Cond:
    """Condition on nothing: what the prior plays by itself."""
    return bench.model.conditioner.nothing(_count(bench))


@torch.no_grad()
def constant(bench: Bench) -> Cond:
    """Condition on the mean of the training split: good average music, and no picture."""
    known = dict(bench.model.conditioner(bench.training.visual)) | dict(bench.training.targets)
    return {name: one.mean(0).expand(_count(bench), -1, -1) for name, one in known.items()}


def shuffled(bench: Bench) -> Cond:
    """Condition on another picture of the split."""
    order = derangements(_count(bench), seed=bench.seed)[0]
    return take(own(bench), torch.from_numpy(order))


def oracle(bench: Bench) -> Cond | None:
    """Condition on the real clip's own audio: the ceiling of any projector."""
    return dict(bench.judged.targets) or None


def cascade(bench: Bench) -> Cond | None:
    """Go through words: the picture's caption, the training clip whose caption is nearest, its conditioning.

    Stands for caption-to-music cascades such as Mozart's Touch, with the same prior.
    """
    if not bench.training.targets:
        return None
    ours, theirs = bench.text(bench.judged.art_captions), bench.text(bench.training.music_captions)
    nearest = (ours @ theirs.T).argmax(axis=1)
    return take(bench.training.targets, torch.from_numpy(nearest))


CONDITIONS: Mapping[str, Callable[[Bench], Cond | None]] = {
    "model": own,
    "unconditional prior": nothing,
    "constant conditioning": constant,
    "shuffled pictures": shuffled,
    "text cascade": cascade,
    "oracle conditioning": oracle,
}
NEAREST = "nearest training picture"  # its real clip, not a generated one
CODED = "real clip through the codec"  # what the codec alone costs


def nearest_pictures(bench: Bench) -> Int[np.ndarray, " clip"]:
    """Find the training row whose picture is most like each judged one, by mean visual tokens."""
    ours, theirs = (_pooled(side.visual) for side in (bench.judged, bench.training))
    spread = theirs.std(axis=0) + 1e-6
    ours, theirs = (unit((side - theirs.mean(axis=0)) / spread) for side in (ours, theirs))
    found: np.ndarray = (ours @ theirs.T).argmax(axis=1)
    return found


@torch.no_grad()
def play(bench: Bench, cond: Cond) -> Clips:
    """Sample clips under some conditioning; clip i starts from the same noise whatever the conditioning."""
    model, sampling = bench.model, bench.model.settings.sampling
    made = []
    for start in range(0, _count(bench), BATCH):
        rows = torch.arange(start, min(start + BATCH, _count(bench)))
        noise = torch.stack([_noise(model.prior.latent_shape, bench.seed, int(row)) for row in rows])
        null = model.conditioner.nothing(len(rows))
        latents = model.prior.sample(take(cond, rows), null, noise, sampling.steps, sampling.guidance)
        made.append(model.prior.decode(latents).float().cpu().numpy())
    return np.concatenate(made)


@torch.no_grad()
def coded(model: Model, real: Clips) -> Clips:
    """Code real clips and decode them: no generated clip can be nearer to them."""
    pieces = (torch.from_numpy(real[start : start + BATCH]) for start in range(0, len(real), BATCH))
    decoded = [model.prior.decode(model.prior.encode_audio(piece)).float().cpu().numpy() for piece in pieces]
    return np.concatenate(decoded)


def _noise(shape: tuple[int, ...], seed: int, row: int) -> Tensor:
    values = np.random.default_rng([seed, row]).standard_normal(shape, dtype=np.float32)
    return torch.from_numpy(values)


def _count(bench: Bench) -> int:
    return len(bench.judged.art_captions)


def _pooled(visual: Mapping[str, Tensor]) -> np.ndarray:
    return np.concatenate([one.float().mean(1).numpy() for _, one in sorted(visual.items())], axis=1)
