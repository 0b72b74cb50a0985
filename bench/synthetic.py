"""Seeded unit vectors, hard in the way real ones are: cones, themes of unequal size, heavy tails, hubs.

Each side lies in a narrow cone (its own common direction) and, like real embeddings, in far fewer
directions than it has dimensions. Items of one theme share a direction; themes have Zipf sizes. A planted
partner shares a private direction with its clip, some more, some less. Hubs are artworks drawn towards the
mean of the clips, a few of them
strongly: they are near to everything. Real samples of CLIP vectors lie between `moderate` and `severe`.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float32, Int64

THEMES = 300
RANK = 64  # directions that items differ in
HUBS = {"none": 0.0, "moderate": 0.1, "severe": 0.2}  # how far hubs are drawn to the clips' mean
BLOCK = 8192


class Planted(NamedTuple):
    """Two sides with known partners and themes."""

    music: Float32[np.ndarray, "clip dim"]
    art: Float32[np.ndarray, "artwork dim"]
    partner: Int64[np.ndarray, "clip"]  # the artwork each clip was made for
    music_theme: Int64[np.ndarray, "clip"]
    art_theme: Int64[np.ndarray, "artwork"]


def planted(clips: int, artworks: int, dim: int, *, hubs: str = "severe", seed: int = 0) -> Planted:
    """Draw the two sides; `clips` ≤ `artworks`."""
    rng = np.random.default_rng([seed, clips, artworks, dim])
    basis = np.linalg.qr(rng.standard_normal((dim, RANK + 2)))[0].T.astype(np.float32)
    spectrum = (np.arange(1, RANK + 1) ** -0.35).astype(np.float32)[:, None]
    cones, directions = basis[:2], basis[2:] * spectrum
    themes = _unit(rng.standard_normal((THEMES, RANK), np.float32) @ directions)
    shares = 1 / np.arange(1, THEMES + 1) ** 0.7
    shares /= shares.sum()
    art_theme = rng.choice(THEMES, artworks, p=shares)
    partner = rng.permutation(artworks)[:clips]
    pull = HUBS[hubs] * np.minimum(rng.pareto(2.5, artworks), 4.0).astype(np.float32)
    loyalty = rng.uniform(0.1, 0.8, clips).astype(np.float32)
    centre = _unit(cones[1] + (shares[:, None] * themes).sum(0))
    private = rng.standard_normal((artworks, RANK), np.float32)
    music_theme = art_theme[partner]
    art, music = np.empty((artworks, dim), np.float32), np.empty((clips, dim), np.float32)
    for start in range(0, artworks, BLOCK):
        at = slice(start, start + BLOCK)
        own = _unit(private[at] @ directions)
        plain = _unit(0.9 * cones[0] + 0.5 * themes[art_theme[at]] + own + 0.3 * _noise(rng, own))
        art[at] = _unit(plain + pull[at, None] * centre)
    for start in range(0, clips, BLOCK):
        at = slice(start, start + BLOCK)
        own = _unit(private[partner[at]] @ directions)
        other = _unit(rng.standard_normal((len(own), RANK), np.float32) @ directions)
        mixed = loyalty[at, None] * own + (1 - loyalty[at, None]) * other
        music[at] = _unit(0.9 * cones[1] + 0.5 * themes[music_theme[at]] + mixed + 0.3 * _noise(rng, own))
    return Planted(music, art, partner, music_theme, art_theme)


def _noise(
    rng: np.random.Generator, like: Float32[np.ndarray, "item dim"]
) -> Float32[np.ndarray, "item dim"]:
    return _unit(rng.standard_normal(like.shape, np.float32))


def _unit(values: Float32[np.ndarray, "*item dim"]) -> Float32[np.ndarray, "*item dim"]:
    length = np.linalg.norm(values, axis=-1, keepdims=True)
    return np.asarray(values / length, np.float32)
