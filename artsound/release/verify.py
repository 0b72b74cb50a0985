"""Check a release, trusting nothing in it: paths, sizes, hashes, structure, counts, links between files."""

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from artsound.errors import ConfigError, ReleaseError
from artsound.progress import track_bytes
from artsound.release.contents import content_problems
from artsound.release.costs import parse_costs
from artsound.release.manifest import (
    MANIFEST,
    NOTE,
    SUMS,
    FileRecord,
    ReleaseManifest,
    files_in,
    local_manifest,
    record_of,
)
from artsound.release.part import read_note
from artsound.release.proof import examine_certificate


@dataclass(frozen=True)
class Report:
    """What `verify` found; a release is sound when there are no problems."""

    problems: list[str] = field(default_factory=list)  # one line each, starting with the file it is about
    files: int = 0
    bytes: int = 0
    pairs: int = 0
    proved: list[str] = field(default_factory=list)  # of its matching, a line a split
    unseen: list[str] = field(default_factory=list)  # what could not be looked at, a line each


def verify(folder: Path, *, deep: bool = False) -> Report:
    """Check every file of a release.

    Args:
        folder: the release.
        deep: also hash and decode every image and every clip inside the shards.
    """
    try:
        return _verify(folder, deep)
    except (ReleaseError, ConfigError) as error:
        return Report([str(error)])
    except OSError as error:
        return Report([f"{error.filename or folder}: cannot be read ({error.strerror or error})"])


def _verify(folder: Path, deep: bool) -> Report:
    whole = local_manifest(folder)
    note = read_note(folder)
    made = note.part.of(whole) if note else whole
    problems = [
        *sum_problems(folder, whole),
        *_listing_problems(folder, made, extra={NOTE} if note else set()),
        *_cost_problems(folder, made),
        *byte_problems(folder, made.files),
    ]
    proved: list[str] = []
    if not problems:  # what is inside means something only where the bytes are what they should be
        wrong, proved = examine_certificate(folder, made)
        problems = [*count_problems(whole), *content_problems(folder, made, deep=deep), *wrong]
    size = sum(record.bytes for record in made.files)
    return Report(problems, len(made.files), size, made.pairs, proved)


def sum_problems(folder: Path, made: ReleaseManifest) -> Iterator[str]:
    """Hold the list of sums, where there is one, against the manifest."""
    path = folder / SUMS
    if path.is_symlink() or (path.exists() and not path.is_file()):
        yield f"{SUMS}: is not a plain file"
    elif path.exists() and path.read_bytes() != made.sums().encode():
        yield f"{SUMS}: does not agree with {MANIFEST}"


def _listing_problems(folder: Path, made: ReleaseManifest, extra: set[str]) -> Iterator[str]:
    named = {record.path for record in made.files} | {MANIFEST, SUMS, *made.loose} | extra
    there = {path.relative_to(folder).as_posix() for path in files_in(folder)}
    yield from (f"{path}: missing" for path in sorted(named - there))
    yield from (f"{path!r}: is not part of the release" for path in sorted(there - named))


def _cost_problems(folder: Path, made: ReleaseManifest) -> Iterator[str]:
    for name in made.loose:
        path = folder / name
        if path.is_symlink() or not path.is_file():
            continue  # said already
        try:
            parse_costs(path.read_bytes())
        except ReleaseError as error:
            yield str(error)


def byte_problems(folder: Path, records: Sequence[FileRecord]) -> Iterator[str]:
    """Hash files, several at a time; a line for each that is there and is not what its record says."""
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        found = pool.map(lambda record: list(_file_problems(folder, record)), records)
        for problems in track_bytes(found, "hash files", [record.bytes for record in records]):
            yield from problems


def _file_problems(folder: Path, record: FileRecord) -> Iterator[str]:
    try:
        yield from _byte_problems(folder, record)
    except OSError as error:  # of a failing disk, or not allowed
        yield f"{record.path}: cannot be read ({error.strerror})"


def _byte_problems(folder: Path, record: FileRecord) -> Iterator[str]:
    path = folder / record.path
    if any(
        place.is_symlink()
        for place in (path, *path.parents)
        if place.is_relative_to(folder) and place != folder
    ):
        yield f"{record.path}: is a link, or lies behind one"
    elif not path.exists():
        return  # said already
    elif not path.is_file():
        yield f"{record.path}: is not a plain file"
    elif (size := path.stat().st_size) != record.bytes:
        yield f"{record.path}: has {size} bytes, not {record.bytes}"
    elif record_of(folder, record.path, role=record.role).sha256 != record.sha256:
        yield f"{record.path}: its bytes were changed (sha256 differs)"


def count_problems(made: ReleaseManifest) -> Iterator[str]:
    """Say where a manifest's own numbers disagree."""
    if sum(made.splits.values()) != made.pairs:
        yield f"{MANIFEST}: splits add up to {sum(made.splits.values())} pairs, not {made.pairs}"
    for role in sorted({record.role for record in made.files if record.split}):
        for split, pairs in made.splits.items():
            rows = sum(r.rows or 0 for r in made.files if r.role == role and r.split == split)
            if rows != pairs:
                yield f"{MANIFEST}: {role} has {rows} rows of {split}, not {pairs}"
