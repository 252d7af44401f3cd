"""How streams end: an error is an error, an end has its true reason, and one of both comes. The faults H.22 to H.37."""

import asyncio
from collections.abc import Sequence

import pytest

from llmux.dialects.registry import TABLE
from llmux.errors import BackendCut, GatewayError
from llmux.ir.content import Reasoning, ReasoningState, Text, ToolCall
from llmux.ir.events import Event, StreamError
from llmux.ir.fold import fold
from llmux.ir.grammar import check
from llmux.ir.response import FinishReason
from llmux.transports.base import Call
from llmux.transports.http import HttpTransport, open_session
from tests.contract.wires import (
    DONE,
    STOP,
    Wire,
    answer,
    by_its_sdk,
    call,
    calls,
    claude,
    framed,
    gemini,
    heard,
    item,
    ollama,
    responses,
    says,
    told,
    user,
)
from tests.fakes import FakeClock
from tests.gateway.party import Guest, Party
from tests.gateway.test_gateway import HEAD, HELLO, TEXT, Table
from tests.laws.lanes import tell
from tests.scripted import Break, Script, ScriptedTransport, chunk
from tests.transports.test_http import peer

CLIENTS = tuple(TABLE)
ERROR = {"error": {"message": "it broke", "type": "server_error", "code": None}}
BROKEN = {"code": "server_error", "message": "it broke"}
HALF = {"type": "response.output_text.delta", "output_index": 0, "content_index": 0, "delta": "half"}
BEGUN, DONE_ITEM = item("message", role="assistant", content=[])
CALL = calls(call("{}", "f", index=0, id="a"))

# What each client's wire ends in, where nothing failed.
CLEAN = {
    "claude": lambda last: last.get("type") == "message_stop",
    "openai_chat": lambda last: "error" not in last,
    "openai_responses": lambda last: last.get("type") in {"response.completed", "response.incomplete"},
    "gemini": lambda last: "candidates" in last and "error" not in last,
    "ollama": lambda last: last.get("done") is True and "error" not in last,
}
FAILED = {
    "claude": lambda last: last.get("type") == "error",
    "openai_chat": lambda last: "error" in last,
    "openai_responses": lambda last: last.get("type") in {"response.failed", "error"},
    "gemini": lambda last: "error" in last,
    "ollama": lambda last: "error" in last,
}

# A stream that fails after it has said something, and whose it is.
BROKEN_STREAMS: dict[str, tuple[str, list[Wire | str | bytes]]] = {
    "H.22 an answer that failed is no end of a turn": (
        "openai_responses", [*responses(BEGUN, HALF, status="failed", error=BROKEN)],
    ),
    "H.23 a failure whose name stands in its frame alone": (
        "openai_responses",
        [
            *responses(BEGUN, HALF)[:-1],
            b'event: response.failed\ndata: {"response":{"error":{"code":"x","message":"it broke"}}}\n\n',
        ],
    ),
    "H.24 an error among the chunks": ("openai_chat", [says("half"), ERROR]),
    "H.24 an error that is a word": ("openai_chat", [says("half"), {"error": "it broke"}]),
    "H.25 an error behind which all goes on as if nothing were": ("openai_chat", [says("half"), ERROR, STOP, DONE]),
    "H.26 a connection that was reset": ("openai_chat", [says("half")]),
    "H.27 a chat that is cut": ("openai_chat", [says("half"), says(" a")]),
}  # fmt: skip


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("case", BROKEN_STREAMS)
def test_what_fails_ends_in_an_error_and_in_nothing_else(case: str, client: str) -> None:
    backend, stream = BROKEN_STREAMS[case]
    frames = told(client, heard(backend, *stream))
    assert FAILED[client](frames[-1])
    assert not any(FAILED[client](frame) for frame in frames[:-1])
    assert not _ends_well(client, frames)


def _ends_well(client: str, frames: Sequence[Wire]) -> bool:
    """Whether somewhere a client finds a reason to take the answer for complete."""
    if client == "openai_chat":
        return any(choice["finish_reason"] for frame in frames for choice in frame.get("choices", ()))
    if client == "gemini":
        return any(candidate.get("finishReason") for frame in frames for candidate in frame.get("candidates", ()))
    return any(CLEAN[client](frame) for frame in frames)


async def test_a_reset_behind_the_first_words_is_told() -> None:
    """H.26: no finish reason is made up for it."""
    table = Table(ScriptedTransport(Script(steps=[HEAD + TEXT, Break()])))
    events = await table.ask(HELLO)
    assert isinstance(events[-1], StreamError)
    assert isinstance(events[-1].error, BackendCut)
    assert b'"finish_reason":"stop"' not in tell(TABLE["openai_chat"], events[1:])


# Whole streams, by the dialect of the backend: text and a call.
STREAMS = {
    name: tell(TABLE[name], heard("openai_chat", says("Hi."), CALL, chunk({}, "tool_calls"), DONE)) for name in TABLE
}


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("backend", STREAMS)
def test_wherever_a_stream_is_cut_the_client_hears_an_end(backend: str, client: str) -> None:
    """H.28: exactly one, which is clean or an error."""
    stream = STREAMS[backend]
    places = [at + 1 for at, byte in enumerate(stream) if byte == ord("\n")]
    for place in [1, *places]:
        last = told(client, heard(backend, stream[:place]))[-1]
        assert CLEAN[client](last) != FAILED[client](last)


