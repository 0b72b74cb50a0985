"""Pull a smaller release out of a published one: the pairs that a licence tier allows, or some columns.

Only what is needed travels: columns and row groups of the Parquet shards by range (`ranges`); tars, where
there is no Parquet, whole. What lands is a release of its own, with a manifest that `verify` holds it
against; each of its images and clips was held against the sha256 in its pair's JSON, and that against the
published manifest.
"""

import hashlib
import json
import shutil
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, get_args

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from artsound import __version__
from artsound.errors import ConfigError, ReleaseError
from artsound.progress import track_bytes
from artsound.receive.arrays import array_shards, arrays_of, write_cut_arrays
from artsound.receive.columns import bytes_of, chosen, manifest_of, write_columns
from artsound.receive.fetch import fetch, has
from artsound.receive.find import Published
from artsound.receive.pull import Pulled, check_space, pull, put_description
from artsound.receive.source import Source, SourceMedia
from artsound.release.build import Release
from artsound.release.layout import Format, ReleaseOptions, expected_bytes
from artsound.release.manifest import (
    CERTIFICATE,
    MANIFEST,
    NOTE,
    SUMS,
    ArrayRecord,
    FileRecord,
    ReleaseManifest,
    files_in,
    local_manifest,
)
from artsound.release.part import Note, Selection, read_note
from artsound.release.tiers import Within
from artsound.store import alone_in, disk_errors, write_whole
from artsound.takedown import TOMBSTONES

WORKERS = 4  # each holds a row group of media in memory
_NONE = "{place} has no pairs of the tier {tier!r} in these splits"
_NUMBERS = ("shard_megabytes", "row_group_megabytes")  # options that a manifest tells, and that are kept
_TEXTS = ("creator", "url", "citation", "published")
_KEPT = ("CHANGELOG.md", TOMBSTONES)  # documents of the published release that stay true of a part of it


@dataclass(frozen=True)
class Cut:
    """What is wanted of a release; empty means all."""

    splits: tuple[str, ...] = ()
    formats: tuple[Format, ...] = ()
    tier: Within = "any"
    columns: tuple[str, ...] = ()  # of the Parquet shards; no tars then

    def told(self, found: Published) -> dict[str, Any]:
        """Say in a manifest what it was cut from, and how."""
        sha256 = hashlib.sha256(found.manifest.text().encode()).hexdigest()
        wanted = {
            name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()
        }
        return {"source": found.place.shown, "manifest": sha256, **wanted}


def cut_of(made: ReleaseManifest) -> tuple[str, Cut] | None:
    """Read from a manifest what it was cut from, and how; None when it was not.

    Raises:
        ReleaseError: it does not say so as it should.
    """
    told = made.facts.get("cut")
    return _parsed(told) if told is not None else None


def noted_cut(folder: Path) -> tuple[str, Cut] | None:
    """Read the same from the note beside a manifest.

    Raises:
        ReleaseError: the note is damaged.
    """
    note = read_note(folder)
    return _parsed(note.cut) if note and note.cut is not None else None


def _parsed(told: Any) -> tuple[str, Cut]:
    try:
        lists = {name: tuple(map(str, told[name])) for name in ("splits", "formats", "columns")}
        return str(told["source"]), Cut(tier=told["tier"], **lists)  # type: ignore[arg-type]  # checked by use
    except (TypeError, KeyError) as error:
        raise ReleaseError(f"{MANIFEST} does not say what it was cut from ({error})") from error


def pull_part(
    found: Published,
    folder: Path,
    part: tuple[Sequence[str], Sequence[str], str, Sequence[str]],
    *,
    workers: int,
) -> Pulled:
    """Pull whole files where they make up the part, and a cut where they do not.

    Args:
        found: the release, from `find`.
        folder: where it shall stand.
        part: splits, kinds of files, licence tier, columns; each empty (`any`) for all.
        workers: files that are fetched at one time.

    Raises:
        ConfigError: the release has no such part.
        ReleaseError, SourceError, StoreError: as `pull` and `pull_cut`.
    """
    splits, kinds, tier, names = part
    if tier == "any" and not names:
        return pull(found, folder, Selection(tuple(sorted(splits)), tuple(sorted(kinds))), workers=workers)
    if tier not in get_args(Within):
        raise ConfigError(f"no tier {tier!r}; there are: {', '.join(get_args(Within))}")
    if unknown := sorted(set(kinds) - set(get_args(Format))):
        raise ConfigError(
            f"with a tier or columns, --only takes parquet or webdataset, not {', '.join(unknown)}"
        )
    given: Any = (tuple(sorted(splits)), tuple(sorted(kinds)), tier, tuple(names))
    return pull_cut(found, folder, Cut(*given), workers=workers)


