"""The five worked traces of the contract, D.14: a backend's stream, and every line that its client hears."""

import orjson
import pytest

from llmux.dialects.registry import TABLE
from llmux.errors import BackendCut
from llmux.ir.content import ToolCall
from llmux.ir.events import StreamError
from tests.contract import hearing
from tests.contract.again import claude_again, signatures
from tests.contract.chat_plays import DONE, OPEN_A, ROLE, TOLD, TOOLS, calls, chunk, hears, piece, says
from tests.contract.claude_plays import THOUGHT
from tests.contract.stage import FORM, answer, documents, heard, plain, sent, through, told


def test_trace_1_chat_to_claude_with_reasoning_text_and_two_calls() -> None:
    """D.14.1."""
    stream = hears(
        ROLE,
        chunk({"reasoning_content": "Let me"}),
        says("I'll check."),
        calls(OPEN_A),
        calls(piece('{"x":')),
        calls(piece("1}")),
        calls(piece("{}", index=1, name="g", id="b")),
        TOOLS,
        TOLD,
        DONE,
    )
    assert hearing.claude(stream) == [
        *("start", "0 thinking", "0 + Let me", "0 end"),
        *("1 text", "1 + I'll check.", "1 end"),
        *("2 tool_use a f", '2 + {"x":', "2 + 1}", "2 end"),
        *("3 tool_use b g", "3 + {}", "3 end"),
        *("ended tool_use", "stop"),
    ]
    assert hearing.usage(stream) == {
        "input_tokens": 40,
        "cache_read_input_tokens": 60,
        "cache_creation_input_tokens": 0,
        "output_tokens": 20,
        "output_tokens_details": {"thinking_tokens": 5},
    }


INTERLEAVED = (
    calls(piece('{"a":', name="f", id="a")),
    calls(piece('{"b":', index=1, name="g", id="b")),
    calls(piece("1}")),
    calls(piece("2}", index=1)),
    TOOLS,
    DONE,
)


def test_trace_2_interleaved_arguments_wait_for_their_turn() -> None:
    """D.14.2: the second call is not opened before the first is complete."""
    assert hearing.claude(hears(*INTERLEAVED)) == [
        *("start", "0 tool_use a f", '0 + {"a":', "0 + 1}", "0 end"),
        *("1 tool_use b g", '1 + {"b":', "1 + 2}", "1 end", "ended tool_use", "stop"),
    ]


def test_trace_2_the_second_call_flows_as_soon_as_it_is_open() -> None:
    """D.14.2: nothing is held back until the end."""
    decoder, encoder = TABLE["openai_chat"].decoder({}), TABLE["claude"].encoder(FORM)
    said = [encoder.feed(decoder.feed(plain(each))) for each in INTERLEAVED[:4]]
    assert b'{\\"a\\":' in said[0]
    assert said[1] == b""
    assert said[2].count(b"content_block_stop") >= 1
    assert b'{\\"b\\":' in said[2] + said[3]
    assert b'"partial_json":"2}"' in said[3]


CHUNKS = (
    {"candidates": [{"content": {"role": "model", "parts": [{"text": "plan", "thought": True}]}, "index": 0}]},
    {
        "candidates": [{"content": {"role": "model", "parts": [
            {"functionCall": {"name": "f", "args": {"x": 1}}, "thoughtSignature": "U0lH"},
            {"functionCall": {"name": "g", "args": {}}},
        ]}, "index": 0}],
    },
    {
        "candidates": [{"content": {"role": "model", "parts": [{"text": ""}]}, "finishReason": "STOP", "index": 0}],
        "usageMetadata": {
            "promptTokenCount": 50, "cachedContentTokenCount": 10, "candidatesTokenCount": 7, "thoughtsTokenCount": 30,
            "totalTokenCount": 87,
        },
    },
)  # fmt: skip


def test_trace_3_gemini_to_claude_and_back() -> None:
    """D.14.3: the proof travels as thinking without words, and returns to the call that it came on."""
    stream = through("gemini", plain(*CHUNKS), "claude")
    f, g = (part.id for part in answer("gemini", plain(*CHUNKS)).parts if isinstance(part, ToolCall))
    assert hearing.claude(stream) == [
        *("start", "0 thinking", "0 + plan", "0 end"),
        *("1 thinking", "1 signed", "1 end"),  # in a block of its own: the thought itself was not signed
        *(f"2 tool_use {f} f", '2 + {"x":1}', "2 end"),
        *(f"3 tool_use {g} g", "3 + {}", "3 end", "ended tool_use", "stop"),
    ]
    usage = hearing.usage(stream)
    assert (usage["input_tokens"], usage["cache_read_input_tokens"], usage["output_tokens"]) == (40, 10, 37)
    assert usage["output_tokens_details"] == {"thinking_tokens": 30}
    body = sent("claude", claude_again(stream), "gemini 3")
    assert signatures(body) == ["U0lH", None]
    responses = [part for content in body["contents"] for part in content["parts"] if "functionResponse" in part]
    assert len(responses) == 2
    assert [len(content["parts"]) for content in body["contents"]][-1] == 2
    assert "plan" not in str(body)  # a thought that was not signed itself


def test_trace_4_claude_to_responses() -> None:
    """D.14.4: event by event; the numbers have no gaps."""
    events = documents(through("claude", THOUGHT, "openai_responses"))
    assert [event["sequence_number"] for event in events] == list(range(len(events)))
    kinds = [event["type"].removeprefix("response.") for event in events]
    assert kinds == [
        *("created", "in_progress"),
        *("output_item.added", "reasoning_summary_part.added", "reasoning_summary_text.delta"),
        *("reasoning_summary_text.done", "reasoning_summary_part.done", "output_item.done"),
        *("output_item.added", "content_part.added", "output_text.delta"),
        *("output_text.done", "content_part.done", "output_item.done"),
        *("output_item.added", "function_call_arguments.delta", "function_call_arguments.done", "output_item.done"),
        "completed",
    ]
    assert events[7]["item"]["encrypted_content"].startswith("llmux1.")
    assert (events[15]["delta"], events[16]["arguments"]) == ("{}", "{}")
    response = events[-1]["response"]
    assert (response["status"], len(response["output"])) == ("completed", 3)
    assert response["usage"]["total_tokens"]


LAST = {
    "claude": {"type": "error", "error": {"type": "api_error", "message": "gone"}, "request_id": "1"},
    "openai_chat": "[DONE]",
    "gemini": {"error": {"code": 500, "message": "gone", "status": "INTERNAL"}},
    "ollama": {"error": "gone"},
}


@pytest.mark.parametrize("client", TABLE)
def test_trace_5_a_backend_that_dies_after_a_word_is_an_error_and_nothing_more(client: str) -> None:
    """D.14.5: no block is closed, no reason is given."""
    begun = heard("openai_chat", plain(says("par")))
    assert isinstance(begun[-1], StreamError)
    assert isinstance(begun[-1].error, BackendCut)
    said = documents(told(client, [*begun[:-1], StreamError(BackendCut("gone"))]))
    assert "par" in orjson.dumps(said).decode()
    if client == "openai_responses":
        assert said[-1]["type"] == "response.failed"
        assert said[-1]["response"]["error"]["code"] == "server_error"
    else:
        assert said[-1] == LAST[client]
    if client == "openai_chat":
        assert said[-2]["error"]["message"] == "gone"
    if client == "claude":
        assert [event["type"] for event in said[-2:]] == ["content_block_delta", "error"]
