"""A second version of the small release: one of everything that can change."""

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

from tests.release import world

OLD = 24  # pairs of the first version
SWAPPED = ("0000", "0001")  # artworks that exchange their clips
REMOVED = "0002"
RECAPTIONED = "0005"
MOVED = "0004"
RESCORED = "0009"
ADDED = ("0024", "0025")


def pair_id(artwork: str, clip: str) -> str:
    return hashlib.sha256(f"{artwork}\n{clip}".encode()).hexdigest()[:16]


def build(media: Path, place: Path, version: str, **changes: Any) -> Path:
    rows = world.plan(media, OLD + len(ADDED), **changes)
    making = world.release(media, rows, place)
    options = replace(making.options, version=version)
    making = replace(making, options=options, folder=place / options.folder_name)
    world.build(making)
    return making.folder


def pairs() -> list[dict[str, Any]]:
    """List the pairs of the second version, as rows of `pairs`."""
    partner = {f"{i:04d}": f"{i:04d}" for i in range(OLD + len(ADDED))}
    one, other = SWAPPED
    partner |= {one: other, other: one}
    del partner[REMOVED]
    made = []
    for art, clip in partner.items():
        split = ("train", "train", "val", "test")[int(art) % 4]
        made.append(
            {
                "pair_id": pair_id(f"a{art}", f"t{clip}"),
                "artwork_id": f"a{art}",
                "clip_id": f"t{clip}",
                "split": "test" if art == MOVED else split,
                "score": 0.5 if art == RESCORED else round(0.9 - int(art) / 1000, 6),
                "terms": [{"name": "sentence", "value": 0.1}, {"name": "affect", "value": 0.2}],
            }
        )
    return made


def captions() -> list[dict[str, Any]]:
    return [
        {
            "artwork_id": f"a{i:04d}",
            "caption": "Another." if f"{i:04d}" == RECAPTIONED else f"A picture, {i:04d}.",
        }
        for i in range(OLD + len(ADDED))
    ]
