"""Checkpoints as tensors by name: safetensors, or pickles that hold nothing but tensors and numbers."""

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import torch

from artsound.errors import ConfigError

_SCALAR: Any = np.float64(0).__reduce__()[0]  # what rebuilds a number of numpy's
PLAIN: list[Any] = [  # what published checkpoints keep beside the tensors, such as the best score so far
    np.dtype,
    np.dtypes.Float32DType,
    np.dtypes.Float64DType,
    np.dtypes.Int64DType,
    (_SCALAR, "numpy.core.multiarray.scalar"),
    (_SCALAR, "numpy._core.multiarray.scalar"),
]


def tensors_in(path: Path) -> dict[str, Any]:
    """Read the tensors of a checkpoint, without the prefix that training on several GPUs leaves.

    Raises:
        ConfigError: the file is damaged, or a pickle that wants to run code.
    """
    found = _safetensors(path) if path.suffix == ".safetensors" else _pickled(path)
    return {name.removeprefix("module."): tensor for name, tensor in found.items()}


def _safetensors(path: Path) -> dict[str, Any]:
    from safetensors import SafetensorError  # noqa: PLC0415  # part of an extra
    from safetensors.torch import load_file  # noqa: PLC0415

    try:
        return dict(load_file(path))
    except (OSError, SafetensorError) as error:
        raise ConfigError(f"cannot read the weights {path}: {error}") from error


def _pickled(path: Path) -> dict[str, Any]:
    try:
        with torch.serialization.safe_globals(PLAIN):
            given = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise ConfigError(
            f"{path} is a pickle that holds more than tensors and could run code: convert it to safetensors"
        ) from error
    except (OSError, RuntimeError, EOFError, ValueError) as error:
        raise ConfigError(f"cannot read the weights {path}: {' '.join(str(error).split())[:160]}") from error
    found = given.get("state_dict", given) if isinstance(given, dict) else None
    if not found or not all(isinstance(one, torch.Tensor) for one in found.values()):
        raise ConfigError(f"{path} holds no tensors by name: it is not a checkpoint of a model")
    return dict(found)
