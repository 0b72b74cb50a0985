"""pairs and everything known of both sides → release_rows: the canonical plan that both formats follow."""

import json
from collections.abc import Iterator, Mapping

import pyarrow as pa
import pyarrow.compute as pc

from artsound import tables
from artsound.errors import Outcome, SchemaError
from artsound.release.sample import ARTWORK, AUDIO, IMAGE, MUSIC, SAMPLE, plain
from artsound.release.tiers import pair_tier

SPLIT_ORDER = ("train", "val", "test")
BATCH = 1000  # rows that are Python objects at one time


def plan_release(  # noqa: PLR0913, PLR0917  # one argument a table, as every stage
    pairs: pa.Table,
    artworks: pa.Table,
    artists: pa.Table,
    tracks: pa.Table,
    clips: pa.Table,
    art_captions: pa.Table,
    music_captions: pa.Table,
    art_measures: pa.Table,
    music_measures: pa.Table,
) -> Outcome:
    """Lay out the release: train, val, test, then others; within a split by media kind, then by pair id.

    Pairs of one media kind (say jpg and mp3) stand together, so that a shard has one set of extensions.
    """
    artwork_ids, clip_ids = pairs["artwork_id"], pairs["clip_id"]
    art = _columns("artworks", artworks, artwork_ids)
    clip = _columns("clips", clips, clip_ids)
    track = _columns("tracks", tracks, clip["track_id"])
    art_side = art | {
        "artist": _columns("artists", artists, art["artist_id"])["name"],
        "image": _struct(art, IMAGE),
        "caption": _taken("art_captions", art_captions, artwork_ids),
        "measures": _taken("art_measures", art_measures, artwork_ids),
    }
    music_side = (
        track
        | clip
        | {
            "artist": _columns("artists", artists, track["artist_id"])["name"],
            "audio": _struct(clip, AUDIO),
            "caption": _taken("music_captions", music_captions, clip_ids),
            "measures": _taken("music_measures", music_measures, clip_ids),
        }
    )
    both = {name: pairs[name].combine_chunks() for name in pairs.schema.names}
    licences = zip(art["licence"].to_pylist(), track["licence"].to_pylist(), strict=True)
    both |= {
        "tier": pa.array([pair_tier(*sides) for sides in licences], pa.string()),
        "artwork": _struct(art_side, ARTWORK),
        "music": _struct(music_side, MUSIC),
    }
    paths = pa.table({"image_path": art["image_path"], "audio_path": clip["audio_path"]})
    return Outcome(_rows(_struct(both, SAMPLE), paths))


def _taken(name: str, rows: pa.Table, ids: pa.Array) -> pa.StructArray:
    """Align a table with ids, as one struct column without its key."""
    columns = _columns(name, rows, ids)
    schema = tables.TABLES[name]
    return _struct(columns, pa.struct([field for field in schema if field.name != schema.names[0]]))


def _columns(name: str, rows: pa.Table, ids: pa.Array) -> dict[str, pa.Array]:
    """Align the columns of a table with ids of its key, which is its first column."""
    where = pc.index_in(_flat(ids), value_set=_flat(rows[tables.TABLES[name].names[0]]))
    if where.null_count:
        raise SchemaError(f"release_rows: {where.null_count} pairs name something that {name} does not have")
    return {column: _flat(rows[column].take(where)) for column in rows.schema.names}


def _flat(column: pa.Array) -> pa.Array:
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column


def _struct(columns: Mapping[str, pa.Array], dtype: pa.StructType) -> pa.StructArray:
    fields = list(dtype)
    return pa.StructArray.from_arrays([columns[field.name] for field in fields], fields=fields)


def _rows(samples: pa.StructArray, paths: pa.Table) -> pa.Table:
    made = pa.table(
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
    rank = pc.fill_null(pc.index_in(made["split"], value_set=pa.array(SPLIT_ORDER)), len(SPLIT_ORDER))
    keys = ["rank", "split", "image_format", "audio_format", "pair_id"]
    order = pc.sort_indices(made.append_column("rank", rank), sort_keys=[(key, "ascending") for key in keys])
    return made.take(order).combine_chunks()


def _texts(samples: pa.StructArray) -> Iterator[str]:
    for start in range(0, len(samples), BATCH):
        for sample in samples.slice(start, BATCH).to_pylist():
            yield json.dumps(
                plain(sample), ensure_ascii=False, sort_keys=True, allow_nan=False, separators=(",", ":")
            )
