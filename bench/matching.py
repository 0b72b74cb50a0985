"""Matching: speed of the exact pass, optimality, memory, and all selectors on the same data.

python -m bench.matching                 small and middle sizes
python -m bench.matching --full --dim 512    106,574 clips × 116,475 artworks; some ten minutes on two cores
    --engine torch --teraflops 67    on a GPU, beside the time that its arithmetic takes at least (H100: 67)
    --then check selectors    afterwards the independent check, and the selectors that prove nothing
python -m bench.matching --passes --dim 1280    the exact pass beside sgemm and FAISS
python -m bench.matching --rules artist places --sizes 30000    the optimum under rules, by passes
"""

import argparse
import importlib.util
import json
import logging
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from rich.console import Console
from scipy.optimize import linear_sum_assignment
from threadpoolctl import threadpool_info

from artsound import progress
from artsound.matching import check, optimal, search
from artsound.matching.candidates import CORRECTIONS, candidates
from artsound.matching.engines import ENGINES, chosen
from artsound.matching.optimal import Rules, solve
from artsound.matching.policy import Policy
from artsound.matching.scores import QUANTUM, Fused, quantise
from artsound.matching.selectors import SELECTORS
from bench.synthetic import Planted, planted

FULL = (106_574, 116_475)
FLOOR = -2.0  # below every score here
CHEAP = [name for name in SELECTORS if name != "optimal"]
TURNS = 7  # of each job that is compared
WORKS = 4  # of an artist, on average
RULES = {"artist": Policy(pairs_per_artist=3), "places": Policy(clips_per_artwork=3)}
Row = dict[str, Any]


def fused(made: Planted) -> Fused:
    """Give the vectors ids that sort as they stand; a third of the dimensions plays the captions."""
    art = [f"a{number:06d}" for number in range(len(made.art))]
    music = [f"c{number:06d}" for number in range(len(made.music))]
    cut = made.art.shape[1] // 3
    parts = {"sentence": slice(0, cut), "clip": slice(cut, None)}
    return Fused(art, music, made.art, made.music, 0.0, parts, dict.fromkeys(parts, 0.0))


@contextmanager
def measured(row: Row) -> Iterator[None]:
    """Note wall and CPU seconds, and peak memory above what is held already."""
    Path("/proc/self/clear_refs").write_text("5")  # the peak starts anew
    held, wall, cpu = _memory("VmRSS"), time.perf_counter(), time.process_time()
    yield
    row["wall_s"], row["cpu_s"] = round(time.perf_counter() - wall, 2), round(time.process_time() - cpu, 2)
    row["peak_gb"] = round((_memory("VmHWM") - held) / 2**20, 3)


def _memory(name: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name))


def kernels() -> list[str]:
    """Name each BLAS that is loaded and the processor whose kernels it took, which decide its speed."""
    if importlib.util.find_spec("faiss"):
        import faiss

        print(f"FAISS {faiss.__version__}: {faiss.get_compile_options().strip()}")
    loaded = (one for one in threadpool_info() if one["user_api"] == "blas")
    return sorted(
        f"{Path(one['filepath']).stem} {one['version']} for {one['architecture']}" for one in loaded
    )


def warm_up() -> None:
    """Compile all loops before anything is measured."""
    dense, optimal.DENSE_PAIRS = optimal.DENSE_PAIRS, 0
    solve(fused(planted(300, 330, 96)), Rules(Policy(), FLOOR))
    optimal.DENSE_PAIRS = dense


def pass_against_sgemm(made: Planted, rows: int = 6144) -> list[Row]:
    """Compare an exact pass with the bare product of the same matrices, and with FAISS."""
    some, art = made.music[:rows], made.art
    out = np.empty((2048, len(art)), np.float32)

    def sgemm() -> None:
        for start in range(0, len(some), 2048):
            part = some[start : start + 2048]
            np.matmul(part, art.T, out=out[: len(part)])

    least = np.full(len(some), 2.0, np.float32)
    prices = np.zeros(len(art), np.float32)
    jobs: dict[str, Callable[[], object]] = {
        "sgemm": sgemm,
        "pass, k=32": lambda: search.best(some, art, 32, prices=prices),
        "pass, prices": lambda: search.best(some, art, 64, prices=prices, above=least),
        **_faiss(some, art),
    }
    found: dict[str, list[float]] = {name: [] for name in jobs}
    for _ in range(TURNS):
        for name, job in jobs.items():
            start = time.process_time()
            job()
            found[name].append(time.process_time() - start)
    cpu = {name: float(np.median(times)) for name, times in found.items()}
    flop = 2.0 * len(some) * art.shape[0] * art.shape[1]
    return [
        {
            "job": n,
            "cpu_s": round(t, 2),
            "gflop_per_cpu_s": round(flop / t / 1e9),
            "of_sgemm": round(cpu["sgemm"] / t, 2),
        }
        for n, t in cpu.items()
    ]


