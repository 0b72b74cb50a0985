"""Claims about training: the loop costs little beside its steps, and cached latents are read fast.

    python -m bench.train

* loop: samples per CPU-second through the whole loop, divided by those of bare steps (forward, backward,
  clipping, optimiser) on tensors that are already in memory; the same model, batches and number of steps.
* cache: rows of AudioLDM2's size (latents 8 × 256 × 16, targets 8 × 768, tokens 17 × 1024, half precision),
  gathered at random in batches of 64 from several files, per CPU-second.
"""

import json
import os
import sys
import tempfile
import time
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")  # two spinning threads would measure each other

import numpy as np
import torch

from artsound.train.batches import Batches
from artsound.train.cache import Family, Header, read_part, write_part
from artsound.train.loop import Job, train
from artsound.train.objective import ProjectorObjective
from artsound.train.prior import Slot
from artsound.train.projector import Conditioner, Ends
from artsound.train.settings import Loop, Machine, Objective, Projector, SmallPrior
from artsound.train.small import SmallAudioPrior

STEPS, BATCH = 40, 32
PAIRS = 640
BIG = {"latents": (8, 256, 16), "target.loa": (8, 768)}
TOKENS = {"content": (17, 1024)}


def family(folder: Path, name: str, shapes: dict[str, tuple[int, ...]], rows: int, part: int) -> Family:
    """Write random rows and open them."""
    for start in range(0, rows, part):
        header = Header("bench", "bench", tuple(f"{start + one:016x}" for one in range(part)), (1.0,) * part)
        tensors = {key: torch.randn(part, *shape) for key, shape in shapes.items()}
        write_part(folder / name / f"train-{start:05d}.safetensors", header, tensors)
    return Family([read_part(path) for path in sorted((folder / name).glob("*.safetensors"))])


def objective(prior: SmallAudioPrior) -> ProjectorObjective:
    """A projector over the small prior, as it is trained by default."""
    slot = prior.cond_spec["loa"]
    mean = {"loa": torch.zeros(*slot)}
    ends = Ends({"content": Slot(16, 10)}, prior.cond_spec, mean, {"loa": torch.ones(*slot)}, mean)
    return ProjectorObjective(prior, Conditioner(ends, Projector(), {}), Objective())


def bare_steps(made: ProjectorObjective, batches: Batches) -> float:
    """CPU-seconds of the steps alone, their data in memory."""
    ready = [batches.gather(batches.places(step * BATCH, BATCH)) for step in range(STEPS)]
    parameters = [one for one in made.parameters() if one.requires_grad]
    optimizer = torch.optim.AdamW(parameters, lr=1e-3)
    generator = torch.Generator().manual_seed(0)
    started = time.process_time()
    for batch in ready:
        made(batch, generator)["loss"].backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        optimizer.zero_grad()
    return time.process_time() - started


def loop_ratio(folder: Path) -> dict[str, float]:
    """Measure loop and bare steps in turns; the medians of three."""
    prior = SmallAudioPrior(SmallPrior())
    prior.network.requires_grad_(False)
    families = {
        "audio": family(folder, "audio", {"latents": prior.latent_shape, "target.loa": (8, 16)}, PAIRS, 128),
        "visual": family(folder, "visual", {"content": (16, 10)}, PAIRS, 128),
    }
    batches = Batches(families, Objective(), seed=0)
    loop = Loop(samples=STEPS * BATCH, batch=BATCH, checkpoint_every=STEPS * BATCH)
    bare, whole = [], []
    for turn in range(4):  # the first warms up
        bare.append(bare_steps(objective(prior), batches))
        job = Job("bench", objective(prior), batches, loop, folder / f"run-{turn}", {})
        started = time.process_time()
        train(job, Machine(threads=1))
        whole.append(time.process_time() - started)
    one, other = (float(np.median(times[1:])) for times in (bare, whole))
    rates = {name: STEPS * BATCH / spent for name, spent in (("bare", one), ("loop", other))}
    return {f"{name} samples/CPU-s": rate for name, rate in rates.items()} | {"ratio": one / other}


def read_rate(folder: Path, seconds: float = 3.0) -> dict[str, float]:
    """Gather random batches of both families for some CPU-seconds."""
    families = [family(folder, "big", BIG, 512, 128), family(folder, "tokens", TOKENS, 512, 128)]
    rng, read, started = np.random.default_rng(0), 0, time.process_time()
    while time.process_time() - started < seconds:
        rows = rng.integers(0, 512, 64)
        for one in families:
            one.gather(rows)
        read += len(rows)
    return {"samples/CPU-s": read / (time.process_time() - started)}


def main() -> None:
    """Print both claims as JSON."""
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as name:
        found = {"loop": loop_ratio(Path(name) / "loop"), "cache": read_rate(Path(name) / "cache")}
    json.dump(found, sys.stdout, indent=2)
    print()


if __name__ == "__main__":
    main()
