"""FMA: the metadata zip as raw tracks, the audio zip or folder as their media.

Quirks that are minded: genres are lists of ids, tags lists of words, both as Python literals; links and
copyright lines stand in raw_tracks.csv only; audio lies at `<root>/000/000002.mp3`. Those of the CSVs:
`fma_metadata`.
"""

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache, partial
from pathlib import Path, PurePosixPath
from typing import Literal

import pyarrow as pa
import pyarrow.compute as pc

from artsound import tables
from artsound.errors import Outcome, Reason, Reject
from artsound.media.files import Media
from artsound.media.surplus import left_out, others, proper
from artsound.sources.base import Remote, Source
from artsound.sources.fma_metadata import Line, Metadata, Subset, extras, labels, literal

BASE = "https://os.unil.cloud.switch.ch/fma/"
SOURCE = Source(
    name="fma",
    side="music",
    about="FMA, 106,574 tracks of the Free Music Archive with metadata; release rc1 of 2017-05-09.",
    homepage="https://github.com/mdeff/fma",
    licence="metadata CC-BY-4.0; each recording under its artist's licence",
    citation="Defferrard, Benzi, Vandergheynst, Bresson 2017, arXiv:1612.01840",
    version="rc1, 2017-05-09",
    remotes=(
        Remote(
            "fma_metadata.zip", BASE + "fma_metadata.zip", "sha1:f0df49ffe5f2a6008d7dc83c6915b31835dfe733"
        ),
        Remote("fma_small.zip", BASE + "fma_small.zip", "sha1:ade154f733639d52e35e32f5593efe5be76c6d70"),
        Remote("fma_medium.zip", BASE + "fma_medium.zip", "sha1:c67b69ea232021025fca9231fc1c7c1a063ab50b"),
        Remote(
            "fma_large.zip",
            BASE + "fma_large.zip",
            "sha1:497109f4dd721066b5ce5e5f250ec604dc78939e",
            100_306_112_191,
        ),
        Remote("fma_full.zip", BASE + "fma_full.zip", "sha1:0f0ace23fbe9ba30ecb7e95f763e435ea802b8ab"),
    ),
)
TEXTS = {  # our column → that of tracks.csv
    "track_id": "track_id",
    "title": "track.title",
    "artist": "artist.name",
    "artist_key": "artist.id",
    "album": "album.title",
    "album_key": "album.id",
    "licence": "track.license",
    "description": "track.information",
    "language": "track.language_code",
    "album_type": "album.type",
    "producer": "album.producer",
    "engineer": "album.engineer",
    "composer": "track.composer",
    "lyricist": "track.lyricist",
}
LINKS = {"licence_url": "license_url", "source_url": "track_url"}  # our column → that of raw_tracks.csv
COPYRIGHT = {"track_copyright_c": "©", "track_copyright_p": "℗"}
DATES = ("track.date_recorded", "album.date_released")  # the first that is known
COLUMNS = {  # of tracks.csv that become columns of ours; the others go to `extra`
    *TEXTS.values(),
    *("track.genres", "track.tags", "artist.associated_labels", "track.publisher"),
}
Size = Literal["metadata", "small", "medium", "large", "full"]


def check_metadata(metadata: Path) -> None:
    """See whether the metadata can serve, by its first lines; raises as `read_tracks`."""
    with Metadata(metadata) as given:
        given.check()


