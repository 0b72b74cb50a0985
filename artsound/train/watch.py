"""What is measured and played at every checkpoint: a little of the validation split."""

import hashlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from artsound import __version__
from artsound.train.cache import Family
from artsound.train.heldout import held_out
from artsound.train.model import Model
from artsound.train.sound import write_picture, write_wav

MEASURED = 64  # pairs of the split


@torch.no_grad()
def conditioned(
    model: Model, families: Mapping[str, Family], rows: NDArray[np.int64]
) -> tuple[Tensor, dict[str, Tensor]]:
    """Read cached pairs: latents, and the conditioning that the model makes of their images."""
    latents = families["audio"].gather(rows)["latents"].float().to(model.device)
    return latents, model.seen(families["visual"].gather(rows))


def measure(model: Model, families: Mapping[str, Family]) -> dict[str, float]:
    """Hold own images against others'; nothing where there are fewer than two pairs."""
    rows = np.arange(min(MEASURED, len(families["audio"])))
    if len(rows) < 2:
        return {}
    latents, cond = conditioned(model, families, rows)
    found = held_out(model, latents, cond, seed=0)
    return {
        "val_matched": float(found.matched.mean()),
        "val_gap": found.gap,
        "val_win_rate": found.win_rate,
    }


def play(model: Model, families: Mapping[str, Family], folder: Path) -> None:
    """Write what the model makes of a few images: the same images and noise every time, to be compared."""
    count = min(model.settings.sampling.heard, len(families["audio"]))
    if not count:
        return
    rows, sampling = np.arange(count), model.settings.sampling
    latents, cond = conditioned(model, families, rows)
    noise = torch.stack([_noise(families["audio"].ids[row], latents.shape[1:]) for row in rows])
    null = model.conditioner.nothing(count)
    made = model.prior.sample(cond, null, noise.to(latents.device), sampling.steps, sampling.guidance)
    folder.mkdir(parents=True, exist_ok=True)
    for row, samples in zip(rows, model.prior.decode(made).float().cpu().numpy(), strict=True):
        pair = families["audio"].ids[row]
        about = {"image": pair, "software": f"artsound {__version__}"}
        write_wav(folder / f"{pair}.wav", samples, model.prior.rate, about)
        write_picture(folder / f"{pair}.png", samples, model.prior.rate)


def _noise(name: str, shape: torch.Size) -> Tensor:
    seed = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8]) >> 1
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))
