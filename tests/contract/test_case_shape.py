"""Cases 1 to 6 of the contract: what a request is in its own dialect, and what one of Claude's is in each other one."""

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from llmux.dialects.registry import TABLE
from llmux.gateway.outbound import Recipient, prepare
from llmux.responder import Context
from llmux.routing.catalog import Backend
from tests.contract.stage import Wire, asked, named, sent, target, told
from tests.laws import backends
from tests.laws.lanes import hear_verbatim
from tests.laws.specimens import REQUESTS
from tests.strategies import PIXEL, requests

F = {"name": "f", "input_schema": {"type": "object", "properties": {}}}
G = F | {"name": "g"}
PICTURE = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PIXEL}}
CALLED = [
    {"type": "thinking", "thinking": "hm", "signature": "c2ln"},
    {"type": "text", "text": "I look."},
    {"type": "tool_use", "id": "a", "name": "f", "input": {"x": 1}},
    {"type": "tool_use", "id": "b", "name": "g", "input": {}},
]
GIVEN = [
    {"type": "tool_result", "tool_use_id": "a", "content": [{"type": "text", "text": "seen"}, PICTURE]},
    {"type": "tool_result", "tool_use_id": "b", "content": "ok"},
]


def claude(*then: Wire) -> Wire:
    """A conversation of Claude's with a thought, two calls at once and a picture in a result."""
    messages = [
        {"role": "user", "content": "go"},
        {"role": "assistant", "content": CALLED},
        {"role": "user", "content": [*GIVEN, *then]},
    ]
    return {"model": "m", "max_tokens": 100, "tools": [F, G], "messages": messages}


ASKED = claude({"type": "text", "text": "and now?"})


def prepared(dialect: str, body: Wire, **headers: str) -> Any:
    """What the gateway sends to a backend of the client's own dialect, under another name of the model."""
    backend = Backend(name="b", provider="p", model="real", dialect=dialect)
    to = Recipient(backend, TABLE[dialect], target("claude 4.6").profile, "anthropic")
    return prepare(asked(dialect, body), Context("r", headers=headers), to)


def test_what_nobody_knows_reaches_a_backend_of_the_same_dialect_as_it_came() -> None:
    """I.1: a field, a block and a beta that llmux has never heard of."""
    novel = {"type": "hologram", "depth": 3.50, "more": {"z": 1, "a": None}}
    body = claude(novel) | {"future_field": [1, {"b": 2, "a": 1}], "temperature": 1.0}
    outgoing = prepared("claude", body, **{"anthropic-beta": "tomorrow-2030-01-01", "cookie": "c"})
    assert orjson.loads(outgoing.body) == body | {"model": "real"}
    assert outgoing.headers["anthropic-beta"] == "tomorrow-2030-01-01"
    assert outgoing.headers["anthropic-version"]
    assert "cookie" not in outgoing.headers


def test_an_event_that_nobody_knows_passes_in_a_stream_of_the_same_dialect() -> None:
    """I.1: and so does every other byte of it."""
    message = {"id": "msg_1", "type": "message", "role": "assistant", "content": [], "model": "x", "usage": {}}
    stream = named(
        {"type": "message_start", "message": message},
        {"type": "aurora", "colour": "green"},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "glow_delta", "glow": 1}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "hi"}},
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 1}},
        {"type": "message_stop"},
    )
    for size in (len(stream), 1, 7):
        pieces = [stream[at : at + size] for at in range(0, len(stream), size)]
        assert told("claude", hear_verbatim(TABLE["claude"], pieces)) == stream


@pytest.mark.parametrize("dialect", TABLE)
@given(st.data())
def test_a_conversation_is_the_same_behind_the_neutral_words(dialect: str, data: st.DataObject) -> None:
    """I.2, I.P3: generated conversations, as the dialect itself writes them."""
    request = data.draw(requests(dialect))
    document = backends.sent(request, dialect)
    assert orjson.loads(backends.sent(backends.reheard(document, request, dialect), dialect)) == orjson.loads(document)


@pytest.mark.parametrize("dialect", TABLE)
def test_a_request_with_everything_in_it_is_the_same_behind_the_neutral_words(dialect: str) -> None:
    """I.2: everything that each dialect can say; once in normal form, it stays."""
    request = replace(asked(dialect, REQUESTS[dialect]), original=None)
    normal = backends.sent(request, dialect)
    assert backends.sent(backends.reheard(normal, request, dialect), dialect) == normal


