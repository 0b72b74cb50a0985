"""`artsound.load`: a release folder → the pairs of one split."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from artsound.errors import ConfigError, ReleaseError
from artsound.loader.pairs import Pairs
from artsound.loader.shards import COLUMNS, SHARDS, Groups, Sample
from artsound.release.layout import Format
from artsound.release.manifest import ReleaseManifest, read_manifest


def load(
    place: str | Path,
    split: str = "train",
    version: str | None = None,
    *,
    format: Format | None = None,
    columns: Sequence[str] = COLUMNS,
    decode: Callable[[Sample], Sample] | None = None,
) -> Pairs:
    """Open one split of a release; nothing is read but the manifest.

    Args:
        place: a release folder.
        split: train, val or test.
        version: the one to open; None: the newest, or the one that lies there.
        format: webdataset or parquet; None prefers the tars, where any pair is one hop away.
        columns: of the samples; media that are left out are not read.
        decode: what to make of a sample, in the process that reads it: `artsound.Decode(...)` or any
            function. None leaves media as bytes and `meta` as JSON text.

    Raises:
        ConfigError: no such split, version, format or column.
        ReleaseError: there is no release.
    """
    folder = Path(place)
    made = read_manifest(folder)
    if version not in (None, made.version):
        raise ConfigError(f"{folder} is version {made.version}, not {version}")
    if unknown := [column for column in columns if column not in COLUMNS]:
        raise ConfigError(f"no columns {unknown}: choose from {', '.join(COLUMNS)}")
    if split not in made.splits:
        raise ConfigError(f"{folder} has no split {split!r}, only {', '.join(made.splits)}")
    form = format or _format(made)
    records = [record for record in made.files if record.role == form and record.split == split]
    if not records:
        raise ConfigError(f"{folder} has no {form} shards of {split}")
    groups = Groups()
    shards = [
        SHARDS[form](partial(Path, folder, record.path), record.rows or 0, tuple(columns), groups)
        for record in records
    ]
    return Pairs(tuple(shards), decode, f"{made.name}-{made.version}/{split}")


def _format(made: ReleaseManifest) -> Format:
    roles = {record.role for record in made.files}
    for form in SHARDS:
        if form in roles:
            return form
    raise ReleaseError(f"{made.name} {made.version} has no shards")
