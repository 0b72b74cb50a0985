"""What is minimised: modules whose forward pass is a loss, so that any data-parallel wrapper serves them."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from artsound.train import losses
from artsound.train.prior import AudioPrior
from artsound.train.projector import Conditioner
from artsound.train.settings import Objective

Batch = Mapping[str, Tensor]


@dataclass(frozen=True)
class Draw:
    """The randomness of one step."""

    levels: Tensor  # (B,) in [0, 1)
    noise: Tensor  # like the latents
    dropped: Tensor  # (B,) bool: conditioning is the null


def draw(shape: tuple[int, ...], dropout: float, generator: torch.Generator) -> Draw:
    """Draw levels, noise and who loses the conditioning."""
    levels = losses.stratified_levels(shape[0], generator)
    noise = torch.randn(shape, generator=generator, device=generator.device)
    return Draw(levels, noise, torch.rand(shape[0], generator=generator, device=generator.device) < dropout)


class PriorObjective(nn.Module):
    """Train the small prior on audio alone: conditioning comes from the audio itself."""

    def __init__(self, prior: AudioPrior, settings: Objective) -> None:
        super().__init__()
        self.network = prior.network
        self._prior = [prior]  # in a list: a prior is no module
        self._dropout = settings.dropout

    def forward(self, batch: Batch, generator: torch.Generator) -> dict[str, Tensor]:
        """Return the mean denoising loss."""
        prior, latents = self._prior[0], batch["audio.latents"].float()
        drawn = draw(tuple(latents.shape), self._dropout, generator)
        at = drawn.dropped.view(-1, 1, 1)
        null: nn.Parameter = self.network.null  # type: ignore[assignment]
        cond = torch.where(at, null, batch["audio.target.loa"].float())
        return {"loss": prior.loss(latents, {"loa": cond}, drawn.levels, drawn.noise).mean()}


class ProjectorObjective(nn.Module):
    """Train a projector under a frozen prior: denoising, regression to audio targets, contrast."""

    def __init__(
        self, prior: AudioPrior, conditioner: Conditioner, settings: Objective, hide: float = 0.0
    ) -> None:
        super().__init__()
        self.conditioner = conditioner
        self._hide = hide  # share of samples that lose a visual source
        self.network = prior.network  # here so that its trainable part, if any, is found
        self.log_temperature = nn.Parameter(torch.tensor(0.07).log(), requires_grad=settings.contrastive > 0)
        self._prior = [prior]
        self.settings = settings

    def forward(self, batch: Batch, generator: torch.Generator) -> dict[str, Tensor]:
        """Return the weighted loss and its terms."""
        latents = batch["audio.latents"].float()
        visual = {name: batch[f"visual.{name}"].float() for name in self.conditioner.sources.shapes}
        drawn = draw(tuple(latents.shape), self.settings.dropout, generator)
        hidden = self.conditioner.sources.hide(len(latents), self._hide, generator)
        made = self.conditioner(visual, hidden)
        terms: dict[str, Tensor] = {}
        if self.settings.diffusion:
            cond = self.conditioner.dropped(made, drawn.dropped)
            terms["diffusion"] = self._prior[0].loss(latents, cond, drawn.levels, drawn.noise)
        teacher = "caption" if self.settings.supervision == "text_distill" else "audio"
        wanted = {name: f"{teacher}.target.{name}" for name in made}
        targets = {name: batch[key].float() for name, key in wanted.items() if key in batch}
        if self.settings.loa and targets:
            terms["loa"] = torch.stack(
                [losses.loa_loss(made[name], one) for name, one in targets.items()]
            ).mean(0)
        if self.settings.contrastive and targets:
            terms["contrastive"] = self._contrast(made, targets)
        total = torch.stack([getattr(self.settings, name) * term for name, term in terms.items()]).sum(0)
        weighted = total * batch["weight"] if "weight" in batch else total
        return {"loss": weighted.mean()} | {name: term.detach().mean() for name, term in terms.items()}

    def _contrast(self, made: Mapping[str, Tensor], targets: Mapping[str, Tensor]) -> Tensor:
        """Tell the own audio's tokens from the others', flattened: what is common to all is taken off."""
        temperature = self.log_temperature.exp().clamp(min=0.01)
        each = []
        for name, target in targets.items():
            common = target.mean(0, keepdim=True)
            each.append(
                losses.info_nce((made[name] - common).flatten(1), (target - common).flatten(1), temperature)
            )
        return torch.stack(each).mean(0)
