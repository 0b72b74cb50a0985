"""A finished release → a dataset repository on the Hugging Face Hub, or a list of what would be done.

The bytes go first, by hash and resumable; readers see nothing until the one commit that names them all.
"""

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from artsound.errors import MissingExtra, ReleaseError, SourceError, extra
from artsound.publish.place import sound
from artsound.release.layout import FOLDERS
from artsound.release.manifest import MANIFEST, ROLES, SUMS, ReleaseManifest

if TYPE_CHECKING:
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi

OWN = tuple(FOLDERS.get(role, role) for role in ROLES if role != "document")  # folders of a release


def plan_upload(folder: Path, repo: str) -> Iterator[str]:
    """Say what `upload` would do, a line an operation; touches nothing.

    Raises:
        ReleaseError: the release is damaged or must not be passed on.
        MissingExtra: huggingface_hub is not installed.
    """
    made = sound(folder)
    yield f"create dataset repository {repo} unless it is there"
    for operation in _operations(folder, made):
        info = operation.upload_info
        yield f"add {operation.path_in_repo} {info.size} B sha256 {info.sha256.hex()}"
    yield f"delete what an earlier version has in {', '.join(OWN)} and this one has not"
    yield f"commit all of it at once: {_title(made)}"
    yield f"tag v{made.version}"


def upload(folder: Path, repo: str) -> str:
    """Upload a release and tag it; run it again after a stop, what arrived is not sent again.

    Returns the commit's address.

    Raises:
        ReleaseError: the release is damaged, must not be passed on, or is there with other content.
        MissingExtra: huggingface_hub is not installed.
        SourceError: the Hub refuses, or does not answer.
    """
    made = sound(folder)
    api = _api()
    from httpx2 import HTTPError  # noqa: PLC0415  # what the hub's client speaks with

    tag = f"v{made.version}"
    try:
        api.create_repo(repo, repo_type="dataset", exist_ok=True)
        if _is_there(api, repo, tag, folder):
            return f"{api.endpoint}/datasets/{repo}/tree/{tag}"
        operations = _operations(folder, made)
        api.preupload_lfs_files(repo, additions=operations, repo_type="dataset")
        gone = _left_over(api, repo, operations)
        done = api.create_commit(repo, (*operations, *gone), commit_message=_title(made), repo_type="dataset")
        api.create_tag(repo, tag=tag, repo_type="dataset", revision=done.oid)
    except (HTTPError, OSError, RuntimeError) as error:
        told = str(error.__cause__ or error).splitlines()[0]  # the client wraps what went wrong
        raise SourceError(f"the Hub did not take {repo}: {told}; run the same command again") from error
    return str(done.commit_url)


def _is_there(api: "HfApi", repo: str, tag: str, folder: Path) -> bool:
    """Say whether this version is tagged already, with this very manifest."""
    if all(one.name != tag for one in api.list_repo_refs(repo, repo_type="dataset").tags):
        return False
    data = (folder / MANIFEST).read_bytes()
    git = hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()
    for found in api.get_paths_info(repo, [MANIFEST], revision=tag, repo_type="dataset"):
        if getattr(found, "blob_id", None) == git:
            return True
    raise ReleaseError(f"{tag} is on the Hub already, with other content: bump it")


def _left_over(
    api: "HfApi", repo: str, operations: Sequence["CommitOperationAdd"]
) -> Iterator["CommitOperationDelete"]:
    """Find files of an earlier version that readers would take for parts of this one."""
    from huggingface_hub import CommitOperationDelete  # noqa: PLC0415

    own = {operation.path_in_repo for operation in operations}
    for path in api.list_repo_files(repo, repo_type="dataset"):
        if path not in own and path.partition("/")[0] in OWN:
            yield CommitOperationDelete(path_in_repo=path)


def _operations(folder: Path, made: ReleaseManifest) -> list["CommitOperationAdd"]:
    _api()
    from huggingface_hub import CommitOperationAdd  # noqa: PLC0415

    paths = [*(record.path for record in made.files), *made.loose, SUMS, MANIFEST]
    return [CommitOperationAdd(path_in_repo=path, path_or_fileobj=folder / path) for path in paths]


def _title(made: ReleaseManifest) -> str:
    return f"{made.name} {made.version}: {made.pairs} pairs"


def _api() -> "HfApi":
    try:
        from huggingface_hub import HfApi  # noqa: PLC0415
    except ImportError as error:
        raise MissingExtra(f"the Hub needs huggingface_hub: {extra('publish')}") from error
    return HfApi()
