"""Events -> the stream of Responses, in the grammar that OpenAI's SDKs and Codex take."""

import json
from collections.abc import Sequence
from typing import Any

import pytest
from msgspec.structs import replace

from llmux.dialects.base import AnswerForm
from llmux.dialects.envelope import unseal
from llmux.dialects.openai_responses import OPENAI_RESPONSES
from llmux.dialects.openai_responses.items import encode_output_items
from llmux.errors import BackendCut, ContextTooLong, GatewayError, Overloaded, QuotaUsedUp, RateLimited
from llmux.ir.content import (
    Citation,
    Extra,
    Image,
    Link,
    Opaque,
    Part,
    Reasoning,
    ReasoningState,
    Refusal,
    Text,
    ToolCall,
)
from llmux.ir.events import (
    Event,
    MessageEnd,
    MessageStart,
    PartCitation,
    PartDelta,
    PartEnd,
    PartStart,
    PartState,
    StreamError,
    UsageUpdate,
    Verbatim,
)
from llmux.ir.fold import explode
from llmux.ir.response import FinishReason, Response
from llmux.ir.usage import Usage
from tests.judges import openai_responses

FORM = AnswerForm("x", "asked", 100)
SEAL = ReasoningState("anthropic", "signature", "c2ln")
OWN = ReasoningState("openai", "encrypted", "Z2hvc3Q=")


def events_of(data: bytes) -> list[dict[str, Any]]:
    """The events of a stream; each has the name that its data says."""
    told = []
    for frame in data.split(b"\n\n")[:-1]:
        name, _, document = frame.partition(b"\ndata: ")
        event = json.loads(document)
        assert name == b"event: " + event["type"].encode()
        told.append(event)
    assert [event["sequence_number"] for event in told] == list(range(len(told)))
    return told


def stream(*parts: Part, reason: FinishReason = FinishReason.END, form: AnswerForm = FORM) -> list[dict[str, Any]]:
    answer = Response("1", "m", parts, reason, Usage(10, 5, 3, 2, reasoning_tokens=1))
    data = OPENAI_RESPONSES.encoder(form).feed(list(explode(answer)))
    last = json.loads(OPENAI_RESPONSES.encode_response(answer, form))
    told = events_of(data)
    assert told[-1]["response"] == last, "a stream ends in what the whole answer says"
    return told


def kinds(told: Sequence[dict[str, Any]]) -> list[str]:
    return [event["type"].removeprefix("response.") for event in told]


# --- the grammar -----------------------------------------------------------------------------------------------------


def test_a_claude_answer_in_full() -> None:
    """Reasoning with its proof, a text, a call without arguments: every event, in order."""
    told = stream(
        Reasoning(text="Hm.", states=(SEAL,)),
        Text(text="I look."),
        ToolCall(id="call_1", name="weather"),
        reason=FinishReason.TOOL_CALL,
    )
    assert kinds(told) == [
        "created",
        "in_progress",
        "output_item.added",
        "reasoning_summary_part.added",
        "reasoning_summary_text.delta",
        "reasoning_summary_text.done",
        "reasoning_summary_part.done",
        "output_item.done",
        "output_item.added",
        "content_part.added",
        "output_text.delta",
        "output_text.done",
        "content_part.done",
        "output_item.done",
        "output_item.added",
        "function_call_arguments.delta",
        "function_call_arguments.done",
        "output_item.done",
        "completed",
    ]
    reasoning, message, call = told[-1]["response"]["output"]
    assert reasoning["summary"] == [{"type": "summary_text", "text": "Hm."}]
    assert unseal(reasoning["encrypted_content"]) == SEAL
    assert message["content"] == [{"type": "output_text", "text": "I look.", "annotations": [], "logprobs": []}]
    assert (message["role"], message["status"]) == ("assistant", "completed")
    assert (call["call_id"], call["name"], call["arguments"], call["status"]) == (
        "call_1",
        "weather",
        "{}",
        "completed",
    )


def test_an_item_is_the_same_in_every_event() -> None:
    told = stream(Reasoning(text="Hm."), Text(text="a"), ToolCall(id="c", name="f", arguments='{"a":1}'))
    added = [event["item"]["id"] for event in told if event["type"].endswith("item.added")]
    done = [event["item"] for event in told if event["type"].endswith("item.done")]
    assert added == [item["id"] for item in done]
    assert done == told[-1]["response"]["output"]
    assert [name.split("_")[0] for name in added] == ["rs", "msg", "fc"]
    assert {event["item_id"] for event in told if "item_id" in event} == set(added)
    assert {event["response"]["id"] for event in told if "response" in event} == {"resp_x"}