def _faiss(some: np.ndarray, art: np.ndarray) -> dict[str, Callable[[], object]]:
    try:
        import faiss
    except ImportError:
        return {}
    index = faiss.IndexFlatIP(art.shape[1])
    index.add(art)
    return {"faiss flat, k=32": lambda: index.search(some, 32)}


def against_scipy() -> Row:
    """Reach the dense solver's objective on 3,000 × 3,300, by passes, not by the dense graph."""
    made = planted(3000, 3300, 256)
    both, row = fused(made), {}
    dense, optimal.DENSE_PAIRS = optimal.DENSE_PAIRS, 0
    with measured(row):
        found = solve(both, Rules(Policy(), FLOOR))
    optimal.DENSE_PAIRS = dense
    scores = quantise(made.music.astype(np.float64) @ made.art.astype(np.float64).T)
    rows, columns = linear_sum_assignment(scores, maximize=True)
    ours = int(scores[found.pairs[:, 1], found.pairs[:, 0]].sum())
    return row | {"passes": len(found.rounds) + 1, "ours": ours, "scipy": int(scores[rows, columns].sum())}


def optimum(
    made: Planted, policy: Policy, label: str, artist: np.ndarray | None = None, engine: str = "blas"
) -> tuple[Row, optimal.Solution]:
    """Solve one problem and report its passes, gap, time and memory."""
    name, search_by = chosen(engine)
    row: Row = {"data": label, "dim": made.art.shape[1], "engine": name}
    with measured(row):
        found = solve(fused(made), Rules(policy, FLOOR, artist=artist), engine=search_by)
    for number, done in enumerate(found.rounds):
        print(f"  pass {number + 2}: {done}", flush=True)
    if found.rounds:
        last = found.rounds[-1]
        row |= {
            "gap_percent": 100 * (last.bound - last.primal) / last.primal,
            "primal": round(last.primal, 6),
        }
    row |= {"passes": len(found.rounds) + 1, "pairs": len(found.pairs)}
    row["planted_found"] = round(float((made.partner[found.pairs[:, 1]] == found.pairs[:, 0]).mean()), 4)
    return row, found


def checked(made: Planted, found: optimal.Solution) -> Row:
    """Recompute primal value and bound by the independent checker."""
    row: Row = {}
    pairs = [(int(clip), int(art)) for art, clip in found.pairs]
    problem = check.Problem(
        made.music, made.art, pairs, found.art_price, found.music_price, [], [], (1, 1), 0.0, FLOOR
    )
    with measured(row):
        proved = check.prove(problem, Policy())
    return row | {"primal": proved.primal, "bound": proved.bound, "gap_percent": 100 * proved.gap}


def selectors(made: Planted, names: Sequence[str], correction: str = "none") -> list[Row]:
    """Let selectors choose on the same data, from the same candidates."""
    both = fused(made)
    row: Row = {"selector": "(candidates)"}
    with measured(row):
        found = candidates(both, correction=correction)
    rows = [row]
    for name in names:
        row = {"selector": name}
        with measured(row):
            pairs = SELECTORS[name](both, found)
        rows.append(row | quality(made, pairs))
    return rows


