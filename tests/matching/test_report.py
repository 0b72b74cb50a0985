"""The quality report on made-up pairs of known quality."""

from pathlib import Path

import numpy as np
import pytest

from artsound.matching.plots import draw
from artsound.matching.policy import Policy
from artsound.matching.report import compare, quality
from artsound.matching.selectors import UNCORRECTED
from artsound.matching.stage import calibrate, fused_splits, match_splits
from tests import rows
from tests.matching import made

SPLITS = made.splits(train=(60, 50), val=(4, 0))
SIDES = made.sides(SPLITS)
CALIBRATION = calibrate(SPLITS, *SIDES, weights=made.WEIGHTS).rows
MATCHING = match_splits(CALIBRATION, SPLITS, *SIDES).rows
ARTWORKS = rows.artworks(
    *({"artwork_id": i, "style": f"style {n % 3}"} for n, i in enumerate(made.items(SPLITS, "art")))
)
REPORT = quality(fused_splits(CALIBRATION, SPLITS, *SIDES), MATCHING, ARTWORKS)


def test_only_splits_with_pairs_are_reported() -> None:
    assert list(REPORT) == ["train"]
    assert REPORT["train"]["coverage"] == {"artworks": 50 / 60, "clips": 1.0}


def test_the_optimum_beats_every_shuffle_and_the_interval_holds_their_mean() -> None:
    chance = REPORT["train"]["chance"]
    assert chance["beaten_by_shuffles"] == 0
    assert chance["interval"][0] < chance["mean"] < chance["interval"][1]
    assert chance["difference"] == pytest.approx(REPORT["train"]["score"]["mean"] - chance["mean"])


def test_groups_cover_all_pairs() -> None:
    groups = REPORT["train"]["groups"]
    assert sum(group["pairs"] for group in groups["style"].values()) == 50
    assert set(groups["style"]) == {"style 0", "style 1", "style 2"}
    assert set(groups["genre"]) == {"unknown"}


def test_prices_lower_the_skewness_of_the_hubs() -> None:
    hubness = REPORT["train"]["hubness"]["artworks"]
    assert hubness["after"] < hubness["before"]


def test_no_one_to_one_selector_has_a_larger_total_than_the_optimum() -> None:
    selectors = REPORT["train"]["selectors"]
    once = [s for s in selectors.values() if s["pairs"] == s["artworks_used"] == s["clips_used"]]
    assert len(once) >= 4
    assert max(s["total"] for s in once) == pytest.approx(selectors["optimal"]["total"])


def test_only_what_takes_a_correction_is_said_to_have_one() -> None:
    both = next(fused for split, fused in fused_splits(CALIBRATION, SPLITS, *SIDES) if split == "train")
    plain, corrected = (compare(both, name) for name in ("none", "csls"))
    assert {name for name, one in corrected.items() if one["correction"] == "none"} == set(UNCORRECTED)
    assert all(plain[name] == corrected[name] for name in UNCORRECTED)
    assert plain["top_k"] != corrected["top_k"] | {"correction": "none"}


def test_the_builds_own_matching_stands_beside_the_selectors() -> None:
    policy = Policy(clips_per_artwork=2)
    matching = match_splits(CALIBRATION, SPLITS, *SIDES, policy=policy).rows
    made_so = quality(fused_splits(CALIBRATION, SPLITS, *SIDES), matching, ARTWORKS)["train"]["selectors"]
    assert REPORT["train"]["selectors"]["matching"] == REPORT["train"]["selectors"]["optimal"]
    assert made_so["matching"]["artworks_used"] < made_so["matching"]["pairs"] == 50
    assert made_so["optimal"] == REPORT["train"]["selectors"]["optimal"]


def test_histograms_are_shares() -> None:
    shown = REPORT["train"]["histogram"]
    assert np.sum(shown["pairs"]) == pytest.approx(1)
    assert np.sum(shown["chance"]) == pytest.approx(1)


def test_plots_are_the_same_bytes_each_time(tmp_path: Path) -> None:
    first, second = ([path.read_bytes() for path in draw(REPORT, tmp_path)] for _ in range(2))
    assert first == second
    assert first[0].startswith(b"\x89PNG")
