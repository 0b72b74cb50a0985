"""What the greedy selectors share: walk edges in an order and take those whose two items are free.

A clip whose candidates are all taken looks again among the artworks that are still free, before the walk goes
on. Where the order goes by the score itself, or by one less a price, a walk over all pairs gives the same.
"""

from collections.abc import Callable

import numpy as np
from jaxtyping import Bool, Int64

from artsound.matching.candidates import WIDTH, Candidates, Edges
from artsound.matching.compiled import compiled

EDGES = 1 << 22  # held at a time, about
SHORT = 4  # a clip with less than one in so many of its candidates left looks again, too

Order = Callable[[Edges], Int64[np.ndarray, "edge"]]


def take(found: Candidates, order: Order) -> Int64[np.ndarray, "pair two"]:
    """Take edges in an order while both items are free, until a side is used up; returns pairs by artwork."""
    fused = found.finder.fused
    art_taken, music_taken = np.zeros(len(fused.art), np.bool_), np.zeros(len(fused.music), np.bool_)
    edges, pairs = Edges(found.art, found.music, found.score), []
    while len(edges.art):
        turn = order(edges)
        art, music = edges.art[turn], edges.music[turn]
        kept = _free(art, music, np.bincount(music, minlength=len(fused.music)), art_taken, music_taken)
        pairs.append(np.stack([art[kept], music[kept]], axis=1))
        edges = _renewed(found, edges, art_taken, music_taken)
    art, music = np.concatenate(pairs).T
    return by_artwork(art, music)


def _renewed(
    found: Candidates,
    edges: Edges,
    art_taken: Bool[np.ndarray, "artwork"],
    music_taken: Bool[np.ndarray, "clip"],
) -> Edges:
    """Drop the edges of who is taken, and let the clips that have few left look again."""
    clips, artworks = np.flatnonzero(~music_taken), np.flatnonzero(~art_taken)
    if not (len(clips) and len(artworks)):
        return Edges(*(column[:0] for column in edges))
    width = min(len(artworks), max(WIDTH, EDGES // len(clips)))
    valid = ~(art_taken[edges.art] | music_taken[edges.music])
    left = np.bincount(edges.music[valid], minlength=len(music_taken))
    short = ~music_taken & (left <= width // SHORT)
    valid &= ~short[edges.music]
    more = found.finder.artworks(np.flatnonzero(short), artworks, width)
    return Edges(*(np.concatenate([old[valid], new]) for old, new in zip(edges, more, strict=True)))


def by_artwork(
    art: Int64[np.ndarray, "pair"], music: Int64[np.ndarray, "pair"]
) -> Int64[np.ndarray, "pair two"]:
    """Set pairs side by side, sorted."""
    order = np.lexsort((music, art))
    return np.stack([art[order], music[order]], axis=1)


@compiled
def _free(
    art: Int64[np.ndarray, "edge"],
    music: Int64[np.ndarray, "edge"],
    left: Int64[np.ndarray, "clip"],
    art_taken: Bool[np.ndarray, "artwork"],
    music_taken: Bool[np.ndarray, "clip"],
) -> Bool[np.ndarray, "edge"]:
    """Mark the edges to take, up to where a free clip has none left: it may have an edge that comes next."""
    kept = np.zeros(art.shape[0], np.bool_)
    for edge in range(art.shape[0]):
        clip = music[edge]
        left[clip] -= 1
        if music_taken[clip]:
            continue
        if not art_taken[art[edge]]:
            kept[edge] = art_taken[art[edge]] = music_taken[clip] = True
        elif left[clip] == 0:
            break
    return kept
