"""The order of epochs, and its division among ranks and workers."""

from collections import Counter
from itertools import islice, zip_longest

from hypothesis import given
from hypothesis import strategies as st

from artsound.loader.order import Place, Step, Walk

BEGIN = Place()
ROWS = st.lists(st.integers(1, 9), max_size=5).map(tuple)


def walk(rows: tuple[int, ...], **options: object) -> Walk:
    """Each shard has blocks of three."""

    def blocks(shard: int) -> list[int]:
        return [min(3, rows[shard] - start) for start in range(0, rows[shard], 3)]

    return Walk(rows, blocks, **options)  # type: ignore[arg-type]


def steps(made: Walk, start: Place = BEGIN, share: int = 0, shares: int = 1, ranks: int = 1) -> list[Step]:
    return list(made.steps(start, share, shares, ranks))


def seen(found: list[Step]) -> list[tuple[int, int]]:
    return [(step.shard, step.row) for step in found]


@given(ROWS, st.integers(0, 3), st.integers(0, 3), st.booleans(), st.integers(1, 4))
def test_an_epoch_visits_every_pair_once(
    rows: tuple[int, ...], seed: int, epoch: int, shuffle: bool, unit: int
) -> None:
    found = seen(steps(walk(rows, seed=seed, shuffle=shuffle, unit=unit), Place(epoch)))
    every = [(shard, row) for shard, count in enumerate(rows) for row in range(count)]
    assert sorted(found) == every
    assert shuffle or found == every


def test_epochs_and_seeds_differ_and_repeat() -> None:
    made = walk((40, 40), seed=1)
    first, second = seen(steps(made)), seen(steps(made, Place(1)))
    assert first != second != seen(steps(walk((40, 40), seed=2)))
    assert first == seen(steps(walk((40, 40), seed=1)))


def test_the_order_of_a_seed_never_changes() -> None:
    assert seen(steps(walk((3, 4), seed=7))) == PINNED


@given(ROWS, st.integers(1, 4), st.integers(1, 3), st.integers(1, 3), st.booleans())
def test_ranks_and_workers_divide_an_epoch_and_lengths_are_known(
    rows: tuple[int, ...], unit: int, ranks: int, workers: int, drop: bool
) -> None:
    made = walk(rows, unit=unit, drop_uneven=drop)
    whole = Counter(seen(steps(made)))
    together: Counter[tuple[int, int]] = Counter()
    for rank in range(ranks):
        shares = [
            steps(made, share=worker * ranks + rank, shares=workers * ranks, ranks=ranks)
            for worker in range(workers)
        ]
        assert sum(map(len, shares)) == made.pairs(rank, ranks)
        together += Counter(seen([step for share in shares for step in share]))
    if drop:
        assert len({made.pairs(rank, ranks) for rank in range(ranks)}) == 1
        assert together <= Counter({(s, r): 1 for s, count in enumerate(rows) for r in range(count)})
    else:
        assert together == whole


@given(st.data(), ROWS, st.integers(1, 4), st.integers(1, 3), st.integers(1, 4))
def test_whoever_goes_on_after_some_batches_sees_exactly_the_rest(
    data: st.DataObject, rows: tuple[int, ...], unit: int, before: int, after: int
) -> None:
    made = walk(rows, unit=unit)
    alone = seen(steps(made))
    rounds = data.draw(st.integers(0, sum(rows) // (unit * before)))
    consumed, state = [], Place()
    for rank in range(before):
        for step in islice(made.steps(Place(), rank, before, before), rounds * unit):
            consumed.append((step.shard, step.row))
            state = step.after
    assert sorted(consumed) == sorted(alone[: len(consumed)])
    again = [steps(made, state, rank, after, after) for rank in range(after)]
    batches = [[share[i : i + unit] for i in range(0, len(share), unit)] for share in again]
    dealt = [batch for turn in zip_longest(*batches, fillvalue=[]) for batch in turn]
    assert seen([step for batch in dealt for step in batch]) == alone[len(consumed) :]


@given(st.data(), ROWS, st.integers(1, 4))
def test_a_stop_inside_a_batch_loses_nothing(data: st.DataObject, rows: tuple[int, ...], unit: int) -> None:
    made = walk(rows, unit=unit)
    whole = steps(made)
    stop = data.draw(st.integers(0, len(whole)))
    state = whole[stop - 1].after if stop else Place()
    assert seen(steps(made, state)) == seen(whole)[stop:]


PINNED = [(0, 0), (0, 2), (0, 1), (1, 3), (1, 2), (1, 1), (1, 0)]
