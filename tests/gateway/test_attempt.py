"""Requests that are not like others: bound to their own dialect, or asking for no answer."""

import contextlib
from typing import Any

import orjson
import pytest

from llmux.dialects.registry import TABLE
from llmux.errors import GatewayError, Unsupported
from llmux.gateway.attempt import Attempt, Route, _seen, attempt
from llmux.gateway.outbound import Recipient
from llmux.ir.events import MessageEnd, Verbatim
from llmux.ir.request import Request
from llmux.responder import Context
from llmux.routing.catalog import Backend
from tests.fakes import FakeClock
from tests.scripted import JSON, Script, ScriptedTransport

LOADED = {"model": "m", "message": {"role": "assistant", "content": ""}, "done": True, "done_reason": "load"}


async def tried(request: Request, dialect: str, transport: ScriptedTransport, **backend: Any) -> Attempt:
    """One try at a backend that speaks `dialect`."""
    to = Recipient(Backend(name="b", provider="p", model="m", dialect=dialect, **backend), TABLE[dialect])
    route = Route(TABLE[dialect], transport, lambda _: {})
    return await attempt(request, Context("r1"), to, route, FakeClock())


def generate(**fields: Any) -> Request:
    return TABLE["ollama"].forms["generate"].decode_request(orjson.dumps({"model": "x", "stream": False, **fields}))


async def test_what_is_bound_passes_as_it_came_to_its_own_dialect() -> None:
    transport = ScriptedTransport(Script(200, JSON, [orjson.dumps({**LOADED, "response": "x", "message": None})]))
    request = generate(prompt="def f():", suffix="return", options={"num_ctx": 1})
    won = await tried(request, "ollama", transport)
    assert isinstance(won.held[0], Verbatim)
    (call,) = transport.calls
    assert call.path == "/api/generate"
    assert orjson.loads(call.body) == {
        "model": "m", "stream": False, "prompt": "def f():", "suffix": "return", "options": {"num_ctx": 1},
    }  # fmt: skip


@pytest.mark.parametrize(("dialect", "verbatim"), [("ollama", False), ("claude", True), ("openai_chat", True)])
async def test_what_is_bound_is_said_in_no_other_words(dialect: str, verbatim: bool) -> None:
    transport = ScriptedTransport(Script())
    with pytest.raises(Unsupported, match="'suffix' can only be passed on") as raised:
        await tried(generate(prompt="def f():", suffix="return"), dialect, transport, verbatim=verbatim)
    assert raised.value.param == "suffix"
    assert transport.calls == []


async def test_an_ollama_is_told_to_load_its_model() -> None:
    transport = ScriptedTransport(Script(200, JSON, [orjson.dumps(LOADED)]))
    won = await tried(
        TABLE["ollama"].decode_request(b'{"model":"x","messages":[],"stream":false}'), "ollama", transport
    )
    assert [event.data for event in won.held if isinstance(event, Verbatim)] == [orjson.dumps(LOADED)]
    assert len(transport.calls) == 1


async def test_an_ollama_that_is_asked_anew_is_told_so_too() -> None:
    transport = ScriptedTransport(Script(200, JSON, [orjson.dumps(LOADED)]))
    request = TABLE["ollama"].decode_request(b'{"model":"x","stream":false,"keep_alive":0}')
    won = await tried(request, "ollama", transport, verbatim=False)
    assert isinstance(won.held[-1], MessageEnd)
    (call,) = transport.calls
    assert orjson.loads(call.body) == {"model": "m", "messages": [], "stream": False, "keep_alive": 0}


@pytest.mark.parametrize("dialect", ["claude", "openai_chat"])
async def test_nobody_else_is_asked_to_answer_nothing(dialect: str) -> None:
    """Where an Ollama was to load its model, and could not, failover must not ask another one for an answer."""
    transport = ScriptedTransport(Script())
    with pytest.raises(Unsupported, match="loads no models"):
        await tried(generate(), dialect, transport)
    assert transport.calls == []


def test_a_client_sees_limits_and_what_its_own_vendor_tells_it() -> None:
    shown = {"X-RateLimit-Remaining-Requests": "1", "retry-after": "2", "x-codex-turn-state": "s", "openai-model": "m"}
    kept_back = {"openai-organization": "o", "x-codex-primary-used-percent": "9", "set-cookie": "c"}
    assert dict(_seen({**shown, **kept_back})) == shown


@pytest.mark.parametrize("status", [200, 429])
async def test_the_head_of_every_answer_is_heard(status: int) -> None:
    heard: list[tuple[str, int, object]] = []
    headers = {**JSON, "x-ratelimit-remaining-requests": "9"}
    transport = ScriptedTransport(Script(status, headers, [orjson.dumps(LOADED)]))
    route = Route(TABLE["ollama"], transport, lambda _: {}, hear=lambda *head: heard.append(head))
    to = Recipient(Backend(name="b", provider="p", model="m", dialect="ollama"), TABLE["ollama"])
    request = TABLE["ollama"].decode_request(b'{"model":"x","messages":[],"stream":false}')
    with contextlib.suppress(GatewayError):
        await attempt(request, Context("r1"), to, route, FakeClock())
    assert heard == [("b", status, headers)]
