"""`artsound.load`: a release, here or far away → the pairs of one split."""

import fcntl
import hashlib
import os
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from artsound.errors import ConfigError, ReleaseError
from artsound.loader.pairs import Pairs
from artsound.loader.shards import COLUMNS, MEDIA, SHARDS, Groups, Sample
from artsound.receive.fetch import fetch
from artsound.receive.find import find
from artsound.receive.place import Place
from artsound.release.columns import cut_columns
from artsound.release.layout import Format
from artsound.release.manifest import FileRecord, ReleaseManifest
from artsound.store import disk_errors


def load(
    place: str | Path,
    split: str = "train",
    version: str | None = None,
    *,
    format: Format | None = None,
    columns: Sequence[str] | None = None,
    decode: Callable[[Sample], Sample] | None = None,
) -> Pairs:
    """Open one split of a release; nothing is read but the manifest.

    From a URL, a shard is fetched when its first pair is asked for, checked, and kept for the next time in
    `$ARTSOUND_CACHE`, else in `~/.cache/artsound`. To have all of it beforehand, `artsound pull`.

    Args:
        place: folder or URL of a release, or of a dataset.
        split: train, val or test.
        version: the one to open; None: the newest, or the one that lies there.
        format: webdataset or parquet; None prefers the tars, where any pair is one hop away.
        columns: of the samples, None for all that are there; media that are left out are not read.
        decode: what to make of a sample, in the process that reads it: `artsound.Decode(...)` or any
            function. None leaves media as bytes and `meta` as JSON text.

    Raises:
        ConfigError: no such split, format or column.
        ReleaseError: what is there is not the release that was asked for.
        SourceError: nothing is there, or the place does not answer.
    """
    found = find(str(place), version)
    made, folder = found.manifest, found.place.shown
    only = cut_columns(made) or COLUMNS
    there = [column for column in COLUMNS if column in only and (made.media or column not in MEDIA)]
    if unknown := [column for column in columns or () if column not in there]:
        raise ConfigError(f"{folder} has no columns {unknown}: choose from {', '.join(there)}")
    if split not in made.splits:
        raise ConfigError(f"{folder} has no split {split!r}, only {', '.join(made.splits)}")
    form = format or _format(made)
    records = [record for record in made.files if record.role == form and record.split == split]
    if not records:
        raise ConfigError(f"{folder} has no {form} shards of {split}")
    chosen, groups = tuple(there if columns is None else columns), Groups()
    shards = [
        SHARDS[form](partial(_here, found.place, record, _cache(made)), record.rows or 0, chosen, groups)
        for record in records
    ]
    return Pairs(tuple(shards), decode, f"{made.name}-{made.version}/{split}")


def _here(place: Place, record: FileRecord, cache: Path) -> Path:
    """Have a shard on this machine; of processes that want the same one, one fetches it."""
    if not place.far:
        return Path(place.url, record.path)
    path = cache / record.path
    with disk_errors(cache):
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = path.with_name(f"{path.name}.lock").open("a")
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not path.is_file():  # it was hashed before it got its name
            fetch(place, record, cache)
    return path


def _cache(made: ReleaseManifest) -> Path:
    root = os.environ.get("ARTSOUND_CACHE") or Path.home() / ".cache" / "artsound"
    digest = hashlib.sha256(made.text().encode()).hexdigest()
    return Path(root) / f"{made.name}-{made.version}-{digest[:16]}"


def _format(made: ReleaseManifest) -> Format:
    roles = {record.role for record in made.files}
    for form in SHARDS:
        if form in roles:
            return form
    raise ReleaseError(f"{made.name} {made.version} has no shards")
