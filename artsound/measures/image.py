"""Artworks → art_measures: colour, composition, affect."""

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa
from jaxtyping import UInt8

from artsound.errors import Outcome
from artsound.measures import affect, colour, composition, principles
from artsound.measures.spread import measure_all
from artsound.media.files import Media
from artsound.media.image import decode_image, resize

SIDE = 256  # px of the longer side when measured, so that fine texture and file size count alike
MAX_MEGAPIXELS = 1000.0  # the catalogue has applied the real limit


def measure_artworks(artworks: pa.Table, *, media: Media, workers: int) -> Outcome:
    """Measure every artwork; one that no longer decodes is refused."""
    work = partial(_measure_file, media=media)
    return measure_all("art_measures", artworks, work, key="artwork_id", workers=workers)


def _measure_file(artwork: Mapping[str, Any], *, media: Media) -> dict[str, Any]:
    picture = decode_image(media.read(artwork["image_path"]), max_megapixels=MAX_MEGAPIXELS)
    return {"artwork_id": artwork["artwork_id"], **measure_picture(picture.pixels)}


def measure_picture(pixels: UInt8[np.ndarray, "height width 3"]) -> dict[str, Any]:
    """Measure an image: all columns of art_measures but the artwork's id."""
    colours = colour.lab(_small(pixels))
    lightness = np.ascontiguousarray(colours[..., 0])
    slopes = composition.edges(lightness)
    named = colour.names(colours)
    measures = {
        "lightness": float(lightness.mean(dtype=np.float64)),
        "contrast": float(lightness.std(dtype=np.float64)),
        "saturation": float(colour.chroma(colours).mean(dtype=np.float64)),
        "warmth": colour.warmth(colours),
        "edge_density": composition.edge_density(slopes),
        "symmetry": composition.symmetry(lightness),
        "thirds_energy": composition.thirds_energy(slopes),
        "balance": principles.balance(colours),
        "harmony": principles.harmony(colours),
        "variety": principles.variety(named, len(colour.NAMED)),
        "unity": principles.unity(named, len(colour.NAMED)),
        "emphasis": principles.emphasis(colours),
        "proportion": principles.proportion(colours),
        "movement": principles.movement(lightness),
        "rhythm": principles.rhythm(slopes),
        "pattern": principles.pattern(lightness),
    }
    valence, arousal = affect.of_picture(measures)
    weighted = [{"name": name, "value": share} for name, share in colour.palette(named).items()]
    toned = [{"name": name, "value": share} for name, share in colour.tones(colours).items()]
    return measures | {"palette": weighted, "tones": toned, "valence": valence, "arousal": arousal}


def _small(pixels: UInt8[np.ndarray, "h w 3"]) -> UInt8[np.ndarray, "height width 3"]:
    """Shrink to `SIDE`; a smaller image stays as it is."""
    height, width, _ = pixels.shape
    scale = SIDE / max(height, width)
    if scale >= 1:
        return pixels
    return resize(pixels, (max(1, round(height * scale)), max(1, round(width * scale))))
