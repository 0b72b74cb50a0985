"""CLIP's image side as visual tokens: the class token and its patch tokens, averaged to a 4 × 4 grid.

Style: mean and spread over the patches of a layer a third of the way up, which know texture and colour more
than things, as in Huang and Belongie 2017, arXiv:1703.06868.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from artsound.media.image import resize
from artsound.models.torch_ready import torchvision_ready
from artsound.train.fingerprint import file_digest
from artsound.train.prior import Slot
from artsound.train.settings import Visual
from artsound.train.visual import CONTENT, STYLE, Pixels
from artsound.train.weights import folder_of, load_part
from artsound.train.workers import own_device

GRID = 4
MEAN = torch.tensor([0.48145466, 0.4578275, 0.40821073])  # of CLIP's training images, RGB
SPREAD = torch.tensor([0.26862954, 0.26130258, 0.27577711])
LICENCE = "stated on the model's page"


class ClipTokens:
    """A `CLIPVisionModel` of transformers; the whole image is squeezed to a square, nothing is cropped."""

    def __init__(self, settings: Visual) -> None:
        torchvision_ready()
        from transformers import CLIPVisionModel  # noqa: PLC0415

        folder = folder_of(settings.weights, None, LICENCE, "visual.weights")
        self._model = load_part(CLIPVisionModel, folder.parent, folder.name).eval().requires_grad_(False)
        self._side: int = self._model.config.image_size
        self._device = own_device()
        self._model.to(self._device)
        self._style = settings.style
        width: int = self._model.config.hidden_size
        self.spec: Mapping[str, Slot] = {CONTENT: Slot(GRID * GRID + 1, width)}
        if self._style:
            self.spec = {**self.spec, STYLE: Slot(2, width)}
        self.fingerprint = f"clip-1-{file_digest(folder)}{'-style' if self._style else ''}"

    @torch.no_grad()
    def __call__(self, images: Pixels, captions: Sequence[str] | None = None) -> dict[str, Tensor]:
        """Encode images."""
        squares = np.stack([resize(image, (self._side, self._side)) for image in images])
        pixels = ((torch.from_numpy(squares) / 255 - MEAN) / SPREAD).permute(0, 3, 1, 2)
        seen = self._model(pixel_values=pixels.to(self._device), output_hidden_states=self._style)
        tokens: Tensor = seen.last_hidden_state.cpu()
        side = round((tokens.shape[1] - 1) ** 0.5)
        patches = tokens[:, 1:].transpose(1, 2).reshape(len(tokens), -1, side, side)
        pooled = functional.adaptive_avg_pool2d(patches, GRID).flatten(2).transpose(1, 2)
        made = {CONTENT: torch.cat([tokens[:, :1], pooled], dim=1)}
        if self._style:
            low = seen.hidden_states[max(1, len(seen.hidden_states) // 3)][:, 1:].cpu()
            made[STYLE] = torch.stack([low.mean(1), low.std(1)], dim=1)
        return made
