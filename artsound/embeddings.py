"""Captions and media → vectors of unit length."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from jaxtyping import Float32

from artsound.errors import Outcome, Reason, Reject
from artsound.media.files import Media, MediaError
from artsound.media.image import decode_image
from artsound.models.protocols import ImageEncoder, TextEncoder
from artsound.progress import track

Encode = Callable[[Sequence[Any]], Float32[np.ndarray, "item dim"]]


class _Given(NamedTuple):
    """What a model takes for one item, or why there is nothing to take."""

    key: str
    value: Any


def embed_captions(captions: pa.Table, *, encoder: TextEncoder, id_column: str, batch_size: int) -> Outcome:
    """Embed the words of every caption, sentence and paragraph together.

    Args:
        captions: rows of `tables.ART_CAPTIONS` or `tables.MUSIC_CAPTIONS`.
        encoder: any model that keeps the contract.
        id_column: `artwork_id` or `clip_id`.
        batch_size: captions at a time; changes the speed, never the vectors.
    """
    rows = captions.select([id_column, "caption", "paragraph"]).to_pylist()
    texts = (
        _Given(row[id_column], f"{row['caption']} {row['paragraph']}") for row in _seen(rows, "captions")
    )
    return _embed(texts, encoder, dim=encoder.dim, model=encoder.name, batch_size=batch_size)


def embed_artworks(
    artworks: pa.Table, *, encoder: ImageEncoder, media: Media, max_megapixels: float, batch_size: int
) -> Outcome:
    """Embed the image of every artwork.

    Args:
        artworks: rows of `tables.ARTWORKS`.
        encoder: any model that keeps the contract.
        media: the files that `image_path` names.
        max_megapixels: larger images are refused.
        batch_size: images at a time; changes the speed, never the vectors.
    """

    def prepare(path: str) -> Any:
        try:
            picture = decode_image(media.read(path), max_megapixels=max_megapixels)
        except MediaError as error:
            return error
        return encoder.prepare(picture.pixels)

    rows = artworks.select(["artwork_id", "image_path"]).to_pylist()
    images = (_Given(row["artwork_id"], prepare(row["image_path"])) for row in _seen(rows, "images"))
    return _embed(images, encoder, dim=encoder.dim, model=encoder.name, batch_size=batch_size)


def _seen(rows: list[dict[str, Any]], what: str) -> Iterator[dict[str, Any]]:
    return track(rows, f"vectors of {what}")


def _embed(given: Iterable[_Given], encode: Encode, *, dim: int, model: str, batch_size: int) -> Outcome:
    """Run a model over what it is given; what cannot be read, or has no direction, is refused."""
    keys: list[str] = []
    vectors: list[np.ndarray] = [np.empty((0, dim), np.float32)]
    rejects: list[Reject] = []
    stream = iter(given)
    while batch := list(islice(stream, batch_size)):
        usable = [item for item in batch if not isinstance(item.value, MediaError)]
        found = encode([item.value for item in usable])
        good = np.isclose(np.linalg.norm(found, axis=1), 1, atol=1e-3)  # false where NaN
        keys += [item.key for item, fine in zip(usable, good, strict=True) if fine]
        vectors.append(found[good])
        fine = dict(zip((item.key for item in usable), good, strict=True))
        rejects += [_reject(item) for item in batch if not fine.get(item.key)]
    return Outcome(_rows(keys, np.concatenate(vectors), model), rejects)


def _reject(item: _Given) -> Reject:
    if isinstance(item.value, MediaError):
        return Reject(item.key, item.value.reason, item.value.detail)
    return Reject(item.key, Reason.BAD_VECTOR, "the vector is zero or not finite")


def _rows(keys: list[str], vectors: Float32[np.ndarray, "item dim"], model: str) -> pa.Table:
    flat = pa.array(vectors.reshape(-1), pa.float32())
    names = pa.array([model] * len(keys), pa.string())
    lists = pa.FixedSizeListArray.from_arrays(flat, vectors.shape[1])
    return pa.table({"item_id": pa.array(keys, pa.string()), "vector": lists, "model": names})
