"""CLIP's image side as visual tokens: the class token and its patch tokens, averaged to a 4 × 4 grid."""

from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from artsound.media.image import resize
from artsound.models.torch_ready import torchvision_ready
from artsound.train.fingerprint import file_digest
from artsound.train.prior import Slot
from artsound.train.settings import Visual
from artsound.train.weights import folder_of, load_part

GRID = 4
MEAN = torch.tensor([0.48145466, 0.4578275, 0.40821073])  # of CLIP's training images, RGB
SPREAD = torch.tensor([0.26862954, 0.26130258, 0.27577711])
LICENCE = "stated on the model's page"


class ClipTokens:
    """A `CLIPVisionModel` of transformers; the whole image is squeezed to a square, nothing is cropped."""

    def __init__(self, settings: Visual) -> None:
        torchvision_ready()
        from transformers import CLIPVisionModel  # noqa: PLC0415

        folder = folder_of(settings.weights, None, LICENCE)
        self._model = load_part(CLIPVisionModel, folder.parent, folder.name).eval().requires_grad_(False)
        self._side: int = self._model.config.image_size
        self.spec: Mapping[str, Slot] = {"content": Slot(GRID * GRID + 1, self._model.config.hidden_size)}
        self.fingerprint = f"clip-1-{file_digest(folder)}"

    @torch.no_grad()
    def __call__(self, images: list[NDArray[np.uint8]]) -> dict[str, Tensor]:
        """Encode images."""
        squares = np.stack([resize(image, (self._side, self._side)) for image in images])
        pixels = ((torch.from_numpy(squares) / 255 - MEAN) / SPREAD).permute(0, 3, 1, 2)
        tokens: Tensor = self._model(pixel_values=pixels).last_hidden_state
        side = round((tokens.shape[1] - 1) ** 0.5)
        patches = tokens[:, 1:].transpose(1, 2).reshape(len(tokens), -1, side, side)
        pooled = functional.adaptive_avg_pool2d(patches, GRID).flatten(2).transpose(1, 2)
        return {"content": torch.cat([tokens[:, :1], pooled], dim=1)}
