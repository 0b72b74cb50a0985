"""Loading by torch: datasets, workers, batches, exact restarts."""

import multiprocessing
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

import artsound
from artsound.errors import ConfigError
from artsound.loader.pairs import Pairs

torch = pytest.importorskip("torch")


def flat(batches: Any) -> list[str]:
    return [key for batch in batches for key in batch["pair_id"]]


def ids(samples: Any) -> list[str]:
    return [sample["pair_id"] for sample in samples]


@pytest.fixture(params=["webdataset", "parquet"])
def pairs(request: pytest.FixtureRequest, finished: Path) -> Pairs:
    return artsound.load(finished, "train", format=request.param)


def test_a_loader_goes_on_with_whole_batches_only(pairs: Pairs) -> None:
    stream = pairs.stream(unit=4)
    next(iter(stream))
    with pytest.raises(ConfigError, match="inside a batch"):
        pairs.loader(4).load_state_dict(stream.state_dict())
    with pytest.raises(ConfigError, match="this state has release = None"):
        pairs.loader(4).load_state_dict({})


def test_a_stream_is_what_torch_expects(pairs: Pairs) -> None:
    stream = pairs.stream(unit=4)
    assert isinstance(stream, torch.utils.data.IterableDataset)
    assert flat(torch.utils.data.DataLoader(stream, batch_size=4)) == ids(pairs.stream(unit=4))
    assert flat(torch.utils.data.DataLoader(pairs, batch_size=4)) == ids(pairs)


@pytest.mark.parametrize("workers", [1, 2])
def test_batches_come_in_the_same_order_from_any_number_of_workers(pairs: Pairs, workers: int) -> None:
    alone, spread = pairs.loader(4, seed=1), pairs.loader(4, workers=workers, seed=1)
    assert len(alone) == len(list(alone)) == len(spread)
    alone.set_epoch(0)
    for _ in range(2):
        assert flat(alone) == flat(spread)


def test_a_loader_goes_on_exactly_with_other_workers(pairs: Pairs) -> None:
    loader = pairs.loader(3, workers=2, seed=1)
    whole = flat(pairs.loader(3, seed=1))
    batches = iter(loader)
    taken = flat(islice(batches, 2))
    state = loader.state_dict()
    again = pairs.loader(3, workers=1, seed=1)
    again.load_state_dict(state)
    assert taken + flat(again) == whole
    assert flat(again) == flat(pairs_epoch(pairs, 1))


def pairs_epoch(pairs: Pairs, epoch: int) -> Any:
    loader = pairs.loader(3, seed=1)
    loader.set_epoch(epoch)
    return loader


def test_workers_that_live_on_see_the_new_epoch(pairs: Pairs) -> None:
    from artsound.loader.torched import Loader

    stream = pairs.stream(unit=4, seed=1)
    lasting = Loader(stream, 2, persistent_workers=True)  # type: ignore[arg-type]
    plain = pairs.loader(4, seed=1)
    for _ in range(3):
        assert flat(lasting) == flat(plain)


@pytest.mark.slow
def test_spawned_workers_read_the_same(finished: Path) -> None:
    from artsound.loader.torched import Loader

    pairs = artsound.load(finished)
    pairs[0]  # opened here; must not travel
    context = multiprocessing.get_context("spawn")
    loader = Loader(pairs.stream(unit=8), 1, multiprocessing_context=context)  # type: ignore[arg-type]
    assert flat(loader) == ids(pairs.stream(unit=8))


def test_three_lines_give_a_training_batch(finished: Path) -> None:
    decode = artsound.Decode(size=(8, 8), rate=8_000, seconds=0.05)
    batch = next(iter(artsound.load(finished, "train", decode=decode).loader(batch_size=4)))
    assert batch["image"].shape == (4, 8, 8, 3)
    assert batch["audio"].dtype == torch.float32
    assert all(isinstance(text, str) for text in batch["art_caption"])