def pull_cut(
    found: Published, folder: Path, cut: Cut, *, workers: int = WORKERS, anew: bool = False
) -> Pulled:
    """Bring a folder to hold a part of a release that its files do not tell apart. Run it again after a stop.

    Args:
        found: the release, from `find`.
        folder: where it shall stand.
        cut: what is wanted.
        workers: shards that are read at one time.
        anew: replace what stands in the folder, of which nothing can be believed.

    Raises:
        ConfigError: the release has no such part, or the folder cannot be renamed over.
        ReleaseError: something else stands in the folder, or the release is damaged.
        SourceError: the place does not give what is needed, or gives other bytes.
        StoreError: the disk is full or not writable; what was finished is kept.
    """
    if Path.cwd().is_relative_to(folder.resolve()):
        raise ConfigError(
            f"{folder}: a part comes into place by one rename; name a folder you do not stand in"
        )
    part = Selection(cut.splits).of(found.manifest)
    if cut.columns:
        schema, arrays = chosen(found.manifest, cut.columns)
        cut = replace(cut, columns=(*schema.names, *(one.name for one in arrays)))
    note = Note(found.place.shown, Selection(), cut.told(found))
    source = Source(found, part, folder.with_name(f".{folder.name}.source"))
    sound = None if anew else _standing(folder, cut.told(found))
    if sound is not None and _whole(folder, sound):
        _put_note(folder, note)
        shutil.rmtree(source.scratch, ignore_errors=True)  # of a run that was stopped at its very end
        return Pulled(folder, len(sound), 0, 0)
    kept = [record for record in sound or () if has(folder, record)]
    with alone_in(source.scratch):
        for record in sound or ():
            if record not in kept:
                (folder / record.path).unlink(missing_ok=True)  # else its size alone would pass for the file
        made = (_columns if cut.columns else _tier)(source, folder, cut, kept, min(workers, WORKERS))
        _put_note(folder, note)
        shutil.rmtree(source.scratch, ignore_errors=True)
    new = [record for record in made.files if record not in kept]
    return Pulled(folder, len(made.files), len(new), sum(record.bytes for record in new))


def _put_note(folder: Path, note: Note) -> None:
    with disk_errors(folder):
        write_whole(folder / NOTE, lambda part: part.write_text(note.text(), encoding="utf-8"))


def _standing(folder: Path, told: dict[str, Any]) -> tuple[FileRecord, ...] | None:
    """Look what a folder holds: nothing, or an earlier pull of the very same part.

    Raises:
        ReleaseError: anything else, which is left alone.
    """
    if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
        raise ReleaseError(f"{folder} is not a folder: name another")
    there = {path.relative_to(folder).as_posix() for path in files_in(folder)} if folder.exists() else set()
    if not there:
        return None
    made = local_manifest(folder)
    if made.facts.get("cut") != told:
        raise ReleaseError(f"{folder} holds another release, or another part of it: name another folder")
    if stray := sorted(there - {record.path for record in made.files} - {MANIFEST, SUMS, NOTE}):
        raise ReleaseError(f"{folder} holds {stray[0]}, which is not of the release: move it away")
    return made.files


def _whole(folder: Path, records: tuple[FileRecord, ...]) -> bool:
    sums = folder / SUMS
    right = sums.is_file() and sums.read_bytes() == local_manifest(folder).sums().encode()
    looked = track_bytes(records, "look", [record.bytes for record in records])
    return right and all(has(folder, record) for record in looked)


