"""The files of a collection that are not taken, so that none goes untold: copies, doubles, what is unsafe."""

from collections.abc import Sequence

from artsound.errors import Reason, Reject
from artsound.media.files import Folder, Media, MediaError, Zip


def left_out(media: Media) -> list[Reject]:
    """List what a folder or zip holds and cannot be read at all, or hides; names in it are not `names`."""
    return media.left_out() if isinstance(media, Folder | Zip) else []


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
