"""Cases 44 to 50 of the contract: what clients of OpenAI, Google and Ollama hear of a Claude backend."""

from collections.abc import Callable
from typing import Any

import openai
import pytest
from google.genai import errors as google
from msgspec.structs import replace
from ollama import ResponseError

from llmux.dialects.registry import TABLE
from tests.contract.claude_plays import NO_ARGUMENTS, OVERLOADED, THOUGHT, TWO_CALLS, end, stream, text, tool
from tests.contract.stage import FORM, answer, documents, plain, through, whole
from tests.judges import typescript
from tests.judges.heard import Heard, Tokens
from tests.judges.table import JUDGES

CLIENTS = ("openai_chat", "openai_responses", "gemini", "ollama")
CALLS = (("f", {"x": 1}), ("g", {"y": 2}))
Reader = Callable[[Any], Any]


def hears(client: str, said: bytes) -> list[Any]:
    """The documents of the client's stream, however the network cuts the backend's."""
    return documents(through("claude", said, client))


def test_chat_hears_each_call_opened_once_and_counted_among_the_calls() -> None:
    """I.44: the role once, id, type and name once a call, usage null until the last chunk, [DONE]."""
    *chunks, last, done = hears("openai_chat", TWO_CALLS)
    assert done == "[DONE]"
    deltas = [chunk["choices"][0]["delta"] for chunk in chunks]
    assert [delta for delta in deltas if "role" in delta] == [{"role": "assistant", "content": ""}]
    entries = [entry for delta in deltas for entry in delta.get("tool_calls", ())]
    assert [(entry["index"], entry["id"], entry["function"]["name"]) for entry in entries if "id" in entry] == [
        (0, "a", "f"),
        (1, "b", "g"),
    ]
    rest = [entry for entry in entries if "id" not in entry]
    assert [(entry["index"], entry["function"]) for entry in rest] == [
        (0, {"arguments": '{"x":'}),
        (0, {"arguments": "1}"}),
        (1, {"arguments": '{"y":2}'}),
    ]
    assert {str(chunk["usage"]) for chunk in chunks} == {"None"}
    assert (last["choices"], last["usage"]["prompt_tokens"], last["usage"]["completion_tokens"]) == ([], 16, 9)


def test_who_asked_for_no_usage_hears_none() -> None:
    """I.44."""
    form = replace(FORM, include_usage=False)
    assert b'"usage"' not in through("claude", TWO_CALLS, "openai_chat", form)


# What each vendor's own reader must hear; Ollama's wire tells fewer counts, Google's none of writing to a cache.
USAGES = {
    "openai_chat": Tokens(16, 9, 4, 2, 3),
    "openai_responses": Tokens(16, 9, 4, 2, 3),
    "gemini": Tokens(16, 9, 4, 0, 3),
    "ollama": Tokens(16, 9, 0, 0, 0),
}


@pytest.mark.parametrize("client", CLIENTS)
def test_the_vendors_own_reader_puts_the_message_together(client: str) -> None:
    """I.44, I.46, I.47, I.48: Python."""
    heard = JUDGES[client].stream(through("claude", TWO_CALLS, client))
    assert heard == Heard(("I look.",), (), "", CALLS, "tools", USAGES[client])


@typescript.needed[0]
@typescript.needed[1]
def test_the_vendors_other_reader_hears_the_same() -> None:
    """I.44, I.46, I.47, I.48: TypeScript."""
    spoken = [
        typescript.Spoken(client, "stream", TABLE[client].content_type, through("claude", said, client))
        for client in CLIENTS
        for said in (TWO_CALLS, THOUGHT, NO_ARGUMENTS)
    ]
    for said, heard in zip(spoken, typescript.hear(spoken), strict=True):
        assert heard == JUDGES[said.dialect].stream(said.body), said.dialect


def of_chat(documents: list[Any]) -> Any:
    entries = [entry for chunk in documents[:-2] for entry in chunk["choices"][0]["delta"].get("tool_calls", ())]
    return "".join(entry["function"]["arguments"] for entry in entries)