def read_tracks(metadata: Path, media: Media, *, subset: Subset = "large") -> Outcome:
    """List the tracks of a subset, by id; tracks without file and files without track are refused.

    Of several files of one id the first path by order is taken, and the others are told.

    Raises:
        ConfigError: the metadata is not there, or lacks a file or column; says which.
    """
    with Metadata(metadata) as given:
        lines, unread = given.tracks(subset)
        more, repeated = given.left_out({*lines["track_id"].to_pylist()})
        genres = given.genres()
    wanted = [f"{int(key):06d}" for key in lines["track_id"].to_pylist()]
    own = proper(media.names())
    places = _places(own.names)
    there = pa.array([name in places for name in wanted], pa.bool_())
    lacking = lines["track_id"].filter(pc.invert(there)).to_pylist()
    taken = [places[name] for name in wanted if name in places]
    strays = (path for name in places.keys() - {*wanted} for path in places[name])
    rejects = [Reject(key, Reason.MISSING_FILE, f"no {int(key):06d}.mp3") for key in lacking]
    rejects += [
        Reject(path, Reason.NOT_LISTED, f"no track of the {subset} set has this id")
        for path in sorted(strays)
    ]
    rejects += [copy for paths in taken for copy in others(media, paths)]
    rejects += [*own.told, *left_out(media)]
    rows = _rows(lines.filter(there), [first for first, *_ in taken], more, genres)
    return Outcome(rows, [*unread, *repeated, *rejects])


def _places(names: Iterable[str]) -> dict[str, list[str]]:
    """Look up recordings by id, as six digits: all that go by it, by path."""
    places: dict[str, list[str]] = {}
    for path in sorted(names):
        if path.lower().endswith(".mp3"):
            places.setdefault(PurePosixPath(path).stem, []).append(path)
    return places


def _rows(
    lines: pa.Table, places: list[str], more: Mapping[str, Line], genres: Mapping[str, str]
) -> pa.Table:
    """Turn lines into rows, column by column; what has no column goes to `extra`."""
    text = {name: lines[name].to_pylist() for name in lines.column_names}
    none = [""] * len(lines)
    raw = [more.get(key, {}) for key in text["track_id"]]
    names = next(iter(more.values()), {}).keys() - LINKS.values() - COPYRIGHT.keys()
    styles = lru_cache(None)(partial(_genres, genres))
    tagged, labelled = lru_cache(None)(_tags), lru_cache(None)(labels)
    makers = (text.get("artist.associated_labels", none), text.get("track.publisher", none))
    columns = {
        **{ours: _known(text.get(theirs, none)) for ours, theirs in TEXTS.items()},
        "audio_path": places,
        "date": [a or b or None for a, b in zip(*(text[name] for name in DATES), strict=True)],
        **{ours: [line.get(theirs) or None for line in raw] for ours, theirs in LINKS.items()},
        "copyright": list(map(_copyright, raw)),
        "genres": list(map(styles, text["track.genre_top"], text["track.genres"])),
        "tags": list(map(tagged, text["track.tags"])),
        "labels": list(map(labelled, *makers)),
        "extra": extras(
            {name: values for name, values in text.items() if name not in COLUMNS}
            | {name: [line.get(name, "") for line in raw] for name in names}
        ),
    }
    schema = tables.TABLES["raw_tracks"]
    return pa.table([pa.array(columns[field.name], field.type) for field in schema], schema=schema)


def _copyright(line: Line) -> str | None:
    """Put both lines together, each after its sign."""
    signs = "".join(COPYRIGHT.values())
    texts = {sign: line.get(name, "").strip(f"{signs} \r\n") for name, sign in COPYRIGHT.items()}
    return "; ".join(f"{sign} {text}" for sign, text in texts.items() if text) or None


def _known(texts: Sequence[str]) -> list[str | None]:
    return [text or None for text in texts]


def _genres(titles: Mapping[str, str], top: str, ids: str) -> list[str]:
    named = [titles.get(str(number), str(number)) for number in literal(ids)]
    return list(dict.fromkeys([*([top] if top else []), *named]))


def _tags(text: str) -> list[str]:
    return [str(tag) for tag in literal(text)]


def archives(size: Size) -> list[Remote]:
    """Name the archives that a size of FMA consists of: its metadata, and its audio."""
    names = ["fma_metadata.zip", *([] if size == "metadata" else [f"fma_{size}.zip"])]
    return [remote for name in names for remote in SOURCE.remotes if remote.name == name]
