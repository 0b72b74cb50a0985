"""A finished release → a dataset repository on the Hugging Face Hub, or a list of what would be done.

The bytes go first, by hash and resumable; readers see nothing until the one commit that names them all.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from artsound.errors import MissingExtra, SourceError
from artsound.publish.place import sound
from artsound.release.manifest import MANIFEST, SUMS, ReleaseManifest

if TYPE_CHECKING:
    from huggingface_hub import CommitOperationAdd, HfApi


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
    yield f"commit all of it at once: {_title(made)}"
    yield f"tag v{made.version}"


def upload(folder: Path, repo: str) -> str:
    """Upload a release and tag it; what was uploaded before is not sent again. Returns the commit's address.

    Raises:
        ReleaseError: the release is damaged or must not be passed on.
        MissingExtra: huggingface_hub is not installed.
        SourceError: the Hub refuses, or does not answer.
    """
    made = sound(folder)
    api = _api()
    from huggingface_hub.errors import HfHubHTTPError  # noqa: PLC0415  # of the extra `publish`

    try:
        api.create_repo(repo, repo_type="dataset", exist_ok=True)
        operations = _operations(folder, made)
        api.preupload_lfs_files(repo, additions=operations, repo_type="dataset")
        done = api.create_commit(repo, operations, commit_message=_title(made), repo_type="dataset")
        api.create_tag(repo, tag=f"v{made.version}", repo_type="dataset", revision=done.oid)
    except (HfHubHTTPError, OSError) as error:
        raise SourceError(f"the Hub did not take {repo}: {str(error).splitlines()[0]}") from error
    return str(done.commit_url)


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
        raise MissingExtra(
            "the Hub needs huggingface_hub: pip install 'artsound-builder[publish]'"
        ) from error
    return HfApi()
