"""Which models a run uses: where their weights lie, what identifies them, under which licence."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from artsound.errors import ConfigError
from artsound.models import files, registry
from artsound.settings import Captioner, Clap, Clip, ImageBind, Settings

State = Literal["packaged", "on disk", "missing", "served"]
Weights = Clip | Clap | ImageBind | Captioner

PACKAGED = {"offline": "Apache-2.0 (our code)", "minilm-int8": "Apache-2.0", "style": "MIT and Apache-2.0"}
KNOWN = {  # what the cards said when this was written; a card beside the weights that names one goes first
    r"qwen2\.5-vl-3b": "Qwen Research Licence, non-commercial",
    r"qwen2\.5-vl-72b": "Qwen Licence: a large service needs leave of its maker",
    r"qwen2\.5-vl-(7b|32b)|qwen2-vl-7b|qwen2-audio-7b|qwen3-vl": "Apache-2.0",
    r"music-flamingo|audio-flamingo": "NVIDIA OneWay Noncommercial Licence",
    r"imagebind": "CC-BY-NC-4.0",
    r"clip-vit.*laion": "MIT",
    r"larger-clap-(general|music)|clap-htsat-(un)?fused": "Apache-2.0",
}
UNKNOWN = "unknown: read the model's card"
OTHER = "one of its own"
OPEN = r"(apache|mit\b|bsd|cc0|cc-by(-sa)?-[\d.]+$|unlicense|isc\b|mpl)"  # commercial use is free


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


def repo_of(chosen: Weights) -> str:
    """Name the repository to fetch from; empty where the settings name none."""
    if isinstance(chosen, Clip) and chosen.pretrained and not chosen.repo:
        from artsound.models.openclip import repository_of  # noqa: PLC0415  # torch loads only when asked for

        return repository_of(chosen.model, chosen.pretrained)
    return chosen.repo


def with_weights(settings: Settings) -> Iterator[tuple[str, Weights]]:
    """Go through the models whose weights lie in folders: role and settings."""
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


def folder_of(chosen: Weights) -> Path:
    """Give the folder that the settings name for the weights."""
    if chosen.weights is None:
        raise ConfigError("a local captioner needs `weights`, the folder of the model")
    return chosen.weights


def _captioner(role: str, chosen: Captioner, kind: str) -> Listed:
    if chosen.backend == "offline":
        return _packaged(role, "offline", registry.identity(kind, chosen))
    if chosen.backend == "transformers":
        return _local(role, chosen, folder_of(chosen))
    licence = _known(chosen.model)
    return Listed(role, chosen.model, "served", chosen.endpoint.url, licence, _restricted(licence), "")


def _packaged(role: str, name: str, identity: str) -> Listed:
    licence = PACKAGED.get(name, UNKNOWN)
    return Listed(
        role, identity, "packaged", "installed with this package", licence, _restricted(licence), ""
    )


def _local(role: str, chosen: Weights, folder: Path) -> Listed:
    stem = "" if isinstance(chosen, Clap | ImageBind) else chosen.model
    licence = _licence_of(folder, f"{chosen.repo} {stem} {folder.name}")
    if present(folder, kinds := files.kinds_of(chosen)):
        name = files.weights_identity(stem, folder, chosen.precision, kinds=kinds)
        return Listed(role, name, "on disk", str(folder), licence, _restricted(licence), "")
    download = repo_of(chosen) or "no `repo` in the settings"
    return Listed(role, stem or folder.name, "missing", str(folder), licence, _restricted(licence), download)


def present(folder: Path, kinds: Sequence[str]) -> bool:
    """Say whether weights lie there, and no download of them was interrupted."""
    there = folder.is_file() or any(any(folder.glob(kind)) for kind in kinds)
    return there and not files.unfinished(folder)


def _licence_of(folder: Path, names: str) -> str:
    """Read the licence on the card beside the weights; where it names none, what is known of the names."""
    told = _card(folder)
    licence = told.get("license", "")
    if licence.lower() not in {"", "other", "unknown"}:
        return licence
    if named := told.get("license_name", ""):
        return named
    known, link = _known(names), told.get("license_link", "")
    return f"{OTHER}, see {link}" if known == UNKNOWN and "://" in link else known


def _card(folder: Path) -> dict[str, str]:
    """Read what a model card beside the weights says of the licence; empty where there is no card."""
    card = (folder if folder.is_dir() else folder.parent) / "README.md"
    if not card.is_file():
        return {}
    head = card.read_text(encoding="utf-8-sig", errors="replace").partition("\n---")[0]
    found = re.findall(r"^(license(?:_name|_link)?):[ \t]*(?:\n?[ \t]*-[ \t]+)?(.*)$", head, re.MULTILINE)
    return {name: value.partition(" #")[0].strip(" \t\"'[]") for name, value in found}


def _known(name: str) -> str:
    plain = name.lower().replace("_", "-")
    return next((licence for pattern, licence in KNOWN.items() if re.search(pattern, plain)), UNKNOWN)


def _restricted(licence: str) -> bool | None:
    """Say whether a licence excludes commercial use; None where its name does not settle it."""
    if re.search(r"non-?commercial|\bnc\b|research", licence.lower().replace("_", "-")):
        return True
    return False if re.match(OPEN, licence.lower()) else None
