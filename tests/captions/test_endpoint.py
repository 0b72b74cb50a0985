"""Captions from an OpenAI-compatible endpoint, against a real server that also misbehaves."""

import base64
import io
import json
import socket
import sqlite3
from collections.abc import Callable
from contextlib import closing
from email.utils import formatdate
from pathlib import Path
from time import time
from typing import Any

import numpy as np
import pytest
import soundfile
from PIL import Image

from artsound.captions import build, checks, fields, prompt
from artsound.captions.answers import AnswerLog
from artsound.captions.asked import Asked, Asking
from artsound.captions.backends import Question, Reply
from artsound.captions.endpoint import Endpoint, Limits
from artsound.errors import ConfigError, SourceError, StoreError
from artsound.models.protocols import Answer, Item
from artsound.settings import Captioner
from tests.captions.server import Says, artwork, clip, completion, serving

QUESTION = Question("What is it?", {"type": "object"}, seed=3)
FINE = Says(completion({"a": 1}).body)


def picture(number: int) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (60, 40), (number, 0, 0)).save(buffer, "PNG")
    return buffer.getvalue()


def sound() -> bytes:
    buffer = io.BytesIO()
    soundfile.write(buffer, np.sin(np.arange(22_050 * 12) / 9).astype(np.float32) * 0.3, 22_050, format="OGG")
    return buffer.getvalue()


def item(number: int = 0, data: bytes | None = None, **facts: Any) -> Item:
    content = picture(number) if data is None else data
    return Item(f"item {number}", facts, {}, lambda: content)


class Asker:
    """An endpoint and a captioner on it, with a clock that does not wait."""

    def __init__(
        self, url: str, log: Path, *, side: Any = "art", limits: Limits | None = None, **asking: Any
    ) -> None:
        self.waits: list[float] = []
        told = prompt.load(side, reasoning=asking.get("reasoning", False))
        self.backend = Endpoint(
            url,
            "tiny",
            limits=limits or Limits(at_once=2, timeout=2, tries=3),
            answer_tokens=200,
            sleep=self.waits.append,
        )
        self.ask = Asked(self.backend, Asking(side=side, prompt=told, **asking), AnswerLog(log))


def one(
    says: Callable[[int, dict[str, Any]], Says], tmp_path: Path, data: bytes | None = None, **options: Any
) -> Answer:
    with serving(says) as endpoint:
        (answer,) = Asker(endpoint.url, tmp_path / "log", **options).ask(
            [item(data=data, **options.pop("facts", {}))]
        )
    return answer


def test_an_image_and_the_form_are_sent_and_the_answer_comes_back_as_fields(tmp_path: Path) -> None:
    with serving(lambda *_: completion(artwork())) as endpoint:
        (answer,) = Asker(endpoint.url, tmp_path / "log", pixels=30).ask([item()])
    (body,) = endpoint.asked
    text, image = body["messages"][0]["content"]
    assert text["text"] == prompt.load("art").text
    head, data = image["image_url"]["url"].split(",")
    assert head == "data:image/jpeg;base64"
    assert Image.open(io.BytesIO(base64.b64decode(data))).size == (30, 20)
    assert body["response_format"]["json_schema"]["schema"] == fields.ArtworkAnswer.model_json_schema()
    assert answer.fields["rhythm"] == {"present": True, "words": "clearly"}
    assert answer.fields["tokens"] == 100
    assert answer.fields["seconds"] > 0
    assert answer.fields["prompt"] == prompt.load("art").identity
    assert json.loads(answer.fields["sampling"]) == {
        "seed": 0,
        "temperature": 0,
        "answer_tokens": 1500,
    }
    assert json.loads(answer.fields["answer"]) == artwork()


