"""Real answers of Ollama, and real requests of its SDKs: what the SDK hears directly it hears through llmux too."""

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import ollama
import orjson
import pytest

from llmux.dialects.base import AnswerForm, Form
from llmux.dialects.ollama import OLLAMA
from llmux.dialects.registry import TABLE
from llmux.ir.capability import Profile, Target
from llmux.ir.content import ToolCall
from llmux.ir.events import Event
from llmux.ir.request import Role
from tests import corpus
from tests.laws.backends import reheard
from tests.laws.lanes import hear, tell

CLIENTS = Path(os.environ.get("LLMUX_CLIENTS_RECORDED") or corpus.ROOT.parent / "clients/recorded")
GENERATE = OLLAMA.forms["generate"]
FORM = AnswerForm("1", "asked", 1_750_000_000)
KINDS: tuple[corpus.Kind, ...] = ("stream", "exchange")


class Heard(NamedTuple):
    """What an SDK makes of an answer."""

    text: str
    thinking: str
    calls: list[tuple[str, Any]]
    done: tuple[bool | None, str | None]
    tokens: tuple[int, int]


def heard_by_the_sdk(form: Form, body: bytes, *, stream: bool) -> Heard:
    """`body`, a whole answer or a stream of `form`, as Ollama's own SDK hears it."""

    def answer(request: httpx.Request) -> httpx.Response:
        assert request.url.path == form.path
        return httpx.Response(200, content=body)

    client = ollama.Client(host="http://backend", transport=httpx.MockTransport(answer))
    if form is GENERATE:
        told: Any = client.generate("m", "hi", stream=stream)
    else:
        told = client.chat("m", [{"role": "user", "content": "hi"}], stream=stream)
    return joined(told if stream else [told])


def joined(answers: Iterable[Any]) -> Heard:
    text, thinking, calls = "", "", list[tuple[str, Any]]()
    for answer in answers:
        said = answer.message if isinstance(answer, ollama.ChatResponse) else answer
        text += (said.content if isinstance(answer, ollama.ChatResponse) else said.response) or ""
        thinking += said.thinking or ""
        for call in getattr(said, "tool_calls", None) or ():
            calls.append((call.function.name, dict(call.function.arguments)))
        last = answer
    tokens = (last.prompt_eval_count or 0, last.eval_count or 0)
    return Heard(text, thinking, calls, (last.done, last.done_reason), tokens)


RECORDED = [pytest.param(kind, name, id=name) for kind in KINDS for name in corpus.names("ollama", kind)]


def form_of(answer: bytes) -> Form:
    return GENERATE if b'"response":' in answer else OLLAMA


@corpus.needed
@pytest.mark.parametrize(("kind", "name"), RECORDED)
def test_the_sdk_hears_the_same_through_the_translated_lane(kind: corpus.Kind, name: str) -> None:
    answer = corpus.row("ollama", kind, name).answer
    form, stream = form_of(answer.replace(b'": ', b'":')), kind == "stream"
    if stream:
        encoder = form.encoder(FORM)
        told = b"".join(encoder.feed([event]) for event in hear(OLLAMA.decoder({}), [answer]))
    else:
        told = form.encode_response(OLLAMA.decode_response(answer, {}), FORM)
    assert heard_by_the_sdk(form, told, stream=stream) == heard_by_the_sdk(form, answer, stream=stream)


@corpus.needed
@pytest.mark.parametrize(("kind", "name"), RECORDED)
@pytest.mark.parametrize("other", [name for name in TABLE if name != "ollama"])
def test_the_sdk_hears_the_same_after_a_way_through_another_dialect(kind: corpus.Kind, name: str, other: str) -> None:
    answer, dialect = corpus.row("ollama", kind, name).answer, TABLE[other]
    events: list[Event] = hear(OLLAMA.decoder({}), [answer])
    there = hear(dialect.decoder({}), [tell(dialect, events)])
    told = heard_by_the_sdk(OLLAMA, tell(OLLAMA, there), stream=True)
    direct = heard_by_the_sdk(OLLAMA, tell(OLLAMA, events), stream=True)
    assert told == direct


@corpus.needed
def test_a_recorded_failure_reaches_the_sdk() -> None:
    for row in corpus.rows("ollama", "error"):
        error = OLLAMA.decode_error(row.status, {}, row.answer)
        told = OLLAMA.encode_error(error, "req_1")

        def answer(_: httpx.Request, told: Any = told) -> httpx.Response:
            return httpx.Response(told.status, content=told.body)

        client = ollama.Client(host="http://backend", transport=httpx.MockTransport(answer))
        with pytest.raises(ollama.ResponseError) as raised:
            client.chat("m", [])
        assert (raised.value.status_code, raised.value.error) == (row.status, json.loads(row.answer)["error"])


# --- requests --------------------------------------------------------------------------------------------------------


def asked() -> list[Any]:
    """What Ollama's SDKs were recorded to ask; none where there are no recordings."""
    found = []
    for path in sorted(CLIENTS.glob("*ollama*/*.json")):
        document = json.loads(path.read_bytes())
        if document["path"] == "/api/chat":
            found.append(pytest.param(document["body"], id=f"{path.parent.name}-{path.stem}"))
    return found


ABLE = Target("m", Profile(vision=True, thinking=True))


@pytest.mark.skipif(not CLIENTS.is_dir(), reason=f"no recorded clients at {CLIENTS}")
@pytest.mark.parametrize("body", asked())
def test_a_recorded_request_is_said_in_every_dialect(body: dict[str, Any]) -> None:
    request = OLLAMA.decode_request(orjson.dumps(body))
    assert request.stream is body["stream"]
    calls = [part for message in request.messages for part in message.parts if isinstance(part, ToolCall)]
    assert len({call.id for call in calls}) == len(calls)
    for dialect in TABLE.values():
        outbound = dialect.encode_request(request, ABLE)
        again = reheard(orjson.dumps(outbound.body), request, dialect.name)
        told = [part.id for message in again.messages for part in message.parts if isinstance(part, ToolCall)]
        assert told == [call.id for call in calls]
        results = [m for m in again.messages if m.role is Role.TOOL]
        assert sum(len(message.parts) for message in results) == len(calls)
        assert len(again.tools) == len(body.get("tools") or ())


@corpus.needed
@pytest.mark.parametrize("name", corpus.names("ollama", "exchange"))
def test_a_recorded_request_to_generate_or_chat_is_understood(name: str) -> None:
    row = corpus.row("ollama", "exchange", name)
    if row.request is None:
        return  # only the answer was recorded
    form = GENERATE if row.document["operation"] == "generate" else OLLAMA
    request = form.decode_request(orjson.dumps(row.request))
    assert request.messages
    assert request.bound == ""
    for dialect in TABLE.values():
        body = dialect.encode_request(request, ABLE).body
        assert [body[word] for word in ("messages", "input", "contents") if word in body] != [[]]
