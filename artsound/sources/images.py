"""Finds the image of each artwork of a graph, which names files and not where they lie."""

from collections.abc import Collection, Iterable
from pathlib import PurePosixPath

import pyarrow as pa
import pyarrow.compute as pc

from artsound.errors import Outcome, Reason, Reject

ENDINGS = (".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff")
Places = dict[str, str]  # name of a file → its path


def index(paths: Iterable[str]) -> Places:
    """Look up images by name alone; of several of one name the first path by order stands."""
    images = sorted((path for path in paths if path.lower().endswith(ENDINGS)), reverse=True)
    return {PurePosixPath(path).name: path for path in images}


def placed(read: Outcome, places: Places) -> Outcome:
    """Put the path of each artwork's image into rows of `raw_artworks`; without an image, it is refused."""
    ids = read.rows["artwork_id"].to_pylist()
    paths = [place(name, places) for name in ids]
    missing = [
        Reject(name, Reason.MISSING_FILE, "no image of this name")
        for name, path in zip(ids, paths, strict=True)
        if path is None
    ]
    found = pa.array(paths, pa.string())
    rows = read.rows.drop_columns("image_path").append_column("image_path", found).filter(pc.is_valid(found))
    return Outcome(rows, [*read.rejects, *missing])


def place(name: str, places: Places) -> str | None:
    """Find an image: by its name, else as the usual downloaders rename it, to `.jpg` after a dot."""
    for known in (name, name.partition(".")[0] + ".jpg", name.rpartition(".")[0] + ".jpg"):
        if known in places:
            return places[known]
    return None


def not_listed(places: Places, names: Collection[str]) -> list[Reject]:
    """Refuse the images that belong to no artwork."""
    used = {place(name, places) for name in names}
    return [
        Reject(path, Reason.NOT_LISTED, "no artwork has this image")
        for path in sorted(places.values())
        if path not in used
    ]
