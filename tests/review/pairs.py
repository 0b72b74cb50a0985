"""Release rows for the page's tests: real files of the sample pack, plain values for the rest."""

import json
from hashlib import sha256
from pathlib import Path
from typing import Any

import pyarrow as pa

from artsound import tables
from artsound.media.files import Media, open_media
from tests.rows import row

SAMPLE = Path("data/sample")
PAINTINGS = ("met_435868.jpg", "met_436532.jpg", "met_437881.jpg", "met_459093.jpg")
RECORDINGS = ("gcompris_japan.ogg", "gcompris_italy.ogg")


def images() -> Media:
    """Open the sample paintings."""
    return open_media(SAMPLE / "artworks")


def audio() -> Media:
    """Open the sample recordings."""
    return open_media(SAMPLE / "music")


def pairs(count: int = 3, **texts: Any) -> pa.Table:
    """Build release rows; `texts` replaces titles, artists and captions of both sides by hostile ones."""
    return tables.rows_of("release_rows", [pair(number, **texts) for number in range(count)])


def pair(number: int, **texts: Any) -> dict[str, Any]:
    """Build one release row: scores rise with the number, splits and styles take turns."""
    image, sound = PAINTINGS[number % len(PAINTINGS)], RECORDINGS[number % len(RECORDINGS)]
    split, score = ("train", "train", "val", "test")[number % 4], round(0.1 + number / 1000, 6)
    meta: dict[str, Any] = {
        "artwork": _artwork(number, image) | texts,
        "music": _music(number, sound) | texts,
        "terms": [{"name": "sentence", "value": score + 0.05}, {"name": "affect", "value": -0.05}],
        "clip_rank": 1,
        "artwork_rank": 2,
        "clip_margin": 0.01,
        "artwork_margin": -0.02,
        "other_clips": [{"name": f"clip-{(number + 1) % 3}", "value": 0.09}],
        "other_artworks": [
            {"name": f"art-{(number + 1) % 3}", "value": 0.08},
            {"name": "art-without-music", "value": 0.07},
        ],
        "artwork_price": 0.321,
        "clip_price": 0.123,
        "hubness": 7,
        "pair_id": f"{number:016x}",
        "split": split,
        "score": score,
    }
    words = {
        f"{side}_{name}": meta[part][name]
        for side, part in (("art", "artwork"), ("music", "music"))
        for name in ("title", "artist")
    }
    return row(
        "release_rows",
        pair_id=meta["pair_id"],
        split=split,
        score=score,
        artwork_id=f"art-{number}",
        clip_id=f"clip-{number}",
        image_path=image,
        image_sha256=sha256(image.encode()).hexdigest(),
        image_format="jpg",
        audio_path=sound,
        audio_sha256=sha256(sound.encode()).hexdigest(),
        audio_format="ogg",
        meta=json.dumps(meta),
        **words,
    )


def _side(name: str, number: int) -> dict[str, Any]:
    return {
        "title": f"{name} {number}",
        "artist": f"Maker {number % 5}",
        "date": "1885",
        "tags": ["River", "Trees"],
        "licence": "CC-BY-4.0",
        "licence_text": "CC BY",
        "licence_url": "https://creativecommons.org/licenses/by/4.0/",
        "source_url": "https://example.org/item",
    }


def _caption(text: str, **fields: Any) -> dict[str, Any]:
    checks: dict[str, Any] = {"faults": [], "leaks": [], "masked": [], "contradictions": []}
    return {"caption": text, "paragraph": f"{text} And more.", "model": "offline@1"} | checks | fields


def _artwork(number: int, image: str) -> dict[str, Any]:
    return _side("Painting", number) | {
        "artwork_id": f"art-{number}",
        "medium": "Oil on canvas",
        "culture": None,
        "style": ("Impressionism", "Baroque", None)[number % 3],
        "genre": "landscape",
        "image": {"sha256": f"{number:064x}", "format": "jpg", "width": 600, "height": 400, "bytes": 1},
        "caption": _caption(
            "A river under trees.", subject="a river", balance={"present": True, "words": "even"}
        ),
        "measures": {
            "palette": [
                {"name": name, "value": value}
                for name, value in (("green", 0.6), ("blue", 0.4), ("tan", 0.004))
            ]
        },
    }


def _music(number: int, sound: str) -> dict[str, Any]:
    return _side("Song", number) | {
        "clip_id": f"clip-{number}",
        "album": None,
        "genres": ["Folk", "Jazz"][: 1 + number % 2],
        "audio": {"sha256": f"{number:064x}", "format": "ogg", "duration": 12.5, "bytes": 1},
        "caption": _caption("A slow tune on a flute.", instruments="flute")
        | {"contradictions": [{"field": "bpm", "stated": "60", "measured": "96"}] * (number % 5 == 4)},
        "measures": {
            "tempo": 96.0,
            "key": "A minor",
            "loudness": -18.2,
            "tags": [{"name": "flute", "value": 0.7}, {"name": "slow", "value": 0.4}],
            "model": "musicnn@1",
        },
    }
