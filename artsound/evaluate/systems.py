"""The rows of a report: the model, and what it must beat or cannot reach.

All rows are made for the same pictures, from the same noise, with the same sampler and number of clips.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float32, Int
from torch import Tensor

from artsound.errors import ConfigError
from artsound.evaluate.alignment import derangements, unit
from artsound.models.protocols import TextEncoder
from artsound.train.audioldm2 import AudioLdm2
from artsound.train.audioldm2_spoken import Spoken
from artsound.train.cache import Family
from artsound.train.heldout import take
from artsound.train.model import Model
from artsound.train.prior import Cond
from artsound.train.stable_audio3 import StableAudio3
from artsound.train.stable_audio3_text import Prompts
from artsound.train.workers import own_device

BATCH = 32  # clips that are sampled, coded or projected together
_OTHER = 1 << 32  # seeds of `play_again` begin here, so that they are not those of the rows
MEAN_ROWS = 4_096  # training rows that the constant conditioning is the mean of, at most

Clips = Float32[np.ndarray, "clip frame"]
Rows = Int[np.ndarray, " row"]


@dataclass(frozen=True)
class Side:
    """The judged pairs, row by row."""

    visual: Mapping[str, Tensor]  # source → (row, token, dim)
    targets: Mapping[str, Tensor]  # slot → (row, token, dim): conditioning taken from the audio; may be empty
    art_captions: list[str]
    music_captions: list[str]
    clips: Clips  # the real ones, at the prior's rate


@dataclass(frozen=True)
class Training:
    """The training split, read as far as a row of the report needs it."""

    visual: Family
    audio: Family
    music_captions: list[str]

    def targets(self, rows: Rows) -> dict[str, Tensor]:
        """Read the conditioning that comes from the audio of some rows; empty where the prior has none."""
        found = self.audio.gather(rows)
        return {name.removeprefix("target."): one.float() for name, one in found.items() if "target." in name}


@dataclass(frozen=True)
class Bench:
    """What the rows are made of."""

    model: Model
    judged: Side
    training: Training
    text: TextEncoder
    seed: int

    @cached_property
    def spoken(self) -> Spoken | Prompts | str:
        """Load the prior's own encoders of words and sound, or say why there are none."""
        prior = self.model.prior
        try:
            if isinstance(prior, AudioLdm2):
                return Spoken(prior)
            return Prompts(prior) if isinstance(prior, StableAudio3) else "no words reach this prior"
        except ConfigError as error:
            return str(error)


class Played(NamedTuple):
    """A conditioning of every clip, and what guidance leads away from; None takes the learned null."""

    cond: Cond
    null: Cond | None = None
    how: str = ""  # what the row is with this prior, where that is not plain


@torch.no_grad()
def own(bench: Bench) -> Played:
    """Condition on the picture: the model itself."""
    return Played(bench.model.seen(bench.judged.visual))


@torch.no_grad()
def nothing(bench: Bench) -> Played:
    """Condition on nothing: what the prior plays by itself."""
    return Played(bench.model.conditioner.nothing(_count(bench)))


@torch.no_grad()
def constant(bench: Bench) -> Played:
    """Condition on the mean of the training split: good average music, and no picture."""
    there = len(bench.training.visual)
    rows = np.linspace(0, there - 1, min(there, MEAN_ROWS)).round().astype(np.int64)
    sums: dict[str, Tensor] = {}
    for some in _batches(rows):
        known = bench.model.seen(bench.training.visual.gather(some)) | bench.training.targets(some)
        sums = {name: one.sum(0).cpu() + sums.get(name, 0) for name, one in known.items()}
    cond = {name: (one / len(rows)).expand(_count(bench), -1, -1) for name, one in sums.items()}
    of = "of the real clips" if bench.judged.targets else "of the projector over training pictures"
    return Played(cond, how=f"mean conditioning {of}")


def shuffled(bench: Bench) -> Played:
    """Condition on another picture of the split."""
    order = derangements(_count(bench), seed=bench.seed)[0]
    return Played(take(own(bench).cond, torch.from_numpy(order)))


def oracle(bench: Bench) -> Played | str:
    """Condition on the real clip's own audio: the ceiling of any projector."""
    if bench.judged.targets:
        return Played(dict(bench.judged.targets), how="conditioning pooled from the real clip itself")
    spoken = bench.spoken
    if isinstance(spoken, str):
        return f"this prior derives no conditioning from audio alone, and {spoken}"
    null = spoken.silence(_count(bench))
    if isinstance(spoken, Prompts):
        how = f"the real clip's own caption through the prior's {spoken.parts}: it knows words only"
        return Played(spoken.say(bench.judged.music_captions), null, how)
    how = "CLAP's vector of the real clip through the prior's projection and GPT-2"
    return Played(spoken.hear(bench.judged.clips), null, how)


