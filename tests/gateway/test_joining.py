"""What several answers become: a table, one text, or a question to a model that merges them."""

from typing import Any

import pytest
from msgspec.structs import replace

from llmux.dialects.openai_chat import OPENAI_CHAT
from llmux.errors import BackendGarbled, BackendSlow
from llmux.gateway.joining import MERGE, Said, all_of, merging, not_asked, read
from llmux.ir.content import Reasoning, Text
from llmux.ir.events import Event, Opened, Verbatim
from llmux.ir.fold import explode, fold
from llmux.ir.request import Message, Request, Role, Tool
from llmux.ir.response import FinishReason, Response
from llmux.ir.usage import Usage

OPENED = Opened("a", "model-a", 2)
ANSWER = Response("x", "m", (Reasoning("hm"), Text("one "), Text("two")), FinishReason.END, Usage(7, 3))
SAID = Said("a", "model-a", 2, "one two", FinishReason.END, Usage(7, 3))
OTHER = Said("b", "model-b", 1, "three", FinishReason.MAX_TOKENS, Usage(5, 4, reasoning_tokens=2))
SLOW = Said("c", attempts=3, error=BackendSlow("too slow"))
BODY = b'{"id":"x","choices":[{"message":{"role":"assistant","content":"one two"},"finish_reason":"stop"}]}'


def decode(body: bytes) -> Response:
    return OPENAI_CHAT.decode_response(body, {})


def failed(attempts: int) -> BackendSlow:
    error = BackendSlow("too slow")
    error.attempts = attempts
    return error


READ: dict[str, tuple[tuple[Event, ...], BackendSlow | None, Said]] = {
    "translated": ((OPENED, *explode(ANSWER)), None, SAID),
    "verbatim": ((OPENED, Verbatim(BODY, done=True)), None, replace(SAID, usage=Usage())),
    "in two pieces": (
        (OPENED, Verbatim(BODY[:20]), Verbatim(BODY[20:], done=True)), None, replace(SAID, usage=Usage()),
    ),
    "failed": ((), failed(3), SLOW),
    "failed in its middle": ((OPENED,), failed(3), SLOW),
}  # fmt: skip


@pytest.mark.parametrize(("events", "error", "said"), READ.values(), ids=READ)
def test_what_one_said(events: tuple[Event, ...], error: BackendSlow | None, said: Said) -> None:
    assert read(said.backend, events, error, decode) == said


def test_what_cannot_be_read_is_a_failure() -> None:
    said = read("a", (OPENED, Verbatim(b"[]", done=True)), None, decode)
    assert isinstance(said.error, BackendGarbled)
    assert (said.model, said.attempts) == ("model-a", 2)


def test_it_is_told_as_json() -> None:
    figures = {"cache_read_tokens": 0, "cache_write_tokens": 0}
    told: list[dict[str, Any]] = [
        {
            "backend": "b", "model": "model-b", "text": "three", "finish_reason": "max_tokens",
            "usage": {"input_tokens": 5, "output_tokens": 4, "reasoning_tokens": 2} | figures, "error": None,
        },
        {
            "backend": "c", "model": None, "text": None, "finish_reason": None, "usage": None,
            "error": {"type": "timeout", "message": "too slow"},
        },
        {
            "backend": "d", "model": None, "text": None, "finish_reason": None, "usage": None,
            "error": {"type": "unavailable", "message": "lacks vision"},
        },
    ]  # fmt: skip
    assert [said.told for said in (OTHER, SLOW, *not_asked({"d": "lacks vision"}))] == told


def test_all_are_one_text_and_cost_what_they_cost_together() -> None:
    answer = fold(all_of([OTHER, SLOW, SAID, Said("e", text="four")], "panel"))
    assert answer.parts == (Text("## b\n\nthree\n\n## a\n\none two\n\n## e\n\nfour"),)
    assert answer.model == "panel"
    assert answer.usage == Usage(12, 7, reasoning_tokens=2)


ASKED = Request(
    dialect="claude", model="panel", tools=(Tool("t"),), choices=2, messages=(Message(Role.USER, (Text("why?"),)),)
)


def test_a_model_is_told_the_answers_behind_the_question() -> None:
    request = merging(ASKED, "judge", [SAID, SLOW, OTHER])
    [message] = request.messages
    question, prompt = message.parts
    assert question == Text("why?")
    assert isinstance(prompt, Text)
    assert prompt.text.startswith(MERGE)
    assert '<answer number="1">\none two\n</answer>\n<answer number="2">\nthree\n</answer>' in prompt.text
    assert (request.model, request.tools, request.choices) == ("judge", (), 1)


def test_a_conversation_that_ends_with_another_side_gets_a_turn_of_its_own() -> None:
    history = (*ASKED.messages, Message(Role.ASSISTANT, (Text("Because"),)))
    request = merging(replace(ASKED, messages=history), "judge", [SAID])
    assert [message.role for message in request.messages] == [Role.USER, Role.ASSISTANT, Role.USER]
