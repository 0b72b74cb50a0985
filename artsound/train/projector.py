"""From visual tokens to the prior's conditioning; every projector starts at the mean conditioning (`start`).

`mlp`: one pooled vector, two linear maps; parity with Art2Mus, cheap, sees no layout.
`resampler`: learned queries read all tokens; the default.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from artsound.errors import ConfigError
from artsound.train.attention import Attention, feed_forward
from artsound.train.prior import Slot
from artsound.train.settings import Projector
from artsound.train.visual import STYLE, TEXT


@dataclass(frozen=True)
class Ends:
    """What a projector reads and writes."""

    sources: Mapping[str, Slot]  # visual source → tokens and width
    slots: Mapping[str, Slot]
    mean: Mapping[str, Tensor]  # slot → (token, dim): where the output starts
    spread: Mapping[str, Tensor]  # slot → (token, dim): scale of the output around it
    null: Mapping[str, Tensor]  # slot → (token, dim): where the learned null starts


class Head(nn.Module):
    """(B, …, width) → (B, token, dim) of one slot, at the mean until it has learned."""

    mean: Tensor
    spread: Tensor

    def __init__(self, width: int, dim: int, mean: Tensor, spread: Tensor) -> None:
        super().__init__()
        self.linear = nn.Linear(width, dim)
        nn.init.zeros_(self.linear.weight)
        nn.init.zeros_(self.linear.bias)
        self.register_buffer("mean", mean.clone())
        self.register_buffer("spread", spread.clone())

    def forward(self, x: Tensor) -> Tensor:
        """Scale and shift what the linear map says."""
        return self.linear(x).reshape(-1, *self.mean.shape) * self.spread + self.mean  # type: ignore[no-any-return]


class Sources(nn.Module):
    """Every visual source, or what was learned to stand for one that is hidden or not there."""

    def __init__(self, sources: Mapping[str, Slot]) -> None:
        super().__init__()
        self.shapes = dict(sources)
        self.absent = nn.ParameterDict({name: torch.zeros(slot.dim) for name, slot in sources.items()})

    def forward(self, visual: Mapping[str, Tensor], hidden: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return (B, token, dim) of all sources; `hidden` says of a source whose is hidden, (B,)."""
        count = len(next(iter(visual.values())))
        found = {}
        for name, slot in self.shapes.items():
            absent = self.absent[name].expand(count, *slot)
            if name in hidden and name in visual:
                found[name] = torch.where(hidden[name].view(-1, 1, 1), absent, visual[name])
            else:
                found[name] = visual.get(name, absent)
        return found

    def hide(self, count: int, share: float, generator: torch.Generator) -> dict[str, Tensor]:
        """Draw whose sources are hidden: of several image sources at most one, and the text by itself."""
        if not share:
            return {}
        device = generator.device
        seen = sorted(set(self.shapes) - {TEXT})
        hidden = {}
        if len(seen) > 1:
            which = torch.randint(len(seen), (count,), generator=generator, device=device)
            who = torch.rand(count, generator=generator, device=device) < share
            hidden = {name: who & (which == number) for number, name in enumerate(seen)}
        if TEXT in self.shapes:
            hidden[TEXT] = torch.rand(count, generator=generator, device=device) < share
        return hidden


