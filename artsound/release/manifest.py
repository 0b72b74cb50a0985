"""The manifest of a release: every file with its size, sha256 and rows; `SHA256SUMS` for `sha256sum -c`.

`schemas/manifest.schema.json` describes the JSON for readers outside Python.
"""

import hashlib
import json
import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from artsound.errors import ReleaseError
from artsound.release.costs import COSTS

MANIFEST = "manifest.json"
SUMS = "SHA256SUMS"
FORMAT = "artsound-release/1"
SIDES = ("art", "music")
NOTE = ".artsound-pull.json"  # in a pulled folder: where it came from, and which part of the release it is
LARGEST_MANIFEST = 256 * 2**20  # bytes; some hundred thousand files
_SAFE = re.compile(r"(?!.*(^|/)\.{1,2}(/|$))[A-Za-z0-9._][A-Za-z0-9._-]*(/[A-Za-z0-9._][A-Za-z0-9._-]*)*")
FAMILIES = ("vectors", "latents")  # roles of files that hold arrays: they change without the media
CERTIFICATE = "certificate"  # role and folder of the proof of the matching
ROLES = ("parquet", "webdataset", "captions", "scores", "items", *FAMILIES, CERTIFICATE, "document")
DTYPES = {"float16": 2, "float32": 4}  # bytes of a number
_ARRAY = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
NAME = re.compile(r"[a-z0-9][a-z0-9-]*")  # of a dataset; a part of folders' names, as the next two are
VERSION = re.compile(r"\d+\.\d+\.\d+", re.ASCII)
SPLIT = re.compile(r"[A-Za-z0-9_]+")
_NPY = 128  # bytes of a header, which numpy pads to 64; shapes of a few numbers fit


@dataclass(frozen=True)
class ArrayRecord:
    """An array that a release has of every pair: a column of its family's Parquet files, perhaps a member."""

    name: str  # the column, such as art_sentence
    family: str  # one of FAMILIES: the role of the Parquet files that hold it
    shape: tuple[int, ...]  # of one pair; flat in Parquet
    dtype: str  # one of DTYPES
    model: str  # identifies what computed it

    @property
    def member(self) -> str:
        """Ending of its member in a tar: `art_sentence` is `.art.sentence.npy` there."""
        return member_of(self.name)

    @property
    def row_bytes(self) -> int:
        """Size of one pair's array."""
        return math.prod(self.shape) * DTYPES[self.dtype]

    @property
    def member_bytes(self) -> int:
        """Size of one pair's `.npy` file."""
        return _NPY + self.row_bytes


def member_of(array: str) -> str:
    """Name the ending of an array's member in a tar."""
    return f"{array.replace('_', '.')}.npy"


@dataclass(frozen=True)
class FileRecord:
    """One file of a release."""

    path: str  # relative, with forward slashes
    role: str  # one of ROLES
    split: str | None  # None where the file is not about one split
    rows: int | None  # None where the file has no rows
    bytes: int
    sha256: str


@dataclass(frozen=True)
class ReleaseManifest:
    """What a release is and which files it has, all but the manifest itself and `SHA256SUMS`."""

    format: str
    name: str
    version: str
    made_from: str  # digest of the plan, the options and the facts
    pairs: int
    splits: dict[str, int]  # pairs by split, in the release's order
    tiers: dict[str, int]  # pairs by licence tier, from free to closed
    licences: dict[str, dict[str, int]]  # side (art, music) → licence → pairs
    media: bool  # False: references only
    files: tuple[FileRecord, ...]  # sorted by path
    facts: Mapping[str, Any]  # settings, tables, models, leak report, code: as the build knows them
    arrays: tuple[ArrayRecord, ...] = ()  # vectors and latents
    npy: bool = False  # the arrays are members of the tars, too
    costs: str | None = None  # file that tells what each step took; not hashed here, it differs between runs

    @property
    def loose(self) -> tuple[str, ...]:
        """Name the files that no hash in here covers, beside the manifest and `SHA256SUMS`."""
        return (self.costs,) if self.costs else ()

    @property
    def most_pairs(self) -> tuple[int, int]:
        """Say in how many pairs an artwork and a clip may stand, by the settings of the matching."""
        found: list[int] = []
        for name in ("clips_per_artwork", "artworks_per_clip"):
            said: Any = self.facts
            for key in ("settings", "matching", name):
                said = said.get(key) if isinstance(said, Mapping) else None
            found.append(said if isinstance(said, int) else 1)
        return found[0], found[1]

    def text(self) -> str:
        """Write the manifest as JSON."""
        return json.dumps(asdict(self), indent=2, ensure_ascii=False) + "\n"

    def sums(self) -> str:
        """List all files but this list itself, in the format of coreutils."""
        own = hashlib.sha256(self.text().encode()).hexdigest()
        hashes = {record.path: record.sha256 for record in self.files} | {MANIFEST: own}
        return "".join(f"{sha256}  {path}\n" for path, sha256 in sorted(hashes.items()))