def of_responses(documents: list[Any]) -> Any:
    done = [event["arguments"] for event in documents if event["type"] == "response.function_call_arguments.done"]
    assert documents[-1]["response"]["output"][0]["arguments"] == done[0]
    return done[0]


def of_gemini(documents: list[Any]) -> Any:
    parts = [part for chunk in documents for part in chunk["candidates"][0]["content"]["parts"]]
    return next(part["functionCall"]["args"] for part in parts if "functionCall" in part)


def of_ollama(documents: list[Any]) -> Any:
    return documents[0]["message"]["tool_calls"][0]["function"]["arguments"]


ARGUMENTS: dict[str, tuple[Reader, Any]] = {
    "openai_chat": (of_chat, "{}"),
    "openai_responses": (of_responses, "{}"),
    "gemini": (of_gemini, {}),
    "ollama": (of_ollama, {}),
}


@pytest.mark.parametrize("client", ARGUMENTS)
def test_a_call_without_arguments_has_an_empty_object(client: str) -> None:
    """I.45."""
    read, expected = ARGUMENTS[client]
    assert read(hears(client, NO_ARGUMENTS)) == expected


def codex(events: list[Any]) -> list[Any]:
    """The history that Codex makes of a stream: of items that are done; it wants an end with an id and a usage."""
    last = events[-1]
    assert last["type"] == "response.completed"
    assert last["response"]["id"]
    assert {"input_tokens", "output_tokens", "total_tokens"} <= last["response"]["usage"].keys()
    return [event["item"] for event in events if event["type"] == "response.output_item.done"]


def test_responses_hears_every_item_announced_told_and_done() -> None:
    """I.46: what was done is the output; Codex has its history; the numbers have no gaps."""
    events = hears("openai_responses", THOUGHT)
    assert [event["sequence_number"] for event in events] == list(range(len(events)))
    items = codex(events)
    assert items == events[-1]["response"]["output"]
    assert [item["type"] for item in items] == ["reasoning", "message", "function_call"]
    assert items[0]["summary"] == [{"type": "summary_text", "text": "hm"}]
    assert items[0]["encrypted_content"]
    usage = events[-1]["response"]["usage"]
    assert usage["input_tokens_details"] == {"cached_tokens": 4, "cache_write_tokens": 2}


def test_gemini_hears_whole_calls_and_what_was_thought_apart() -> None:
    """I.47: no names of events, no comments, no [DONE]."""
    sent = through("claude", TWO_CALLS, "gemini")
    assert {line[:6] for line in sent.split(b"\n") if line} == {b"data: "}
    chunks = documents(sent)
    parts = [part for chunk in chunks for part in chunk["candidates"][0]["content"]["parts"]]
    assert [part["functionCall"]["args"] for part in parts if "functionCall" in part] == [{"x": 1}, {"y": 2}]
    assert chunks[-1]["candidates"][0]["finishReason"] == "STOP"
    assert chunks[-1]["usageMetadata"] == {
        "promptTokenCount": 16,
        "cachedContentTokenCount": 4,
        "candidatesTokenCount": 6,
        "thoughtsTokenCount": 3,
        "totalTokenCount": 25,
    }


def test_ollama_hears_objects_and_how_long_it_took() -> None:
    """I.48: a line an event; durations are of this gateway, in nanoseconds."""
    form = replace(FORM, elapsed=lambda: 1_500_000)
    *lines, last = documents(through("claude", TWO_CALLS, "ollama", form))
    calls = [call["function"] for line in lines for call in line["message"].get("tool_calls", ())]
    assert [(call["name"], call["arguments"]) for call in calls] == list(CALLS)
    assert last["total_duration"] == 1_500_000
    assert (last["prompt_eval_count"], last["eval_count"]) == (16, 9)


