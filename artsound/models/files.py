"""Weights on disk: where they are, what identifies them, how ONNX ones are opened."""

import hashlib
from collections.abc import Iterable
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

import onnxruntime

from artsound.errors import MissingExtra

OURS = Path(__file__).parent / "weights"
REVISION = 16  # hex digits of the sha256; enough that no two weights share a name


def in_package(package: str, relative: str) -> Path:
    """Find a file that a Python package ships, without importing the package.

    Raises:
        MissingExtra: the package is not installed, or lacks the file.
    """
    spec = find_spec(package)
    for folder in spec.submodule_search_locations or () if spec else ():
        if (path := Path(folder, relative)).is_file():
            return path
    raise MissingExtra(
        f"the package {package.replace('_', '-')} with {relative} is missing: install it by pip"
    )


def sha256(path: Path) -> str:
    """Hash a file of any size; once a process as long as the file stays as it is."""
    about = path.stat()
    return _sha256(path, about.st_size, about.st_mtime_ns)


def sha256_of_all(paths: Iterable[Path]) -> str:
    """Hash several files in one: the same for the same names and contents, wherever they lie."""
    parts = sorted(f"{path.name} {sha256(path)}" for path in paths)
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def identity(name: str, weights: str) -> str:
    """Join a model's name and the sha256 of its weights to `name@revision`."""
    return f"{name}@{weights[:REVISION]}"


def session(path: Path) -> onnxruntime.InferenceSession:
    """Open an ONNX model on one thread: sums in the same order give the same bits on any machine size."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


@lru_cache(maxsize=256)
def _sha256(path: Path, size: int, changed: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
