"""Finds the image of each artwork of a graph, which names files and not where they lie."""

import unicodedata
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import reduce
from pathlib import PurePosixPath
from typing import NamedTuple
from urllib.parse import unquote

import pyarrow as pa
import pyarrow.compute as pc

from artsound.errors import Outcome, Reason, Reject
from artsound.media.files import Media
from artsound.media.surplus import left_out, others, proper
from artsound.sources.folder import IMAGES

Rename = Callable[[str], str]


def _as_is(name: str) -> str:
    return name


def _composed(name: str) -> str:
    """Bring accents to one form: file systems and zips differ in it."""
    return unicodedata.normalize("NFC", name)


def _decoded(name: str) -> str:
    return _composed(unquote(name))


def _after_last_dot(name: str) -> str:
    return name.rpartition(".")[0] + ".jpg"


def _after_first_dot(name: str) -> str:
    return name.partition(".")[0] + ".jpg"


# Names are compared as they are first; downloaders rename to `.jpg`. The real ones are percent-encoded, and
# so are their files: they are decoded only where all else fails.
_WAYS: tuple[tuple[Rename, Rename], ...] = tuple(
    (form, rename)
    for form in (_as_is, _composed, _decoded)
    for rename in (_as_is, _after_last_dot, _after_first_dot)
)


class Images(NamedTuple):
    """The path of each artwork's image, by order of the names asked for; and what belongs to none."""

    paths: list[str | None]
    surplus: list[Reject]


def find(names: Sequence[str], media: Media) -> Images:
    """Find the image of each artwork by its file's name, in whatever folder; only where it is clear which.

    Of several files of one name the first path by order is taken, and the others are told.
    """
    own = proper(media.names())
    by_name: dict[str, list[str]] = {}
    for path in sorted(own.names):
        if path.lower().endswith(IMAGES):
            by_name.setdefault(PurePosixPath(path).name, []).append(path)
    found, unclear = _matched(names, by_name)
    used = set(found.values())
    stray = [
        Reject(path, Reason.NOT_LISTED, unclear.get(name, "no artwork has this image"))
        for name, paths in by_name.items()
        if name not in used
        for path in paths
    ]
    copies = [copy for name in used for copy in others(media, by_name[name])]
    paths = [by_name[found[name]][0] if name in found else None for name in names]
    return Images(paths, [*sorted([*stray, *copies]), *own.told, *left_out(media)])


def placed(read: Outcome, paths: Iterable[str | None]) -> Outcome:
    """Put the paths into rows of `raw_artworks`, in their order; an artwork without one is refused."""
    found = pa.array(paths, pa.string())
    missing = [
        Reject(name, Reason.MISSING_FILE, "no image of this name, or none that is clearly its own")
        for name in read.rows["artwork_id"].filter(pc.is_null(found)).to_pylist()
    ]
    rows = read.rows.drop_columns("image_path").append_column("image_path", found).filter(pc.is_valid(found))
    return Outcome(rows, [*read.rejects, *missing])


def _matched(names: Iterable[str], files: Collection[str]) -> tuple[dict[str, str], dict[str, str]]:
    """Pair names with files, one to one; returns the pairs, and of files that fit several or compete, why."""
    wanted, free = list(names), set(files)
    found: dict[str, str] = {}
    unclear: dict[str, str] = {}
    for form, rename in _WAYS:
        there = _by_key(free, form)
        for key, some in _by_key(wanted, rename, form).items():
            fitting = there.get(key, [])
            if len(some) == len(fitting) == 1:
                found[some[0]] = fitting[0]
            elif fitting:
                why = f"not clear which is whose: artworks {', '.join(some)}; images {', '.join(fitting)}"
                unclear |= dict.fromkeys(fitting, why)
        wanted, free = [name for name in wanted if name not in found], free - {*found.values()}
    return found, unclear


def _by_key(names: Iterable[str], *ways: Rename) -> Mapping[str, list[str]]:
    groups: dict[str, list[str]] = {}
    for name in sorted(names):
        groups.setdefault(reduce(lambda key, way: way(key), ways, name), []).append(name)
    return groups