def test_equal_answers_are_equal_bytes_and_others_have_other_ids() -> None:
    first, again = stream(Text(text="a")), stream(Text(text="a"))
    other = stream(Text(text="a"), form=AnswerForm("y", "asked", 100))
    assert first == again
    assert other[-1]["response"]["output"][0]["id"] != first[-1]["response"]["output"][0]["id"]


def test_texts_and_refusals_in_a_row_are_one_message() -> None:
    told = stream(Text(text="a"), Text(text="b"), Refusal(text="No."), reason=FinishReason.REFUSAL)
    (message,) = told[-1]["response"]["output"]
    assert [part.get("text", part.get("refusal")) for part in message["content"]] == ["a", "b", "No."]
    assert [event["content_index"] for event in told if event["type"].endswith("part.added")] == [0, 1, 2]
    assert "refusal.delta" in kinds(told)
    assert "refusal.done" in kinds(told)


def test_messages_of_other_phases_stand_apart() -> None:
    first, second = (
        Extra("openai_responses", {"message": {"phase": phase}}) for phase in ("commentary", "final_answer")
    )
    told = stream(Text(text="a", extra=first), Text(text="b", extra=second))
    assert [item["phase"] for item in told[-1]["response"]["output"]] == ["commentary", "final_answer"]


def test_words_between_calls_keep_their_place() -> None:
    call = ToolCall(id="c", name="f", arguments="{}")
    told = stream(Text(text="a"), call, Text(text="b"))
    assert [item["type"] for item in told[-1]["response"]["output"]] == ["message", "function_call", "message"]


def test_several_proofs_are_several_items_and_one_on_a_call_stands_before_it() -> None:
    call = ToolCall(id="c", name="f", arguments="{}", states=(SEAL,))
    parts = (Reasoning(states=(OWN, SEAL)), call, Reasoning(text="x"))
    answer = Response("1", "m", parts, FinishReason.TOOL_CALL)
    events: list[Event] = [
        PartStart(event.index, replace(call, arguments=""))
        if isinstance(event, PartStart) and event.index == 1
        else event
        for event in explode(answer)
    ]
    items = events_of(OPENAI_RESPONSES.encoder(FORM).feed(events))[-1]["response"]["output"]
    assert items == encode_output_items(answer, FORM)
    assert [item["type"] for item in items] == ["reasoning", "reasoning", "reasoning", "function_call", "reasoning"]
    assert items[0]["encrypted_content"] == OWN.data, "OpenAI's own goes as it came"
    assert unseal(items[2]["encrypted_content"]) == SEAL
    assert "encrypted_content" not in items[4]


def test_citations_are_told_at_the_end_of_their_text() -> None:
    own = {"type": "file_citation", "file_id": "f"}
    told = stream(
        Text(
            text="Rain.",
            citations=(
                Citation("claude", {"type": "x"}, url="https://x.test", title="X"),
                Citation("claude", {"type": "char_location"}),
                Citation("openai_responses", own),
                Citation("claude", {}, url="https://y.test"),
            ),
        )
    )
    added = [event for event in told if event["type"].endswith("annotation.added")]
    first = {"type": "url_citation", "start_index": 0, "end_index": 5, "url": "https://x.test", "title": "X"}
    last = {**first, "url": "https://y.test", "title": "https://y.test"}
    assert [event["annotation"] for event in added] == [first, own, last]
    assert [event["annotation_index"] for event in added] == [0, 1, 2]
    assert told[-1]["response"]["output"][0]["content"][0]["annotations"] == [first, own, last]


def test_what_only_another_dialect_understands_is_its_text_or_nothing() -> None:
    told = stream(
        Text(text="a"),
        Opaque(dialect="claude", raw={"type": "novel"}),
        Opaque(dialect="claude", raw={"type": "novel"}, text="b"),
        Opaque(dialect="openai_responses", raw={"type": "web_search_call", "id": "ws", "status": "completed"}),
    )
    message, search = told[-1]["response"]["output"]
    assert [part["text"] for part in message["content"]] == ["a", "b"]
    assert search["id"] == "ws"
    assert [event["item"].get("status") for event in told if event["type"].endswith("item.added")][-1] == "in_progress"


