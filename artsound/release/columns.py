"""A release that was cut down to some columns: what can be said of it without the rest."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from artsound.media.audio import decode_audio
from artsound.media.files import MediaError
from artsound.media.image import decode_image
from artsound.release.manifest import FileRecord, ReleaseManifest

MEGAPIXELS = 1000.0  # more is no artwork but an attack on the reader's memory
BATCH = 64  # pairs with media in memory at one time


def cut_columns(made: ReleaseManifest) -> tuple[str, ...]:
    """Name the columns that a release was cut down to; none when it has all."""
    told = made.facts.get("cut")
    names = told.get("columns", ()) if isinstance(told, dict) else ()
    return tuple(map(str, names)) if isinstance(names, list) else ()


def column_problems(
    folder: Path, made: ReleaseManifest, only: tuple[str, ...], *, deep: bool
) -> Iterator[str]:
    """Say where rows are missing, stand twice or lack their media."""
    seen: Counter[str] = Counter()
    media: list[str] = [name for name in ("image", "audio") if name in only]
    for record in made.files:
        if record.role == "parquet":
            try:
                yield from _file_problems(folder, record, media, seen, deep=deep)
            except (pa.ArrowException, OSError) as error:
                yield f"{record.path}: {error}"
    yield from (f"pair {key}: stands in it {times} times" for key, times in seen.items() if times > 1)
    yield from _array_problems(folder, made)


def _array_problems(folder: Path, made: ReleaseManifest) -> Iterator[str]:
    """Say where the arrays are not of the same pairs in the same order."""
    for split in made.splits:
        pairs = _keys(folder, made, "parquet", split)
        for family in sorted({one.family for one in made.arrays}):
            if _keys(folder, made, family, split) != pairs:
                yield f"{split}: {family} is not of the same pairs, or in another order"


def _keys(folder: Path, made: ReleaseManifest, role: str, split: str) -> list[str]:
    paths = [folder / one.path for one in made.files if (one.role, one.split) == (role, split)]
    return [key for path in paths for key in pq.read_table(path, columns=["pair_id"])["pair_id"].to_pylist()]


def _file_problems(
    folder: Path, record: FileRecord, media: list[str], seen: Counter[str], *, deep: bool
) -> Iterator[str]:
    count = 0
    names = ["pair_id", *(media if deep else [f"{name}.path" for name in media])]
    for batch in pq.ParquetFile(folder / record.path).iter_batches(BATCH, columns=names):
        rows = batch.to_pylist()
        count += len(rows)
        seen.update(row["pair_id"] for row in rows)
        for row in rows:
            yield from (f"{record.path}: {row['pair_id']}: {what}" for what in _media_problems(row, media))
            if deep:
                given = [(row.get(name) or {}).get("bytes") for name in ("image", "audio")]
                yield from (f"{record.path}: {row['pair_id']}: {what}" for what in undecodable(*given))
    if count != record.rows:
        yield f"{record.path}: has {count} rows, not {record.rows}"


def _media_problems(row: dict[str, Any], media: list[str]) -> Iterator[str]:
    for name in media:
        found = row[name] or {"path": None}
        if found.get("path") is None or found.get("bytes", b"") is None:
            yield f"its {name} is missing"


def undecodable(image: bytes | None, audio: bytes | None) -> Iterator[str]:
    """Decode what is given, and say what does not."""
    try:
        if image is not None:
            decode_image(image, max_megapixels=MEGAPIXELS)
        if audio is not None:
            decode_audio(audio, rate=None)
    except MediaError as error:
        yield f"does not decode: {error.detail}"
