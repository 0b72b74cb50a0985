"""Verify a release where it lies, without keeping it: every byte is fetched and hashed."""

import hashlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

from artsound.errors import SourceError
from artsound.progress import track
from artsound.receive.find import Published
from artsound.receive.place import MissingFile, Place
from artsound.release.manifest import SUMS, FileRecord
from artsound.release.verify import LARGEST_MANIFEST, Report, count_problems


def verify_far(found: Published, *, workers: int = 8) -> Report:
    """Hold every published file against the manifest.

    What stands inside the files is for `verify` to say, after a pull: their bytes are the ones that were
    published, or they are named here.
    """
    place, made = found
    problems = [*_sum_problems(found), *count_problems(made)]
    with ThreadPoolExecutor(workers) as pool:
        looked = pool.map(lambda record: [*_file_problems(place, record)], made.files)
        for some in track(looked, "hash files", total=len(made.files)):
            problems += some
    return Report(problems, len(made.files), sum(record.bytes for record in made.files), made.pairs)


def _sum_problems(found: Published) -> Iterator[str]:
    try:
        if found.place.read(SUMS, LARGEST_MANIFEST) != found.manifest.sums().encode():
            yield f"{SUMS}: does not agree with the manifest"
    except MissingFile:
        yield f"{SUMS}: missing"


def _file_problems(place: Place, record: FileRecord) -> Iterator[str]:
    digest, size = hashlib.sha256(), 0
    try:
        for chunk in place.stream(record.path):
            digest.update(chunk)
            size += len(chunk)
    except MissingFile:
        yield f"{record.path}: missing"
    except SourceError as error:
        yield f"{record.path}: {error}"
    else:
        if size != record.bytes:
            yield f"{record.path}: has {size} bytes, not {record.bytes}"
        elif digest.hexdigest() != record.sha256:
            yield f"{record.path}: its bytes were changed (sha256 differs)"