def manifest_schema() -> dict[str, Any]:
    """Describe the manifest as JSON Schema; the content of `schemas/manifest.schema.json`."""
    text, count = {"type": "string"}, {"type": "integer", "minimum": 0}
    record = {
        "path": text | {"description": "relative to the release, with forward slashes"},
        "role": text | {"enum": list(ROLES)},
        "split": {"type": ["string", "null"], "description": "null where the file is not about one split"},
        "rows": {"type": ["integer", "null"], "description": "pairs; null where the file has none"},
        "bytes": count,
        "sha256": text | {"pattern": "^[0-9a-f]{64}$"},
    }
    array = {
        "name": text | {"description": "column of the Parquet files, such as art_sentence"},
        "family": text | {"enum": list(FAMILIES), "description": "role of the files that hold it"},
        "shape": {"type": "array", "items": count, "description": "of one pair; flat in Parquet"},
        "dtype": text | {"enum": list(DTYPES)},
        "model": text | {"description": "identifies what computed it"},
    }
    properties = {
        "format": {"const": FORMAT},
        "name": text | {"pattern": f"^{NAME.pattern}$"},
        "version": text | {"pattern": f"^{VERSION.pattern}$"},
        "made_from": text | {"description": "digest of the plan, the options and the facts"},
        "pairs": count,
        "splits": {
            "type": "object",
            "propertyNames": {"pattern": f"^{SPLIT.pattern}$"},
            "additionalProperties": count,
        },
        "tiers": {"type": "object", "additionalProperties": count},
        "licences": _object({side: {"type": "object", "additionalProperties": count} for side in SIDES}),
        "media": {"type": "boolean", "description": "false: ids, links and hashes only"},
        "arrays": {"type": "array", "items": _object(array)},
        "npy": {"type": "boolean", "description": "true: the arrays are .npy members of the tars, too"},
        "costs": {
            "enum": [COSTS, None],
            "description": "timings and costs of each step, in a file with its own sha256, since they differ "
            "between builds of the same bytes",
        },
        "files": {"type": "array", "items": _object(record)},
        "facts": {"type": "object", "description": "settings, tables, models, sources, leaks, code_version"},
    }
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "ArtSound release manifest"}
    return head | _object(properties)


def _object(properties: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "additionalProperties": False,
        "required": list(properties),
        "properties": dict(properties),
    }


def read_manifest(folder: Path) -> ReleaseManifest:
    """Load a release's manifest.

    Raises:
        ReleaseError: there is none, or it is not one of ours.
    """
    path = folder / MANIFEST
    try:
        return parse_manifest(path.read_bytes())
    except OSError as error:
        raise ReleaseError(f"{folder} is not a release: cannot read {MANIFEST} ({error.strerror})") from error
    except ReleaseError as error:
        raise ReleaseError(f"{path}: {error}") from error


def parse_manifest(data: bytes) -> ReleaseManifest:
    """Understand a manifest's bytes; whether its paths are safe is for `verify` to say.

    Raises:
        ReleaseError: a key is missing or unknown, or a value has another type.
    """
    try:
        given = json.loads(data)
        given["files"] = tuple(FileRecord(**record) for record in given["files"])
        given["arrays"] = tuple(
            ArrayRecord(**array | {"shape": tuple(array["shape"])}) for array in given["arrays"]
        )
        made = ReleaseManifest(**given)
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise ReleaseError(f"not a release manifest: {error}") from error
    if made.costs not in (None, COSTS):
        raise ReleaseError(f"names {made.costs!r} as its costs, not {COSTS}")
    if made.format != FORMAT:
        raise ReleaseError(f"has the format {made.format!r}; this version reads {FORMAT!r}")
    try:
        problem = next(_ill_typed(made), None)
    except (AttributeError, TypeError, KeyError) as error:
        problem = str(error)
    if problem:
        raise ReleaseError(f"not a release manifest: {problem}")
    return made


