"""Does the model use the image? Held-out losses under common noise, and retrieval by likelihood.

A loss below that of the null proves nothing: random pairs teach a better average, too. What counts is that
the own image explains a sound better than other images do.
"""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from artsound.evaluate.alignment import derangements
from artsound.progress import track
from artsound.train.model import Model
from artsound.train.prior import Cond

ROUNDS = 8  # noise levels a pair, evenly spaced: the middles of equal strata; each pair has noises of its own


@dataclass(frozen=True)
class HeldOut:
    """Denoising losses of the same pairs under the same noise; lower is better."""

    matched: NDArray[np.float64]  # (pair,)
    shuffled: NDArray[np.float64]  # (derangement, pair)
    null: NDArray[np.float64]  # (pair,)

    @property
    def gap(self) -> float:
        """(shuffled − matched) / null, of the means."""
        return float((self.shuffled.mean() - self.matched.mean()) / self.null.mean())

    @property
    def win_rate(self) -> float:
        """Share of pairs whose own image beats the mean of the others."""
        return float((self.matched < self.shuffled.mean(0)).mean())


def take(cond: Cond, rows: Tensor) -> dict[str, Tensor]:
    """Choose rows of every slot."""
    return {name: value[rows] for name, value in cond.items()}


@torch.no_grad()
def held_out(model: Model, latents: Tensor, cond: Cond, *, seed: int) -> HeldOut:
    """Measure the loss of each pair under its own, other and no conditioning."""
    count = len(latents)
    null = model.conditioner.nothing(count)
    orders = [torch.from_numpy(order).to(latents.device) for order in derangements(count, seed=seed)]
    variants = [cond, null, *(take(cond, order) for order in orders)]
    sums = torch.zeros(len(variants), count, dtype=torch.float64)
    for number in track(range(ROUNDS), "held-out losses"):
        levels, noise = (one.to(latents.device) for one in common(latents.shape, number, seed))
        for row, variant in enumerate(variants):
            sums[row] += model.prior.loss(latents, variant, levels, noise).double().cpu() / ROUNDS
    losses = sums.numpy()
    return HeldOut(losses[0], losses[2:], losses[1])


@torch.no_grad()
def likelihood_ranks(model: Model, latents: Tensor, cond: Cond, *, seed: int) -> NDArray[np.int64]:
    """Rank each sound's own image among all images by denoising loss, (sound,); 1 is best."""
    count, rounds = len(latents), ROUNDS // 2
    losses = torch.zeros(count, count, dtype=torch.float64)  # (sound, image)
    for number in track(range(rounds), "likelihood retrieval"):
        levels, noise = (one.to(latents.device) for one in common(latents.shape, 2 * number, seed))
        for sound in range(count):
            same, alike = latents[sound].expand_as(latents), noise[sound].expand_as(latents)
            losses[sound] += model.prior.loss(same, cond, levels, alike).double().cpu()
    own = losses.diagonal().unsqueeze(1)
    return (1 + (losses < own).sum(1)).numpy()


def common(shape: torch.Size, number: int, seed: int) -> tuple[Tensor, Tensor]:
    """Return a level for all pairs and a noise for each: every condition meets the same ones."""
    levels = torch.full((shape[0],), (number + 0.5) / ROUNDS)
    generator = torch.Generator().manual_seed(1000 * seed + number)
    return levels, torch.randn(shape, generator=generator)
