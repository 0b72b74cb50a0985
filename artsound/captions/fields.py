"""What a model is asked to fill in: one JSON object a side; its schema also constrains the model's output."""

import json
import re
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model

Affect = Annotated[float, Field(ge=-1, le=1)]
THOUGHT = re.compile(r"^\s*<think>(.*?)</think>", re.DOTALL)


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Principle(_Strict):
    """One of the ten Principles of Art."""

    present: bool
    words: str


class ArtworkAnswer(_Strict):
    """What is asked of an artwork."""

    subject: str
    composition: str
    colour: str
    technique: str
    balance: Principle
    harmony: Principle
    variety: Principle
    unity: Principle
    contrast: Principle
    emphasis: Principle
    proportion: Principle
    movement: Principle
    rhythm: Principle
    pattern: Principle
    mood: str
    emotion: Literal[
        "amusement",
        "awe",
        "contentment",
        "excitement",
        "anger",
        "disgust",
        "fear",
        "sadness",
        "something else",
    ]
    valence: Affect
    arousal: Affect
    caption: str
    paragraph: str


class ClipAnswer(_Strict):
    """What is asked of a clip."""

    genre: str
    tempo: str | None
    bpm: Annotated[float, Field(gt=0, lt=400)] | None
    key: str | None
    chords: str | None
    instruments: str | None
    timbre: str
    structure: str | None
    dynamics: str
    production: str | None
    vocals: str
    language: str | None
    mood: str
    valence: Affect
    arousal: Affect
    context: str | None
    caption: str
    paragraph: str


def form(side: Literal["art", "music"], *, reasoning: bool) -> type[BaseModel]:
    """Give the form of a side; with reasoning, the steps come first, so that they are written first."""
    base = ArtworkAnswer if side == "art" else ClipAnswer
    if not reasoning:
        return base
    given: dict[str, Any] = {name: (info.annotation, info) for name, info in base.model_fields.items()}
    return create_model(f"Reasoned{base.__name__}", __base__=_Strict, **({"reasoning": (str, ...)} | given))


def without_thought(text: str) -> tuple[str, str]:
    """Take apart what a reasoning model thinks, between its marks, and what it answers.

    Examples:
        >>> without_thought("<think> It is red. </think> {}")
        ('It is red.', ' {}')
    """
    found = THOUGHT.match(text)
    return (found.group(1).strip(), text[found.end() :]) if found else ("", text)


def parse(text: str, asked: type[BaseModel]) -> dict[str, Any]:
    """Read a model's answer; a code fence or a few words around the JSON are passed over.

    Raises:
        ValueError: not JSON, or not the form that was asked; says the first problem.
    """
    try:
        return asked.model_validate(_object_in(text)).model_dump()
    except json.JSONDecodeError as error:
        raise ValueError(f"not JSON: {error.msg} at character {error.pos}") from error
    except RecursionError as error:
        raise ValueError("not the form: brackets in brackets without end") from error
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "answer"
        raise ValueError(f"not the form: {place}: {first['msg']}") from error


def around(text: str) -> str:
    """Give the words of an answer that stand before and after its JSON object.

    Examples:
        >>> around('Here it is: {"subject": "a boat"} Good?')
        'Here it is:  Good?'
    """
    thought, rest = without_thought(text)
    _, start, end = _found_in(rest)
    return " ".join(part for part in (thought, rest[:start] + rest[end:]) if part)


def _object_in(text: str) -> Any:
    """Read the first JSON object of a text; half of a surrogate pair in it becomes a question mark."""
    found, _, _ = _found_in(text)
    whole = json.dumps(found, ensure_ascii=False)
    return json.loads(whole.encode(errors="replace"))


def _found_in(text: str) -> tuple[Any, int, int]:
    """Read the first JSON object of a text, and tell where it begins and ends."""
    start = max(0, text.find("{"))
    found, end = json.JSONDecoder().raw_decode(text, start)
    return found, start, end
