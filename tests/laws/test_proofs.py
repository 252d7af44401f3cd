"""Laws of proofs: what one maker's model proves of its reasoning comes back to it on the very part that it came on,
through a client of any API that sends back what it was given; and goes to no other maker.
"""

from collections.abc import Callable, Mapping
from typing import Any

import orjson
import pytest

from llmux.dialects.gemini import GEMINI
from llmux.dialects.registry import TABLE
from llmux.ir.capability import Profile, Target
from llmux.ir.content import Reasoning, ToolCall
from llmux.ir.fold import explode, fold
from llmux.ir.request import Request
from llmux.ir.response import Response
from tests.laws.lanes import FORM, hear, stream_of

Wire = dict[str, Any]

# A body of an answer, as a client of each API keeps it in its next request, with the results of its calls.
CLIENTS: Mapping[str, Callable[[Any], Wire]] = {
    "claude": lambda body: {"max_tokens": 9, "messages": [
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": body["content"]},
        {"role": "user", "content": [
            {"type": "tool_result", "tool_use_id": block["id"], "content": "x"}
            for block in body["content"] if block["type"] == "tool_use"
        ]},
    ]},
    "openai_chat": lambda body: {"messages": [
        {"role": "user", "content": "hi"},
        body["choices"][0]["message"],
        *({"role": "tool", "tool_call_id": call["id"], "content": "x"}
          for call in body["choices"][0]["message"]["tool_calls"]),
    ]},
    "gemini": lambda body: {"contents": [
        {"parts": [{"text": "hi"}]},
        body["candidates"][0]["content"],
        {"parts": [
            {"functionResponse": {"id": part["functionCall"]["id"], "name": part["functionCall"]["name"],
                                  "response": {"output": "x"}}}
            for part in body["candidates"][0]["content"]["parts"] if "functionCall" in part
        ]},
    ]},
}  # fmt: skip

PARTS = [
    {"text": "plan", "thought": True},
    {"functionCall": {"id": "a", "name": "f", "args": {"x": 1}}, "thoughtSignature": "Uw+/"},
    {"functionCall": {"id": "b", "name": "g", "args": {}}},
]
ANSWER = {"candidates": [{"content": {"parts": PARTS}, "finishReason": "STOP"}], "responseId": "r"}
GOOGLES = Target("m", Profile(signed_calls=True, reasoning="level"), "google")


def next_request(client: str, body: bytes) -> Request:
    """The client's next request, its document read and written as JSON once more."""
    document = {"model": "m", **CLIENTS[client](orjson.loads(body))}
    return TABLE[client].decode_request(orjson.dumps(document))


def calls_of(sent: Wire) -> list[Wire]:
    return [part for content in sent["contents"] for part in content["parts"] if "functionCall" in part]


@pytest.mark.parametrize("client", CLIENTS)
def test_google_s_proof_comes_back_on_its_call(client: str) -> None:
    response = GEMINI.decode_response(orjson.dumps(ANSWER), {})
    sent = GEMINI.encode_request(next_request(client, TABLE[client].encode_response(response, FORM)), GOOGLES).body
    first, second = calls_of(sent)
    assert first == PARTS[1], "on the exact part, and never a stand-in where it is known"
    assert second == PARTS[2]
    assert b"llmux1" not in orjson.dumps(sent)


def test_through_the_alphabet_of_google_s_python_sdk_too() -> None:
    response = GEMINI.decode_response(orjson.dumps(ANSWER), {})
    body = GEMINI.encode_response(response, FORM).replace(b"Uw+/", b"Uw-_")
    first, _ = calls_of(GEMINI.encode_request(next_request("gemini", body), GOOGLES).body)
    assert first == PARTS[1]


def test_a_claude_client_hears_it_in_front_of_the_call() -> None:
    """I.53 of the contract: reasoning without words that carries the proof, then the call."""
    response = GEMINI.decode_response(orjson.dumps(ANSWER), {})
    blocks = orjson.loads(TABLE["claude"].encode_response(response, FORM))["content"]
    assert [block["type"] for block in blocks] == ["thinking", "thinking", "tool_use", "tool_use"]
    assert (blocks[1]["thinking"], blocks[1]["signature"][:7]) == ("", "llmux1.")
    stream = hear(GEMINI.decoder({}), [b"data: " + orjson.dumps(ANSWER) + b"\n\n"])
    told = TABLE["claude"].encoder(FORM).feed(stream)
    assert told.count(b'"type":"thinking"') == 2
    assert told.index(b"llmux1.") < told.index(b'"type":"tool_use"')


@pytest.mark.parametrize("client", ["claude", "openai_chat", "openai_responses", "gemini"])
def test_one_document_where_a_stream_was_asked_for_keeps_its_proofs(client: str) -> None:
    """Told by events, in a stream of any API that has a place for them, with as much as the document told."""
    response = GEMINI.decode_response(orjson.dumps(ANSWER), {})
    dialect = TABLE[client]
    heard = fold(hear(dialect.decoder({}), [stream_of(dialect, response)]))
    assert len(proofs(heard)) == len(proofs(response)) == 1
    whole = dialect.decode_response(dialect.encode_response(response, FORM), {})
    assert proofs(heard) == proofs(whole)


def proofs(response: Response) -> list[Any]:
    parts = [part for part in response.parts if isinstance(part, Reasoning | ToolCall)]
    return [state.data for part in parts for state in part.states]


@pytest.mark.parametrize("client", CLIENTS)
def test_it_goes_to_no_other_maker(client: str) -> None:
    response = GEMINI.decode_response(orjson.dumps(ANSWER), {})
    request = next_request(client, TABLE[client].encode_response(response, FORM))
    for name, dialect in TABLE.items():
        if name != "gemini":
            sent = orjson.dumps(dialect.encode_request(request, Target("m", maker="somebody")).body)
            assert b"Uw+/" not in sent
            assert b"llmux1" not in sent


THINKING = {"type": "thinking", "thinking": "hm", "signature": "c2ln"}
CLAUDES = {
    "id": "msg_1", "type": "message", "role": "assistant", "model": "m", "stop_reason": "tool_use",
    "content": [THINKING, {"type": "text", "text": "a"}, {"type": "tool_use", "id": "t", "name": "f", "input": {}}],
    "usage": {"input_tokens": 1, "output_tokens": 1},
}  # fmt: skip


@pytest.mark.parametrize("streamed", [False, True])
def test_claude_s_proof_comes_back_through_google_s_clients(streamed: bool) -> None:
    """I.45 of the bugs that others have: also when the client has heard it in pieces."""
    claude = TABLE["claude"]
    response = claude.decode_response(orjson.dumps(CLAUDES), {})
    body = GEMINI.encode_response(response, FORM)
    if streamed:
        chunks = [orjson.loads(frame[6:]) for frame in stream_of(GEMINI, response).split(b"\n\n") if frame]
        parts = [part for chunk in chunks for part in chunk["candidates"][0]["content"]["parts"]]
        body = orjson.dumps({"candidates": [{"content": {"role": "model", "parts": parts}}]})
        assert fold(explode(response)) == response
    sent = claude.encode_request(next_request("gemini", body), Target("m", maker="anthropic")).body
    assert sent["messages"][1]["content"][0] == THINKING
    assert b"c2ln" not in orjson.dumps(GEMINI.encode_request(next_request("gemini", body), GOOGLES).body)
