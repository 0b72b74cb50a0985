"""Which models a run uses: where their weights lie, what identifies them, under which licence."""

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from artsound.errors import ConfigError, MissingExtra, SourceError, extra
from artsound.models import files, registry
from artsound.settings import Captioner, Clap, Clip, ImageBind, Settings

State = Literal["packaged", "on disk", "missing", "served"]
Weights = Clip | Clap | ImageBind | Captioner

PACKAGED = {"offline": "Apache-2.0 (our code)", "minilm-int8": "Apache-2.0", "style": "MIT and Apache-2.0"}
KNOWN = {  # what the cards said when this was written; the card beside the weights goes first
    r"qwen2\.5-vl-3b": "Qwen Research Licence, non-commercial",
    r"qwen2\.5-vl|qwen2-audio|qwen3-vl": "Apache-2.0",
    r"music-flamingo|audio-flamingo": "NVIDIA OneWay Noncommercial Licence",
    r"imagebind": "CC-BY-NC-4.0",
    r"clip-vit.*laion": "MIT",
    r"clap": "Apache-2.0",
}
UNKNOWN = "unknown: read the model's card"
BESIDE = ("*.json", "*.txt", "*.jinja", "*.model", "README.md", "LICENSE*")


@dataclass(frozen=True)
class Listed:
    """One model of a run."""

    role: str
    name: str  # name@revision; without a revision where there are no weights
    state: State
    where: str  # package, folder or address
    licence: str
    non_commercial: bool | None  # None: not known
    download: str  # what `artsound models fetch` would fetch; empty: nothing


def inventory(settings: Settings) -> list[Listed]:
    """List the models of a run; nothing is loaded, and the network is not touched."""
    given = settings.embeddings
    found = [
        _captioner("art captioner", settings.captions.art, "art_captioner"),
        _captioner("music captioner", settings.captions.music, "music_captioner"),
        _packaged("sentence encoder", given.sentence, registry.identity("text_encoder", given.sentence)),
        _packaged("image encoder", given.image, registry.identity("image_encoder", given.image)),
    ]
    return found + [_local(role, chosen, chosen.weights) for role, chosen in _spaces(settings)]


def fetch(settings: Settings) -> Iterator[str]:
    """Download what is missing into the folders that the settings name; yields one line a model.

    Raises:
        ConfigError: offline, or the settings name no repository, or one without such weights.
        SourceError: the hub does not answer, or does not know the repository or the revision.
        MissingExtra: huggingface_hub is not installed.
    """
    for role, chosen in _with_weights(settings):
        folder = _folder(chosen)
        if _present(folder, files.kinds_of(chosen)):
            files.check_revision(folder, chosen.revision)
            yield f"{role}: already in {folder}"
            continue
        if not (repo := _repo(chosen)):
            raise ConfigError(
                f"{role}: nothing in {folder}, and the settings name no `repo` to fetch it from"
            )
        if os.environ.get("HF_HUB_OFFLINE", "0") not in ("", "0"):
            raise ConfigError(
                f"{role}: offline (HF_HUB_OFFLINE), and nothing in {folder}: copy the weights there"
            )
        revision = _download(chosen, repo, folder)
        yield f"{role}: fetched {repo} at {revision} into {folder}"


def _repo(chosen: Weights) -> str:
    """Name the repository to fetch from; empty where the settings name none."""
    if isinstance(chosen, Clip) and chosen.pretrained and not chosen.repo:
        from artsound.models.openclip import repository_of  # noqa: PLC0415  # torch loads only when asked for

        return repository_of(chosen.model, chosen.pretrained)
    return chosen.repo


