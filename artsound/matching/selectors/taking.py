"""What the greedy selectors share: walk edges in an order and take those whose two items are free."""

import numpy as np
from jaxtyping import Int64

from artsound.matching.candidates import Candidates
from artsound.matching.compiled import compiled


def take(found: Candidates, order: Int64[np.ndarray, "edge"]) -> Int64[np.ndarray, "pair two"]:
    """Take edges in this order while both items are free; returns pairs by artwork."""
    art, music = found.art[order], found.music[order]
    kept = _free(art, music, np.zeros(art.max() + 1, np.bool_), np.zeros(music.max() + 1, np.bool_))
    return by_artwork(art[kept], music[kept])


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
    art_taken: np.ndarray,
    music_taken: np.ndarray,
) -> np.ndarray:
    kept = np.zeros(art.shape[0], np.bool_)
    for edge in range(art.shape[0]):
        if not art_taken[art[edge]] and not music_taken[music[edge]]:
            kept[edge] = art_taken[art[edge]] = music_taken[music[edge]] = True
    return kept
