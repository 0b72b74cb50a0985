"""Which items belong together: connected components over the marks that they share."""

from collections.abc import Hashable, Iterable, Sequence

import numpy as np
from jaxtyping import Int32, Int64
from scipy.sparse import coo_array, csgraph

Pairs = tuple[Int64[np.ndarray, " pair"], Int64[np.ndarray, " pair"]]  # by position, left and right


def components(
    left: Int64[np.ndarray, " edge"], right: Int64[np.ndarray, " edge"], nodes: int
) -> Int32[np.ndarray, " node"]:
    """Label the connected components of an undirected graph; equal labels, same component."""
    edges = coo_array((np.ones(len(left), dtype=np.int8), (left, right)), shape=(nodes, nodes))
    labels: Int32[np.ndarray, " node"] = csgraph.connected_components(edges, directed=False)[1]
    return labels


def joined(marks: Sequence[Iterable[Hashable]]) -> Int32[np.ndarray, " item"]:
    """Label the items that share a mark, directly or through others.

    Examples:
        >>> labels = joined([["monet"], ["manet"], ["monet", "salon"], ["salon"], []])
        >>> [int(labels[i] == labels[0]) for i in range(5)]
        [1, 0, 1, 1, 0]
    """
    numbers: dict[Hashable, int] = {}
    edges = [
        (item, len(marks) + numbers.setdefault(mark, len(numbers)))
        for item, shared in enumerate(marks)
        for mark in shared
    ]
    ends = np.array(edges, dtype=np.int64).reshape(-1, 2)
    return components(ends[:, 0], ends[:, 1], len(marks) + len(numbers))[: len(marks)]