def test_what_has_no_place_here_is_not_told() -> None:
    told = events_of(
        OPENAI_RESPONSES.encoder(FORM).feed(
            [
                MessageStart("1", "m"),
                UsageUpdate(Usage()),
                PartStart(0, Image(source=Link("https://x.test"))),
                PartEnd(0),
                PartStart(1, Refusal()),
                PartCitation(1, Citation("claude", {}, url="https://x.test")),
                PartState(1, SEAL),
                PartEnd(1),
                PartStart(2, ToolCall(id="c", name="f")),
                PartState(2, SEAL),
                PartEnd(2),
                MessageEnd(FinishReason.END, Usage()),
            ]
        )
    )
    assert [item["type"] for item in told[-1]["response"]["output"]] == ["message", "function_call"]


# --- the end ---------------------------------------------------------------------------------------------------------

ENDS = {
    FinishReason.END: ("completed", None),
    FinishReason.STOP_SEQUENCE: ("completed", None),
    FinishReason.TOOL_CALL: ("completed", None),
    FinishReason.PAUSE: ("completed", None),
    FinishReason.REFUSAL: ("completed", None),
    FinishReason.MAX_TOKENS: ("incomplete", {"reason": "max_output_tokens"}),
    FinishReason.CONTEXT_FULL: ("incomplete", {"reason": "max_output_tokens"}),
    FinishReason.FILTERED: ("incomplete", {"reason": "content_filter"}),
}


@pytest.mark.parametrize("reason", FinishReason)
def test_the_end_is_told_once(reason: FinishReason) -> None:
    told = stream(Text(text="a"), reason=reason)
    last = told[-1]["response"]
    assert (last["status"], last["incomplete_details"]) == ENDS[reason]
    assert kinds(told)[-1] == last["status"]
    assert [kind for kind in kinds(told) if kind in ("completed", "incomplete", "failed")] == [last["status"]]
    assert (last["completed_at"] is None) == (last["status"] == "incomplete")
    assert last["output"][0]["status"] == last["status"]


def test_a_refusal_without_a_word_is_said() -> None:
    told = stream(reason=FinishReason.REFUSAL)
    assert told[-1]["response"]["output"][0]["content"] == [
        {"type": "refusal", "refusal": "The model refused to answer."}
    ]
    events = [MessageStart("1", "m"), MessageEnd(FinishReason.REFUSAL, Usage())]
    assert openai_responses.stream(OPENAI_RESPONSES.encoder(FORM).feed(events)).finish == "refused"


def test_an_answer_without_content_is_complete() -> None:
    assert kinds(stream()) == ["created", "in_progress", "completed"]


def test_usage_has_every_count_that_the_types_demand() -> None:
    assert stream()[-1]["response"]["usage"] == {
        "input_tokens": 15,
        "input_tokens_details": {"cached_tokens": 3, "cache_write_tokens": 2},
        "output_tokens": 5,
        "output_tokens_details": {"reasoning_tokens": 1},
        "total_tokens": 20,
    }


@pytest.mark.parametrize(("tier", "told"), [("standard", "default"), ("batch", "flex"), ("odd", None), (None, None)])
def test_a_tier_is_told_in_openais_words(tier: str | None, told: str | None) -> None:
    answer = Response("1", "m", (), FinishReason.END, Usage(service_tier=tier))
    assert json.loads(OPENAI_RESPONSES.encode_response(answer, FORM)).get("service_tier") == told


def test_what_was_asked_is_repeated() -> None:
    asked = {
        "instructions": "Be brief.",
        "temperature": 0.5,
        "tools": [{"type": "web_search"}],
        "store": False,
        "user": None,
    }
    form = AnswerForm("x", "asked", 100, asked=asked, elapsed=lambda: 2_500_000_000)
    first, *_, last = stream(form=form)
    for response in (first["response"], last["response"]):
        assert {name: response[name] for name in asked} == asked
        assert (response["model"], response["created_at"], response["tool_choice"]) == ("asked", 100, "auto")
    assert (first["response"]["status"], first["response"]["usage"]) == ("in_progress", None)
    assert last["response"]["completed_at"] == 102


def test_what_only_this_dialects_backend_said_is_passed_on() -> None:
    details = Extra("openai_responses", {"moderation": {"flagged": False}, "status": "incomplete"})
    answer = Response("1", "m", (), FinishReason.END, details=details)
    told = events_of(OPENAI_RESPONSES.encoder(FORM).feed(list(explode(answer))))
    assert told[-1]["type"] == "response.incomplete"
    assert told[-1]["response"]["moderation"] == {"flagged": False}


# --- calls in the form of the client's tools -------------------------------------------------------------------------

