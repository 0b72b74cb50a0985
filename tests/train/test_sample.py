import pytest
import torch
from torch import Tensor

from artsound.errors import ConfigError
from artsound.train.sample import ddim, flow, guided, visited


def test_a_constant_velocity_is_followed_exactly() -> None:
    data, noise = torch.randn(2, 5), torch.randn(2, 5)
    assert torch.allclose(flow(lambda noisy, times: noise - data, noise, steps=1), data, atol=1e-6)


def test_more_steps_come_closer_to_the_solution_of_a_curved_flow() -> None:
    """dx/dt = x from t = 1 to 0 shrinks x by e; the error falls with the square of the steps."""
    exact = torch.ones(1, 1) / torch.e
    errors = [
        (flow(lambda noisy, _: noisy, torch.ones(1, 1), steps) - exact).abs().item() for steps in (2, 4)
    ]
    assert errors[1] < errors[0] / 3


def test_guidance_one_is_the_conditional_prediction_and_zero_the_unconditional() -> None:
    def one(noisy: Tensor, times: Tensor) -> Tensor:
        return noisy + 1

    def none(noisy: Tensor, times: Tensor) -> Tensor:
        return noisy - 1

    at = torch.zeros(2, 3)
    assert torch.equal(guided(one, none, 1.0)(at, at), one(at, at))
    assert torch.equal(guided(one, none, 0.0)(at, at), none(at, at))
    assert guided(one, none, 3.0)(at, at) == pytest.approx(torch.full((2, 3), 5.0))


@pytest.mark.parametrize("steps", [1, 10, 50, 501, 1000])
def test_ddim_that_knows_the_data_returns_it(steps: int) -> None:
    kept = torch.cumprod(1 - torch.linspace(0.0015**0.5, 0.0195**0.5, 1000) ** 2, 0)
    data = torch.randn(2, 8)

    def epsilon(noisy: Tensor, times: Tensor) -> Tensor:
        alpha = kept[times].unsqueeze(1)
        return (noisy - alpha.sqrt() * data) / (1 - alpha).sqrt()

    made = ddim(epsilon, torch.randn(2, 8), steps, kept)
    clean = (made - (1 - kept[0]).sqrt() * epsilon(made, torch.zeros(2, dtype=torch.long))) / kept[0].sqrt()
    assert torch.allclose(clean, data, atol=1e-3)


@pytest.mark.parametrize("steps", [1, 2, 7, 25, 500, 501, 667, 999, 1000])
def test_every_number_of_steps_begins_in_noise_and_visits_no_time_twice(steps: int) -> None:
    times = visited(steps, 1000).tolist()
    assert times[0] == 999
    assert times == sorted(set(times), reverse=True)
    assert len(times) == steps
    assert times[-1] >= 0


@pytest.mark.parametrize("steps", [0, 1001])
def test_steps_that_the_training_did_not_have_are_refused(steps: int) -> None:
    with pytest.raises(ConfigError, match=f"{steps} steps make no sense: the prior was trained with 1000"):
        ddim(lambda noisy, _: noisy, torch.zeros(1, 1), steps, torch.linspace(0.99, 0.01, 1000))
