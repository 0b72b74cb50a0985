"""Weights on disk: where they are, what identifies them, how ONNX ones are opened."""

import hashlib
import json
from collections.abc import Iterable, Sequence
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

import onnxruntime

from artsound.errors import ConfigError, MissingExtra
from artsound.settings import Clap, ImageBind

SOURCE = "artsound-source.json"  # beside weights that were fetched: repository and revision
UNFINISHED = "artsound-unfinished"  # beside weights whose download was begun, until it is finished
OURS = Path(__file__).parent / "weights"
SAFE = ("*.safetensors",)
CHECKPOINTS = (*SAFE, "*.pt", "*.pth", "*.ckpt")  # loaded as tensors alone, see `checkpoints`
BRING = "run `artsound models fetch`, or copy them there"
REVISION = 64  # hex digits of the sha256: all, so that a vector names its weights exactly


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


def require(what: str, packages: Iterable[str], install: str) -> None:
    """See to it, before anything runs, that the packages are there which will be imported when it does.

    Raises:
        MissingExtra: one is not; says how to install it.
    """
    if missing := [name for name in packages if find_spec(name) is None]:
        raise MissingExtra(f"{what} needs {', '.join(missing)}: {install}")


def sha256(path: Path) -> str:
    """Hash a file of any size; once a process as long as the file stays as it is."""
    about = path.stat()
    return _sha256(path, about.st_size, about.st_mtime_ns)


def sha256_of_all(paths: Iterable[Path]) -> str:
    """Hash several files in one: the same for the same names and contents, wherever they lie."""
    parts = sorted(f"{path.name} {sha256(path)}" for path in paths)
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def write_source(folder: Path, repo: str, revision: str) -> None:
    """Write down beside the weights where they were fetched from."""
    (folder / SOURCE).write_text(json.dumps({"repo": repo, "revision": revision}, indent=2) + "\n")


def unfinished(folder: Path) -> bool:
    """Say whether a download into the folder was begun and not finished."""
    return (folder / UNFINISHED).exists()


def revision_of(folder: Path) -> str:
    """Read which revision of its repository the weights in a folder are; empty where nobody wrote it down.

    Raises:
        ConfigError: the note beside the weights is damaged.
    """
    note = (folder if folder.is_dir() else folder.parent) / SOURCE
    if not note.is_file():
        return ""
    try:
        return str(json.loads(note.read_text(encoding="utf-8"))["revision"])
    except (ValueError, KeyError, TypeError) as error:
        raise ConfigError(f"{note} is damaged: delete it, or fetch the weights again") from error


def check_revision(folder: Path, wanted: str) -> None:
    """Hold what was fetched against what the settings name.

    Raises:
        ConfigError: the weights are of another revision.
    """
    found = revision_of(folder)
    if wanted and found and not found.startswith(wanted):
        raise ConfigError(
            f"{folder} holds revision {found}, the settings name {wanted}: move the folder away and run "
            "`artsound models fetch`, or change `revision`"
        )


def identity(name: str, weights: str) -> str:
    """Join a model's name and the sha256 of its weights to `name@revision`."""
    return f"{name}@{weights[:REVISION]}"


def kinds_of(chosen: object) -> Sequence[str]:
    """Give the patterns of the files that hold a model's weights, by the library that loads it."""
    any_kind = isinstance(chosen, ImageBind) or (isinstance(chosen, Clap) and chosen.library == "laion_clap")
    return CHECKPOINTS if any_kind else SAFE


def weights_in(folder: Path, *, kinds: Sequence[str] = SAFE) -> list[Path]:
    """List the weights in a folder, or the one file that is given.

    Args:
        folder: where they lie.
        kinds: patterns of the files; a pickle among them is up to who loads it.

    Raises:
        ConfigError: nothing is there, or only pickles, which could run code when loaded.
    """
    if folder.is_file():
        return [folder]
    if unfinished(folder):
        raise ConfigError(f"a download into {folder} was interrupted: run `artsound models fetch` again")
    found = sorted(path for kind in kinds for path in folder.glob(kind))
    if not found and kinds != SAFE:
        raise ConfigError(f"no weights ({', '.join(kinds)}) in {folder}: {BRING}")
    if not found:
        pickles = ", ".join(path.name for path in sorted(folder.glob("*.bin")) + sorted(folder.glob("*.pt")))
        there = f"only {pickles}, which can run code: convert it to safetensors" if pickles else BRING
        raise ConfigError(f"no *.safetensors weights in {folder}: {there}")
    return found


def folder_identity(name: str, folder: Path, *, kinds: Sequence[str] = SAFE) -> str:
    """Name a model `name:revision@sha256`, without the revision where it is not known.

    The folder's own name stands in for an empty name.
    """
    known = f":{revision}" if (revision := revision_of(folder)) else ""
    stem = name or folder.resolve().stem
    return identity(f"{stem}{known}", sha256_of_all(weights_in(folder, kinds=kinds)))


def weights_identity(name: str, folder: Path, precision: str, *, kinds: Sequence[str] = SAFE) -> str:
    """Name a model by its weights and, where it is not fp32, by the number format it computes in."""
    stem = (name or folder.resolve().stem).replace("/", "-")
    return folder_identity(in_precision(stem, precision), folder, kinds=kinds)


def in_precision(stem: str, precision: str) -> str:
    """Add the number format that a model computes in to its name, where it is not fp32."""
    return stem if precision == "fp32" else f"{stem}-{precision}"


def session(path: Path) -> onnxruntime.InferenceSession:
    """Open an ONNX model on one thread: sums in the same order give the same bits on any machine size."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


@lru_cache(maxsize=256)
def _sha256(path: Path, size: int, changed: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