def test_claude_to_chat_has_results_behind_their_calls_and_pictures_behind_the_results() -> None:
    """I.3: assistant, tool, tool, user; and OpenAI's own models are told no thoughts."""
    body = sent("claude", ASKED, "gpt-4o")
    _, assistant, first, second, user = body["messages"]
    assert assistant == {
        "role": "assistant",
        "content": "I look.",
        "tool_calls": [
            {"id": "a", "type": "function", "function": {"name": "f", "arguments": '{"x":1}'}},
            {"id": "b", "type": "function", "function": {"name": "g", "arguments": "{}"}},
        ],
    }
    marker = "[image 1 of this result follows in the next user message]"
    assert first == {"role": "tool", "tool_call_id": "a", "content": f"seen\n\n{marker}"}
    assert second == {"role": "tool", "tool_call_id": "b", "content": "ok"}
    assert user["role"] == "user"
    assert user["content"] == [
        {"type": "text", "text": "[image 1, of the result of tool call a]"},
        {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PIXEL}"}},
        {"type": "text", "text": "and now?"},
    ]


def test_claude_to_gemini_has_a_response_for_each_call_with_its_picture_inside() -> None:
    """I.4: one content with both responses; the newer models take media there."""
    model, responses, user = sent("claude", ASKED, "gemini 3")["contents"][1:]
    assert [part["functionCall"]["name"] for part in model["parts"] if "functionCall" in part] == ["f", "g"]
    first, second = (part["functionResponse"] for part in responses["parts"])
    assert first["response"] == {"output": "seen"}
    assert first["parts"] == [{"inlineData": {"mimeType": "image/png", "data": PIXEL}}]
    assert (second["name"], second["response"]) == ("g", {"output": "ok"})
    assert user == {"role": "user", "parts": [{"text": "and now?"}]}


def test_claude_to_an_older_gemini_has_the_picture_behind_the_responses() -> None:
    """I.4: for 2.5."""
    responses, user = sent("claude", ASKED, "gemini 2.5")["contents"][2:]
    assert len(responses["parts"]) == 2
    assert all("parts" not in part["functionResponse"] for part in responses["parts"])
    assert user["parts"][1:] == [
        {"inlineData": {"mimeType": "image/png", "data": PIXEL}},
        {"text": "and now?"},
    ]


def test_only_the_first_call_of_the_current_turn_has_googles_stand_in_for_a_proof() -> None:
    """I.4: a proof of Claude's is none of Google's; and a turn that is over needs none."""
    calls = [part for part in sent("claude", claude(), "gemini 3")["contents"][1]["parts"] if "functionCall" in part]
    assert [part.get("thoughtSignature") for part in calls] == ["skip_thought_signature_validator", None]
    assert "thoughtSignature" not in str(sent("claude", ASKED, "gemini 3"))


def test_claude_to_responses_has_items_in_order_and_no_foreign_reasoning() -> None:
    """I.5."""
    items = sent("claude", ASKED, "responses")["input"]
    assert [item["type"] for item in items] == [
        *("message", "message", "function_call", "function_call"),
        *("function_call_output", "function_call_output", "message"),
    ]
    assert [item["call_id"] for item in items[2:6]] == ["a", "b", "a", "b"]
    assert items[4]["output"] == [
        {"type": "input_text", "text": "seen"},
        {"type": "input_image", "detail": "auto", "image_url": f"data:image/png;base64,{PIXEL}"},
    ]
    assert items[5]["output"] == "ok"
    assert (items[6]["role"], items[6]["content"]) == ("user", "and now?")


NEIGHBOURS = {
    "model": "m",
    "messages": [
        {"role": "user", "content": "a"},
        {"role": "user", "content": "b"},
        {"role": "developer", "content": "d"},
        {"role": "assistant", "content": "c"},
        {"role": "user", "content": "e"},
    ],
}


@pytest.mark.parametrize("model", ["claude 4.8", "claude 4.5"])
def test_a_developer_in_the_middle_stays_there_in_what_words_claude_takes(model: str) -> None:
    """I.6: as a system turn where the model takes one, as a reminder of the user's where not; users are one."""
    messages = sent("openai_chat", NEIGHBOURS, model)["messages"]
    says = [(message["role"], [block["text"] for block in message["content"]]) for message in messages]
    rest = [("assistant", ["c"]), ("user", ["e"])]
    if model == "claude 4.8":
        assert says == [("user", ["a", "b"]), ("system", ["d"]), *rest]
    else:
        assert says == [("user", ["a", "b", "<system-reminder>\nd\n</system-reminder>"]), *rest]
