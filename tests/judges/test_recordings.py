"""Every judge can hear every recording of its dialect, and takes nothing else for an answer."""

import json
from collections.abc import Mapping

import pytest

from tests import corpus
from tests.judges.heard import Heard, runs
from tests.judges.limits import differences, joins, within
from tests.judges.recordings import Recorded, directly, recorded
from tests.judges.table import JUDGES

RECORDED = tuple(case for name in JUDGES for case in recorded(name))
over_recordings = pytest.mark.parametrize("case", RECORDED, ids="-".join)

# Answers that say nothing, in the words that all dialects share.
REFUSED = "it is refused without a word"
NOTHING = "the model says nothing"
SPENT = "its tokens were used up in reasoning that is not shown"
OWN = "all that it holds is for its own API: a picture"
SILENT: Mapping[str, str] = {
    "anthropic-refusal-verd9654": REFUSED,
    "anthropic-refusal-verbd80f": REFUSED,
    "google-google_model_safety_settings-pydc2b07": REFUSED,
    "vertex-google_model_armor_response_template_real_block-pyd43fcc": REFUSED,
    "anthropic-chat_tool_choice_and_calls_control_anthropic_claude_haik-rub08a89": NOTHING,
    "openrouter-chat_tool_choice_and_calls_control_openrouter_claude_hai-rub2f849": NOTHING,
    "openrouter-mistralai_mistral_small_3_1_24b_instruct_object_streamin-req43a6b": NOTHING,
    "openrouter-openai_o4_mini_object_basic-req06b89": SPENT,
    "openai-o3_deep_research_reasoning_streaming-req23397": SPENT,
    "openai-o4_mini_deep_research_usage-reqc28ea": SPENT,
    "openai-image_generation_tool_1-ver6b33a": OWN,
    "openai-openai_responses_image_generation_with_tool_output_0-pyd4c304": OWN,
    "vertex-google_vertexai_image_generation_with_output_format-pyd73156": OWN,
}

# Streams that the SDK's own helper refuses, or in which its deltas and its end disagree.
BROKEN: Mapping[str, str] = {
    "bedrock_mantle-providers_bedrock_mantle_responses_chat_streams_through-rub075fd": "parts are never announced",
    "copilot-github_copilot_id_rotation_1-verfda90": "every event has another id",
}


@corpus.needed
@over_recordings
def test_its_own_sdk_hears_it(case: Recorded) -> None:
    heard = directly(case)
    assert bool(heard.text or heard.reasoning or heard.refusal or heard.calls) is (case.name not in SILENT)


@corpus.needed
@pytest.mark.parametrize("case", [case for case in RECORDED if case.dialect == "openai_responses"], ids="-".join)
def test_the_strict_judge_of_responses_hears_the_same_in_what_keeps_to_the_wire(case: Recorded) -> None:
    judge = JUDGES[case.dialect]
    if not case.streamed:
        assert judge.whole(case.row.answer) == directly(case)
    elif case.name not in BROKEN:
        assert judge.stream(case.row.answer) == directly(case)
    else:
        with pytest.raises((RuntimeError, IndexError)):
            judge.stream(case.row.answer)


# --- what is no answer -----------------------------------------------------------------------------------------------

CHUNK = {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": "m"}
MESSAGE = {"role": "assistant", "content": "hi"}
GEMINI = {"responseId": "1", "candidates": [{"content": {"role": "model", "parts": [{"text": "hi"}]}}]}
CREATED = {
    "type": "response.created",
    "sequence_number": 0,
    "response": {"id": "resp_1", "object": "response", "status": "in_progress", "output": []},
}
FAILED = {
    "type": "response.failed",
    "sequence_number": 1,
    "response": {"id": "resp_1", "object": "response", "status": "failed", "output": []},
}


def sse(*frames: object) -> bytes:
    return b"".join(b"data: %s\n\n" % json.dumps(frame).encode() for frame in frames)


UNFINISHED: Mapping[str, tuple[str, bytes]] = {
    "OpenAI, without a reason": ("openai_chat", sse({**CHUNK, "choices": [{"index": 0, "delta": MESSAGE}]})),
    "Gemini, without a reason": ("gemini", sse(GEMINI)),
    "Gemini, whose second candidate has no end": (
        "gemini",
        sse({**GEMINI, "candidates": [{"finishReason": "STOP"}, {"index": 1, "content": {"parts": [{"text": "hi"}]}}]}),
    ),
    "Gemini, under two names": ("gemini", sse(GEMINI, {"responseId": "2", "candidates": [{"finishReason": "STOP"}]})),
    "Gemini, with a comment": ("gemini", b": hi\n\n" + sse({**GEMINI, "candidates": [{"finishReason": "STOP"}]})),
    "Responses, without an end": ("openai_responses", sse(CREATED)),
    "Responses, failed": ("openai_responses", sse(CREATED, FAILED)),
    "Ollama, without an end": ("ollama", b'{"model":"m","message":{"role":"assistant","content":"hi"},"done":false}\n'),
}


@pytest.mark.parametrize(("dialect", "stream"), UNFINISHED.values(), ids=UNFINISHED)
def test_a_stream_that_does_not_end_well_is_no_answer(dialect: str, stream: bytes) -> None:
    with pytest.raises(AssertionError):
        JUDGES[dialect].stream(stream)


# --- how two answers are compared ------------------------------------------------------------------------------------

PLAIN = Heard(("a", "b"), (), "", (("f", {"x": 1}),), "tools", None)


def test_neighbours_of_one_kind_are_one_run() -> None:
    pieces = [("text", "a"), ("text", "b"), ("call", ""), ("text", "c"), ("text", ""), ("other", ""), ("text", "")]
    assert runs(pieces, "text") == ("ab", "c")


JOINED: Mapping[str, tuple[tuple[str, ...], bool]] = {
    "a\n\nb": (("a", "b"), True),
    "ab": (("a", "b"), True),
    "\n\n\n\nb": (("\n\n", "b"), True),
    "a\nb": (("a", "b"), False),
    "a b": (("a", "b"), False),
    "\n\na": (("a",), False),
    "a\n\n": (("a",), False),
    "": ((), True),
}


@pytest.mark.parametrize("text", JOINED)
def test_between_two_runs_there_is_nothing_or_a_blank_line(text: str) -> None:
    told, same = JOINED[text]
    assert joins(told, text) is same


DIFFERENT: Mapping[str, Heard] = {
    "text": PLAIN._replace(text=("a", "c")),
    "reasoning": PLAIN._replace(reasoning=("hm",)),
    "refusal": PLAIN._replace(refusal="no"),
    "calls": PLAIN._replace(calls=(("f", {"x": 2}),)),
    "finish": PLAIN._replace(finish="end"),
}


@pytest.mark.parametrize("field", DIFFERENT)
def test_every_difference_is_found(field: str) -> None:
    assert differences(PLAIN, PLAIN, "openai_chat") == frozenset()
    assert differences(PLAIN, DIFFERENT[field], "openai_chat") == {field}


def test_what_a_wire_cannot_say_is_due_in_other_words() -> None:
    refused = PLAIN._replace(refusal="no", finish="refused", calls=(("f", "free"),))
    assert within(refused, "openai_chat") == refused
    due = within(refused, "ollama")
    assert (due.text, due.refusal, due.finish, due.calls) == (("a", "b", "no"), "", "end", (("f", {"input": "free"}),))