def _ill_typed(made: ReleaseManifest) -> Iterator[str]:
    texts = [made.name, made.version, made.made_from, *made.splits, *made.tiers]
    numbers = [made.pairs, *made.splits.values(), *made.tiers.values()]
    for side in SIDES:
        texts += made.licences[side]
        numbers += made.licences[side].values()
    for record in made.files:
        texts += [record.path, record.role, record.sha256, record.split or ""]
        numbers += [record.bytes, record.rows or 0]
    for array in made.arrays:
        texts += [array.name, array.family, array.dtype, array.model]
        numbers += array.shape
        if array.family not in FAMILIES or array.dtype not in DTYPES or not _ARRAY.fullmatch(array.name):
            yield f"{array.name!r} is no array of a release"
    yield from (f"{text!r} is not text" for text in texts if not isinstance(text, str))
    yield from (f"{value!r} is not a count" for value in numbers if type(value) is not int or value < 0)
    yield from _ill_named(made)


def _ill_named(made: ReleaseManifest) -> Iterator[str]:
    """Find what files and folders are named by and cannot be: a split `../x` would lead out of a release."""
    if not NAME.fullmatch(made.name) or not VERSION.fullmatch(made.version):
        yield f"{made.name!r} {made.version!r} is no name and version of a release"
    yield from (f"{split!r} is no name of a split" for split in made.splits if not SPLIT.fullmatch(split))
    for record in made.files:
        if record.role not in ROLES or record.split not in {None, *made.splits}:
            yield f"{record.path!r} is of the kind {record.role!r} and the split {record.split!r}"


def local_manifest(folder: Path) -> ReleaseManifest:
    """Read the manifest of a release folder that may be hostile.

    Raises:
        ReleaseError: there is none, or as `sound_manifest`.
    """
    path = folder / MANIFEST
    if path.is_symlink() or not path.is_file():
        raise ReleaseError(f"{MANIFEST}: missing; {folder} is not a release")
    if path.stat().st_size > LARGEST_MANIFEST:
        raise ReleaseError(f"{MANIFEST}: larger than {LARGEST_MANIFEST} bytes")
    try:
        return sound_manifest(path.read_bytes())
    except ReleaseError as error:
        raise ReleaseError(f"{MANIFEST}: {error}") from error


def sound_manifest(data: bytes) -> ReleaseManifest:
    """Understand a manifest that may be hostile: what it names can be opened safely below a folder.

    Raises:
        ReleaseError: it is none, is not written as one is, or names a file by an unsafe name.
    """
    made = parse_manifest(data)
    if made.text().encode() != data:
        raise ReleaseError(_foreign(made, data))
    if problem := next(_name_problems(made.files), None):  # nothing is opened by a name that is not safe
        raise ReleaseError(problem)
    return made


def _foreign(made: ReleaseManifest, data: bytes) -> str:
    """Say why a manifest's bytes are not those that we would write for what it says."""
    if missing := sorted(json.loads(made.text()).keys() - json.loads(data).keys()):
        return (
            f"has no {', '.join(missing)}: an older version of artsound wrote it; "
            "verify it with that version, or build the release anew"
        )
    return "is not written as a manifest is; its bytes were changed"


def _name_problems(files: tuple[FileRecord, ...]) -> Iterator[str]:
    for record in files:
        if not _SAFE.fullmatch(record.path):
            yield f"{record.path!r}: not a path inside a release"
    for path, times in Counter(record.path.casefold() for record in files).items():
        if times > 1:
            yield f"{path}: named {times} times"
    for own in {MANIFEST, SUMS, NOTE, COSTS} & {record.path for record in files}:
        yield f"{own}: names itself"


def record_of(
    folder: Path, path: str, *, role: str, split: str | None = None, rows: int | None = None
) -> FileRecord:
    """Measure a file that stands in a folder."""
    with (folder / path).open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    return FileRecord(path, role, split, rows, (folder / path).stat().st_size, sha256)


def files_in(folder: Path) -> Iterator[Path]:
    """Find all that is not a folder, links among it; a linked folder is not entered."""
    for path in sorted(folder.iterdir()):
        if path.is_dir() and not path.is_symlink():
            yield from files_in(path)
        else:
            yield path
