"""Claim: the small prior, a projector and the real release path learn a pairing that is known, and no other.

    artsound train synthetic build/planted --pairs 1000 --seed 1
    artsound build --config build/planted/build.toml
    python -m bench.planted build/planted 1 0 1      (the set's seed, then the seeds to train with)

Every seed prepares and trains anew by the set's own `train.toml`, then trains a control on training images
that are re-paired at random, on the same cache and prior. The control's gap shall be at most 0.01: below 0
own images explain sounds worse than others do. Measured on the test split, which nothing was fitted to:
losses under common noise for own, other and no images; whether a sound finds its own image by likelihood;
whether the pitch of what is generated follows the hue. Attributes of sounds are read by ridge regression from
log-mel statistics, fitted on real training sounds. The recipe was chosen on the set of seed 0: take another.
"""

import json
import shutil
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

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
from artsound.train.run import Session, prepare, run
from artsound.train.settings import TrainSettings
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


def figures(folder: Path, release: Path, split: str = "test", drawn: int = 0) -> Figures:
    """Measure a trained run on the planted set it was trained on, which was drawn with some seed."""
    model = load_model(folder)
    session = Session(model.settings.model_copy(update={"release": release, "run": folder}), model=model)
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
    sounds = _planted(release, drawn, "train", training["audio"])
    heard = _probed(model, training["audio"], sounds, made)
    wanted = _planted(release, drawn, split, families["audio"], side=("artwork", "artwork_id"))[rows]
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


def _planted(
    release: Path, drawn: int, split: str, family: Family, side: tuple[str, str] = ("music", "track_id")
) -> Floats:
    """Return the attributes behind one side of each pair, in the cache's order."""
    found = {}
    for path in sorted((release / "data").glob(f"{split}-*.parquet")):
        table = pq.read_table(path, columns=["pair_id", "meta"]).to_pydict()
        for pair, meta in zip(table["pair_id"], table["meta"], strict=True):
            found[pair] = json.loads(meta)[side[0]][side[1]]
    return np.array([synthetic.attributes(drawn, synthetic.number_of(found[pair])) for pair in family.ids])


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


def experiment(folder: Path, drawn: int, seeds: list[int]) -> Iterator[dict[str, Any]]:
    """Train and measure with every seed, and the control of each."""
    for seed in seeds:
        chosen = _settings(folder, seed)
        shutil.rmtree(chosen.run, ignore_errors=True)
        started = time.process_time(), time.monotonic()
        prepare(chosen)
        trained = run(chosen).parent
        spent = {"cpu_s": time.process_time() - started[0], "wall_s": time.monotonic() - started[1]}
        yield {
            "seed": seed,
            "pairs are": "planted",
            **spent,
            **asdict(figures(trained, chosen.release, drawn=drawn)),
        }
        noised = chosen.objective.model_copy(update={"pair_noise": 1.0})
        control = chosen.model_copy(update={"run": chosen.run / "control", "objective": noised})
        shutil.rmtree(control.run, ignore_errors=True)
        for name in ("cache", "prior"):
            shutil.copytree(chosen.run / name, control.run / name)
        found = figures(run(control).parent, chosen.release, drawn=drawn)
        yield {"seed": seed, "pairs are": "random", **asdict(found)}


def _settings(folder: Path, seed: int) -> TrainSettings:
    """Take the set's settings with another seed for weights, order and noise."""
    given = TrainSettings.load(folder / "train.toml")
    seeded = {
        name: getattr(given, name).model_copy(update={"seed": seed})
        for name in ("prior", "pretrain", "warm", "loop")
    }
    machine = given.machine.model_copy(update={"threads": 1})
    return given.model_copy(update={**seeded, "run": folder / f"run-{seed}", "machine": machine})


def main() -> None:
    """Print one line of JSON a run."""
    if len(sys.argv) < 4:
        print(
            "give the folder of a synthetic set that was built, its seed, seeds to train with; left out here"
        )
        return
    torch.set_num_threads(1)
    for found in experiment(Path(sys.argv[1]), int(sys.argv[2]), [int(seed) for seed in sys.argv[3:]]):
        print(json.dumps(found), flush=True)


if __name__ == "__main__":
    main()