@pytest.mark.parametrize("client", ["openai_responses", "openai_chat"])
async def test_a_failure_behind_the_headers_is_no_empty_answer(client: str, clock: FakeClock) -> None:
    """H.29: nothing has been sent, so the client still gets a status of its own, in either lane."""
    guest = Guest("openai_responses")
    guest.does(Script(steps=[framed("openai_responses", *responses(status="failed", error=BROKEN))]))
    asked = {"model": "a:m", "input": "hi", "messages": [user()], "stream": True}
    with pytest.raises(GatewayError, match="it broke"):
        await Party(clock, a=guest).ask(client, asked)


def test_an_incomplete_answer_was_cut_and_is_not_empty() -> None:
    """H.30: the limit of tokens is the reason."""
    stream = responses(BEGUN, HALF, status="incomplete", incomplete_details={"reason": "max_output_tokens"})
    cut = answer("openai_responses", *stream)
    assert (cut.parts, cut.finish_reason) == ((Text(text="half"),), FinishReason.MAX_TOKENS)


LONG = "A" * 200_000  # characters of a proof: more than a line that most libraries read


async def test_lines_are_as_long_as_the_proofs_in_them() -> None:
    """H.31: over a real socket, to the decoder: no reader of lines has a limit that a backend meets."""
    stream = framed("gemini", gemini({"text": "Hi.", "thoughtSignature": LONG}, finish="STOP"))

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n" + stream)
        await writer.drain()

    decoder, events = TABLE["gemini"].decoder({}), list[Event]()
    async with peer(serve) as url, open_session() as session:
        reply = await HttpTransport(url, session).open(Call("/", {}, b""), 5)
        while data := await reply.read():
            events += decoder.feed(data)
        reply.close()
    spoken, proof = fold(check([*events, *decoder.close()])).parts
    assert (spoken, proof) == (Text(text="Hi."), Reasoning(states=(ReasoningState("google", "text", LONG),)))


# A stream with a call -> why it ended, whatever word the backend found for that.
WITH_CALLS: dict[str, tuple[str, list[Wire | str]]] = {
    "H.32 Gemini says STOP in a chunk of its own": (
        "gemini", [gemini({"functionCall": {"name": "f", "args": {}}}), gemini({"text": ""}, finish="STOP")],
    ),
    "H.33 Ollama says stop": (
        "ollama",
        [ollama({"tool_calls": [{"function": {"name": "f", "arguments": {}}}]}), ollama({"content": ""}, done="stop")],
    ),
    "H.33 a server of OpenAI's wire says stop": ("openai_chat", [CALL, STOP, DONE]),
    "H.33 a Responses answer has no word for it": (
        "openai_responses", responses(*item("function_call", call_id="c", name="f", arguments="{}")),
    ),
}  # fmt: skip


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("case", WITH_CALLS)
def test_an_answer_with_calls_waits_for_their_results(case: str, client: str) -> None:
    backend, stream = WITH_CALLS[case]
    said = by_its_sdk(client, heard(backend, *stream))
    assert (said.finish, said.calls) == ("tools", (("f", {}),))


CUT_CALLS = {
    "H.34 length alone": [calls(call('{"a":', "f", index=0, id="a")), chunk({}, "length"), DONE],
    "H.34 length behind tool_calls": [CALL, chunk({}, "tool_calls"), chunk({}, "length"), DONE],
    "H.34 length before tool_calls": [CALL, chunk({}, "length"), chunk({}, "tool_calls"), DONE],
}


@pytest.mark.parametrize("case", CUT_CALLS)
def test_that_an_answer_was_cut_is_not_hidden_by_its_calls(case: str) -> None:
    cut = answer("openai_chat", *CUT_CALLS[case])
    assert cut.finish_reason is FinishReason.MAX_TOKENS
    assert isinstance(cut.parts[0], ToolCall)


F = {"type": "tool_use", "id": "toolu_1", "name": "f", "input": '{"a":1}'}
HI = {"type": "text", "text": "Hi."}
# Claude's word, what is said before it -> OpenAI's word.
FINISHES: dict[str, tuple[str, Wire, str]] = {
    "H.35 the limit of tokens": ("max_tokens", HI, "length"),
    "H.35 the context": ("model_context_window_exceeded", HI, "length"),
    "H.36 an end": ("end_turn", HI, "stop"),
    "H.36 a stop sequence": ("stop_sequence", HI, "stop"),
    "H.36 a pause": ("pause_turn", HI, "stop"),
    "H.36 a call": ("tool_use", F, "tool_calls"),
}


@pytest.mark.parametrize("case", FINISHES)
def test_every_stop_reason_of_claude_has_a_finish_reason(case: str) -> None:
    word, block, expected = FINISHES[case]
    frames = told("openai_chat", heard("claude", *claude(block, finish=word)))
    finishes = [choice["finish_reason"] for frame in frames for choice in frame["choices"]]
    assert [finish for finish in finishes if finish] == [expected]


def test_calls_of_claude_are_told_to_clients_of_openai() -> None:
    """H.36: with the finish reason alone a client would wait for calls that do not come."""
    assert by_its_sdk("openai_chat", heard("claude", *claude(F, finish="tool_use"))).calls == (("f", {"a": 1}),)


@pytest.mark.parametrize("client", ["claude", "openai_chat", "openai_responses", "gemini"])
def test_what_a_filter_stopped_is_told_as_refused(client: str) -> None:
    """H.37: and what was said before stays. It is not called a plain end for the sake of clients that would retry."""
    said = by_its_sdk(client, heard("openai_chat", says("half"), chunk({}, "content_filter"), DONE))
    assert (said.text, said.finish) == (("half",), "refused")