def cascade(bench: Bench) -> Played | str:
    """Go through words: the picture's caption as a prompt of the same prior, the way of Mozart's Touch.

    A prior that reads no words plays by the training clip whose caption is nearest to the picture's.
    """
    captions = bench.judged.art_captions
    spoken = bench.spoken
    if not isinstance(spoken, str):
        how = f"the picture's caption through the prior's {spoken.parts}"
        return Played(spoken.say(captions), spoken.silence(_count(bench)), how)
    if not bench.judged.targets:
        return spoken
    ours, theirs = bench.text(captions), bench.text(bench.training.music_captions)
    nearest = (ours @ theirs.T).argmax(axis=1)
    how = f"{spoken}: it gets the conditioning of the training clip with the nearest caption"
    return Played(bench.training.targets(nearest), how=how)


CONDITIONS: Mapping[str, Callable[[Bench], Played | str]] = {
    "model": own,
    "unconditional prior": nothing,
    "constant conditioning": constant,
    "shuffled pictures": shuffled,
    "text cascade": cascade,
    "oracle conditioning": oracle,
}
NEAREST = "nearest training picture"  # its real clip, not a generated one
CODED = "real clip through the codec"  # what the codec alone costs


def nearest_pictures(bench: Bench) -> Rows:
    """Find the training row whose picture is most like each judged one, by mean visual tokens."""
    ours = _pooled(bench.judged.visual)
    rows = np.arange(len(bench.training.visual))
    theirs = np.concatenate([_pooled(bench.training.visual.gather(some)) for some in _batches(rows)])
    spread = theirs.std(axis=0) + 1e-6
    ours, theirs = (unit((side - theirs.mean(axis=0)) / spread) for side in (ours, theirs))
    found: Rows = (ours @ theirs.T).argmax(axis=1)
    return found


@torch.no_grad()
def play(bench: Bench, played: Played) -> Clips:
    """Sample clips under some conditioning; clip i starts from the same noise whatever the conditioning."""
    model, sampling = bench.model, bench.model.settings.sampling
    device = own_device()
    made = []
    for rows in _batches(np.arange(_count(bench))):
        noise = torch.stack([_noise(model.prior.latent_shape, bench.seed, int(row)) for row in rows])
        some = torch.from_numpy(rows)
        null = take(played.null, some) if played.null else model.conditioner.nothing(len(rows))
        cond, null, noise = _moved(take(played.cond, some), device), _moved(null, device), noise.to(device)
        latents = model.prior.sample(cond, null, noise, sampling.steps, sampling.guidance)
        made.append(model.prior.decode(latents).float().cpu().numpy())
    return np.concatenate(made)


def play_again(bench: Bench, pictures: int, times: int) -> Clips:
    """Sample several clips for each of the first pictures, each from other noise, picture by picture."""
    rows = np.arange(min(pictures, _count(bench)))
    some = replace(
        bench.judged,
        visual=take(bench.judged.visual, torch.from_numpy(rows)),
        art_captions=bench.judged.art_captions[: len(rows)],
    )
    turns = [replace(bench, judged=some, seed=_OTHER + bench.seed * times + turn) for turn in range(times)]
    made = np.stack([play(turn, own(turn)) for turn in turns], axis=1)
    return made.reshape(-1, made.shape[-1])


@torch.no_grad()
def coded(model: Model, real: Clips) -> Clips:
    """Code real clips and decode them: no generated clip can be nearer to them."""
    pieces = (torch.from_numpy(real[rows]).to(own_device()) for rows in _batches(np.arange(len(real))))
    decoded = [model.prior.decode(model.prior.encode_audio(piece)).float().cpu().numpy() for piece in pieces]
    return np.concatenate(decoded)


def _batches(rows: Rows) -> Iterator[Rows]:
    yield from (rows[start : start + BATCH] for start in range(0, len(rows), BATCH))


def _noise(shape: tuple[int, ...], seed: int, row: int) -> Tensor:
    values = np.random.default_rng([seed, row]).standard_normal(shape, dtype=np.float32)
    return torch.from_numpy(values)


def _moved(cond: Cond, device: torch.device) -> dict[str, Tensor]:
    return {name: one.to(device) for name, one in cond.items()}


def _count(bench: Bench) -> int:
    return len(bench.judged.art_captions)


def _pooled(visual: Mapping[str, Tensor]) -> np.ndarray:
    return np.concatenate([one.float().mean(1).numpy() for _, one in sorted(visual.items())], axis=1)
