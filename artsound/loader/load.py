"""`artsound.load`: a release, here or far away → the pairs of one split."""

import fcntl
import hashlib
import os
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from artsound.errors import ConfigError, ReleaseError
from artsound.loader.arrays import Beside
from artsound.loader.pairs import Pairs
from artsound.loader.shards import COLUMNS, MEDIA, SHARDS, Groups, Sample, Shard, TarShard
from artsound.receive.fetch import fetch, has
from artsound.receive.find import Published, find
from artsound.receive.place import Place
from artsound.release.columns import cut_columns
from artsound.release.layout import Format
from artsound.release.manifest import FAMILIES, FileRecord, ReleaseManifest
from artsound.release.part import read_note
from artsound.store import disk_errors


def load(  # noqa: PLR0913  # an option each
    place: str | Path,
    split: str = "train",
    version: str | None = None,
    *,
    format: Format | None = None,
    columns: Sequence[str] | None = None,
    decode: Callable[[Sample], Sample] | None = None,
    verify: bool = False,
) -> Pairs:
    """Open one split of a release; nothing is read but the manifest.

    From a URL, a shard is fetched when its first pair is asked for, checked, and kept for the next time in
    `$ARTSOUND_CACHE`, else in `~/.cache/artsound`. What changed there since it was hashed (by size, times and
    inode) is hashed again when a process first opens it, and fetched again if it is wrong; bits that a disk
    loses without a write are seen only with `verify`. To have all of it beforehand, `artsound pull`.

    Args:
        place: folder or URL of a release, or of a dataset.
        split: train, val or test.
        version: the one to open; None: the newest, or the one that lies there.
        format: webdataset or parquet; None prefers the tars, where any pair is one hop away.
        columns: of the samples, None for all that are there; media and arrays (vectors, latents: numpy
            arrays of their shape) that are left out are not read.
        decode: what to make of a sample, in the process that reads it: `artsound.Decode(...)` or any
            function. None leaves media as bytes and `meta` as JSON text.
        verify: hash every shard when a process first opens it, be it here or in the cache.

    Raises:
        ConfigError: no such split, format or column.
        ReleaseError: what is there is not the release that was asked for; with `verify`, later: a shard is
            not what the manifest says.
        SourceError: nothing is there, or the place does not answer.
    """
    found = _here_at_least(find(str(place), version))
    made, folder = found.manifest, found.place.shown
    form = format or _format(made)
    there = _columns(made, form)
    if unknown := [column for column in columns or () if column not in there]:
        raise ConfigError(f"{folder} has no columns {unknown}: choose from {', '.join(there)}")
    if split not in made.splits:
        raise ConfigError(f"{folder} has no split {split!r}, only {', '.join(made.splits)}")
    files = partial(_files, found, split=split, verify=verify)
    if not files(form):
        raise ConfigError(f"{folder} has no {form} shards of {split}")
    chosen, groups = tuple(there if columns is None else columns), Groups()
    arrays = [array for array in made.arrays if array.name in chosen]
    if form == "webdataset" and made.npy:
        shards: list[Shard] = [
            TarShard(place, rows, chosen, groups, made.arrays) for place, rows in files(form)
        ]
        return Pairs(tuple(shards), decode, f"{made.name}-{made.version}/{split}")
    words = tuple(column for column in chosen if column in COLUMNS)
    shards = [SHARDS[form](place, rows, words, groups) for place, rows in files(form)]
    families = {family: [one for one in arrays if one.family == family] for family in FAMILIES}
    beside = [Beside.of(files(family), own) for family, own in families.items() if own]
    return Pairs(tuple(shards), decode, f"{made.name}-{made.version}/{split}", tuple(beside))


def _here_at_least(found: Published) -> Published:
    """Leave out of a manifest what was not pulled."""
    note = None if found.place.far else read_note(Path(found.place.url))
    return found._replace(manifest=note.part.of(found.manifest)) if note else found


def _columns(made: ReleaseManifest, form: Format) -> list[str]:
    """Name what a sample of a format can have."""
    only, roles = cut_columns(made) or COLUMNS, {record.role for record in made.files}
    words = [column for column in COLUMNS if column in only and (made.media or column not in MEDIA)]
    members = made.npy and form == "webdataset"
    return [*words, *(one.name for one in made.arrays if members or one.family in roles)]


def _files(found: Published, role: str, split: str, verify: bool) -> list[tuple[Callable[[], Path], int]]:
    """List the files of a kind: how each is had on this machine, and its pairs."""
    cache = _cache(found.manifest)
    return [
        (partial(_here, found.place, record, cache, verify), record.rows or 0)
        for record in found.manifest.files
        if record.role == role and record.split == split
    ]


def _here(place: Place, record: FileRecord, cache: Path, verify: bool) -> Path:
    """Have a shard on this machine; of processes that want the same one, one fetches it."""
    if not place.far:
        if verify and not has(Path(place.url), record):
            raise ReleaseError(f"{place.url}/{record.path} is not what the manifest says: verify the release")
        return Path(place.url, record.path)
    path = cache / record.path
    with disk_errors(cache):
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = path.with_name(f"{path.name}.lock").open("a")
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        note = path.with_name(f"{path.name}.hashed")
        if not verify and path.is_file() and note.is_file() and note.read_text() == _state(path):
            return path  # nobody touched it since
        if not has(cache, record):
            fetch(place, record, cache)
        with disk_errors(cache):
            note.write_text(_state(path))
    return path


def _state(path: Path) -> str:
    """Tell what changes whenever a file is written to."""
    found = path.stat()
    return f"{found.st_ino} {found.st_size} {found.st_mtime_ns} {found.st_ctime_ns}"


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
