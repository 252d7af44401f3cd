"""Several answers to one request (`n`): each its own, from the backend's chunks to the client's, streamed or whole."""

import json
from typing import Any

from openai.lib.streaming.chat import ChatCompletionStreamState
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from llmux.dialects.base import AnswerForm
from llmux.dialects.openai_chat import OPENAI_CHAT
from llmux.ir.content import Text, ToolCall
from llmux.ir.events import Event, MessageEnd
from llmux.ir.fold import explode, fold
from llmux.ir.grammar import check
from llmux.ir.response import Choice, FinishReason, Response
from llmux.ir.usage import Usage

FORM = AnswerForm("x", "asked", 1)
CALL = {"index": 0, "id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}


def chunk(index: int, finish: str | None = None, **delta: Any) -> bytes:
    choice = {"index": index, "delta": delta, "finish_reason": finish}
    return b"data: " + json.dumps({"id": "r", "model": "m", "choices": [choice]}).encode() + b"\n\n"


# Three choices whose pieces interleave, as OpenAI and vLLM send them; the third calls a tool.
STREAM = b"".join([
    chunk(0, role="assistant", content=""),
    chunk(1, role="assistant", content=""),
    chunk(0, content="one"),
    chunk(1, content="un"),
    chunk(2, tool_calls=[CALL]),
    chunk(0, content=" two"),
    chunk(1, "length", content=" deux"),
    chunk(0, "stop"),
    chunk(2, "tool_calls"),
    b'data: {"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 9, "total_tokens": 12}}\n\n',
    b"data: [DONE]\n\n",
])  # fmt: skip
TOLD = Response(
    "r",
    "m",
    (Text(text="one two"),),
    FinishReason.END,
    Usage(3, 9),
    others=(
        Choice((Text(text="un deux"),), FinishReason.MAX_TOKENS),
        Choice((ToolCall(id="c", name="f", arguments="{}"),), FinishReason.TOOL_CALL),
    ),
)


def hear(*pieces: bytes) -> list[Event]:
    decoder = OPENAI_CHAT.decoder({})
    return [event for piece in pieces for event in decoder.feed(piece)] + decoder.close()


def test_every_choice_is_heard() -> None:
    events = list(check(hear(STREAM)))
    assert fold(events) == TOLD
    assert isinstance(events[-1], MessageEnd)


def test_wherever_the_network_cuts() -> None:
    assert fold(hear(*(STREAM[at : at + 1] for at in range(len(STREAM))))) == TOLD


def test_a_call_without_an_id_gets_one_of_its_own() -> None:
    nameless = {"index": 0, "function": {"name": "f", "arguments": "{}"}}
    told = fold(hear(chunk(0, "stop", tool_calls=[nameless]), chunk(1, "stop", tool_calls=[nameless])))
    ids = [part.id for answer in (told, *told.others) for part in answer.parts if isinstance(part, ToolCall)]
    assert len(set(ids)) == 2


def test_openai_reads_them_in_a_stream() -> None:
    encoder, heard = OPENAI_CHAT.encoder(FORM), ChatCompletionStreamState()
    frames = b"".join(encoder.feed([event]) for event in hear(STREAM)).split(b"\n\n")
    assert frames[-2:] == [b"data: [DONE]", b""]
    for frame in frames[:-2]:
        heard.handle_chunk(ChatCompletionChunk.model_validate_json(frame.removeprefix(b"data: ")))
    compare(heard.current_completion_snapshot)


def test_and_in_a_whole_answer() -> None:
    body = OPENAI_CHAT.encode_response(TOLD, FORM)
    compare(ChatCompletion.model_validate_json(body))
    assert OPENAI_CHAT.decode_response(body, {}).others == TOLD.others


def compare(completion: Any) -> None:
    first, second, third = completion.choices
    assert [choice.index for choice in completion.choices] == [0, 1, 2]
    assert [choice.finish_reason for choice in completion.choices] == ["stop", "length", "tool_calls"]
    assert (first.message.content, second.message.content) == ("one two", "un deux")
    assert third.message.tool_calls[0].function.name == "f"
    assert completion.usage.total_tokens == 12


def test_a_whole_answer_is_its_events() -> None:
    assert fold(check(explode(TOLD))) == TOLD


def test_a_choice_that_nobody_can_have_asked_for_is_not_heard() -> None:
    """An index is a backend's word: it must not make us keep a reader for every number."""
    assert fold(hear(chunk(0, "stop", content="a"), chunk(10**9, content="b"), chunk(-1, content="c"))).others == ()
