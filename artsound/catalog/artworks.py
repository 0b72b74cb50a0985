"""raw_artworks → artworks: texts cleaned, dates and licences read, every image decoded to its end."""

import hashlib
from collections.abc import Mapping
from functools import partial
from typing import Any

import pyarrow as pa

from artsound.catalog.dates import parse_date
from artsound.catalog.each import outcome_of
from artsound.catalog.licences import spdx
from artsound.catalog.names import artist_id, clean_text, printed_name
from artsound.errors import Outcome, Reject
from artsound.media.files import Media, MediaError
from artsound.media.image import decode_image, perceptual_hash

_TEXTS = (
    "title",
    "medium",
    "culture",
    "style",
    "genre",
    "dimensions",
    "period",
    "series",
    "gallery",
    "gallery_city",
    "gallery_country",
    "city",
    "country",
)
_AS_THEY_ARE = ("artwork_id", "image_path", "tags", "emotions", "image_url", "licence_url", "source_url")


def clean_artworks(raw_artworks: pa.Table, *, media: Media, max_megapixels: float, workers: int) -> Outcome:
    """Keep the artworks whose image decodes fully; the others are refused with their reason.

    Args:
        raw_artworks: rows of `raw_artworks`.
        media: where their image paths lead.
        max_megapixels: larger images are refused before they are decoded.
        workers: threads that decode.
    """
    check = partial(_check, media=media, max_megapixels=max_megapixels)
    return outcome_of("artworks", raw_artworks, check, workers)


def _check(raw: Mapping[str, Any], *, media: Media, max_megapixels: float) -> dict[str, Any] | Reject:
    try:
        data = media.read(raw["image_path"])
        picture = decode_image(data, max_megapixels=max_megapixels)
    except MediaError as error:
        return Reject(raw["artwork_id"], error.reason, error.detail)
    return _described(raw) | {
        "sha256": hashlib.sha256(data).hexdigest(),
        "bytes": len(data),
        "format": picture.format,
        "width": picture.width,
        "height": picture.height,
        "phash": perceptual_hash(picture.pixels),
    }


def _described(raw: Mapping[str, Any]) -> dict[str, Any]:
    """Clean what the source says."""
    artist = printed_name(raw["artist"])
    return {
        **{name: raw[name] for name in _AS_THEY_ARE},
        **{name: clean_text(raw[name]) for name in _TEXTS},
        "artist_id": artist_id("art", raw["artwork_id"], artist, raw["artist_key"]),
        "artist": artist,
        "date": raw["date"],
        **parse_date(raw["date"])._asdict(),
        "licence": spdx(raw["licence"], raw["licence_url"]),
        "licence_text": raw["licence"],
    }
