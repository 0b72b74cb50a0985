"""What must happen before torch models are loaded: a usable torchvision, a device, a number format.

torchvision's wheel is built for one CUDA; beside another torch (a CPU one, say) its compiled operators do not
load, and `import torchvision` fails with "operator torchvision::nms does not exist". timm, open_clip and many
transformers classes import it, though none of them needs those operators here. Declaring the operators makes
the import work; calling one of them still fails, loudly. On a sane machine nothing is changed.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

import torch
from safetensors import SafetensorError

Precision = Literal["fp32", "bf16", "fp16"]
DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
UNLOADABLE = (  # what the libraries were seen to raise on weights and settings that are damaged or do not fit
    *(OSError, ValueError, RuntimeError, KeyError, TypeError, AttributeError, AssertionError, IndexError),
    SafetensorError,
)
_BOXES = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"


@cache
def torchvision_ready() -> "torch.library.Library | None":
    """Make `import torchvision` work where its compiled operators do not load; before its first import."""
    spec = find_spec("torchvision")
    for folder in spec.submodule_search_locations or () if spec else ():
        for library in Path(folder).glob("_C*.so"):
            try:
                torch.ops.load_library(library)
            except OSError:
                declared = torch.library.Library("torchvision", "DEF")
                for name in ("nms", "qnms"):
                    declared.define(f"{name}{_BOXES}")
                return declared  # the cache keeps it alive; the operators go with it
    return None


@contextmanager
def off_the_network() -> Iterator[None]:
    """Let a library that would fetch what it misses from the hub fail instead, and say what it misses."""
    from huggingface_hub import constants  # noqa: PLC0415  # takes long to import

    before = constants.HF_HUB_OFFLINE
    constants.HF_HUB_OFFLINE = True
    try:
        yield
    finally:
        constants.HF_HUB_OFFLINE = before


def best_device() -> torch.device:
    """Choose the first GPU when there is one."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")