def _tier(source: Source, folder: Path, cut: Cut, kept: list[FileRecord], workers: int) -> ReleaseManifest:
    """Write a release of the pairs of a tier, by the code that writes all releases."""
    making = Release(
        folder,
        source.rows(),
        options=_options(source, cut),
        images=SourceMedia(source, "image"),
        audio=SourceMedia(source, "audio"),
        facts={**source.found.manifest.facts, "cut": cut.told(source.found)},
        arrays=list(arrays_of(source)),
    )
    if not len(making.plan):
        raise ConfigError(_NONE.format(place=source.found.place.shown, tier=cut.tier))
    media = [
        pc.sum(making.plan.brief[name]).as_py()
        for name in ("image_bytes", "audio_bytes")
        if making.options.media
    ]
    arrays = 2 * len(making.plan) * sum(one.row_bytes for one in source.part.arrays)
    check_space(folder, sum(media) * (1 + len(making.options.formats)) + arrays)
    making.adopt(folder, kept)
    with ThreadPoolExecutor(workers) as pool:
        sizes = expected_bytes(making.plan, making.options, making.shards)
        for _ in track_bytes(pool.map(making.run, range(making.parts())), "write shards", sizes):
            pass
    listed = source.found.manifest.files
    proof = [record for record in listed if record.role == CERTIFICATE]  # of the whole matching, cut or not
    texts = [*proof, *(record for record in listed if record.path in _KEPT)]

    def add(place: Path) -> list[FileRecord]:
        _fetch_all(source.found, texts, place)
        return proof

    return making.finish(add=[add])


def _options(source: Source, cut: Cut) -> ReleaseOptions:
    """Keep what the published release was made with, as far as its manifest says so."""
    made = source.found.manifest
    roles = {record.role for record in made.files}
    there: tuple[Format, ...] = tuple(form for form in ("parquet", "webdataset") if form in roles)
    if unknown := sorted(set(cut.formats) - set(there)):
        raise ConfigError(
            f"{source.found.place.shown} has no {', '.join(unknown)} to cut; it has {', '.join(there)}"
        )
    settings = made.facts.get("settings")
    release = settings.get("release", {}) if isinstance(settings, dict) else {}
    told: dict[str, Any] = {
        name: release[name]
        for names, kind in ((_NUMBERS, float | int), (_TEXTS, str))
        for name in names
        if isinstance(release.get(name), kind) and release[name]
    }
    return ReleaseOptions(
        made.name,
        made.version,
        formats=cut.formats or there,
        tier=cut.tier,
        media=made.media,
        npy=made.npy and "webdataset" in (cut.formats or there),
        **told,
    )


def _columns(source: Source, folder: Path, cut: Cut, _: list[FileRecord], workers: int) -> ReleaseManifest:
    """Write columns beside the attribution of all items; the manifest comes last."""
    published = source.found.manifest
    if cut.formats and cut.formats != ("parquet",):
        raise ConfigError("columns are taken from the Parquet shards: leave --only out, or say parquet")
    schema, arrays = chosen(published, cut.columns)
    check_space(folder, _needed(source, schema, arrays))
    texts = [record for record in published.files if record.path in ("ATTRIBUTION.md", *_KEPT)]
    making = folder.with_name(f".{folder.name}.columns")
    with disk_errors(making):
        written = write_columns(source.shards, making, schema, cut.tier, workers=workers)
        if not written:
            raise ConfigError(_NONE.format(place=source.found.place.shown, tier=cut.tier))
        keep = [pq.read_table(making / one.record.path, columns=["pair_id"]) for one in written]
        texts += write_cut_arrays(source, arrays, pa.concat_tables(keep)["pair_id"].combine_chunks(), making)
        _fetch_all(source.found, [one for one in texts if one.role == "document"], making)
        told = cut.told(source.found)
        digest = hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()
        media = bool({"image", "audio"} & set(schema.names))
        facts = {"code_version": __version__, "cut": told}
        made = manifest_of(published, written, texts)
        made = replace(made, made_from=digest, facts=facts, media=media, arrays=arrays)
        put_description(making, made, None)
        shutil.rmtree(folder, ignore_errors=True)  # what was looked through before: nothing else is in it
        making.rename(folder)
    return made


def _needed(source: Source, schema: pa.Schema, arrays: Sequence[ArrayRecord]) -> int:
    """Add up what travels and what is written of it; for it the footers are fetched."""
    families = {one.family for one in arrays}
    held = [shard for family in sorted(families) for shard in array_shards(source, family)]
    return 2 * (bytes_of(source.shards, schema.names) + bytes_of(held, [one.name for one in arrays]))


def _fetch_all(found: Published, records: list[FileRecord], folder: Path) -> None:
    for record in records:
        fetch(found.place, record, folder)
