"""Who multiplies and keeps the best: three engines with one signature; `ranks.top` gives the same by each.

`blas` is in the core install. `faiss` takes a GPU where its GPU build finds one; `torch` takes one where
torch does, in float32 without TF32. Where the score of the k-th best is shared or nearly so, engines may
keep other columns: exact scoring decides what that means.
"""

from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float32

from artsound.errors import MissingExtra, extra
from artsound.matching import search
from artsound.matching.search import NONE, Engine, Found
from artsound.progress import track

PLANE = 1 << 26  # scores that torch holds at a time
QUERIES = 8192  # rows that FAISS is asked for at a time
DRIVER = Path("/proc/driver/nvidia/version")  # is there where an NVIDIA driver is loaded


def chosen(name: str) -> tuple[str, Engine]:
    """Find an engine by name; `auto` is torch or FAISS on a GPU where one can be used, else BLAS.

    Returns:
        Its name, with the device where it is not the processor; the engine.
    """
    if name == "auto":
        name = next((one for one in ("torch", "faiss") if DRIVER.exists() and _on_gpu(one)), "blas")
    return (f"{name} on a GPU" if _on_gpu(name) else name), ENGINES[name]


def _on_gpu(name: str) -> bool:
    """Say whether an engine is installed and finds a GPU."""
    try:
        if name == "torch":
            return bool(_torch().cuda.is_available())
        if name == "faiss":
            return _gpus(_faiss()) > 0
    except MissingExtra:
        pass
    return False


def installed() -> list[str]:
    """Name the engines that can be used here."""
    made = ["blas"]
    for name, load in (("faiss", _faiss), ("torch", _torch)):
        with suppress(MissingExtra):
            load()
            made.append(name)
    return made


def _gpus(faiss: Any) -> int:
    return int(faiss.get_num_gpus()) if hasattr(faiss, "StandardGpuResources") else 0


def by_faiss(
    rows: Float32[np.ndarray, "row dim"],
    columns: Float32[np.ndarray, "column dim"],
    k: int,
    *,
    prices: Float32[np.ndarray, "column"] | None = None,
    above: Float32[np.ndarray, "row"] | None = None,
) -> Found:
    """Search by FAISS `IndexFlatIP`; the price is one more dimension, −price against 1."""
    faiss = _faiss()
    price = np.zeros(len(columns), np.float32) if prices is None else prices
    index = faiss.IndexFlatIP(rows.shape[1] + 1)
    if _gpus(faiss):
        index = faiss.index_cpu_to_all_gpus(index)
    index.add(np.hstack([columns, -price[:, None]]))
    found, values = np.empty((len(rows), k), np.int32), np.empty((len(rows), k), np.float32)
    for start in track(range(0, len(rows), QUERIES), "exact pass"):
        some = rows[start : start + QUERIES]
        wide = np.hstack([some, np.ones((len(some), 1), np.float32)])
        values[start : start + QUERIES], found[start : start + QUERIES] = index.search(wide, k)
    return _above(found, values, above)


def _faiss() -> Any:
    try:
        import faiss  # noqa: PLC0415  # an extra
    except ImportError as error:
        raise MissingExtra(f"search by FAISS needs the extra `cpu` or `gpu`: {extra('cpu')}") from error
    return faiss


def by_torch(
    rows: Float32[np.ndarray, "row dim"],
    columns: Float32[np.ndarray, "column dim"],
    k: int,
    *,
    prices: Float32[np.ndarray, "column"] | None = None,
    above: Float32[np.ndarray, "row"] | None = None,
) -> Found:
    """Search by torch, block by block, on the GPU where there is one."""
    torch = _torch()
    device = "cuda" if torch.cuda.is_available() else "cpu"
    price = torch.zeros(len(columns)) if prices is None else torch.from_numpy(prices)
    price, wide = price.to(device), torch.from_numpy(np.ascontiguousarray(columns)).to(device)
    found, values = [], []
    step = max(1, PLANE // len(columns))
    for start in track(range(0, len(rows), step), "exact pass"):
        block = torch.from_numpy(np.ascontiguousarray(rows[start : start + step])).to(device)
        best = torch.topk(block @ wide.T - price, k, dim=1)
        found.append(best.indices.to("cpu", torch.int32).numpy())
        values.append(best.values.cpu().numpy())
    return _above(np.concatenate(found), np.concatenate(values), above)


def _torch() -> Any:
    try:
        import torch  # noqa: PLC0415  # an extra
    except ImportError as error:
        raise MissingExtra(f"search by torch needs the extra `models`: {extra('models')}") from error
    torch.backends.cuda.matmul.allow_tf32 = False  # its error is larger than what separates candidates
    return torch


def _above(found: Any, values: Any, above: Float32[np.ndarray, "row"] | None) -> Found:
    """Keep what exceeds a row's limit."""
    if above is None:
        return Found(found, values)
    kept = values > above[:, None]
    return Found(np.where(kept, found, NONE), np.where(kept, values, above[:, None]))


ENGINES: dict[str, Engine] = {"blas": search.best, "faiss": by_faiss, "torch": by_torch}
