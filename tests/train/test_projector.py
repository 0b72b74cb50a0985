from typing import Any

import pytest
import torch

from artsound.errors import ConfigError
from artsound.train.prior import Slot
from artsound.train.projector import Conditioner, Ends
from artsound.train.settings import Projector

SLOTS = {"loa": Slot(8, 16), "t5": Slot(2, 24)}


def ends(sources: dict[str, Slot]) -> Ends:
    generator = torch.Generator().manual_seed(0)
    mean = {name: torch.randn(*slot, generator=generator) for name, slot in SLOTS.items()}
    return Ends(
        sources,
        SLOTS,
        mean,
        {name: torch.ones(*slot) for name, slot in SLOTS.items()},
        {n: -m for n, m in mean.items()},
    )


def visual(sources: dict[str, Slot], count: int = 3) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    return {name: torch.randn(count, *slot, generator=generator) for name, slot in sources.items()}


CONTENT = {"content": Slot(17, 32)}
ALL = {"content": Slot(17, 32), "style": Slot(1, 12), "text": Slot(1, 20)}


@pytest.mark.parametrize("kind", ["mlp", "resampler"])
def test_before_training_every_image_gives_the_mean_conditioning(kind: str) -> None:
    given = ends(CONTENT)
    made = Conditioner(given, Projector(kind=kind), {})(visual(CONTENT))
    for name in SLOTS:
        assert torch.equal(made[name], given.mean[name].expand(3, -1, -1))


@pytest.mark.parametrize("kind", ["mlp", "resampler"])
def test_a_step_of_training_makes_images_differ(kind: str) -> None:
    conditioner = Conditioner(ends(CONTENT), Projector(kind=kind), {})
    seen = visual(CONTENT)
    wanted = torch.randn(3, *SLOTS["loa"])
    optimizer = torch.optim.SGD(conditioner.parameters(), lr=0.1)
    for _ in range(2):
        optimizer.zero_grad()
        ((conditioner(seen)["loa"] - wanted) ** 2).mean().backward()
        optimizer.step()
    made = conditioner(seen)["loa"]
    assert not torch.allclose(made[0], made[1])


@pytest.mark.parametrize(("tokens", "millions"), [(1, 2.75), (4, 6.30)])
def test_the_mlp_has_the_size_of_art2mus(tokens: int, millions: float) -> None:
    slots = {"prefix": Slot(tokens, 768)}
    zeros = {"prefix": torch.zeros(tokens, 768)}
    given = Ends({"content": Slot(1, 1024)}, slots, zeros, zeros, zeros)
    weights = sum(one.numel() for one in Conditioner(given, Projector(kind="mlp"), {}).project.parameters())
    assert weights / 1e6 == pytest.approx(millions, abs=0.01)


def perturbed(conditioner: Conditioner) -> Conditioner:
    """Move the heads off zero, so that what the queries read shows in the output."""
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for one in conditioner.project.heads.values():
            one.linear.weight.copy_(torch.randn(one.linear.weight.shape, generator=generator))
    return conditioner


@pytest.mark.parametrize("kind", ["mlp", "resampler"])
def test_text_is_not_heard_until_its_gate_opens(kind: str) -> None:
    conditioner = perturbed(Conditioner(ends(ALL), Projector(kind=kind, text=True), {}))
    seen = visual(ALL)
    without = conditioner(seen)["loa"]
    changed = conditioner(seen | {"text": seen["text"] * 5 + 1})["loa"]
    assert torch.equal(without, changed)
    with torch.no_grad():
        (conditioner.project if kind == "mlp" else conditioner.project.layers[0]).gate.fill_(1.0)
    assert not torch.allclose(
        conditioner(seen | {"text": seen["text"].flip(0)})["loa"], conditioner(seen)["loa"]
    )


def test_style_queries_and_content_queries_read_their_own_source() -> None:
    conditioner = perturbed(Conditioner(ends(ALL), Projector(style_tokens=3, layers=1), {}))
    for layer in conditioner.project.layers:
        torch.nn.init.zeros_(layer.own.out.weight)  # queries talk to each other otherwise
    seen = visual(ALL)
    other = conditioner(seen | {"style": seen["style"].flip(0) + 1})["loa"] - conditioner(seen)["loa"]
    moved = other.abs().amax((0, 2)) > 1e-4
    assert moved.tolist() == [True] * 3 + [False] * 5


def test_dropped_samples_get_the_null_and_the_others_keep_their_image() -> None:
    given = ends(CONTENT)
    conditioner = Conditioner(given, Projector(), {"fixed": Slot(1, 4)})
    made = conditioner(visual(CONTENT))
    kept = conditioner.dropped(made, torch.tensor([True, False, True]))
    assert torch.equal(kept["loa"][0], given.null["loa"])
    assert torch.equal(kept["loa"][1], made["loa"][1])
    assert kept["fixed"].shape == (3, 1, 4)


@pytest.mark.parametrize("kind", ["mlp", "resampler"])
def test_an_image_without_a_caption_is_an_image_whose_caption_is_hidden(kind: str) -> None:
    conditioner = perturbed(Conditioner(ends(ALL), Projector(kind=kind, text=True), {}))
    for one in conditioner.modules():
        if getattr(one, "gate", None) is not None:
            torch.nn.init.ones_(one.gate)
    seen = visual(ALL)
    without = {name: one for name, one in seen.items() if name != "text"}
    hidden = {"text": torch.tensor([True, True, False])}
    assert torch.allclose(conditioner(without)["loa"][:2], conditioner(seen, hidden)["loa"][:2])
    assert not torch.allclose(conditioner(without)["loa"][2], conditioner(seen, hidden)["loa"][2])


def test_at_most_one_image_source_of_a_sample_is_hidden_and_the_share_is_kept() -> None:
    sources = Conditioner(ends(ALL), Projector(text=True), {}).sources
    hidden = sources.hide(4000, 0.3, torch.Generator().manual_seed(0))
    assert not (hidden["content"] & hidden["style"]).any()
    assert (hidden["content"] | hidden["style"]).float().mean().item() == pytest.approx(0.3, abs=0.03)
    assert hidden["text"].float().mean().item() == pytest.approx(0.3, abs=0.03)
    assert sources.hide(4000, 0.0, torch.Generator()) == {}


def test_the_only_image_source_is_never_hidden() -> None:
    sources = Conditioner(ends(CONTENT), Projector(), {}).sources
    assert sources.hide(100, 0.9, torch.Generator().manual_seed(0)) == {}


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"width": 96, "heads": 5}, "width 96 is no multiple of the 5 heads"),
        ({"kind": "mlp", "style_tokens": 2}, "'mlp' has none"),
    ],
)
def test_a_projector_that_cannot_be_is_refused(settings: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        Projector(**settings)


def test_style_leaves_at_least_one_token_to_what_is_shown() -> None:
    with pytest.raises(ConfigError, match=r"style_tokens = 10 .* takes 10 tokens"):
        Conditioner(ends(ALL), Projector(style_tokens=10), {})
