"""A captioner that asks a model: prompt, media, answer log, form, second tries, provenance."""

import hashlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any, Literal

from artsound.captions import checks, fields
from artsound.captions.answers import AnswerLog
from artsound.captions.backends import AUDIO_RATE, Backend, Question, Reply
from artsound.captions.prompt import Prompt
from artsound.media.audio import decode_audio, window
from artsound.media.files import MediaError
from artsound.media.image import decode_image, resize
from artsound.models.protocols import Answer, Item

WARM = 0.7  # least temperature of a second try
MAX_MEGAPIXELS = 1000.0  # the catalogue has applied the real limit


@dataclass(frozen=True)
class Asking:
    """What an answer depends on, beside the item and the model."""

    side: Literal["art", "music"]
    prompt: Prompt
    reasoning: bool = False
    leaks: Literal["flag", "ask_again", "mask"] = "flag"
    tries: int = 2  # questions an item gets until the answer has the form, each with its own seed
    seed: int = 0
    temperature: float = 0.0  # of the first try; later ones are warmer, or they would say the same again
    answer_tokens: int = 1500
    pixels: int = 1024  # longer side of the image that is shown
    seconds: float = 30.0  # of audio that is played: the middle of the clip


@dataclass(frozen=True)
class _Open:
    """An item on its way, and what went wrong at its last try."""

    position: int
    item: Item
    question: Question
    key: str


class Asked:
    """Asks about every item what the log does not know yet."""

    def __init__(self, backend: Backend, asking: Asking, log: AnswerLog) -> None:
        self.name = backend.name
        self._backend, self._asking, self._log = backend, asking, log
        self._form = fields.form(asking.side, reasoning=asking.reasoning)

    def __call__(self, items: Sequence[Item]) -> list[Answer]:
        """Return one answer an item; an item that cannot be read, or has no usable answer, is refused."""
        with ThreadPoolExecutor(os.cpu_count()) as pool:  # no model works while its questions are decoded
            opened = dict(enumerate(pool.map(self._first, range(len(items)), items)))
        answers = {position: one for position, one in opened.items() if isinstance(one, Answer)}
        waiting = [one for one in opened.values() if isinstance(one, _Open)]
        for number in range(self._asking.tries):
            again = []
            for one, reply in self._replies(waiting):
                answer, fine = self._judged(one, reply)
                if answer.fields or not answers.get(one.position, answer).fields:
                    answers[one.position] = answer  # a try without an answer does not undo one that gave one
                if not fine:
                    again.append(self._next(one, number + 1))
            waiting = again
        return [answers[position] for position in range(len(items))]

    def _first(self, position: int, item: Item) -> _Open | Answer:
        asking, schema = self._asking, self._form.model_json_schema()
        try:
            data = item.read()
            shown = _shown(asking, data)
        except MediaError as error:
            return Answer(refused=f"{error.reason}: {error.detail}")
        question = Question(asking.prompt.text, schema, asking.seed, asking.temperature, **shown)
        size = asking.pixels if asking.side == "art" else asking.seconds
        depends = [self.name, asking.prompt.identity, schema, self._sampling(question), size]
        text = json.dumps([*depends, hashlib.sha256(data).hexdigest()], sort_keys=True)
        return _Open(position, item, question, hashlib.sha256(text.encode()).hexdigest())

    def _next(self, one: _Open, number: int) -> _Open:
        warmer = max(self._asking.temperature, WARM)
        question = replace(one.question, seed=self._asking.seed + number, temperature=warmer)
        return replace(one, question=question, key=f"{one.key[:64]}-{number}")

    def _sampling(self, question: Question) -> dict[str, float]:
        limits = {"answer_tokens": self._asking.answer_tokens}
        return {**self._backend.sampling, "seed": question.seed, "temperature": question.temperature} | limits

    def _replies(self, waiting: Sequence[_Open]) -> Iterator[tuple[_Open, Reply]]:
        """Answer from the log first; what is asked anew is logged before it is looked at."""
        unknown = []
        for one in waiting:
            known = self._log.get(one.key)
            if known is None:
                unknown.append(one)
            else:
                yield one, known
        for position, reply in self._backend([one.question for one in unknown]):
            if not reply.failed:
                self._log.put(unknown[position].key, reply)
            yield unknown[position], reply

    def _judged(self, one: _Open, reply: Reply) -> tuple[Answer, bool]:
        """Read a reply; false where another try may bring a better one."""
        if reply.refused:
            return Answer(refused=reply.refused, failed=reply.failed), True
        thought, text = fields.without_thought(reply.text)
        if checks.declines(text):
            return Answer(refused=f"the model declined: {text.strip()[:80]}"), True
        try:
            said = fields.parse(text, self._form)
        except ValueError as error:
            return Answer(refused=str(error)), False
        if not (said["caption"].strip() and said["paragraph"].strip()):
            return Answer(refused="no sentence or no paragraph came back"), False
        if self._asking.reasoning and (steps := reply.thought or thought):
            said["reasoning"] = f"{steps}\n{said['reasoning']}"
        said["answer"] = reply.text
        if self._asking.leaks == "mask":
            said = _masked(said, one.item.facts)
        leaking = bool(checks.leaks(checks.texts(said), checks.names(one.item.facts)))
        about = {
            "prompt": self._asking.prompt.identity,
            "weights": self._backend.weights,
            "sampling": json.dumps(
                self._sampling(one.question) | ({"served": reply.served} if reply.served else {}),
                sort_keys=True,
            ),
            "seconds": reply.seconds,
            "tokens": reply.tokens,
        }
        return Answer(said | about), not (leaking and self._asking.leaks == "ask_again")


def _masked(said: dict[str, Any], facts: Mapping[str, Any]) -> dict[str, Any]:
    """Mask names in every field, and tell of what kinds they are.

    The answer as it came is kept only where no name stands in it; else what is left of it is its form.
    """
    raw, kinds = said.pop("answer"), checks.names_by_kind(facts)
    told, secret = [*checks.texts(said), fields.around(raw)], checks.names(facts)
    found = [kind for kind, named in kinds.items() if checks.leaks(told, named)]
    said = checks.all_masked(said, secret)
    kept = json.dumps(said, ensure_ascii=False) if found or checks.leaks([raw], secret) else raw
    return said | {"answer": kept, "masked": found}


def _shown(asking: Asking, data: bytes) -> dict[str, Any]:
    """Decode what the model is shown or played."""
    if asking.side == "music":
        return {"audio": window(decode_audio(data, rate=AUDIO_RATE), asking.seconds).samples}
    pixels = decode_image(data, max_megapixels=MAX_MEGAPIXELS).pixels
    height, width, _ = pixels.shape
    scale = asking.pixels / max(height, width)
    if scale < 1:
        pixels = resize(pixels, (max(1, round(height * scale)), max(1, round(width * scale))))
    return {"image": pixels}
