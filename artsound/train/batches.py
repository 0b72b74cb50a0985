"""Which pairs a step sees: a function of the seed and of how many samples were seen before."""

from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from artsound.errors import ConfigError
from artsound.train.cache import Family
from artsound.train.settings import Objective


class Batches:
    """The cached pairs of one split in a shuffled order that a restart finds again."""

    def __init__(self, families: Mapping[str, Family], objective: Objective, seed: int) -> None:
        first = next(iter(families.values()))
        if any(family.ids != first.ids for family in families.values()):
            raise ConfigError("the families of the cache hold other pairs: run `artsound train prepare`")
        self.families = families
        self.ids = first.ids
        self.rows = _kept(first.scores, objective.min_score)
        self._weights = _weights(first.scores[self.rows]) if objective.score_weighted else None
        self._partner = _noised(self.rows, objective.pair_noise, seed)
        self._seed = seed

    def __len__(self) -> int:
        return len(self.rows)

    def places(self, seen: int, count: int) -> NDArray[np.int64]:
        """Choose the next pairs, as places in `rows`; every epoch has an order of its own."""
        wanted = np.arange(seen, seen + count)
        epochs = wanted // len(self.rows)
        orders = {epoch: self._order(int(epoch)) for epoch in np.unique(epochs)}
        inside = wanted % len(self.rows)
        return np.array([orders[epoch][at] for epoch, at in zip(epochs, inside, strict=True)])

    def gather(self, places: NDArray[np.int64]) -> dict[str, Tensor]:
        """Read the tensors of some pairs, `family.name` → (B, …), in half precision."""
        found: dict[str, Tensor] = {}
        for name, family in self.families.items():
            rows = self._partner[places] if name == "visual" else self.rows[places]
            found |= {f"{name}.{key}": value for key, value in family.gather(rows).items()}
        if self._weights is not None:
            found["weight"] = torch.from_numpy(self._weights[places])
        return found

    def names(self, places: NDArray[np.int64]) -> list[str]:
        """Return the ids of some pairs."""
        return [self.ids[row] for row in self.rows[places]]

    def _order(self, epoch: int) -> NDArray[np.int64]:
        if getattr(self, "_epoch", None) != epoch:
            self._epoch = epoch
            self._permutation = np.random.default_rng([self._seed, epoch]).permutation(len(self.rows))
        return self._permutation


def _kept(scores: NDArray[np.float64], floor: float | None) -> NDArray[np.int64]:
    rows = np.arange(len(scores)) if floor is None else np.flatnonzero(scores >= floor)
    if not len(rows):
        raise ConfigError(f"no pair has a score of at least {floor}: lower objective.min_score")
    return rows


def _weights(scores: NDArray[np.float64]) -> NDArray[np.float32]:
    """Weigh by rank, from near 0 for the lowest score to near 2 for the highest; the mean is 1."""
    ranks = scores.argsort(kind="stable").argsort(kind="stable")
    return (2 * (ranks + 0.5) / len(scores)).astype(np.float32)


def _noised(rows: NDArray[np.int64], share: float, seed: int) -> NDArray[np.int64]:
    """Permute the images of a share of the pairs among themselves."""
    partner = rows.copy()
    rng = np.random.default_rng([seed, len(rows)])
    chosen = rng.permutation(len(rows))[: round(share * len(rows))]
    partner[chosen] = rows[np.roll(chosen, 1)]
    return partner
