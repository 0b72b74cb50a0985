"""Claim: our metrics on arrays give the figures of the packages that the field uses.

    make reference && python -m bench.metrics [THEIR PYTHON]     (default: build/reference/bin/python)

The same seeded arrays on both sides: embeddings of generated and real clips, and logits of a classifier.
All is the same arithmetic but FAD∞, an extrapolation from random subsets, the mean over ten draws on each
side: fadtk draws with replacement and from the judged side alone, so the bias of the set itself stays in it.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from artsound.evaluate import classes
from artsound.evaluate.diversity import vendi
from artsound.evaluate.frechet import frechet, frechet_infinity
from artsound.evaluate.kernel import kernel_distance, median_distance

THEIRS = Path("build/reference/bin/python")
CLIPS, DIM, CLASSES = 2_000, 16, 50
SEEDS = 10  # of the extrapolation, whose subsets are drawn


def arrays() -> dict[str, np.ndarray]:
    """Draw embeddings that differ in mean and spread, and logits that differ a little."""
    rng = np.random.default_rng(0)
    mix = rng.normal(size=(DIM, DIM)) / np.sqrt(DIM)
    real = rng.normal(size=(CLIPS, DIM)) @ mix
    ours = 1.1 * rng.normal(size=(CLIPS, DIM)) @ mix + 0.2
    wanted = 2 * rng.normal(size=(CLIPS, CLASSES))
    logits = wanted + rng.normal(size=(CLIPS, CLASSES))
    return {
        "ours": ours,
        "real": real,
        "wanted": wanted,
        "logits": logits,
        "width": np.array(median_distance(real)),
    }


def our_figures(given: dict[str, np.ndarray]) -> dict[str, float]:
    """Measure with our own functions."""
    ours, real = given["ours"], given["real"]
    return {
        "FAD": frechet(ours, real),
        "FAD∞": float(np.mean([frechet_infinity(ours, real, seed=seed).value for seed in range(SEEDS)])),
        "KAD": kernel_distance(ours, real, float(given["width"])),
        "IS": classes.inception_score(classes.softmax(given["logits"])),
        "KL softmax": float(classes.kl_softmax(given["wanted"], given["logits"]).mean()),
        "Vendi": vendi(ours),
    }


def their_figures(given: dict[str, np.ndarray], python: Path) -> dict[str, float]:
    """Let the reference packages measure the same arrays."""
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "arrays.npz"
        np.savez(path, **given)
        script = Path(__file__).with_name("metrics_reference.py")
        done = subprocess.run([python, script, path], check=True, capture_output=True, text=True)  # noqa: S603
    found: dict[str, float] = json.loads(done.stdout)
    return found


def compare(python: Path) -> list[tuple[str, float, float]]:
    """Return (metric and package, theirs, ours)."""
    given = arrays()
    ours = our_figures(given)
    return [(name, value, ours[name.split(",")[0]]) for name, value in their_figures(given, python).items()]


def main() -> None:
    """Print a table."""
    python = Path(sys.argv[1]) if len(sys.argv) > 1 else THEIRS
    if not python.exists():
        print(f"{python} is not there: `make reference` makes it; left out here")
        return
    print(f"{'metric, package':<28} {'theirs':>12} {'ours':>12} {'difference':>12}")
    for name, theirs, ours in compare(python):
        print(f"{name:<28} {theirs:>12.6f} {ours:>12.6f} {abs(ours / theirs - 1):>12.1e}")


if __name__ == "__main__":
    main()
