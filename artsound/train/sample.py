"""Samplers: free functions of a prediction function; guidance happens here and nowhere else."""

import hashlib
from collections.abc import Callable

import torch
from torch import Tensor

from artsound.errors import ConfigError
from artsound.progress import track

Predict = Callable[[Tensor, Tensor], Tensor]  # (noisy latents, time a sample) → prediction


def guided(predict: Predict, unconditional: Predict | None, guidance: float) -> Predict:
    """Follow the direction from the null conditioning to the given one `guidance` times.

    Source:
        Ho and Salimans 2022, arXiv:2207.12598, eq. 6 (their w is `guidance` − 1).
    """
    if unconditional is None or guidance == 1:
        return predict
    return lambda noisy, times: torch.lerp(unconditional(noisy, times), predict(noisy, times), guidance)


@torch.no_grad()
def flow(velocity: Predict, noise: Tensor, steps: int | Tensor) -> Tensor:
    """Go from noise (time 1) to data (time 0) along a velocity, by the midpoint rule.

    A velocity that does not change along the path is followed exactly. Steps are even, or given as times
    from 1 to 0, (step + 1,).
    """
    times = torch.linspace(1, 0, steps + 1, device=noise.device) if isinstance(steps, int) else steps
    here = noise
    for number in track(range(len(times) - 1), "sampling"):
        now, step = times[number].expand(len(noise)), times[number] - times[number + 1]
        middle = here - velocity(here, now) * (step / 2)
        here = here - velocity(middle, now - step / 2) * step
    return here


@torch.no_grad()
def ping_pong(velocity: Predict, noise: Tensor, times: Tensor) -> Tensor:
    """Go to data in one step, back to a lower noise level with new noise, and so on: for distilled flows.

    The new noise of a row depends on its first noise alone, so the same request gives the same sound,
    whatever else is in the batch.
    """
    generators = [_generator(row) for row in noise]
    here = noise
    for number in track(range(len(times) - 1), "sampling"):
        now, after = times[number], times[number + 1]
        clean = here - now * velocity(here, now.expand(len(noise)))
        fresh = torch.stack([torch.randn(noise.shape[1:], generator=one) for one in generators])
        here = (1 - after) * clean + after * fresh.to(noise.device)
    return here


def _generator(row: Tensor) -> torch.Generator:
    digest = hashlib.sha256(row.cpu().contiguous().numpy().tobytes()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:8]) >> 1)


def visited(steps: int, trained: int) -> Tensor:
    """Choose time steps of the training, evenly spaced, from its last, which is all noise, downwards.

    Raises:
        ConfigError: more steps than the training had.

    Source:
        Lin et al. 2024, arXiv:2305.08891, section 3.3 ("trailing").

    Examples:
        >>> visited(4, 1000)
        tensor([999, 749, 499, 249])
    """
    if not 1 <= steps <= trained:
        raise ConfigError(f"{steps} steps make no sense: the prior was trained with {trained}, ask for fewer")
    return (torch.arange(steps, 0, -1, dtype=torch.float64) * (trained / steps)).round().long() - 1


@torch.no_grad()
def ddim(epsilon: Predict, noise: Tensor, steps: int, kept: Tensor) -> Tensor:
    """Go from noise to data by deterministic implicit steps on predicted noise.

    Args:
        epsilon: predicts the noise; its time is an index into `kept`.
        noise: standard normal, (B, …).
        steps: how many of the training's time steps are visited, see `visited`.
        kept: share of the signal's variance that is left at each training time step, ᾱ.

    Raises:
        ConfigError: more steps than the training had.

    Source:
        Song et al. 2021, arXiv:2010.02502, eq. 12 with σ = 0.
    """
    times = visited(steps, len(kept)).to(noise.device)
    here = noise
    for number in track(range(steps), "sampling"):
        now = times[number]
        alpha = kept[now]
        after = kept[times[number + 1]] if number + 1 < steps else kept[0]
        made = epsilon(here, now.expand(len(noise)))
        clean = (here - (1 - alpha).sqrt() * made) / alpha.sqrt()
        here = after.sqrt() * clean + (1 - after).sqrt() * made
    return here
