"""Loss terms and noise levels: plain functions of tensors; one number a sample comes out."""

import torch
from torch import Tensor
from torch.nn import functional


def stratified_levels(count: int, generator: torch.Generator) -> Tensor:
    """Draw noise levels in [0, 1), one from each of `count` equal strata, in random order: less variance."""
    device = generator.device
    jitter = torch.rand(count, generator=generator, device=device)
    order = torch.randperm(count, generator=generator, device=device)
    return (order + jitter) / count


def logit_normal(levels: Tensor) -> Tensor:
    """Map uniform levels to a logit-normal law, which favours the middle of a flow's time.

    Source:
        Esser et al. 2024, arXiv:2403.03206, section 3.1.

    Examples:
        >>> logit_normal(torch.tensor([0.5])).item()
        0.5
    """
    return torch.sigmoid(torch.special.ndtri(levels.clamp(1e-4, 1 - 1e-4)))


def min_snr_weight(snr: Tensor, gamma: float, prediction: str) -> Tensor:
    """Weigh the squared error of a diffusion prediction so that easy noise levels do not dominate.

    Args:
        snr: α²/σ² of each sample.
        gamma: the cap; 5 in the source.
        prediction: `epsilon` or `v_prediction`.

    Source:
        Hang et al. 2023, arXiv:2303.09556, eq. 5 and section 3.4.

    Examples:
        >>> min_snr_weight(torch.tensor([1.0, 10.0]), 5.0, "epsilon")
        tensor([1.0000, 0.5000])
    """
    return snr.clamp(max=gamma) / (snr if prediction == "epsilon" else snr + 1)


def each(error: Tensor) -> Tensor:
    """Average over everything but the batch: (B, …) → (B,)."""
    return error.flatten(1).mean(1)


def flow_pair(clean: Tensor, noise: Tensor, times: Tensor) -> tuple[Tensor, Tensor]:
    """Return the point at each time on the straight path from data (0) to noise (1), and its velocity.

    Source:
        Lipman et al. 2023, arXiv:2210.02747; Liu et al. 2023, arXiv:2209.03003.
    """
    at = times.view(-1, *[1] * (clean.ndim - 1))
    return (1 - at) * clean + at * noise, noise - clean


def loa_loss(made: Tensor, target: Tensor) -> Tensor:
    """L1 plus one minus cosine between conditioning tokens, (B, token, dim) → (B,)."""
    return each((made - target).abs()) + (1 - functional.cosine_similarity(made, target, dim=-1)).mean(1)


def info_nce(made: Tensor, target: Tensor, temperature: Tensor) -> Tensor:
    """Symmetric contrastive loss of (B, dim) against (B, dim); the other rows of the batch are negatives.

    Source:
        van den Oord et al. 2018, arXiv:1807.03748; symmetric as in Radford et al. 2021.
    """
    logits = functional.normalize(made, dim=-1) @ functional.normalize(target, dim=-1).T / temperature
    own = torch.arange(len(logits), device=logits.device)
    there = functional.cross_entropy(logits, own, reduction="none")
    return (there + functional.cross_entropy(logits.T, own, reduction="none")) / 2
