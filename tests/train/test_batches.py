import numpy as np
import pytest

from artsound.errors import ConfigError
from artsound.train.batches import Batches
from artsound.train.run import Session
from artsound.train.settings import Objective, TrainSettings
from tests.train.conftest import SIZES

TRAIN = SIZES["train"]


def batches(settings: TrainSettings, **objective: object) -> Batches:
    return Batches(Session(settings).families("train"), Objective(**objective), seed=0)


def test_an_epoch_sees_every_pair_once_and_the_next_in_another_order(prepared: TrainSettings) -> None:
    made = batches(prepared)
    first, second = made.places(0, TRAIN), made.places(TRAIN, TRAIN)
    assert sorted(first) == sorted(second) == list(range(TRAIN))
    assert not np.array_equal(first, second)


def test_what_a_step_sees_depends_on_nothing_but_what_was_seen(prepared: TrainSettings) -> None:
    whole = batches(prepared).places(0, 3 * TRAIN)
    later = batches(prepared).places(TRAIN - 5, 10)
    assert np.array_equal(whole[TRAIN - 5 : TRAIN + 5], later)


def test_pairs_below_the_score_floor_are_never_seen(prepared: TrainSettings) -> None:
    made = batches(prepared, min_score=0.1)
    assert len(made) == TRAIN - 10
    assert min(made.names(made.places(0, len(made)))) == f"{10:016x}"


def test_a_floor_above_all_scores_is_refused(prepared: TrainSettings) -> None:
    with pytest.raises(ConfigError, match="min_score"):
        batches(prepared, min_score=5.0)


def test_full_pair_noise_leaves_no_image_with_its_sound(prepared: TrainSettings) -> None:
    true, noised = batches(prepared), batches(prepared, pair_noise=1.0)
    places = np.arange(TRAIN)
    images = [made.gather(places)["visual.content"] for made in (true, noised)]
    sounds = [made.gather(places)["audio.latents"] for made in (true, noised)]
    assert (sounds[0] == sounds[1]).all()
    assert not (images[0] == images[1]).flatten(1).all(1).any()


def test_weights_by_score_average_to_one_and_rise_with_the_score(prepared: TrainSettings) -> None:
    weights = batches(prepared, score_weighted=True).gather(np.arange(TRAIN))["weight"]
    assert weights.mean().item() == pytest.approx(1)
    assert (weights.diff() > 0).all()