FAILURES: dict[str, tuple[Reader, Any, type[Exception]]] = {
    "openai_chat": (
        lambda said: (said[-2]["error"]["code"], said[-1]), ("overloaded", "[DONE]"), openai.APIError,
    ),
    "openai_responses": (
        lambda said: (said[-1]["type"], said[-1]["response"]["error"]["message"]), ("response.failed", "busy"),
        AssertionError,  # this SDK gives the failed response to its caller, who must look at it
    ),
    "gemini": (
        lambda said: (said[-1]["error"]["code"], said[-1]["error"]["status"]), (503, "UNAVAILABLE"), google.APIError,
    ),
    "ollama": (lambda said: said[-1], {"error": "busy"}, ResponseError),
}  # fmt: skip


@pytest.mark.parametrize("client", FAILURES)
def test_an_overload_in_the_midst_is_an_error_of_the_clients_own_wire(client: str) -> None:
    """I.49: and its SDK takes it for none of the good endings."""
    read, expected, raised = FAILURES[client]
    assert read(hears(client, OVERLOADED)) == expected
    with pytest.raises(raised):
        JUDGES[client].recorded_stream(through("claude", OVERLOADED, client))


def chat_end(documents: list[Any]) -> Any:
    return documents[-3]["choices"][0]["finish_reason"]


def responses_end(documents: list[Any]) -> Any:
    response = documents[-1]["response"]
    return (response["status"], (response["incomplete_details"] or {}).get("reason"))


def gemini_end(documents: list[Any]) -> Any:
    return documents[-1]["candidates"][0]["finishReason"]


def ollama_end(documents: list[Any]) -> Any:
    return documents[-1]["done_reason"]


READ: dict[str, Reader] = dict(zip(CLIENTS, (chat_end, responses_end, gemini_end, ollama_end), strict=True))
DETAILS = {"type": "refusal", "category": "cyber", "explanation": "That is not for me."}
FILTERED = stream(*end("refusal", stop_details=DETAILS))
# A refusal is told as one, by section C.1: OpenAI has a field and a part for it, beside which an answer is complete.
ENDS: dict[str, tuple[bytes, tuple[Any, ...]]] = {
    "I.50 refused": (FILTERED, ("stop", ("completed", None), "SAFETY", "stop")),
    "I.50 the limit": (
        stream(*text(0, "hi"), *end("max_tokens")),
        ("length", ("incomplete", "max_output_tokens"), "MAX_TOKENS", "length"),
    ),
    "I.50 the limit within arguments": (
        stream(*tool(0, "a", "f", '{"x":'), *end("max_tokens")),
        ("length", ("incomplete", "max_output_tokens"), "MAX_TOKENS", "length"),
    ),
    "I.50 the context is full": (
        stream(*text(0, "hi"), *end("model_context_window_exceeded")),
        ("length", ("incomplete", "max_output_tokens"), "MAX_TOKENS", "length"),
    ),
}


@pytest.mark.parametrize("case", ENDS)
@pytest.mark.parametrize("client", CLIENTS)
def test_why_it_ended_is_told_in_the_clients_own_word(case: str, client: str) -> None:
    said, words = ENDS[case]
    assert READ[client](hears(client, said)) == words[CLIENTS.index(client)]


@pytest.mark.parametrize("client", ["openai_chat", "openai_responses"])
def test_a_refusal_is_heard_as_one(client: str) -> None:
    """I.50: and nobody takes it for an answer."""
    heard = JUDGES[client].stream(through("claude", FILTERED, client))
    assert (heard.finish, heard.text) == ("refused", ())
    assert heard.refusal


def test_a_filter_is_heard_as_one() -> None:
    """I.50: what a filter cut, and no model refused, is content_filter everywhere that has the word."""
    choice = {"index": 0, "delta": {"content": "hi"}, "finish_reason": "content_filter"}
    heard = answer("openai_chat", plain({"id": "1", "model": "m", "choices": [choice]}, "[DONE]"))
    assert whole("openai_chat", heard)["choices"][0]["finish_reason"] == "content_filter"
    assert whole("openai_responses", heard)["incomplete_details"] == {"reason": "content_filter"}
    assert whole("gemini", heard)["candidates"][0]["finishReason"] == "SAFETY"
    assert whole("claude", heard)["stop_reason"] == "refusal"
