"""ArtSound builder: pairs artworks with music, publishes the pairs, trains a generator on them."""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from artsound.loader.decode import Decode as Decode
    from artsound.loader.load import load as load

__version__ = "0.1.0"
_LAZY = {"load": "artsound.loader.load", "Decode": "artsound.loader.decode"}  # `import artsound` stays fast


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return getattr(importlib.import_module(_LAZY[name]), name)
    raise AttributeError(f"module 'artsound' has no attribute {name!r}")