def quality(made: Planted, pairs: np.ndarray) -> Row:
    """Describe what a selector chose; a clip left out counts 0 in the mean."""
    clips = len(made.music)
    scores = np.zeros(clips)
    scores[pairs[:, 1]] = search.exact(made.art, made.music, pairs[:, 0], pairs[:, 1], 0.0) * QUANTUM
    same = made.art_theme[pairs[:, 0]] == made.music_theme[pairs[:, 1]]
    return {
        "clips": round(len(pairs) / clips, 4),
        "artworks_used": round(len(np.unique(pairs[:, 0])) / clips, 4),
        "mean": round(float(scores.mean()), 4),
        "worst_decile": round(float(np.sort(scores)[: clips // 10].mean()), 4),
        "planted": round(float((made.partner[pairs[:, 1]] == pairs[:, 0]).sum() / clips), 4),
        "theme": round(float(same.sum() / clips), 4),
    }


def floor(made: Planted, passes: int, teraflops: float) -> Row:
    """Say how long the products of the passes take at least, in float32."""
    flop = 2.0 * passes * len(made.music) * made.art.shape[0] * made.art.shape[1]
    return {"floor_s": round(flop / teraflops / 1e12, 2)}


class Device(NamedTuple):
    """Who multiplies at full size."""

    engine: str
    teraflops: float  # a second, in float32, that it is held against; 0: nothing


def full(dim: int, hubs: str, gap: float, jobs: Sequence[str], device: Device) -> None:
    """Solve and prove the full size; the exact pass is measured on a slice in the same run."""
    print(f"making vectors: {FULL[0]} clips, {FULL[1]} artworks, d = {dim}, {hubs}", flush=True)
    made = planted(*FULL, dim, hubs=hubs)
    passes = pass_against_sgemm(made, 3072)
    show("exact pass on 3,072 clips", passes)
    row, found = optimum(made, Policy(gap=gap), f"full, {hubs}", engine=device.engine)
    if device.teraflops:
        row |= floor(made, row["passes"], device.teraflops)
    one = next(r["cpu_s"] for r in passes if r["job"] == "pass, k=32") * FULL[0] / 3072
    show(
        "full size", [row | {"one_pass_cpu_s": round(one, 1), "cpu_in_passes": round(row["cpu_s"] / one, 2)}]
    )
    if "selectors" in jobs:
        show("selectors", [{"selector": "optimal"} | quality(made, found.pairs), *selectors(made, CHEAP)])
    if "check" in jobs:
        show("independent check", [checked(made, found)])


def under_rule(name: str, clips: int, dim: int, hubs: str) -> Row:
    """Solve with a limit an artist, or with places for three clips at a third as many artworks."""
    made = planted(clips, clips * FULL[1] // FULL[0], dim, hubs=hubs)
    artworks = clips * FULL[0] // FULL[1] // 3 if name == "places" else len(made.art)
    made = made._replace(art=made.art[:artworks])
    drawn = np.random.default_rng(7).integers(0, artworks // WORKS, artworks)
    artist = drawn.astype(np.int32) if name == "artist" else None
    row, _ = optimum(made, RULES[name], f"{clips} clips, {artworks} artworks, {name}", artist)
    if artist is not None:
        row["places"] = int(np.minimum(np.bincount(artist), RULES[name].pairs_per_artist).sum())
    return row


def show(title: str, rows: list[Row]) -> None:
    """Print rows, one JSON object a line."""
    print(f"## {title}")
    for row in rows:
        print(json.dumps(row), flush=True)


def main() -> None:
    """Run what the arguments ask for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--full", action="store_true")
    parser.add_argument("--passes", action="store_true", help="only the exact pass, at full width")
    parser.add_argument("--dim", type=int, default=512)
    parser.add_argument("--hubs", default="severe", choices=("none", "moderate", "severe"))
    parser.add_argument("--sizes", type=int, nargs="*", default=[10_000], help="clips, for the selectors")
    parser.add_argument("--gap", type=float, default=1e-5)
    parser.add_argument("--rules", nargs="*", default=(), choices=RULES)
    parser.add_argument("--engine", default="blas", choices=("auto", *ENGINES), help="of --full")
    parser.add_argument("--teraflops", type=float, default=0.0, help="a second, of the device; float32")
    parser.add_argument("--then", nargs="*", default=["check"], choices=("check", "selectors"))
    given = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    print(f"threads {os.cpu_count()}, load {os.getloadavg()[0]:.1f}; {', '.join(kernels())}")
    warm_up()
    if given.full:
        with progress.show(Console(stderr=True)):
            device = Device(given.engine, given.teraflops)
            full(given.dim, given.hubs, given.gap, given.then, device)
        return
    if given.passes:
        show(f"exact pass, d = {given.dim}", pass_against_sgemm(planted(3072, FULL[1], given.dim)))
        return
    if given.rules:
        with progress.show(Console(stderr=True)):
            rows = [under_rule(name, n, given.dim, given.hubs) for name in given.rules for n in given.sizes]
        show("under rules", rows)
        return
    show("exact pass, d = 512", pass_against_sgemm(planted(6144, 16384, 512)))
    show("against scipy, 3,000 × 3,300", [against_scipy()])
    for clips in given.sizes:
        artworks = clips * FULL[1] // FULL[0]
        data = planted(clips, artworks, given.dim, hubs=given.hubs)
        for correction in CORRECTIONS if clips <= 10_000 else ("none",):
            names = CHEAP if correction != "none" else ["optimal", *CHEAP]  # prices need no correction
            made = selectors(data, names, correction)
            show(f"selectors, {clips} × {artworks}, {given.hubs}, correction {correction}", made)


if __name__ == "__main__":
    main()
