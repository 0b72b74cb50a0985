"""A finished release → a dataset repository on the Hugging Face Hub, or a list of what would be done.

The bytes go first, by hash and resumable; readers see nothing until the one commit that names them all.
"""

import hashlib
from collections.abc import Iterator, Sequence
from http.client import PRECONDITION_FAILED
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from artsound.errors import ConfigError, MissingExtra, ReleaseError, SourceError, extra
from artsound.publish.place import sound
from artsound.publish.versions import check_bump, numbers
from artsound.receive.diff import compared
from artsound.receive.fetch import has
from artsound.receive.find import Published
from artsound.receive.place import open_place
from artsound.release.layout import FOLDERS
from artsound.release.manifest import MANIFEST, ROLES, SUMS, VERSION, ReleaseManifest, local_manifest

if TYPE_CHECKING:
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi

OWN = tuple(FOLDERS.get(role, role) for role in ROLES if role != "document")  # folders of a release


def plan_upload(folder: Path, repo: str) -> Iterator[str]:
    """Say what `upload` would do, a line an operation; touches nothing.

    Raises:
        ConfigError: no repository can have this name.
        ReleaseError: the release is damaged or must not be passed on.
        MissingExtra: huggingface_hub is not installed.
    """
    _check_name(repo)
    made = sound(folder)
    yield f"create dataset repository {repo} unless it is there"
    yield "refuse if the newest version there is higher, or needs a higher one to follow on it"
    for operation in _operations(folder, made):
        info = operation.upload_info
        yield f"add {operation.path_in_repo} {info.size} B sha256 {info.sha256.hex()}"
    yield f"delete what an earlier version has in {', '.join(OWN)} and this one has not"
    yield f"commit all of it at once, unless others commit meanwhile: {_title(made)}"
    yield f"tag v{made.version}"


def upload(folder: Path, repo: str) -> str:
    """Upload a release and tag it; run it again after a stop, what arrived is not sent again.

    Returns the commit's address.

    Raises:
        ConfigError: no repository can have this name.
        ReleaseError: the release is damaged, must not be passed on, is there with other content, or has a
            version that may not follow on the newest there.
        MissingExtra: huggingface_hub is not installed.
        SourceError: the Hub refuses, or does not answer.
    """
    _check_name(repo)
    made = sound(folder)
    api = _api()
    from httpx2 import HTTPError  # noqa: PLC0415  # what the hub's client speaks with

    tag = f"v{made.version}"
    try:
        api.create_repo(repo, repo_type="dataset", exist_ok=True)
        head = api.repo_info(repo, repo_type="dataset").sha
        tags = {one.name for one in api.list_repo_refs(repo, repo_type="dataset").tags}
        if tag in tags and _is_there(api, repo, tag, folder):
            return f"{api.endpoint}/datasets/{repo}/tree/{tag}"
        _check_follows(api, repo, tags, made, folder)
        operations = _operations(folder, made)
        api.preupload_lfs_files(repo, additions=operations, repo_type="dataset")
        gone = _left_over(api, repo, operations)
        done = api.create_commit(
            repo,
            (*operations, *gone),
            commit_message=_title(made),
            repo_type="dataset",
            parent_commit=head,  # refused if others have committed meanwhile, whose work would be undone
        )
        api.create_tag(repo, tag=tag, repo_type="dataset", revision=done.oid)
    except (HTTPError, OSError, RuntimeError) as error:
        told = str(error.__cause__ or error).splitlines()[0]  # the client wraps what went wrong
        if getattr(getattr(error, "response", None), "status_code", None) == PRECONDITION_FAILED:
            told = "others have committed to it meanwhile"
        raise SourceError(f"the Hub did not take {repo}: {told}; run the same command again") from error
    return str(done.commit_url)


def _check_name(repo: str) -> None:
    _api()
    from huggingface_hub.errors import HFValidationError  # noqa: PLC0415
    from huggingface_hub.utils import validate_repo_id  # type: ignore[attr-defined]  # noqa: PLC0415

    try:
        validate_repo_id(repo)
    except HFValidationError as error:
        raise ConfigError(f"{repo!r} is no repository: name it owner/name ({error})") from error


def _is_there(api: "HfApi", repo: str, tag: str, folder: Path) -> bool:
    """Say whether a tagged version has this very manifest.

    Raises:
        ReleaseError: it has another.
    """
    data = (folder / MANIFEST).read_bytes()
    git = hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()
    for found in api.get_paths_info(repo, [MANIFEST], revision=tag, repo_type="dataset"):
        if getattr(found, "blob_id", None) == git:
            return True
    raise ReleaseError(f"{tag} is on the Hub already, with other content: bump it")


def _check_follows(api: "HfApi", repo: str, tags: set[str], made: ReleaseManifest, folder: Path) -> None:
    """Refuse a version that may not follow on the newest one that is tagged.

    Raises:
        ReleaseError: a higher one is there, or this one says less than what changed.
    """
    known = [tag[1:] for tag in tags if tag.startswith("v") and VERSION.fullmatch(tag[1:])]
    newest = max(known, key=numbers, default="0.0.0")
    if numbers(newest) > numbers(made.version):
        raise ReleaseError(
            f"{repo} has {newest}, and readers get what was uploaded last: {made.version} cannot follow on it"
        )
    if not known:
        return
    from huggingface_hub.errors import EntryNotFoundError  # noqa: PLC0415

    with TemporaryDirectory() as place:

        def fetch(path: str) -> Path:
            told = api.hf_hub_download(
                repo, path, revision=f"v{newest}", repo_type="dataset", local_dir=place
            )
            return Path(str(told))

        try:
            before = local_manifest(fetch(MANIFEST).parent)
        except EntryNotFoundError:  # a tag that is no release of ours
            return
        for record in before.files:
            if record.role in compared(before, made):
                fetch(record.path)
                if not has(Path(place), record):
                    raise SourceError(f"{record.path} of v{newest} in {repo} is damaged: verify that version")
        check_bump(Published(open_place(place), before), Published(open_place(folder), made))


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
