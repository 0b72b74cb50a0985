"""A small transformer that predicts the velocity of a flow, conditioned by cross-attention.

Source:
    Peebles and Xie 2023, arXiv:2212.09748: adaLN-zero blocks; cross-attention as their section 3.2 names it.
"""

import math

import torch
from torch import Tensor, nn

from artsound.train.attention import Attention, feed_forward
from artsound.train.prior import Slot


class DiT(nn.Module):
    """Latents (B, token, component), times (B,), conditioning (B, n, dim) → velocity like the latents."""

    def __init__(self, components: int, cond: Slot, *, width: int, blocks: int, heads: int) -> None:
        super().__init__()
        self.width = width
        self.null = nn.Parameter(torch.zeros(cond.tokens, cond.dim))
        self.enter = nn.Linear(components, width)
        self.cond_in = nn.Linear(cond.dim, width)
        self.cond_place = nn.Parameter(torch.randn(cond.tokens, width) * 0.02)
        self.time = nn.Sequential(nn.Linear(width, width), nn.SiLU(), nn.Linear(width, width))
        self.blocks = nn.ModuleList(Block(width, heads) for _ in range(blocks))
        self.modulate = nn.Linear(width, 2 * width)
        self.norm = nn.LayerNorm(width, elementwise_affine=False)
        self.leave = nn.Linear(width, components)
        for layer in (self.modulate, self.leave):
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)

    def forward(self, noisy: Tensor, times: Tensor, cond: Tensor) -> Tensor:
        """Predict noise minus data."""
        places = torch.arange(noisy.shape[1], device=noisy.device)
        x = self.enter(noisy) + sinusoids(places, self.width)
        when = self.time(sinusoids(times * 1000, self.width))
        context = self.cond_in(cond) + self.cond_place
        for block in self.blocks:
            x = block(x, when, context)
        shift, scale = self.modulate(when).unsqueeze(1).chunk(2, dim=-1)
        return self.leave(self.norm(x) * (1 + scale) + shift)  # type: ignore[no-any-return]


class Block(nn.Module):
    """Self-attention, cross-attention and feed-forward, each scaled, shifted and gated by the time."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width, elementwise_affine=False)
        self.own, self.cross = Attention(width, heads), Attention(width, heads)
        self.feed = feed_forward(width)
        self.modulate = nn.Sequential(nn.SiLU(), nn.Linear(width, 9 * width))
        last = self.modulate[1]
        nn.init.zeros_(last.weight)  # type: ignore[arg-type]
        nn.init.zeros_(last.bias)  # type: ignore[arg-type]

    def forward(self, x: Tensor, when: Tensor, context: Tensor) -> Tensor:
        """Return (B, token, width); the identity before training."""
        shifts = self.modulate(when).unsqueeze(1).chunk(9, dim=-1)
        x = x + shifts[2] * self.own(self._at(x, shifts[0], shifts[1]))
        x = x + shifts[5] * self.cross(self._at(x, shifts[3], shifts[4]), context)
        return x + shifts[8] * self.feed(self._at(x, shifts[6], shifts[7]))  # type: ignore[no-any-return]

    def _at(self, x: Tensor, shift: Tensor, scale: Tensor) -> Tensor:
        return self.norm(x) * (1 + scale) + shift  # type: ignore[no-any-return]


def sinusoids(places: Tensor, width: int) -> Tensor:
    """Code places (n,) as (n, width): cosines and sines at geometric frequencies.

    Examples:
        >>> sinusoids(torch.zeros(1), 4)
        tensor([[1., 1., 0., 0.]])
    """
    half = width // 2
    rates = torch.exp(torch.arange(half, device=places.device) * (-math.log(10_000) / half))
    angles = places.float().unsqueeze(-1) * rates
    return torch.cat([angles.cos(), angles.sin()], dim=-1)
