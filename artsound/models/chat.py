"""Vision–language and audio–language models of transformers: one image or recording a question, words back.

Any class of transformers that a checkpoint's settings name: Qwen2.5-VL, Qwen3-VL, LLaVA, Qwen2-Audio, Audio
Flamingo 3, Music Flamingo …
The JSON schema goes into the prompt, since nothing here constrains the output.
"""

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from artsound.captions.backends import AUDIO_RATE, Question, Reply
from artsound.errors import ConfigError
from artsound.models import files
from artsound.models.torch_ready import DTYPES, UNLOADABLE, Precision, best_device, torchvision_ready

AT_ONCE = 8  # questions in one batch
PLAIN = {"top_k": 0, "top_p": 1.0, "repetition_penalty": 1.0}  # nothing is cut off, nothing held back
LEAST_TOKENS = 100  # a tokenizer with fewer was loaded without its vocabulary


class Chat:
    """Answers questions in batches."""

    def __init__(
        self,
        folder: Path,
        *,
        name: str,
        precision: Precision,
        answer_tokens: int,
        at_once: int = AT_ONCE,
    ) -> None:
        """Load a model from a local directory; the network is never touched.

        Raises:
            ConfigError: no safetensors there, or they do not fit the classes of transformers.
        """
        torchvision_ready()
        from transformers import AutoProcessor  # noqa: PLC0415  # needs torchvision ready
        from transformers.utils import logging  # noqa: PLC0415

        logging.disable_progress_bar()  # the stage has its own
        self.weights: str | None = files.sha256_of_all(files.weights_in(folder))
        self.name = files.folder_identity(
            files.in_precision(name or folder.resolve().stem, precision), folder
        )
        self.sampling: Mapping[str, float] = PLAIN
        self._device, self._at_once, self._most = best_device(), at_once, answer_tokens
        try:
            self._processor: Any = AutoProcessor.from_pretrained(str(folder), local_files_only=True)
            self._model: Any = _class_of(folder).from_pretrained(
                str(folder), local_files_only=True, dtype=DTYPES[precision], use_safetensors=True
            )
        except UNLOADABLE as error:
            line = " ".join(str(error).split())[:200]
            raise ConfigError(f"cannot load a captioner from {folder}: {line}") from error
        self._processor.tokenizer.padding_side = "left"
        if len(self._processor.tokenizer) < LEAST_TOKENS:
            raise ConfigError(f"the tokenizer in {folder} has no vocabulary: copy all files of the model")
        self._model.generation_config = _only_marks(self._model.generation_config)
        self._model.eval().to(self._device)

    def __call__(self, questions: Sequence[Question]) -> Iterator[tuple[int, Reply]]:
        """Yield replies batch by batch, in order."""
        for start in range(0, len(questions), self._at_once):
            batch = questions[start : start + self._at_once]
            for number, reply in enumerate(self._answers(batch)):
                yield start + number, reply

    def _answers(self, batch: Sequence[Question]) -> list[Reply]:
        started = time.monotonic()
        given = self._processor(  # of recordings each family knows best how to fill them up
            **_inputs(self._processor, batch), text_kwargs={"padding": True}, return_tensors="pt"
        )
        given = given.to(self._device, self._model.dtype)
        draw = [_Draw(batch, self._device)] if batch[0].temperature > 0 else []
        try:
            with torch.inference_mode():
                whole = self._model.generate(
                    **given, do_sample=False, logits_processor=draw, max_new_tokens=self._most
                )
        except torch.OutOfMemoryError as error:
            raise ConfigError(
                f"{self._device} has too little memory for {len(batch)} questions at once: lower "
                "`local.at_once`, `pixels` or `answer_tokens` of the captioner; what was answered is kept"
            ) from error
        new = whole[:, given["input_ids"].shape[1] :]
        texts = self._processor.batch_decode(new, skip_special_tokens=True)
        seconds = (time.monotonic() - started) / len(batch)
        tokens = (given["attention_mask"].sum(1) + new.shape[1]).tolist()
        return [
            Reply(text, tokens=count, seconds=round(seconds, 3))
            for text, count in zip(texts, tokens, strict=True)
        ]


class _Draw:
    """Draws words by noise of each question's own seed: the same ones, whatever else is in the batch.

    The largest of logit / temperature + Gumbel noise is a draw from their softmax.
    """

    def __init__(self, batch: Sequence[Question], device: torch.device) -> None:
        self._temperature = batch[0].temperature
        self._random = [torch.Generator(device).manual_seed(one.seed) for one in batch]

    def __call__(self, _: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        """Add the noise of one step."""
        blank = torch.empty(scores.shape[1], device=scores.device)
        noise = [-blank.exponential_(generator=random).log() for random in self._random]
        return scores / self._temperature + torch.stack(noise)


def _class_of(folder: Path) -> Any:
    """Find the class that the checkpoint was saved from: no automatic class knows all families.

    Raises:
        ValueError: the settings name none that transformers has and that writes text.
    """
    import transformers  # noqa: PLC0415  # needs torchvision ready

    named = transformers.AutoConfig.from_pretrained(str(folder), local_files_only=True).architectures or [""]
    found = getattr(transformers, named[0], None)
    if not hasattr(found, "generate"):
        raise ValueError(f"its config.json names {named[0] or 'no class'}, which cannot write")
    return found


def _only_marks(shipped: Any) -> Any:
    """Keep of a checkpoint's own settings for writing its marks of begin and end, and drop its sampling.

    Writing falls back on those settings wherever nothing else is said: answers would depend on them unsaid.
    """
    from transformers import GenerationConfig  # noqa: PLC0415  # needs torchvision ready

    marks = ("bos_token_id", "eos_token_id", "pad_token_id", "decoder_start_token_id")
    return GenerationConfig(**PLAIN, **{mark: getattr(shipped, mark, None) for mark in marks})


def _inputs(processor: Any, batch: Sequence[Question]) -> dict[str, Any]:
    """Write the questions as chats, and lay the media beside them."""
    texts = [processor.apply_chat_template(_chat(one), add_generation_prompt=True) for one in batch]
    if batch[0].image is not None:
        return {"text": texts, "images": [[np.array(one.image)] for one in batch]}
    return {
        "text": texts,
        "audio": [one.audio for one in batch],
        "audio_kwargs": {"sampling_rate": AUDIO_RATE},
    }


def _chat(question: Question) -> list[dict[str, Any]]:
    form = json.dumps(question.schema, ensure_ascii=False)
    media = {"type": "image"} if question.image is not None else {"type": "audio"}
    text = f"{question.prompt}\nJSON schema of the answer:\n{form}"
    return [{"role": "user", "content": [media, {"type": "text", "text": text}]}]
