"""Any OpenAI-compatible endpoint (vLLM, Ollama, hosted): one image or recording a question, JSON back."""

import base64
import io
import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, replace
from email.utils import parsedate_to_datetime
from types import MappingProxyType
from typing import Any

import requests
import soundfile
from PIL import Image
from urllib3.exceptions import HTTPError, ReadTimeoutError

from artsound.captions.backends import AUDIO_RATE, Question, Reply
from artsound.errors import ConfigError, SourceError

LONGEST_WAIT = 120.0  # s; a longer Retry-After is cut to this
IN_A_ROW = 8  # questions that fail, or are refused, one after another: more than that is no chance
UNFIT = (400, 413, 415, 422)  # of a question: the others may still be answered
FAILS = 400  # HTTP statuses from here upwards
CHUNK = 1 << 16  # bytes
JPEG_QUALITY = 90


@dataclass(frozen=True)
class Limits:
    """How hard an endpoint may be asked."""

    at_once: int = 8  # questions on their way at the same time
    timeout: float = 120.0  # s for the head of an answer, and as many again for all that follows
    tries: int = 5  # of one question, when the way there fails
    wait: float = 1.0  # s before the second try; doubles with every try
    requests: int | None = None  # budget of this run; None: no limit
    tokens: int | None = None  # budget of this run, question and answer


