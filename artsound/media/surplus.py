"""The files of a collection that are not taken, so that none goes untold: copies, doubles, what is unsafe."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from artsound.errors import Reason, Reject
from artsound.media.files import Folder, Media, MediaError, Zip


def left_out(media: Media) -> list[Reject]:
    """List what a folder or zip holds and cannot be read at all, or hides; names in it are not `names`."""
    return media.left_out() if isinstance(media, Folder | Zip) else []


class Proper(NamedTuple):
    """The files of a collection without what macOS puts beside each."""

    names: list[str]
    told: list[Reject]  # one for all of these


def proper(names: Iterable[str]) -> Proper:
    """Leave out what macOS puts beside each file, above all in a zip: `__MACOSX/…/._name`.

    Examples:
        >>> proper(["a.jpg", "__MACOSX/._a.jpg", "._b.jpg"])[0]
        ['a.jpg']
    """
    listed = list(names)
    own = [name for name in listed if not name.rpartition("/")[2].startswith("._")]
    beside = len(listed) - len(own)
    told = f"{beside} files that macOS puts beside others: no media"
    return Proper(own, [Reject("._*", Reason.NOT_LISTED, told)] if beside else [])


def others(media: Media, paths: Sequence[str]) -> list[Reject]:
    """Refuse all but the first of several files that go by one name; tells whether they are copies of it."""
    first, *rest = paths
    return [
        Reject(path, Reason.DUPLICATE_CONTENT, f"the same bytes as {first}, which is taken")
        if alike(media, first, path)
        else Reject(path, Reason.DUPLICATE_KEY, f"goes by the same name as {first}, which is taken")
        for path in rest
    ]


def alike(media: Media, one: str, other: str) -> bool:
    """Say whether two files hold the same bytes; of members of a zip, by size and CRC, unread."""
    try:
        if isinstance(media, Zip):
            return media.mark(one) == media.mark(other)
        return media.size(one) == media.size(other) and media.read(one) == media.read(other)
    except MediaError:
        return False