GRAMMAR = {"type": "grammar", "syntax": "lark", "definition": "start: /.+/"}
ASKED = {
    "tools": [
        {"type": "namespace", "name": "agents", "description": "", "tools": [{"type": "function", "name": "spawn"}]},
        {"type": "custom", "name": "apply_patch", "format": GRAMMAR},
        {"type": "local_shell"},
        {"type": "shell"},
        {"type": "tool_search", "execution": "client"},
    ],
    "input": [
        {
            "type": "additional_tools",
            "role": "developer",
            "tools": [
                {
                    "type": "namespace",
                    "name": "functions",
                    "description": "",
                    "tools": [{"type": "custom", "name": "exec"}],
                }
            ],
        }
    ],
}
TOOLS = AnswerForm("x", "asked", 100, asked=ASKED)
CALLS: dict[str, tuple[ToolCall, dict[str, Any]]] = {
    "a function in a namespace": (
        ToolCall(id="c", name="agents__spawn", arguments='{"a":1}'),
        {"type": "function_call", "name": "spawn", "namespace": "agents", "arguments": '{"a":1}'},
    ),
    "free text": (
        ToolCall(id="c", name="apply_patch", arguments="*** Begin", kind="custom"),
        {"type": "custom_tool_call", "name": "apply_patch", "input": "*** Begin"},
    ),
    "free text in a namespace that came with an item": (
        ToolCall(id="c", name="exec", arguments="text(1)", kind="custom"),
        {"type": "custom_tool_call", "name": "exec", "namespace": "functions", "input": "text(1)"},
    ),
    "a local shell": (
        ToolCall(id="c", name="local_shell", arguments='{"command":["ls"],"timeout_ms":9}'),
        {"type": "local_shell_call", "action": {"type": "exec", "env": {}, "command": ["ls"], "timeout_ms": 9}},
    ),
    "a shell": (
        ToolCall(id="c", name="shell", arguments='{"commands":["ls"]}'),
        {"type": "shell_call", "action": {"commands": ["ls"], "timeout_ms": None, "max_output_length": None}},
    ),
    "a search for tools": (
        ToolCall(id="c", name="tool_search", arguments='{"query":"x"}'),
        {"type": "tool_search_call", "execution": "client", "arguments": {"query": "x"}},
    ),
    "arguments of another shape": (
        ToolCall(id="c", name="local_shell", arguments='{"command":"ls"}'),
        {"type": "function_call", "name": "local_shell", "arguments": '{"command":"ls"}'},
    ),
    "commands of another shape": (
        ToolCall(id="c", name="shell", arguments='{"commands":"ls"}'),
        {"type": "function_call", "name": "shell", "arguments": '{"commands":"ls"}'},
    ),
    "arguments that were cut": (
        ToolCall(id="c", name="shell", arguments='{"comm'),
        {"type": "function_call", "name": "shell", "arguments": '{"comm'},
    ),
    "a tool of nobody's": (
        ToolCall(id="c", name="other", arguments="{}"),
        {"type": "function_call", "name": "other", "arguments": "{}"},
    ),
}


@pytest.mark.parametrize("case", CALLS)
def test_a_call_comes_back_as_its_tool_was_given(case: str) -> None:
    call, expected = CALLS[case]
    told = stream(call, reason=FinishReason.TOOL_CALL, form=TOOLS)
    (item,) = told[-1]["response"]["output"]
    assert expected.items() <= item.items()
    assert (item["call_id"], item["status"]) == ("c", "completed")
    done = [event["item"] for event in told if event["type"] == "response.output_item.done"]
    assert done == [item]


def test_a_patch_is_free_text_to_one_client_and_an_operation_to_another() -> None:
    form = AnswerForm("x", "asked", 100, asked={"tools": [{"type": "apply_patch"}]})
    operation = {"type": "create_file", "path": "a", "diff": "+a"}
    for arguments in ({"operation": operation}, operation):
        told = stream(ToolCall(id="c", name="apply_patch", arguments=json.dumps(arguments)), form=form)
        assert told[-1]["response"]["output"][0]["operation"] == operation
    for arguments in ({"operation": 1}, {"operation": {"type": "create_file"}}, []):
        told = stream(ToolCall(id="c", name="apply_patch", arguments=json.dumps(arguments)), form=form)
        assert told[-1]["response"]["output"][0]["type"] == "function_call"


def test_free_text_streams_as_input() -> None:
    told = stream(ToolCall(id="c", name="apply_patch", arguments="*** Begin", kind="custom"), form=TOOLS)
    assert kinds(told)[2:-1] == [
        "output_item.added",
        "custom_tool_call_input.delta",
        "custom_tool_call_input.done",
        "output_item.done",
    ]
    assert stream(ToolCall(id="c", name="apply_patch", kind="custom"), form=TOOLS)[-2]["item"]["input"] == ""