class Mlp(nn.Module):
    """Mean of each source's tokens, joined; Linear, tanh, Linear. Text is added through a closed gate."""

    def __init__(self, ends: Ends, settings: Projector) -> None:
        super().__init__()
        self.order = sorted(set(ends.sources) - {TEXT})
        joined = sum(ends.sources[name].dim for name in self.order)
        self.inner, self.heads = nn.ModuleDict(), nn.ModuleDict()
        for name, slot in ends.slots.items():
            hidden = 2 * slot.dim  # 1024 → 1536 → 768 in Art2Mus
            self.inner[name] = nn.Sequential(nn.Linear(joined, hidden), nn.Tanh())
            self.heads[name] = Head(hidden, slot.tokens * slot.dim, ends.mean[name], ends.spread[name])
        has_text = TEXT in ends.sources
        self.text = nn.Linear(ends.sources[TEXT].dim, joined) if has_text else None
        self.gate = nn.Parameter(torch.zeros(1)) if has_text else None

    def forward(self, visual: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return the slots."""
        pooled = torch.cat([visual[name].mean(1) for name in self.order], dim=-1)
        if self.text is not None and self.gate is not None:
            pooled = pooled + self.gate.tanh() * self.text(visual[TEXT].mean(1))
        return {name: head(self.inner[name](pooled)) for name, head in self.heads.items()}


class Resampler(nn.Module):
    """Queries, one a conditioning token, that read the visual tokens layer by layer.

    The first `style_tokens` queries read the style source alone, the others everything but it; text enters
    through a gate that is closed at the start.

    Source:
        Alayrac et al. 2022, arXiv:2204.14198 (Perceiver resampler, gated cross-attention).
    """

    def __init__(self, ends: Ends, settings: Projector) -> None:
        super().__init__()
        width = settings.width
        self.slots = dict(ends.slots)
        self.style_tokens = settings.style_tokens if STYLE in ends.sources else 0
        self.seen = sorted(set(ends.sources) - {TEXT})
        self.enter = nn.ModuleDict(
            {
                name: nn.Sequential(nn.LayerNorm(slot.dim), nn.Linear(slot.dim, width))
                for name, slot in ends.sources.items()
            }
        )
        self.place = nn.ParameterDict(
            {name: torch.randn(slot.tokens, width) * 0.02 for name, slot in ends.sources.items()}
        )
        queries = sum(slot.tokens for slot in ends.slots.values())
        if self.style_tokens >= queries:
            raise ConfigError(
                f"projector.style_tokens = {self.style_tokens} leaves no token to what is shown: the prior "
                f"takes {queries} tokens"
            )
        self.queries = nn.Parameter(torch.randn(queries, width) * 0.02)
        self.layers = nn.ModuleList(
            Layer(width, settings.heads, TEXT in ends.sources) for _ in range(settings.layers)
        )
        self.norm = nn.LayerNorm(width)
        self.heads = nn.ModuleDict(
            {
                name: Head(width, slot.dim, ends.mean[name], ends.spread[name])
                for name, slot in ends.slots.items()
            }
        )

    def forward(self, visual: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return the slots."""
        entered = {name: self.enter[name](visual[name]) + self.place[name] for name in self.enter}
        context = torch.cat([entered[name] for name in self.seen], dim=1)
        x = self.queries.expand(len(context), -1, -1)
        mask = self._mask(entered)
        for layer in self.layers:
            x = layer(x, context, mask, entered.get(TEXT))
        parts = self.norm(x).split([slot.tokens for slot in self.slots.values()], dim=1)
        return {name: self.heads[name](part) for name, part in zip(self.slots, parts, strict=True)}

    def _mask(self, entered: Mapping[str, Tensor]) -> Tensor | None:
        """Say which query may see which visual token, (query, token); None when all may see all."""
        if not self.style_tokens:
            return None
        style = torch.cat([torch.full((entered[name].shape[1],), name == STYLE) for name in self.seen])
        reader = torch.arange(len(self.queries)) < self.style_tokens
        return (reader.unsqueeze(1) == style).to(self.queries.device)


class Layer(nn.Module):
    """Read the image, read the text through a gate, talk among the queries, think."""

    def __init__(self, width: int, heads: int, text: bool) -> None:
        super().__init__()
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(4))
        self.cross, self.own = Attention(width, heads), Attention(width, heads)
        self.feed = feed_forward(width)
        self.text = Attention(width, heads) if text else None
        self.gate = nn.Parameter(torch.zeros(1)) if text else None

    def forward(self, x: Tensor, context: Tensor, mask: Tensor | None, text: Tensor | None) -> Tensor:
        """Return (B, query, width)."""
        x = x + self.cross(self.norms[0](x), context, mask)
        if self.text is not None and self.gate is not None and text is not None:
            x = x + self.gate.tanh() * self.text(self.norms[3](x), text)
        x = x + self.own(self.norms[1](x))
        return x + self.feed(self.norms[2](x))  # type: ignore[no-any-return]


PROJECTORS: dict[str, Callable[[Ends, Projector], nn.Module]] = {"mlp": Mlp, "resampler": Resampler}


class Conditioner(nn.Module):
    """A projector, the null that stands for *no image*, and slots that are learned constants."""

    def __init__(self, ends: Ends, settings: Projector, learned: Mapping[str, Slot]) -> None:
        super().__init__()
        self.sources = Sources(ends.sources)
        self.project = PROJECTORS[settings.kind](ends, settings)
        self.null = nn.ParameterDict({name: null.clone() for name, null in ends.null.items()})
        self.learned = nn.ParameterDict({name: torch.zeros(*slot) for name, slot in learned.items()})

    def forward(
        self, visual: Mapping[str, Tensor], hidden: Mapping[str, Tensor] | None = None
    ) -> dict[str, Tensor]:
        """Return every slot; a source that is not given, such as a new image's text, counts as hidden."""
        made: dict[str, Tensor] = self.project(self.sources(visual, hidden or {}))
        return made | self._constants(len(next(iter(visual.values()))))

    def dropped(self, made: Mapping[str, Tensor], who: Tensor) -> dict[str, Tensor]:
        """Put the null in the place of the image where `who` (B,) is true."""
        at = who.view(-1, 1, 1)
        kept = {name: torch.where(at, null, made[name]) for name, null in self.null.items()}
        return dict(made) | kept

    def nothing(self, count: int) -> dict[str, Tensor]:
        """Return every slot for `count` samples without an image."""
        null = {name: value.expand(count, -1, -1) for name, value in self.null.items()}
        return null | self._constants(count)

    def _constants(self, count: int) -> dict[str, Tensor]:
        return {name: value.expand(count, -1, -1) for name, value in self.learned.items()}
