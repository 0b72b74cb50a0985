"""Bad vectors: one clear error each."""

import numpy as np
import pyarrow as pa
import pytest

from artsound.errors import MatchingError
from artsound.matching.policy import Policy
from artsound.matching.stage import calibrate, match_splits
from artsound.matching.terms import read_terms
from tests.matching import made

SPLITS = made.splits(train=(4, 3))
ART = [f"train-a{number}" for number in range(4)]
PLAIN = np.eye(4, dtype=np.float32)


def raw(values: np.ndarray, ids: list[str] = ART, models: list[str] | None = None) -> pa.Table:
    column = pa.FixedSizeListArray.from_arrays(values.astype(np.float32).ravel(), values.shape[1])
    return pa.table({"item_id": ids, "vector": column, "model": models or ["m@1"] * len(ids)})


MUSIC = raw(PLAIN[:3], [f"train-c{number}" for number in range(3)])


def with_row(value: float) -> np.ndarray:
    changed = PLAIN.copy()
    changed[1] = value
    return changed


@pytest.mark.parametrize(
    ("art", "says"),
    [
        (raw(with_row(np.nan)), "'train-a1' has a vector that is not finite"),
        (raw(with_row(0)), "'train-a1' has a vector of length 0"),
        (raw(PLAIN, models=["m@1", "m@1", "m@2", "m@1"]), "unlike models m@1, m@2"),
        (raw(PLAIN, models=["n@1"] * 4), "one model"),
        (raw(np.eye(5)[:4]), "one model"),
        (raw(PLAIN, ["train-a0", *ART[:3]]), "1 repeated keys"),
        (raw(PLAIN[:0], []), "no items"),
    ],
)
def test_bad_vectors_are_refused(art: pa.Table, says: str) -> None:
    with pytest.raises(MatchingError, match=says):
        read_terms(["sentence"], [art, MUSIC])


def test_moods_that_are_not_numbers_are_refused() -> None:
    moods = pa.table({"artwork_id": ART, "valence": [0.0, np.nan, 0, 0], "arousal": [0.0] * 4})
    with pytest.raises(MatchingError, match="not a finite number"):
        read_terms(["affect"], [moods, MUSIC])


def test_a_missing_table_is_refused() -> None:
    with pytest.raises(MatchingError, match="need 2 tables, got 1"):
        read_terms(["sentence"], [MUSIC])


def test_an_item_without_a_vector_is_refused() -> None:
    with pytest.raises(MatchingError, match="no vector for 'train-a3'"):
        calibrate(SPLITS, raw(PLAIN[:3], ART[:3]), MUSIC, weights={"sentence": 1.0})


def test_a_side_without_items_is_refused() -> None:
    with pytest.raises(MatchingError, match="one side has no items"):
        calibrate(made.splits(train=(4, 0)), raw(PLAIN), MUSIC, weights={"sentence": 1.0})


def test_a_calibration_of_other_vectors_is_refused() -> None:
    calibration = calibrate(SPLITS, raw(PLAIN), MUSIC, weights={"sentence": 1.0}).rows
    with pytest.raises(MatchingError, match="calibrated on other vectors"):
        match_splits(calibration, SPLITS, raw(PLAIN[::-1].copy()), MUSIC)


@pytest.mark.parametrize(
    "given",
    [{"clips_per_artwork": 0}, {"pairs_per_artist": -1}, {"clips_per_artwork": 2, "artworks_per_clip": 2}],
)
def test_capacities_that_cannot_be_met_are_refused(given: dict[str, int]) -> None:
    with pytest.raises(MatchingError):
        Policy(**given)


def test_a_split_with_fewer_artworks_than_clips_is_refused_and_told_how_to_go_on() -> None:
    splits = made.splits(train=(2, 3))
    calibration = calibrate(splits, raw(PLAIN), MUSIC, weights={"sentence": 1.0}).rows
    with pytest.raises(MatchingError, match="train: 2 artworks have 2 places for 3 clips: add artworks"):
        match_splits(calibration, splits, raw(PLAIN), MUSIC, policy=Policy(spare_clips=False))
    more = Policy(spare_clips=False, clips_per_artwork=2)
    matching = match_splits(calibration, splits, raw(PLAIN), MUSIC, policy=more).rows.to_pylist()
    assert all(row["partners"] for row in matching if row["side"] == "music")


def test_a_split_that_must_be_complete_and_cannot_be_is_refused() -> None:
    calibration = calibrate(SPLITS, raw(PLAIN), MUSIC, weights={"sentence": 1.0}).rows
    policy = Policy(forbidden=tuple((art, "train-c0") for art in ART), complete=True)
    with pytest.raises(MatchingError, match="train-c0 cannot be matched"):
        match_splits(calibration, SPLITS, raw(PLAIN), MUSIC, policy=policy)
