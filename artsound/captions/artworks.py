"""Artworks in words."""

import pyarrow as pa

from artsound.captions.stage import by_key, describe, reader
from artsound.errors import Outcome
from artsound.media.files import Media
from artsound.models.protocols import Captioner, Item


def caption_artworks(
    artworks: pa.Table,
    art_measures: pa.Table,
    artists: pa.Table,
    *,
    captioner: Captioner,
    media: Media | None = None,
    batch_size: int = 32,
) -> Outcome:
    """Describe every artwork that was measured; the others were refused there.

    Args:
        artworks: rows of `tables.ARTWORKS`.
        art_measures: rows of `tables.ART_MEASURES`.
        artists: rows of `tables.ARTISTS`; their names must not stand in a caption.
        captioner: any model that keeps the contract.
        media: the files that `image_path` names; a captioner that only needs facts does without.
        batch_size: artworks handed over at a time.
    """
    measures = by_key(art_measures, "artwork_id", artworks["artwork_id"])
    makers = by_key(artists, "artist_id", artworks["artist_id"])
    items = [
        Item(
            key=row["artwork_id"],
            facts=row | {"artist": makers.get(row["artist_id"], {}).get("name") or row["artist"]},
            measures=measures[row["artwork_id"]],
            read=reader(media, row["image_path"]),
        )
        for row in artworks.to_pylist()
        if row["artwork_id"] in measures
    ]
    return describe("art_captions", items, captioner=captioner, batch_size=batch_size)
