"""Verify a release wherever it lies, mend it, and name what it holds that was taken down since."""

import hashlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from artsound.errors import ConfigError, ReleaseError, SourceError
from artsound.progress import track_bytes
from artsound.receive.cut import cut_of, noted_cut, pull_cut
from artsound.receive.diff import small_tables
from artsound.receive.fetch import steady
from artsound.receive.find import Published, find, local_folder
from artsound.receive.place import MissingFile, Place, ShortFile, open_place
from artsound.receive.pull import fetched_costs, pull, repair
from artsound.release.costs import COSTS
from artsound.release.manifest import LARGEST_MANIFEST, SUMS, FileRecord, local_manifest
from artsound.release.part import read_note
from artsound.release.verify import Report, count_problems, verify
from artsound.takedown import Takedown, held_problems, parse_register, read_register

LARGEST_REGISTER = 64 * 2**20  # bytes
NOT_NAMED = "at an address, what the manifest does not name is not seen"
NOT_INSIDE = "what stands inside files was not looked at: --deep looks where all files are whole"


class Checked(NamedTuple):
    """What was found, after what was mended."""

    report: Report
    fetched: int  # files that were damaged or missing, and are right now


def check(
    address: str, *, deep: bool = False, mend: bool = False, source: str = "", register: str = ""
) -> Checked:
    """Verify a folder or a URL.

    Args:
        address: path or URL of a release, or of a published dataset, as `find` takes them.
        deep: also hash and decode the media inside; of a URL, after a pull to a temporary folder.
        mend: first fetch anew what is damaged or missing; a folder's only.
        source: where to fetch from; empty: where it was pulled from.
        register: path or URL of what was taken down; what the release still holds of it is a problem.

    Raises:
        ConfigError: to mend needs a folder, and a source that is known.
        ReleaseError: at the URL stands no release.
        SourceError: a place does not answer.
        StoreError: there is no room to pull to.
    """
    far = open_place(address).far
    if far and mend:
        raise ConfigError("only a folder can be repaired: pull the release first")
    place = address if far else str(local_folder(address))
    fetched = _mend(Path(place), source) if mend else 0
    verify_there = _verify_inside if deep else verify_far
    report = verify_there(find(place)) if far else verify(Path(place), deep=deep)
    if register and not report.problems:
        found = find(place)
        with small_tables(found) as folder:
            report.problems.extend(held_problems(folder, found.manifest, _register(register)))
    return Checked(report, fetched)


def _register(named: str) -> list[Takedown]:
    """Read a register, which may be the tombstones of a later version where that is published."""
    if not open_place(named).far:
        return read_register(Path(named))
    address, _, name = named.rpartition("/")
    return parse_register(open_place(address).read(name, LARGEST_REGISTER), named)


def _mend(folder: Path, source: str) -> int:
    """Fetch anew what is damaged or missing; returns how many files."""
    try:
        cut, anew = cut_of(local_manifest(folder)), False
    except ReleaseError:  # a damaged manifest does not tell; the note beside it does
        cut, anew = noted_cut(folder), True
    if cut:
        return pull_cut(find(source or cut[0]), folder, cut[1], anew=anew).fetched
    return repair(find(source or _source(folder)), folder).fetched


def _source(folder: Path) -> str:
    note = read_note(folder)
    if note is None:
        raise ConfigError(f"{folder} does not say where it was pulled from: name the URL with --from")
    return note.source


def verify_far(found: Published, *, workers: int = 8) -> Report:
    """Hold every published file against the manifest.

    What stands inside the files is for `verify` to say, after a pull: their bytes are the ones that were
    published, or they are named here.
    """
    place, made = found
    problems = [*_sum_problems(found), *_cost_problems(found), *count_problems(made)]
    with ThreadPoolExecutor(workers) as pool:
        looked = pool.map(lambda record: [*_file_problems(place, record)], made.files)
        for some in track_bytes(looked, "hash files", [record.bytes for record in made.files]):
            problems += some
    size = sum(record.bytes for record in made.files)
    return Report(problems, len(made.files), size, made.pairs, unseen=[NOT_NAMED, NOT_INSIDE])


def _verify_inside(found: Published) -> Report:
    with TemporaryDirectory(prefix="artsound-") as room:
        folder = Path(room, "release")
        try:
            pull(found, folder)
        except SourceError:
            if (report := verify_far(found)).problems:  # all, where a pull stops at the first
                return report
            raise
        report = verify(folder, deep=True)
    report.problems[:0] = _sum_problems(found)  # a pull writes sums of its own
    report.unseen.append(NOT_NAMED)
    return report


def _sum_problems(found: Published) -> Iterator[str]:
    try:
        if found.place.read(SUMS, LARGEST_MANIFEST) != found.manifest.sums().encode():
            yield f"{SUMS}: does not agree with the manifest"
    except MissingFile:
        yield f"{SUMS}: missing"


def _cost_problems(found: Published) -> Iterator[str]:
    try:
        fetched_costs(found)
    except MissingFile:
        yield f"{COSTS}: missing"
    except ReleaseError as error:
        yield str(error)


def _file_problems(place: Place, record: FileRecord) -> Iterator[str]:
    digest, size = hashlib.sha256(), 0
    try:
        for chunk in steady(place, record):
            digest.update(chunk)
            size += len(chunk)
    except MissingFile:
        yield f"{record.path}: missing"
    except ShortFile:
        yield f"{record.path}: has {size} bytes, not {record.bytes}"
    except SourceError as error:
        yield f"{record.path}: {error}"
    else:
        if size > record.bytes:
            yield f"{record.path}: has more than {record.bytes} bytes"
        elif digest.hexdigest() != record.sha256:
            yield f"{record.path}: its bytes were changed (sha256 differs)"