def test_a_recording_is_sent_as_wav_of_its_middle(tmp_path: Path) -> None:
    with serving(lambda *_: completion(clip())) as endpoint:
        (answer,) = Asker(endpoint.url, tmp_path / "log", side="music", seconds=5).ask([item(data=sound())])
    part = endpoint.asked[0]["messages"][0]["content"][1]
    samples, rate = soundfile.read(io.BytesIO(base64.b64decode(part["input_audio"]["data"])))
    assert (part["input_audio"]["format"], rate, len(samples)) == ("wav", 16_000, 80_000)
    assert answer.fields["key"] == "C major"


@pytest.mark.parametrize(
    "trouble",
    [
        Says(status=429),
        Says(status=500),
        Says(status=503, body="<html>busy</html>"),
        Says("not json at all"),
        Says({"choices": []}),
        Says({"error": "no choices"}),
        Says({"choices": [{"message": {"content": ["parts"]}}]}),
        Says("[1, 2]"),
        Says({"choices": [{"message": "words"}]}),
        Says("[" * 100_000),
        Says(completion(artwork()).body, cut=True),
        Says(completion(artwork()).body, after=0.6),
        Says(completion(artwork()).body, trickle=0.02),  # never silent, and half a minute long
    ],
    ids=[
        "429",
        "500",
        "503",
        "no JSON",
        "no choice",
        "no choices",
        "parts",
        "list",
        "words",
        "deep",
        "cut",
        "slow",
        "trickle",
    ],
)
def test_a_passing_trouble_costs_a_second_try_and_nothing_else(tmp_path: Path, trouble: Says) -> None:
    limits = Limits(at_once=1, timeout=0.4, tries=3)
    answer = one(lambda number, _: trouble if number == 0 else completion(artwork()), tmp_path, limits=limits)
    assert answer.fields["caption"]


@pytest.mark.parametrize(
    ("header", "low", "high"),
    [("7", 7, 7), (None, 1, 1), ("soon", 1, 1), ("99999", 120, 120), ("date", 30, 50)],
)
def test_the_server_says_how_long_to_wait(
    tmp_path: Path, header: str | None, low: float, high: float
) -> None:
    said = formatdate(time() + 50) if header == "date" else header
    busy = Says(status=429, headers={"Retry-After": said} if said else {})
    with serving(lambda number, _: busy if number == 0 else completion(artwork())) as endpoint:
        asker = Asker(endpoint.url, tmp_path / "log")
        asker.ask([item()])
    (waited,) = asker.waits
    assert low <= waited <= high


def test_a_server_that_only_trickles_is_given_up(tmp_path: Path) -> None:
    drip = Says(completion(artwork()).body, trickle=0.02)
    with serving(lambda *_: drip) as endpoint:
        asker = Asker(endpoint.url, tmp_path / "log", limits=Limits(at_once=1, timeout=0.3, tries=2))
        (answer,) = asker.ask([item()])
        assert len(endpoint.asked) == 2
    assert (answer.refused, answer.failed) == ("the endpoint failed 2 times: no answer within 0.3 s", True)


def test_waits_double(tmp_path: Path) -> None:
    with serving(lambda *_: Says(status=500)) as endpoint:
        asker = Asker(endpoint.url, tmp_path / "log", limits=Limits(at_once=1, tries=5, wait=0.5))
        asker.ask([item()])
    assert asker.waits == [0.5, 1, 2, 4]


