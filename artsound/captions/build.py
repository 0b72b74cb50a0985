"""Settings → a captioner that asks a model."""

import os
from pathlib import Path
from typing import Literal

from artsound.captions import prompt
from artsound.captions.answers import AnswerLog
from artsound.captions.asked import Asked, Asking
from artsound.captions.backends import Backend
from artsound.captions.endpoint import Endpoint, Limits, served
from artsound.errors import ConfigError, extra
from artsound.models import files
from artsound.settings import Captioner

Side = Literal["art", "music"]


def asked(side: Side, chosen: Captioner, answers: Path | None) -> Asked:
    """Build what asks a model about one side.

    Raises:
        ConfigError: no file for the answers, or a prompt or weights that are not there.
    """
    if answers is None:
        raise ConfigError(f"the {side} captioner {chosen.backend!r} needs a file for its answers")
    asking = Asking(
        side=side,
        prompt=_prompt(side, chosen),
        reasoning=chosen.reasoning,
        leaks=chosen.leaks,
        tries=chosen.tries,
        seed=chosen.seed,
        temperature=chosen.temperature,
        answer_tokens=chosen.answer_tokens,
        pixels=chosen.pixels,
        seconds=chosen.seconds,
    )
    backend = _endpoint(chosen) if chosen.backend == "endpoint" else local(chosen)
    return Asked(backend, asking, AnswerLog(answers))


def identity(side: Side, chosen: Captioner) -> str:
    """Name the model and the prompt, without loading or asking the model."""
    told = _prompt(side, chosen).identity
    if chosen.backend == "endpoint":
        return f"{served(chosen.model, chosen.revision)} by {told}"
    files.require("a local captioner", ("torch", "transformers"), extra("models"))
    files.check_revision(weights_of(chosen), chosen.revision)
    named = files.in_precision(chosen.model or weights_of(chosen).resolve().stem, chosen.precision)
    return f"{files.folder_identity(named, weights_of(chosen))} by {told}"


def weights_of(chosen: Captioner) -> Path:
    """Return the folder of a local model; the settings have checked that there is one."""
    assert chosen.weights is not None  # noqa: S101
    return chosen.weights


def _prompt(side: Side, chosen: Captioner) -> prompt.Prompt:
    return prompt.load(side, name=chosen.prompt, file=chosen.prompt_file, reasoning=chosen.reasoning)


def _endpoint(chosen: Captioner) -> Backend:
    given = chosen.endpoint
    limits = Limits(
        at_once=given.at_once,
        timeout=given.timeout,
        tries=given.tries,
        wait=given.wait,
        requests=given.max_requests,
        tokens=given.max_tokens,
    )
    key = os.environ.get("ARTSOUND_API_KEY", "")
    return Endpoint(
        given.url,
        chosen.model,
        limits=limits,
        answer_tokens=chosen.answer_tokens,
        revision=chosen.revision,
        api_key=key,
    )


def local(chosen: Captioner) -> Backend:
    """Load a model of transformers from its folder."""
    from artsound.models.chat import Chat  # noqa: PLC0415  # torch loads only when asked for

    return Chat(
        weights_of(chosen),
        name=chosen.model,
        precision=chosen.precision,
        answer_tokens=chosen.answer_tokens,
        at_once=chosen.local.at_once,
    )