def _download(chosen: Weights, repo: str, folder: Path) -> str:
    """Fetch one commit whole; what was asked for is resolved to it first, and written down last."""
    try:
        from httpx2 import HTTPError  # noqa: PLC0415  # what the hub's client speaks with
        from huggingface_hub import HfApi, snapshot_download  # noqa: PLC0415  # part of an extra
        from huggingface_hub.errors import HfHubHTTPError  # noqa: PLC0415
    except ImportError as error:
        raise MissingExtra(f"fetching weights needs the extra `models`: {extra('models')}") from error
    hub = os.environ.get("HF_ENDPOINT") or None
    wanted = [*files.kinds_of(chosen), *BESIDE]
    try:
        revision = str(HfApi(hub).model_info(repo, revision=chosen.revision or None).sha)
        snapshot_download(repo, revision=revision, local_dir=folder, allow_patterns=wanted, endpoint=hub)
    except (HfHubHTTPError, HTTPError, OSError) as error:
        line = " ".join(str(error).split())[:200]
        raise SourceError(f"cannot fetch {f'{repo} {chosen.revision}'.strip()}: {line}") from error
    if not _present(folder, files.kinds_of(chosen)):
        kinds = ", ".join(files.kinds_of(chosen))
        raise ConfigError(f"{repo} at {revision} has no {kinds}: name another `repo`")
    files.write_source(folder, repo, revision)
    return revision


def _with_weights(settings: Settings) -> Iterator[tuple[str, Weights]]:
    for role, captioner in (
        ("art captioner", settings.captions.art),
        ("music captioner", settings.captions.music),
    ):
        if captioner.backend == "transformers":
            yield role, captioner
    yield from _spaces(settings)


def _spaces(settings: Settings) -> Iterator[tuple[str, Clip | Clap | ImageBind]]:
    given = settings.embeddings
    named = (("CLIP", given.clip), ("CLAP", given.clap), ("ImageBind", given.imagebind))
    yield from ((role, chosen) for role, chosen in named if chosen)


def _folder(chosen: Weights) -> Path:
    if chosen.weights is None:
        raise ConfigError("a local captioner needs `weights`, the folder of the model")
    return chosen.weights


def _captioner(role: str, chosen: Captioner, kind: str) -> Listed:
    if chosen.backend == "offline":
        return _packaged(role, "offline", registry.identity(kind, chosen))
    if chosen.backend == "transformers":
        return _local(role, chosen, _folder(chosen))
    licence = _known(chosen.model)
    return Listed(role, chosen.model, "served", chosen.endpoint.url, licence, _restricted(licence), "")


def _packaged(role: str, name: str, identity: str) -> Listed:
    licence = PACKAGED.get(name, UNKNOWN)
    return Listed(
        role, identity, "packaged", "installed with this package", licence, _restricted(licence), ""
    )


def _local(role: str, chosen: Weights, folder: Path) -> Listed:
    stem = "" if isinstance(chosen, Clap | ImageBind) else chosen.model
    licence = _card(folder) or _known(f"{chosen.repo} {stem} {folder.name}")
    if _present(folder, kinds := files.kinds_of(chosen)):
        name = files.weights_identity(stem, folder, chosen.precision, kinds=kinds)
        return Listed(role, name, "on disk", str(folder), licence, _restricted(licence), "")
    download = _repo(chosen) or "no `repo` in the settings"
    return Listed(role, stem or folder.name, "missing", str(folder), licence, _restricted(licence), download)


def _present(folder: Path, kinds: Sequence[str]) -> bool:
    return folder.is_file() or any(any(folder.glob(kind)) for kind in kinds)


def _card(folder: Path) -> str:
    """Read the licence from the head of a model card beside the weights; empty where there is none."""
    card = (folder if folder.is_dir() else folder.parent) / "README.md"
    if not card.is_file():
        return ""
    head = card.read_text(encoding="utf-8", errors="replace").partition("\n---")[0]
    found = re.search(r"^license(?:_name)?:\s*(\S+)", head, re.MULTILINE)
    return found.group(1) if found else ""


def _known(name: str) -> str:
    plain = name.lower().replace("_", "-")
    return next((licence for pattern, licence in KNOWN.items() if re.search(pattern, plain)), UNKNOWN)


def _restricted(licence: str) -> bool | None:
    if licence == UNKNOWN:
        return None
    return bool(re.search(r"non-?commercial|-nc-|-nc$|research", licence.lower()))
