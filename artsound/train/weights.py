"""Weights of priors that others trained: a folder, or what the hub's client has already fetched.

Nothing is downloaded on the quiet: these are gigabytes under licences that a user must have seen.
"""

import warnings
from pathlib import Path
from typing import Any

from artsound.errors import ConfigError

PRIOR = "prior.weights"


def folder_of(weights: str, revision: str | None, licence: str, setting: str = PRIOR) -> Path:
    """Find a checkpoint.

    Args:
        weights: a folder, or an id such as `cvssp/audioldm2-music` that was fetched before.
        revision: of the hub id; None takes what `main` was when it was fetched.
        licence: of these weights, for the message.
        setting: that names the weights, for the message.

    Raises:
        ConfigError: none is named, or it is not on this machine: how to fetch it, and under which licence.
    """
    from huggingface_hub import snapshot_download  # noqa: PLC0415
    from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError  # noqa: PLC0415

    if not weights:
        raise ConfigError(f"{setting} is empty: name an id of the hub, or the folder that has the weights")
    if Path(weights).is_dir():
        return Path(weights)
    try:
        return Path(snapshot_download(weights, revision=revision, local_files_only=True))
    except HFValidationError as error:  # a path, not an id
        raise ConfigError(
            f"the weights {weights} are not there: fetch them with `hf download ID --local-dir {weights}`, "
            f"or name the folder that has them in {_named(setting)}. Their licence is {licence}"
        ) from error
    except LocalEntryNotFoundError as error:
        at = f" --revision {revision}" if revision else ""
        raise ConfigError(
            f"the weights {weights} are not on this machine: run `hf download {weights}{at}`, or name "
            f"a folder that has them in {_named(setting)}. Their licence is {licence}"
        ) from error


def _named(setting: str) -> str:
    """Say where weights are named: those of a prior may lie elsewhere when a model is used."""
    return f"{setting} (`--weights` of `generate` and `evaluate`)" if setting == PRIOR else setting


def load_part(kind: Any, folder: Path, part: str) -> Any:
    """Load one model, tokenizer or scheduler of a checkpoint, in single precision, without a network.

    Raises:
        ConfigError: the part is missing, damaged or of another kind.
    """
    if not (folder / part).is_dir():
        raise ConfigError(f"{folder} has no {part}: fetch the weights again")
    try:
        with warnings.catch_warnings():  # of libraries about each other
            warnings.simplefilter("ignore", FutureWarning)
            return kind.from_pretrained(folder / part, local_files_only=True)
    except (OSError, ValueError, RuntimeError, KeyError, TypeError) as error:
        first = str(error).strip().splitlines()[0]
        raise ConfigError(f"{folder / part} cannot be loaded: {first}") from error
