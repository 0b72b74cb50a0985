"""Claim: the small prior, a projector and the real release path learn a pairing that is known.

    python -m bench.planted RUN RELEASE      (after `make train-demo`: build/train-demo/run and its release)

On the test split, which nothing was fitted to: losses under common noise for own, other and no images;
whether a sound finds its own image by likelihood; whether the pitch of what is generated follows the hue.
Attributes of sounds are read by ridge regression from log-mel statistics, fitted on real training sounds.
"""

import json
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import torch
from numpy.typing import NDArray
from scipy.stats import spearmanr

from artsound.evaluate.alignment import derangements
from artsound.train import synthetic
from artsound.train.cache import Family
from artsound.train.heldout import held_out, likelihood_ranks
from artsound.train.model import Model, load_model
from artsound.train.run import Session
from artsound.train.small import SmallAudioPrior
from artsound.train.watch import conditioned

RIDGE = 30.0
MOST = 128  # test pairs that are looked at

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Figures:
    """What is asked of the generator on the planted set."""

    pairs: int
    matched: float
    shuffled: float
    null: float
    gap: float  # (shuffled − matched) / null
    win_rate: float
    recall_at_1: float
    chance: float
    rho: dict[str, float]  # attribute → rank correlation of what is generated with its own image
    rho_shuffled: dict[str, float]  # with other images, mean over derangements


def figures(run: Path, release: Path, split: str = "test") -> Figures:
    """Measure a trained run on the planted set it was trained on."""
    model = load_model(run)
    session = Session(model.settings.model_copy(update={"release": release, "run": run}), model=model)
    families, training = session.families(split), session.families("train")
    rows = np.arange(min(MOST, len(families["audio"])))
    latents, cond = conditioned(model, families, rows)
    losses = held_out(model, latents, cond, seed=0)
    ranks = likelihood_ranks(model, latents, cond, seed=0)
    noise = torch.randn(latents.shape, generator=torch.Generator().manual_seed(0))
    sampling = model.settings.sampling
    made = model.prior.sample(
        cond, model.conditioner.nothing(len(rows)), noise, sampling.steps, sampling.guidance
    )
    heard = _probed(
        model, training["audio"], _planted(release, "train", ("music", "track_id"), training["audio"]), made
    )
    wanted = _planted(release, split, ("artwork", "artwork_id"), families["audio"])[rows]
    orders = derangements(len(rows), seed=0)
    names = synthetic.Attributes._fields
    return Figures(
        pairs=len(rows),
        matched=float(losses.matched.mean()),
        shuffled=float(losses.shuffled.mean()),
        null=float(losses.null.mean()),
        gap=losses.gap,
        win_rate=losses.win_rate,
        recall_at_1=float((ranks == 1).mean()),
        chance=1 / len(rows),
        rho={name: _rho(heard[:, at], wanted[:, at]) for at, name in enumerate(names)},
        rho_shuffled={
            name: float(np.mean([_rho(heard[:, at], wanted[order, at]) for order in orders]))
            for at, name in enumerate(names)
        },
    )


def _planted(release: Path, split: str, key: tuple[str, str], family: Family) -> Floats:
    """Return the attributes behind one side of each pair, in the cache's order."""
    found = {}
    for path in sorted((release / "data").glob(f"{split}-*.parquet")):
        table = pq.read_table(path, columns=["pair_id", "meta"]).to_pydict()
        for pair, meta in zip(table["pair_id"], table["meta"], strict=True):
            found[pair] = json.loads(meta)[key[0]][key[1]]
    return np.array([synthetic.attributes(0, synthetic.number_of(found[pair])) for pair in family.ids])


def _probed(model: Model, training: Family, attributes: Floats, made: torch.Tensor) -> Floats:
    """Read the attributes of generated latents by what real sounds teach."""
    prior = model.prior
    assert isinstance(prior, SmallAudioPrior)
    real = _statistics(prior, training.gather(np.arange(len(training)))["latents"].float())
    mean, spread = real.mean(0), real.std(0) + 1e-6
    known, asked = (real - mean) / spread, (_statistics(prior, made) - mean) / spread
    centre = attributes.mean(0)
    weights = np.linalg.solve(
        known.T @ known + RIDGE * np.eye(known.shape[1]), known.T @ (attributes - centre)
    )
    return np.asarray(asked @ weights + centre)


def _statistics(prior: SmallAudioPrior, latents: torch.Tensor) -> Floats:
    """Mean, spread and mean change over time of every mel band."""
    mel = prior.codec.mel_of(latents)
    change = (mel[:, 1:] - mel[:, :-1]).abs().mean(1)
    return torch.cat([mel.mean(1), mel.std(1), change], dim=1).double().numpy()


def _rho(one: Floats, other: Floats) -> float:
    return float(spearmanr(one, other).statistic)


def main() -> None:
    """Print the figures as JSON."""
    if len(sys.argv) != 3:
        print("give the folders of a run and of its release, as `make train-demo` leaves them; left out here")
        return
    torch.set_num_threads(1)
    json.dump(asdict(figures(Path(sys.argv[1]), Path(sys.argv[2]))), sys.stdout, indent=2)
    print()


if __name__ == "__main__":
    main()
