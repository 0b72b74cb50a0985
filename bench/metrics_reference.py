"""The other side of `bench.metrics`: figures of the reference packages, under their own interpreter.

    <their python> bench/metrics_reference.py ARRAYS.npz

Imports nothing of ours. Names that their modules import for models and file formats are stood in for; the
arithmetic that is asked for is theirs, untouched.
"""

import importlib.abc
import importlib.machinery
import json
import sys
import tempfile
import types
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

ABSENT = (  # top-level names that only models need
    *("torchaudio", "hypy_utils", "laion_clap", "encodec", "librosa", "msclap", "nnAudio", "transformers"),
    *("fadtk.model_loader", "fadtk.fad_batch", "kadtk.model_loader", "kadtk.emb_loader", "kadtk.fad"),
    *("soundfile", "resampy", "skimage", "torchvision", "PIL", "torchlibrosa", "ssr_eval", "absl"),
    *("audioldm_eval.eval", "matplotlib"),
)


SEEDS = 10  # of the extrapolation


class Absent(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Gives an empty module, whose every name is a function that hands its argument back."""

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: types.ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """Take the names that are not installed."""
        known = any(name == one or name.startswith(f"{one}.") for one in ABSENT)
        return importlib.machinery.ModuleSpec(name, self, is_package=True) if known else None

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> types.ModuleType:
        """Make the module."""
        module = types.ModuleType(spec.name)
        module.__all__ = []
        module.__getattr__ = lambda name: Quiet  # type: ignore[method-assign]
        return module

    def exec_module(self, module: types.ModuleType) -> None:
        """Do nothing."""


class Quiet:
    """Stands for loggers, progress bars and base classes."""

    def __new__(cls, items: Any = None, *_: Any, **__: Any) -> Any:
        """Hand a progress bar's items back."""
        return items if items is not None else object.__new__(cls)

    def __getattr__(self, name: str) -> Any:
        return lambda *_, **__: None


def answer() -> None:
    """Print the figures as JSON."""
    warnings.simplefilter("ignore")
    sys.meta_path.insert(0, Absent())
    arrays = dict(np.load(sys.argv[1]))
    sys.stdout, out = sys.stderr, sys.stdout  # they print
    found = figures(arrays)
    json.dump(found, out)


def figures(arrays: Mapping[str, np.ndarray]) -> dict[str, float]:
    """Ask every package on the same arrays."""
    from audioldm_eval.metrics.kl import calculate_kl
    from fadtk.fad import calc_embd_statistics, calc_frechet_distance
    from kadtk.kad import calc_kernel_audio_distance
    from torch_fidelity.metric_fid import fid_features_to_statistics, fid_statistics_to_metric
    from torch_fidelity.metric_isc import isc_features_to_metric
    from torch_fidelity.metric_kid import kernel_rbf, mmd2
    from vendi_score.vendi import score_dual

    ours, real, logits, wanted = (arrays[name] for name in ("ours", "real", "logits", "wanted"))
    pair = tuple(torch.from_numpy(one) for one in (ours, real))
    width = float(arrays["width"])
    kernels = [
        kernel_rbf(*two, kid_kernel_rbf_sigma=width) for two in ((ours, ours), (ours, real), (real, real))
    ]
    names = {"file_path_": [str(row) for row in range(len(logits))]}
    kl = calculate_kl(
        {**names, "logits": torch.from_numpy(logits)}, {**names, "logits": torch.from_numpy(wanted)}, "logits"
    )[0]
    return {
        "FAD, fadtk": float(calc_frechet_distance(*calc_embd_statistics(ours), *calc_embd_statistics(real))),
        "FAD, torch-fidelity": fid_statistics_to_metric(*map(fid_features_to_statistics, pair), False)[
            "frechet_inception_distance"
        ],
        "FAD∞, fadtk": infinite(ours, real),
        "KAD, kadtk": float(calc_kernel_audio_distance(*pair, (None, None), "cpu", precision=torch.float64)),
        "KAD, torch-fidelity": 100 * float(mmd2(*kernels)),
        "IS, torch-fidelity": isc_features_to_metric(torch.from_numpy(logits), splits=1)[
            "inception_score_mean"
        ],
        "KL softmax, audioldm-eval": kl["kullback_leibler_divergence_softmax"],
        "Vendi, vendi-score": float(score_dual(ours)),
    }


def infinite(ours: np.ndarray, real: np.ndarray) -> float:
    """Extrapolate by fadtk: it draws subsets of the judged side alone, with replacement."""
    from fadtk.fad import FrechetAudioDistance

    made = object.__new__(FrechetAudioDistance)
    made.ml = types.SimpleNamespace(name="arrays")
    with tempfile.TemporaryDirectory() as name:
        stats, judged = Path(name) / "stats" / "arrays", Path(name) / "ours.npy"
        stats.mkdir(parents=True)
        np.save(stats / "mu.npy", real.mean(0))
        np.save(stats / "cov.npy", np.cov(real, rowvar=False))
        np.save(judged, ours)
        found = []
        for seed in range(SEEDS):
            np.random.seed(seed)  # it draws from the global state
            found.append(made.score_inf(name, [judged]).score)
        return float(np.mean(found))


if __name__ == "__main__":
    answer()