@pytest.mark.parametrize(
    ("reply", "why"),
    [
        (completion(None, refusal="I will not."), "declined: I will not"),
        (completion("I'm sorry, I can't help with that."), "declined: I'm sorry"),
        (completion("I’m sorry, I can’t."), "declined: I’m sorry"),
        (completion("", finish="content_filter"), "filter"),
    ],
)
def test_a_refusal_is_an_answer_and_is_not_asked_again(tmp_path: Path, reply: Says, why: str) -> None:
    with serving(lambda *_: reply) as endpoint:
        asker = Asker(endpoint.url, tmp_path / "log")
        for _ in range(2):
            (answer,) = asker.ask([item()])
            assert why in answer.refused
    assert len(endpoint.asked) == 1


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("here is your JSON", "not JSON"),
        (json.dumps(artwork())[:200], "not JSON"),
        ("{}", "not the form: subject"),
        (artwork(emotion="joy"), "emotion"),
        (artwork(valence=7), "valence"),
        (artwork(artist="me"), "artist"),
        (artwork(paragraph=" "), "no sentence or no paragraph"),
        ('{"subject": ' * 100_000, "not "),
    ],
    ids=["chat", "truncated", "empty", "emotion", "range", "extra", "no words", "deep"],
)
def test_an_answer_without_the_form_is_asked_for_again_with_another_seed(
    tmp_path: Path, content: Any, why: str
) -> None:
    with serving(lambda *_: completion(content, finish="length")) as endpoint:
        (answer,) = Asker(endpoint.url, tmp_path / "log", tries=3).ask([item()])
    assert why in answer.refused
    asked = [(body["seed"], body["temperature"]) for body in endpoint.asked]
    assert asked == [(0, 0), (1, 0.7), (2, 0.7)]


@pytest.mark.parametrize(
    "around", ["```json\n{}\n```", "Here it is:\n{}\nI hope it helps.", "<think>a {{</think>{}"]
)
def test_words_around_the_answer_do_no_harm(tmp_path: Path, around: str) -> None:
    answer = one(lambda *_: completion(around.format(json.dumps(artwork()))), tmp_path)
    assert answer.fields["mood"]


def test_what_is_no_text_is_replaced_and_does_not_stop_the_stage(tmp_path: Path) -> None:
    """Half of a surrogate pair, as a cut emoji leaves it: escaped in the answer, and bare in the response."""
    answer = one(lambda *_: completion(artwork(mood="gay \ud83c")), tmp_path)
    assert answer.fields["mood"] == "gay ?"
    bare = Says('{"choices": [{"message": {"content": "\\ud83c I cannot"}}]}')
    assert "not JSON" in one(lambda *_: bare, tmp_path / "other").refused


def test_nothing_is_asked_twice_even_by_another_run(tmp_path: Path) -> None:
    items = [item(number) for number in range(5)]
    with serving(lambda *_: completion(artwork())) as endpoint:
        first = Asker(endpoint.url, tmp_path / "log").ask(items)
        second = Asker(endpoint.url, tmp_path / "log").ask(items)
        assert len(endpoint.asked) == 5
        assert first == second
        Asker(endpoint.url, tmp_path / "log", seed=9).ask(items[:1])
        assert len(endpoint.asked) == 6


def test_what_was_answered_before_a_crash_is_kept(tmp_path: Path) -> None:
    items = [item(number) for number in range(6)]
    dead = Says(status=401, body="key expired")
    with serving(lambda number, _: completion(artwork()) if number < 3 else dead) as endpoint:
        with pytest.raises(ConfigError, match="key expired"):
            Asker(endpoint.url, tmp_path / "log", limits=Limits(at_once=1)).ask(items)
        endpoint.says = lambda *_: completion(artwork())
        before = len(endpoint.asked)
        assert all(answer.fields for answer in Asker(endpoint.url, tmp_path / "log").ask(items))
        assert len(endpoint.asked) - before == 3


def test_one_item_that_always_fails_does_not_stop_the_others(tmp_path: Path) -> None:
    def says(_: int, body: dict[str, Any]) -> Says:
        data = base64.b64decode(body["messages"][0]["content"][1]["image_url"]["url"].split(",")[1])
        red = np.asarray(Image.open(io.BytesIO(data)))[0, 0, 0]
        return Says(status=500) if red > 100 else completion(artwork())

    with serving(says) as endpoint:
        answers = Asker(endpoint.url, tmp_path / "log").ask([item(0), item(200), item(1)])
        assert [bool(answer.fields) for answer in answers] == [True, False, True]
        assert "failed 3 times: HTTP 500" in answers[1].refused
        endpoint.says = lambda *_: completion(artwork())
        assert Asker(endpoint.url, tmp_path / "log").ask([item(200)])[0].fields