class Endpoint:
    """Asks over HTTP, several questions at a time."""

    weights: str | None = None
    sampling: Mapping[str, float] = MappingProxyType({})  # what the server adds is its own matter

    def __init__(  # noqa: PLR0913  # each its own matter
        self,
        url: str,
        model: str,
        *,
        limits: Limits,
        answer_tokens: int,
        revision: str = "",
        api_key: str = "",
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Remember whom to ask; nothing is asked yet.

        Args:
            url: up to and with `/v1`.
            model: as the server names it.
            limits: how hard to ask.
            answer_tokens: longer answers are cut by the server.
            revision: of the model, where the user knows what is served.
            api_key: sent as bearer token; empty sends none.
            sleep: waits a number of seconds.
        """
        self.name = served(model, revision)
        self._url, self._model, self._limits = url.rstrip("/"), model, limits
        self._answer_tokens = answer_tokens
        self._headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
        self._sleep = sleep
        self._budget = _Budget(limits)
        self._silent = 0  # failed questions since the last answer
        self._unfit = 0  # refused questions since the last answer

    def __call__(self, questions: Sequence[Question]) -> Iterator[tuple[int, Reply]]:
        """Yield replies as they come; what was on its way when asking has to stop is still yielded."""
        stopped: Exception | None = None
        with ThreadPoolExecutor(self._limits.at_once) as pool:
            asked = {pool.submit(self._reply, one): position for position, one in enumerate(questions)}
            for done in as_completed(asked):
                if done.cancelled():
                    continue
                error = done.exception()
                if error is None:
                    yield asked[done], done.result()
                elif isinstance(error, (SourceError, ConfigError)):
                    stopped = stopped or error
                    for other in asked:
                        other.cancel()
                else:
                    raise error
        if stopped:
            raise stopped

    def _reply(self, question: Question) -> Reply:
        """Ask once, and again while the way there fails."""
        body, failure = self._body(question), ""
        for number in range(self._limits.tries):
            self._budget.spend_request()
            try:
                return self._once(body)
            except _Trouble as trouble:
                failure = trouble.what
                wait = self._limits.wait * 2**number if trouble.wait is None else trouble.wait
            if number + 1 < self._limits.tries:
                self._sleep(min(wait, LONGEST_WAIT))
        return self._failed(failure)

    def _once(self, body: dict[str, Any]) -> Reply:
        started = time.monotonic()
        got = self._post(body)
        failure = f"HTTP {got.status}"
        if got.status in UNFIT:
            return self._refused(f"{failure} {got.message}")
        if got.status in (401, 403, 404):
            raise ConfigError(f"{self._url} refuses model {self._model}: {failure} {got.message}")
        if got.status >= FAILS:
            raise _Trouble(failure, got.wait)
        try:
            reply = _read(json.loads(got.body), time.monotonic() - started)
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
            raise _Trouble(f"not a chat completion ({type(error).__name__})") from error
        self._budget.spend_tokens(reply.tokens)
        self._silent = self._unfit = 0
        return reply

    def _post(self, body: dict[str, Any]) -> "_Got":
        where, limit = f"{self._url}/chat/completions", self._limits.timeout
        try:
            with requests.post(
                where, json=body, headers=self._headers, timeout=limit, stream=True
            ) as response:
                wait = _retry_after(response.headers.get("Retry-After"))
                return _Got(response.status_code, wait, _body_within(limit, response))
        except (requests.Timeout, ReadTimeoutError) as error:
            raise _Trouble(f"no answer within {limit:g} s") from error
        except requests.ConnectionError as error:
            raise _Trouble("no connection") from error
        except (requests.RequestException, HTTPError) as error:
            raise _Trouble(f"the connection broke ({type(error).__name__})") from error

    def _failed(self, failure: str) -> Reply:
        """Count a question that stayed without an answer; enough in a row mean that the endpoint is down."""
        self._silent += 1
        if self._silent > max(IN_A_ROW, self._limits.at_once) or failure.startswith("no connection"):
            raise SourceError(
                f"the endpoint {self._url} does not answer: {failure}, {self._limits.tries} tries; "
                "start it or mend `url`, and run again: what was answered is kept"
            )
        return Reply(refused=f"the endpoint failed {self._limits.tries} times: {failure}", failed=True)

    def _refused(self, why: str) -> Reply:
        """Count a question that the server does not take; enough in a row mean that it takes none."""
        self._unfit += 1
        if self._unfit > max(IN_A_ROW, self._limits.at_once):
            raise ConfigError(
                f"{self._url} takes no question for model {self._model}: {why}; mend the server or the "
                "settings, and run again: what was answered is kept"
            )
        return Reply(refused=f"the endpoint refuses the question: {why}", failed=True)

    def _body(self, question: Question) -> dict[str, Any]:
        wanted = {"name": "answer", "schema": question.schema, "strict": True}
        content = [{"type": "text", "text": question.prompt}, *_parts(question)]
        return {
            "model": self._model,
            "messages": [{"role": "user", "content": content}],
            "response_format": {"type": "json_schema", "json_schema": wanted},
            "seed": question.seed,
            "temperature": question.temperature,
            "max_tokens": self._answer_tokens,
        }


@dataclass(frozen=True)
class _Got:
    """An HTTP response, whole."""

    status: int
    wait: float | None  # s, as its Retry-After says
    body: bytes

    @property
    def message(self) -> str:
        """Give the first words of the body."""
        return " ".join(self.body.decode(errors="replace")[:160].split())


class _Trouble(Exception):
    """The way there failed; worth another try after `wait` seconds, None: as long as is usual."""

    def __init__(self, what: str, wait: float | None = None) -> None:
        super().__init__(what)
        self.what = what
        self.wait = wait


class _Budget:
    """Counts what was asked; safe in threads."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._lock = threading.Lock()
        self._requests = self._tokens = 0

    def spend_request(self) -> None:
        """Count a request before it is made.

        Raises:
            SourceError: the budget of requests or tokens is used up.
        """
        with self._lock:
            spent = (
                ("requests", self._requests, self._limits.requests),
                ("tokens", self._tokens, self._limits.tokens),
            )
            for what, used, limit in spent:
                if limit is not None and used >= limit:
                    raise SourceError(
                        f"the budget of {limit} {what} is used up: raise `max_{what}`, or run again to spend "
                        "it anew; what was answered is kept"
                    )
            self._requests += 1

    def spend_tokens(self, tokens: int | None) -> None:
        """Count the tokens of an answer."""
        with self._lock:
            self._tokens += tokens or 0


def served(model: str, revision: str = "") -> str:
    """Name a model that an endpoint serves: its weights cannot be looked at."""
    return f"{model}:{revision}@served" if revision else f"{model}@served"


def _read(body: dict[str, Any], seconds: float) -> Reply:
    """Read a chat completion; LookupError, TypeError or AttributeError where it is none."""
    choice = body["choices"][0]
    message, tokens = choice["message"], (body.get("usage") or {}).get("total_tokens")
    counted = isinstance(tokens, int) and 0 <= tokens < 2**31
    text = message.get("content") or ""
    if not isinstance(text, str):
        raise TypeError("content is not text")
    thought = message.get("reasoning_content") or message.get("reasoning") or ""
    by = [body[name] for name in ("model", "system_fingerprint") if isinstance(body.get(name), str)]
    reply = Reply(
        _whole(text),
        tokens=tokens if counted else None,
        seconds=round(seconds, 3),
        thought=_whole(str(thought)),
        served=_whole(" ".join(by)),
    )
    if refusal := message.get("refusal"):
        return replace(reply, refused=f"the model declined: {str(refusal)[:80]}")
    if choice.get("finish_reason") == "content_filter":
        return replace(reply, refused="a content filter stopped the answer")
    return reply  # an answer that was cut short is not JSON, and is asked for again


def _whole(text: str) -> str:
    """Put a question mark where half of a surrogate pair stands: it can be neither stored nor published."""
    return text.encode(errors="replace").decode()


def _body_within(seconds: float, response: requests.Response) -> bytes:
    """Read a body as it comes; the timeout of a connection is for each byte, this one for all of them.

    Raises:
        requests.Timeout: there is more to come when the time is over.
    """
    until, parts = time.monotonic() + seconds, []
    while part := response.raw.read1(CHUNK, decode_content=True):
        parts.append(part)
        if time.monotonic() > until:
            raise requests.Timeout
    return b"".join(parts)


def _retry_after(value: str | None) -> float | None:
    """Read a Retry-After header, seconds or a date; None where it says nothing usable."""
    if not value:
        return None
    try:
        return max(0.0, float(value))
    except ValueError:
        pass
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - time.time())
    except ValueError:
        return None


def _parts(question: Question) -> Iterator[dict[str, Any]]:
    """Give the image as JPEG, the recording as WAV."""
    buffer = io.BytesIO()
    if question.image is not None:
        Image.fromarray(question.image).save(buffer, "JPEG", quality=JPEG_QUALITY)
        link = f"data:image/jpeg;base64,{base64.b64encode(buffer.getvalue()).decode()}"
        yield {"type": "image_url", "image_url": {"url": link}}
    if question.audio is not None:
        soundfile.write(buffer, question.audio, AUDIO_RATE, format="WAV", subtype="PCM_16")
        data = base64.b64encode(buffer.getvalue()).decode()
        yield {"type": "input_audio", "input_audio": {"data": data, "format": "wav"}}