# --- failures --------------------------------------------------------------------------------------------------------

BEGUN: list[Event] = [MessageStart("1", "m"), PartStart(0, Text()), PartDelta(0, "par")]
FAILURES: list[tuple[GatewayError, str, str]] = [
    (BackendCut("It broke off."), "server_error", "It broke off."),
    (Overloaded("Full."), "server_error", "Full."),
    (
        ContextTooLong("Too long."),
        "context_length_exceeded",
        "This model's maximum context length is exceeded. Too long.",
    ),
    (QuotaUsedUp("No credit."), "insufficient_quota", "No credit."),
    (RateLimited("Slower.", retry_after=1.5), "rate_limit_exceeded", "Slower. Please try again in 1.5s."),
    (RateLimited("try again in 2s", retry_after=2), "rate_limit_exceeded", "try again in 2s"),
]


@pytest.mark.parametrize(("error", "code", "message"), FAILURES)
def test_a_failure_has_a_code_that_codex_knows(error: GatewayError, code: str, message: str) -> None:
    told = events_of(OPENAI_RESPONSES.encoder(FORM).feed([*BEGUN, StreamError(error)]))
    last = told[-1]
    assert last["type"] == "response.failed"
    assert last["response"]["error"] == {"code": code, "message": message}
    assert (last["response"]["status"], last["response"]["id"]) == ("failed", "resp_x")
    assert "output_text.done" not in kinds(told), "what was cut does not look finished"


def test_items_that_were_done_are_told_with_a_failure() -> None:
    told = events_of(OPENAI_RESPONSES.encoder(FORM).feed([
        *BEGUN, PartEnd(0), PartStart(1, Reasoning()), PartDelta(1, "Hm."), PartEnd(1), StreamError(BackendCut("x")),
    ]))  # fmt: skip
    assert [item["type"] for item in told[-1]["response"]["output"]] == ["message", "reasoning"]


def test_a_failure_before_anything_is_an_error_event_that_every_client_reads() -> None:
    (event,) = events_of(OPENAI_RESPONSES.encoder(FORM).feed([StreamError(RateLimited("Slower."))]))
    assert event["type"] == "error"
    assert (event["code"], event["message"], event["param"]) == ("rate_limit_exceeded", "Slower.", None)
    assert event["error"] == {
        "message": "Slower.",
        "type": "rate_limit_error",
        "param": None,
        "code": "rate_limit_exceeded",
    }


CREATED = b'data: {"type":"response.created","sequence_number":0,"response":{"id":"theirs"}}\n\n'
DELTA = b'data: {"type":"response.output_text.delta","delta":"a","sequence_number":7}\n\n'


def test_a_failure_goes_on_from_what_has_passed_unread() -> None:
    encoder = OPENAI_RESPONSES.encoder(FORM)
    assert encoder.feed([Verbatim(CREATED)]) == CREATED
    assert encoder.feed([Verbatim(DELTA)]) == DELTA
    event = json.loads(encoder.feed([StreamError(BackendCut("x"))]).partition(b"data: ")[2])
    assert (event["type"], event["sequence_number"], event["response"]["id"]) == ("response.failed", 8, "theirs")


NO_IDS = [b": hi\n\n", b'data: {"response"\n\n', b'data: ["response"]\n\n', b'data: {"response":{"id":1}}\n\n']


@pytest.mark.parametrize("data", NO_IDS)
def test_a_stream_that_has_not_said_whose_it_is_fails_with_an_error_event(data: bytes) -> None:
    encoder = OPENAI_RESPONSES.encoder(FORM)
    encoder.feed([Verbatim(data)])
    assert b"event: error" in encoder.feed([StreamError(BackendCut("x"))])


# --- silence ---------------------------------------------------------------------------------------------------------


def test_keepalive_is_a_comment_until_the_end() -> None:
    encoder = OPENAI_RESPONSES.encoder(FORM)
    assert encoder.keepalive() == b": keepalive\n\n"
    encoder.feed([MessageStart("1", "m"), MessageEnd(FinishReason.END, Usage())])
    assert encoder.keepalive() == b""


def test_nor_is_anything_said_behind_a_verbatim_end() -> None:
    encoder = OPENAI_RESPONSES.encoder(FORM)
    encoder.feed([Verbatim(CREATED, done=True)])
    assert encoder.keepalive() == b""