def test_an_endpoint_that_always_fails_stops_the_stage(tmp_path: Path) -> None:
    with (
        serving(lambda *_: Says(status=500)) as endpoint,
        pytest.raises(SourceError, match="does not answer: HTTP 500"),
    ):
        Asker(endpoint.url, tmp_path / "log").ask([item(number) for number in range(12)])


@pytest.mark.parametrize("status", [400, 413, 415, 422])
def test_a_question_that_the_server_does_not_take_is_asked_again_in_a_later_run_alone(
    tmp_path: Path, status: int
) -> None:
    with serving(lambda *_: Says("too large", status=status)) as endpoint:
        asker = Asker(endpoint.url, tmp_path / "log")
        (answer,) = asker.ask([item()])
        why = f"the endpoint refuses the question: HTTP {status} too large"
        assert (answer.refused, answer.failed, len(endpoint.asked)) == (why, True, 1)
        endpoint.says = lambda *_: completion(artwork())
        assert asker.ask([item()])[0].fields


def test_a_server_that_takes_no_question_stops_the_stage(tmp_path: Path) -> None:
    with serving(lambda *_: Says("no json_schema here", status=400)) as endpoint:
        with pytest.raises(ConfigError, match=r"takes no question .* HTTP 400 no json_schema here"):
            Asker(endpoint.url, tmp_path / "log", limits=Limits(at_once=1)).ask([item(n) for n in range(30)])
        assert len(endpoint.asked) < 12


@pytest.mark.parametrize("usage", [{"total_tokens": "many"}, {"total_tokens": 2**40}, None, {}])
def test_tokens_that_are_no_number_are_not_counted(tmp_path: Path, usage: Any) -> None:
    body = completion(artwork()).body | {"usage": usage}
    assert one(lambda *_: Says(body), tmp_path, limits=Limits(tokens=5)).fields["tokens"] is None


def test_what_the_server_says_it_is_is_kept(tmp_path: Path) -> None:
    told = {"model": "tiny-2026-11-01", "system_fingerprint": "fp_1"}
    answer = one(lambda *_: Says(completion(artwork()).body | told), tmp_path)
    assert json.loads(answer.fields["sampling"])["served"] == "tiny-2026-11-01 fp_1"


def test_a_revision_that_the_user_names_is_part_of_the_name() -> None:
    chosen = Captioner(backend="endpoint", model="m", revision="a" * 40)
    assert build.identity("art", chosen).startswith(f"m:{'a' * 40}@served by ")


