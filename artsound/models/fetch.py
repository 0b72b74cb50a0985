"""Downloads the weights that a run names: one commit whole, held to the checksums that the hub lists.

What was stopped goes on with the file it had come to; until all are there, nothing loads from the folder.
"""

import hashlib
import os
from collections.abc import Iterable, Iterator
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from artsound.errors import ConfigError, MissingExtra, SourceError, extra
from artsound.models import files
from artsound.models.inventory import Weights, folder_of, present, repo_of, with_weights
from artsound.settings import Settings
from artsound.store import disk_errors

LOOSE = {kind.removeprefix("*") for kind in files.CHECKPOINTS}  # endings of a single file of weights
BESIDE = ("*.json", "*.txt", "*.jinja", "*.model", "README.md", "LICENSE*")


def fetch(settings: Settings) -> Iterator[str]:
    """Download what is missing into the folders that the settings name; yields one line a model.

    Raises:
        ConfigError: offline, or the settings name no repository, or one without such weights.
        SourceError: the hub does not answer, does not know the repository or the revision, or sends other
            bytes than it lists.
        MissingExtra: huggingface_hub is not installed.
    """
    for role, chosen in with_weights(settings):
        folder = folder_of(chosen)
        if present(folder, files.kinds_of(chosen)):
            files.check_revision(folder, chosen.revision)
            yield f"{role}: already in {folder}"
            continue
        if folder.suffix in LOOSE:
            raise ConfigError(f"{role}: {folder} names a file that is not there; `fetch` wants a folder")
        if not (repo := repo_of(chosen)):
            raise ConfigError(
                f"{role}: nothing in {folder}, and the settings name no `repo` to fetch it from"
            )
        if os.environ.get("HF_HUB_OFFLINE", "0") not in ("", "0"):
            raise ConfigError(
                f"{role}: offline (HF_HUB_OFFLINE), and nothing in {folder}: copy the weights there"
            )
        revision = _download(chosen, repo, folder)
        yield f"{role}: fetched {repo} at {revision} into {folder}"


def _download(chosen: Weights, repo: str, folder: Path) -> str:
    """Fetch one commit whole; what was asked for is resolved to it first, and written down last."""
    try:
        from httpx2 import HTTPError  # noqa: PLC0415  # what the hub's client speaks with
        from huggingface_hub import HfApi, snapshot_download  # noqa: PLC0415  # part of an extra
        from huggingface_hub.errors import HfHubHTTPError  # noqa: PLC0415
    except ImportError as error:
        raise MissingExtra(f"fetching weights needs the extra `models`: {extra('models')}") from error
    hub = os.environ.get("HF_ENDPOINT") or None
    kinds = files.kinds_of(chosen)
    wanted = [*kinds, *BESIDE]
    try:
        told = HfApi(hub).model_info(repo, revision=chosen.revision or None, files_metadata=True)
        listed = [one for one in told.siblings or [] if any(fnmatch(one.rfilename, kind) for kind in wanted)]
        if not any(fnmatch(one.rfilename, kind) for one in listed for kind in kinds):
            raise ConfigError(
                f"{repo} at {told.sha} has no {', '.join(kinds)}: name another `repo`, or convert its weights"
            )
        with disk_errors(folder):
            folder.mkdir(parents=True, exist_ok=True)
            (folder / files.UNFINISHED).write_text(f"{repo} {told.sha}\n")
        snapshot_download(repo, revision=told.sha, local_dir=folder, allow_patterns=wanted, endpoint=hub)
    except (HfHubHTTPError, HTTPError, OSError) as error:
        line = " ".join(str(error).split())[:200]
        raise SourceError(f"cannot fetch {f'{repo} {chosen.revision}'.strip()}: {line}") from error
    _check(folder, listed)
    files.write_source(folder, repo, str(told.sha))
    (folder / files.UNFINISHED).unlink()
    return str(told.sha)


def _check(folder: Path, listed: Iterable[Any]) -> None:
    """Hold what came against the checksums that the hub lists; what differs is removed.

    Raises:
        SourceError: a file has other bytes.
    """
    for one in listed:
        path = folder / one.rfilename
        same = files.sha256(path) == one.lfs.sha256 if one.lfs else one.blob_id in (None, _git_blob(path))
        if not same:
            path.unlink()
            raise SourceError(f"{path} came with other bytes than the hub lists: run the same command again")


def _git_blob(path: Path) -> str:
    """Hash a small file as git does, which is how the hub lists what it does not keep as a large one."""
    data = path.read_bytes()
    return hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()
