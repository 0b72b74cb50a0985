"""pairs and everything known of both sides → release_rows: the canonical plan that both formats follow.

The order needs a few short columns of all pairs, which are in memory; the tables themselves are brought into
it by way of the disk (`gather`), and laid out piece by piece.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from artsound import tables
from artsound.errors import Outcome, Reject
from artsound.release.gather import Gathered, Source, columns_of, gather, rows_of_keys
from artsound.release.sample import ARTWORK, AUDIO, IMAGE, MUSIC, SAMPLE, plain
from artsound.release.tiers import pair_tier

SPLIT_ORDER = ("train", "val", "test")
BATCH = 1000  # rows that are Python objects at one time
READS = (
    *("pairs", "artworks", "artists", "tracks", "clips"),
    *("art_captions", "music_captions", "art_measures", "music_measures"),
)


@dataclass(frozen=True)
class Planner:
    """Lays out a release: train, val, test, then others; within a split by media kind, then by pair id.

    Pairs of one media kind (say jpg and mp3) stand together, so that a shard has one set of extensions.
    """

    pairs: int
    rejects: tuple[Reject, ...]  # pairs that are left out
    gathered: Mapping[str, Gathered]  # tables in the order of the release

    def __call__(self, start: int, stop: int) -> Outcome:
        """Lay out the rows `start` to `stop`; the first piece tells of all pairs that are left out."""
        last = min(stop, self.pairs)
        rejects = self.rejects if start == 0 else ()
        if start >= last:
            return Outcome(tables.rows_of("release_rows", []), rejects)
        read = {name: found.read(start, last) for name, found in self.gathered.items()}
        return Outcome(_laid_out(read), rejects)


def plan_release(
    sources: Mapping[str, Source], folder: Path, choose: Callable[[pa.Table], Outcome] = Outcome
) -> Planner:
    """Find the order of a release, and bring into it what its rows are made of.

    Args:
        sources: the tables of `READS`.
        folder: for files that are as large as those tables without compression; is made.
        choose: keeps pairs, by pair_id, artwork_id and clip_id; what it refuses is left out.

    Raises:
        SchemaError: a pair names something that a table does not have.
    """
    chosen = choose(columns_of(sources["pairs"], ["pair_id", "artwork_id", "clip_id", "split"]))
    order = _ordered(chosen.rows, sources)
    keys = {
        "pairs": "pair_id",
        **dict.fromkeys(("artworks", "art_captions", "art_measures"), "artwork_id"),
        **dict.fromkeys(("clips", "music_captions", "music_measures"), "clip_id"),
        "tracks": "track_id",
        "art_artists": "art_artist",
        "music_artists": "music_artist",
    }
    gathered = {}
    for name, column in keys.items():
        table = "artists" if name.endswith("_artists") else name
        known = columns_of(sources[table], tables.TABLES[table].names[:1]).column(0)
        rows = rows_of_keys(table, order[column], known)
        gathered[name] = gather(sources[table], rows, folder / name)
    return Planner(len(order), tuple(chosen.rejects), gathered)


def _ordered(pairs: pa.Table, sources: Mapping[str, Source]) -> pa.Table:
    """Put the pairs in order, with the keys of all that belongs to them."""
    art = _aligned(sources, "artworks", ["artist_id", "format"], pairs["artwork_id"])
    clip = _aligned(sources, "clips", ["track_id", "format"], pairs["clip_id"])
    track = _aligned(sources, "tracks", ["artist_id"], clip["track_id"])
    split = pairs["split"]
    keyed = pa.table(
        {
            "rank": pc.fill_null(pc.index_in(split, value_set=pa.array(SPLIT_ORDER)), len(SPLIT_ORDER)),
            "split": split,
            "image_format": art["format"],
            "audio_format": clip["format"],
            **{name: pairs[name] for name in ("pair_id", "artwork_id", "clip_id")},
            "track_id": clip["track_id"],
            "art_artist": art["artist_id"],
            "music_artist": track["artist_id"],
        }
    )
    by = ("rank", "split", "image_format", "audio_format", "pair_id")
    order = pc.sort_indices(keyed, sort_keys=[(name, "ascending") for name in by])
    return keyed.take(order).combine_chunks()


def _aligned(sources: Mapping[str, Source], name: str, columns: list[str], keys: pa.Array) -> pa.Table:
    """Look up short columns of a table by its key, which is its first column."""
    key = tables.TABLES[name].names[0]
    found = columns_of(sources[name], [key, *columns])
    return found.take(rows_of_keys(name, keys, found[key])).select(columns)


def _laid_out(read: Mapping[str, pa.Table]) -> pa.Table:
    """Lay out rows of tables that stand in the order of the release."""
    pairs, artworks, clips, tracks = (
        _columns(read[name]) for name in ("pairs", "artworks", "clips", "tracks")
    )
    art_side = artworks | {
        "artist": _columns(read["art_artists"])["name"],
        "image": _struct(artworks, IMAGE),
        "caption": _unkeyed("art_captions", read),
        "measures": _unkeyed("art_measures", read),
    }
    music_side = (
        tracks
        | clips
        | {
            "artist": _columns(read["music_artists"])["name"],
            "audio": _struct(clips, AUDIO),
            "caption": _unkeyed("music_captions", read),
            "measures": _unkeyed("music_measures", read),
        }
    )
    licences = zip(artworks["licence"].to_pylist(), tracks["licence"].to_pylist(), strict=True)
    both = pairs | {
        "tier": pa.array([pair_tier(*sides) for sides in licences], pa.string()),
        "artwork": _struct(art_side, ARTWORK),
        "music": _struct(music_side, MUSIC),
    }
    paths = pa.table({"image_path": artworks["image_path"], "audio_path": clips["audio_path"]})
    return _rows(_struct(both, SAMPLE), paths)


def _unkeyed(name: str, read: Mapping[str, pa.Table]) -> pa.StructArray:
    """Make one struct column of a table, without its key."""
    schema = tables.TABLES[name]
    fields = pa.struct([field for field in schema if field.name != schema.names[0]])
    return _struct(_columns(read[name]), fields)


def _columns(rows: pa.Table) -> dict[str, pa.Array]:
    return {name: _flat(rows[name]) for name in rows.schema.names}


def _flat(column: pa.ChunkedArray) -> pa.Array:
    return column.combine_chunks() if column.num_chunks != 1 else column.chunk(0)


def _struct(columns: Mapping[str, pa.Array], dtype: pa.StructType) -> pa.StructArray:
    fields = list(dtype)
    return pa.StructArray.from_arrays([columns[field.name] for field in fields], fields=fields)


def _rows(samples: pa.StructArray, paths: pa.Table) -> pa.Table:
    return pa.table(
        {
            "pair_id": samples.field("pair_id"),
            "split": samples.field("split"),
            "artwork_id": pc.struct_field(samples, ["artwork", "artwork_id"]),
            "clip_id": pc.struct_field(samples, ["music", "clip_id"]),
            "tier": samples.field("tier"),
            "score": pa.array([plain(score) for score in samples.field("score").to_pylist()], pa.float64()),
            "art_title": pc.struct_field(samples, ["artwork", "title"]),
            "art_artist": pc.struct_field(samples, ["artwork", "artist"]),
            "art_licence": pc.struct_field(samples, ["artwork", "licence"]),
            "art_caption": pc.struct_field(samples, ["artwork", "caption", "caption"]),
            "music_title": pc.struct_field(samples, ["music", "title"]),
            "music_artist": pc.struct_field(samples, ["music", "artist"]),
            "music_licence": pc.struct_field(samples, ["music", "licence"]),
            "music_caption": pc.struct_field(samples, ["music", "caption", "caption"]),
            "image_path": paths["image_path"],
            "image_sha256": pc.struct_field(samples, ["artwork", "image", "sha256"]),
            "image_bytes": pc.struct_field(samples, ["artwork", "image", "bytes"]),
            "image_format": pc.struct_field(samples, ["artwork", "image", "format"]),
            "audio_path": paths["audio_path"],
            "audio_sha256": pc.struct_field(samples, ["music", "audio", "sha256"]),
            "audio_bytes": pc.struct_field(samples, ["music", "audio", "bytes"]),
            "audio_format": pc.struct_field(samples, ["music", "audio", "format"]),
            "meta": pa.array(_texts(samples), pa.string()),
        }
    )


def _texts(samples: pa.StructArray) -> Iterator[str]:
    for start in range(0, len(samples), BATCH):
        for sample in samples.slice(start, BATCH).to_pylist():
            yield json.dumps(
                plain(sample), ensure_ascii=False, sort_keys=True, allow_nan=False, separators=(",", ":")
            )