def test_an_endpoint_that_is_down_stops_the_stage(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/v1"
        with pytest.raises(SourceError, match="no connection"):
            Asker(url, tmp_path / "log").ask([item()])


@pytest.mark.parametrize("status", [401, 403, 404])
def test_a_wrong_key_or_model_stops_the_stage_at_once(tmp_path: Path, status: int) -> None:
    with serving(lambda *_: Says("no such model", status=status)) as endpoint:
        with pytest.raises(ConfigError, match=f"model tiny: HTTP {status} no such model"):
            Asker(endpoint.url, tmp_path / "log").ask([item()])
        assert len(endpoint.asked) == 1


@pytest.mark.parametrize("limits", [Limits(at_once=1, requests=4), Limits(at_once=1, tokens=350)])
def test_a_budget_is_kept(tmp_path: Path, limits: Limits) -> None:
    items = [item(number) for number in range(9)]
    with serving(lambda *_: completion(artwork())) as endpoint:
        with pytest.raises(SourceError, match=r"budget of \d+ (requests|tokens) is used up"):
            Asker(endpoint.url, tmp_path / "log", limits=limits).ask(items)
        assert len(endpoint.asked) == 4
        with pytest.raises(SourceError, match="budget"):
            Asker(endpoint.url, tmp_path / "log", limits=limits).ask(items)
        assert len(endpoint.asked) == 8
        Asker(endpoint.url, tmp_path / "log", limits=limits).ask(items)
        assert len(endpoint.asked) == 9


def test_no_more_questions_are_on_their_way_than_allowed(tmp_path: Path) -> None:
    slow = Says(completion(artwork()).body, after=0.05)
    with serving(lambda *_: slow) as endpoint:
        Asker(endpoint.url, tmp_path / "log", limits=Limits(at_once=3)).ask([item(n) for n in range(9)])
    assert 2 <= endpoint.most_at_once <= 3


def test_replies_find_their_items_whatever_the_order(tmp_path: Path) -> None:
    def says(number: int, body: dict[str, Any]) -> Says:
        data = base64.b64decode(body["messages"][0]["content"][1]["image_url"]["url"].split(",")[1])
        red = int(np.asarray(Image.open(io.BytesIO(data)))[0, 0, 0])
        return Says(completion(artwork(subject=str(round(red / 40)))).body, after=0.1 - number * 0.02)

    with serving(says) as endpoint:
        answers = Asker(endpoint.url, tmp_path / "log", limits=Limits(at_once=5)).ask(
            [item(n * 40) for n in range(5)]
        )
    assert [answer.fields["subject"] for answer in answers] == ["0", "1", "2", "3", "4"]


def test_steps_are_kept_beside_the_answer_when_asked_for(tmp_path: Path) -> None:
    with serving(lambda *_: completion({"reasoning": "I see red.", **artwork()})) as endpoint:
        (answer,) = Asker(endpoint.url, tmp_path / "log", reasoning=True).ask([item()])
    assert answer.fields["reasoning"] == "I see red."
    schema = endpoint.asked[0]["response_format"]["json_schema"]["schema"]
    assert next(iter(schema["properties"])) == "reasoning"


@pytest.mark.parametrize("apart", [True, False])
def test_the_thoughts_of_a_reasoning_model_go_before_its_steps(tmp_path: Path, apart: bool) -> None:
    text = json.dumps({"reasoning": "I see red.", **artwork()})
    reply = completion(text, reasoning_content="Hm.") if apart else completion(f"<think>Hm.</think>{text}")
    answer = one(lambda *_: reply, tmp_path, reasoning=True)
    assert answer.fields["reasoning"] == "Hm.\nI see red."
    plain = one(lambda *_: completion(artwork(), reasoning_content="Hm."), tmp_path / "plain")
    assert "reasoning" not in plain.fields


@pytest.mark.parametrize(
    ("leaks", "asked", "caption"),
    [("flag", 1, "A boat by Manet."), ("mask", 1, "A boat by …."), ("ask_again", 3, "A boat by Manet.")],
)
def test_a_leak_is_flagged_masked_or_asked_again(
    tmp_path: Path, leaks: str, asked: int, caption: str
) -> None:
    with serving(lambda *_: completion(artwork(caption="A boat by Manet."))) as endpoint:
        (answer,) = Asker(endpoint.url, tmp_path / "log", leaks=leaks, tries=3).ask(
            [item(artist="Édouard Manet", title="Boating")]
        )
    assert len(endpoint.asked) == asked
    assert answer.fields["caption"] == caption


@pytest.mark.parametrize("apart", [True, False])
def test_no_published_word_of_a_masked_answer_names_it(tmp_path: Path, apart: bool) -> None:
    """Neither the raw answer, with escapes and words around its JSON, nor the steps and thoughts."""
    said = {"reasoning": "Manet\nBoating, I think.", **artwork(caption="A boat by Édouard Manet.")}
    said["rhythm"] = {"present": True, "words": "as in Boating"}
    thought, text = "Surely Manet.", f"The Orsay's: {json.dumps(said)} By Manet!"
    reply = (
        completion(text, reasoning_content=thought)
        if apart
        else completion(f"<think>{thought}</think>{text}")
    )
    facts = {"artist": "Édouard Manet", "title": "Boating", "gallery": "Orsay, Paris", "series": "Seine"}
    with serving(lambda *_: reply) as endpoint:
        asker = Asker(endpoint.url, tmp_path / "log", leaks="mask", reasoning=True)
        (answer,) = asker.ask([item(**facts)])
    words = [checks.plain(text) for text in map(str, answer.fields.values())]
    assert not [text for text in words for name in ("manet", "boating", "orsay", "nboating") if name in text]
    assert answer.fields["masked"] == ["artist", "title", "gallery"]
    assert answer.fields["reasoning"] == "Surely ….\n…\n…, I think."
    kept = json.loads(answer.fields["answer"])
    assert (kept["caption"], kept["rhythm"]["words"]) == ("A boat by ….", "as in …")
    with closing(sqlite3.connect(tmp_path / "log")) as log:
        ((logged,),) = log.execute("SELECT reply FROM answers")
    assert "Manet" in json.loads(logged)["text"]  # on this machine alone


def test_names_that_stand_beside_the_form_alone_are_masked_too(tmp_path: Path) -> None:
    text = f"<think>It is Boating.</think>{json.dumps(artwork())}"
    with serving(lambda *_: completion(text)) as endpoint:
        asker = Asker(endpoint.url, tmp_path / "log", leaks="mask")
        masked, clean = asker.ask([item(title="Boating"), item(1, title="Harvest")])
    assert (masked.fields["masked"], json.loads(masked.fields["answer"])) == (["title"], artwork())
    assert (clean.fields["masked"], clean.fields["answer"]) == ([], text)


def test_a_second_try_that_fails_does_not_undo_the_first(tmp_path: Path) -> None:
    def says(number: int, _: dict[str, Any]) -> Says:
        return completion(artwork(caption="A boat by Manet.") if number == 0 else "no JSON")

    with serving(says) as endpoint:
        (answer,) = Asker(endpoint.url, tmp_path / "log", leaks="ask_again", tries=3).ask(
            [item(artist="Édouard Manet")]
        )
    assert len(endpoint.asked) == 3
    assert answer.fields["caption"] == "A boat by Manet."


def test_an_unreadable_file_is_refused_unasked(tmp_path: Path) -> None:
    with serving(lambda *_: completion(artwork())) as endpoint:
        broken, fine = Asker(endpoint.url, tmp_path / "log").ask([item(data=b"text"), item()])
    assert "unreadable" in broken.refused
    assert fine.fields
    assert len(endpoint.asked) == 1


def test_the_key_comes_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ARTSOUND_API_KEY", "secret")
    with serving(lambda *_: completion(artwork())) as endpoint:
        chosen = Captioner.model_validate(
            {"backend": "endpoint", "model": "m", "endpoint": {"url": endpoint.url}}
        )
        asked = build.asked("art", chosen, tmp_path / "log")
        assert asked([item()])[0].fields
    assert endpoint.headers[0]["Authorization"] == "Bearer secret"
    assert build.identity("art", chosen) == f"m@served by {prompt.load('art').identity}"
    assert b"secret" not in (tmp_path / "log").read_bytes()


def test_a_captioner_that_asks_needs_a_log(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="needs a file for its answers"):
        build.asked("art", Captioner(backend="endpoint", model="m"), None)


def test_an_unknown_prompt_lists_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="artwork-1, clip-1"):
        prompt.load("art", name="none")
    own = tmp_path / "mine.md"
    own.write_text("Say it.")
    assert prompt.load("art", file=own).identity.startswith("mine@")
    assert prompt.load("art", file=own).identity != prompt.load("art", file=own, reasoning=True).identity


def test_the_first_answer_to_a_question_stays(tmp_path: Path) -> None:
    log = AnswerLog(tmp_path / "log")
    assert log.get("q") is None
    log.put("q", Reply("first", tokens=3))
    log.put("q", Reply("second"))
    log.close()
    assert AnswerLog(tmp_path / "log").get("q") == Reply("first", tokens=3)


def test_a_damaged_log_is_said_so(tmp_path: Path) -> None:
    (tmp_path / "log").write_bytes(b"nothing like a database" * 100)
    with pytest.raises(StoreError, match="move it away"):
        AnswerLog(tmp_path / "log")
