import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from artsound.train import losses


@given(count=st.integers(1, 200), seed=st.integers(0, 99))
def test_every_stratum_gets_one_level(count: int, seed: int) -> None:
    levels = losses.stratified_levels(count, torch.Generator().manual_seed(seed))
    assert sorted((levels.double() * count).floor().int().tolist()) == list(range(count))


def test_the_logit_normal_map_has_the_quantiles_of_a_normal_law() -> None:
    quarter = losses.logit_normal(torch.tensor([0.25])).item()
    assert quarter == pytest.approx(1 / (1 + math.exp(0.67449)), abs=1e-4)


@pytest.mark.parametrize("snr", [0.01, 0.5, 4.9])
def test_below_the_cap_epsilon_is_not_weighted(snr: float) -> None:
    assert losses.min_snr_weight(torch.tensor(snr), 5.0, "epsilon").item() == pytest.approx(1)


@pytest.mark.parametrize("snr", [0.1, 3.0, 40.0])
def test_v_and_epsilon_weights_agree_on_the_error_of_the_data(snr: float) -> None:
    """An error of the data is snr of ε-error and snr + 1 of v-error: both weights make it min(snr, γ)."""
    one = torch.tensor(snr)
    epsilon = losses.min_snr_weight(one, 5.0, "epsilon") * snr
    assert epsilon.item() == pytest.approx(
        (losses.min_snr_weight(one, 5.0, "v_prediction") * (snr + 1)).item()
    )


def test_a_flow_starts_at_the_data_and_ends_in_the_noise() -> None:
    clean, noise = torch.randn(2, 3, 4), torch.randn(2, 3, 4)
    start, velocity = losses.flow_pair(clean, noise, torch.zeros(2))
    end, _ = losses.flow_pair(clean, noise, torch.ones(2))
    assert torch.equal(start, clean)
    assert torch.equal(end, noise)
    assert torch.allclose(start + velocity, noise)


def test_equal_tokens_cost_nothing() -> None:
    tokens = torch.randn(3, 8, 16)
    assert losses.loa_loss(tokens, tokens) == pytest.approx(torch.zeros(3), abs=1e-6)


def test_contrast_is_the_logarithm_of_the_batch_when_nothing_is_known() -> None:
    same = torch.ones(16, 4)
    assert losses.info_nce(same, same, torch.tensor(0.1)).mean().item() == pytest.approx(
        math.log(16), abs=1e-4
    )


def test_contrast_is_low_when_every_row_finds_its_own() -> None:
    own = torch.eye(8)
    assert losses.info_nce(own, own, torch.tensor(0.05)).max() < 1e-6
