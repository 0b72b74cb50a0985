"""Multi-head attention and the feed-forward block, shared by the projector and the small prior."""

from torch import Tensor, nn
from torch.nn import functional


class Attention(nn.Module):
    """Attend from (B, query, width) to a context (B, key, width), or to itself."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(width, width)
        self.key_value = nn.Linear(width, 2 * width)
        self.out = nn.Linear(width, width)

    def forward(self, x: Tensor, context: Tensor | None = None, mask: Tensor | None = None) -> Tensor:
        """Return (B, query, width); the mask (…, query, key) is true where attending is allowed."""
        query = self._split(self.query(x))
        key, value = self.key_value(x if context is None else context).chunk(2, dim=-1)
        seen = functional.scaled_dot_product_attention(query, self._split(key), self._split(value), mask)
        out: Tensor = self.out(seen.transpose(1, 2).flatten(2))
        return out

    def _split(self, x: Tensor) -> Tensor:
        return x.reshape(*x.shape[:2], self.heads, -1).transpose(1, 2)


def feed_forward(width: int) -> nn.Sequential:
    """Two linear maps around a GELU, four times as wide inside."""
    return nn.Sequential(nn.Linear(width, 4 * width), nn.GELU("tanh"), nn.Linear(4 * width, width))
