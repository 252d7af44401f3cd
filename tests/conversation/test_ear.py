"""An answer is heard while it passes; at its end, and only then, it is known what is to be kept."""

from collections.abc import Sequence

import msgspec
import pytest
from msgspec.structs import replace

from llmux.conversation import ear as ears
from llmux.conversation import turns
from llmux.conversation.ear import Ear
from llmux.conversation.turns import Turn
from llmux.dialects.base import AnswerForm
from llmux.dialects.registry import TABLE
from llmux.errors import BackendCut
from llmux.ir.content import Part, Reasoning, ReasoningState, Text, ToolCall
from llmux.ir.events import Event, MessageEnd, Opened, StreamError, Verbatim
from llmux.ir.fold import explode
from llmux.ir.request import Message, Request, Role
from llmux.ir.response import FinishReason, Response
from llmux.ir.usage import Usage

CHAT = TABLE["openai_chat"]
THOUGHT = Reasoning(text="why", states=(ReasoningState("anthropic", "signature", "c2ln"),))
CALL = ToolCall(id="c1", name="f", arguments="{}")
OPENED, REPLAYED = Opened("a", "m", 1), Opened("a", "m", 1, replays=True)
FORM = AnswerForm("r", "m", 1)


def answer(*parts: Part) -> Response:
    return Response("x", "m", parts, FinishReason.TOOL_CALL, Usage(1, 1))


def request(*, stream: bool = True, form: str = "") -> Request:
    return Request(dialect="openai_chat", model="m", messages=(), stream=stream, form=form)


def hear(batches: Sequence[Sequence[Event]], asked: Request | None = None) -> Turn | None:
    """What is kept of an answer; it is known with the last batch and not before."""
    ear = Ear(asked or request(), CHAT, ids=True)
    notes = [None if ear.deaf else ear.hear(batch) for batch in batches]
    assert notes[:-1] == [None] * (len(notes) - 1)
    if notes[-1] is None:
        return None
    key, turn = notes[-1]
    assert key == turns.key((CALL,), ids=True)
    return msgspec.json.decode(turn, type=Turn)


def test_a_translated_answer() -> None:
    first, *rest = explode(answer(THOUGHT, CALL))
    assert hear([(OPENED, first), *((event,) for event in rest)]) == turns.read((THOUGHT, CALL))
    assert hear([(OPENED,), (first, *rest)]) == turns.read((THOUGHT, CALL))
    assert hear([(first, *rest)]) == turns.read((THOUGHT, CALL))


@pytest.mark.parametrize("parts", [(CALL,), (Text(text="x"), CALL), (THOUGHT,)], ids=["call", "text", "unfindable"])
def test_an_answer_that_leaves_nothing(parts: tuple[Part, ...]) -> None:
    assert hear([(OPENED, *explode(answer(*parts)))]) is None


def test_an_answer_that_breaks_off() -> None:
    events = [event for event in explode(answer(THOUGHT, CALL)) if not isinstance(event, MessageEnd)]
    assert hear([(OPENED, *events), (StreamError(BackendCut("cut")),)]) is None


def stream(*parts: Part) -> bytes:
    return CHAT.encoder(FORM).feed(list(explode(answer(*parts))))


def passed(data: bytes, cut: int = 0) -> list[Sequence[Event]]:
    pieces = [data[:cut], data[cut:]] if cut else [data]
    events = [Verbatim(piece, done=piece is pieces[-1]) for piece in pieces]
    return [(REPLAYED, events[0]), *((event,) for event in events[1:])]


def test_bytes_that_pass_are_read_where_the_model_wants_its_reasoning_back() -> None:
    thought = Reasoning(text="why")
    assert hear(passed(stream(thought, CALL))) == turns.read((thought, CALL))
    assert hear(passed(stream(thought, CALL), 300)) == turns.read((thought, CALL))


def test_a_server_that_just_stops_has_answered_too() -> None:
    data = stream(Reasoning(text="why"), CALL).replace(b"data: [DONE]\n\n", b"")
    assert hear(passed(data)) == turns.read((Reasoning(text="why"), CALL))


def test_bytes_that_pass_are_not_read_otherwise() -> None:
    data = stream(Reasoning(text="why"), CALL)
    ear = Ear(request(), CHAT, ids=True)
    assert ear.hear((OPENED, Verbatim(data, done=True))) is None
    assert ear.deaf
    assert hear(passed(data), request(form="completions")) is None


def test_bytes_that_pass_to_a_client_that_brings_reasoning_back_are_not_read() -> None:
    asked = replace(request(), messages=(Message(Role.ASSISTANT, (THOUGHT, CALL)),))
    assert hear(passed(stream(Reasoning(text="why"), CALL)), asked) is None


def test_a_whole_answer_that_passes() -> None:
    body = CHAT.encode_response(answer(Reasoning(text="why"), CALL), FORM)
    asked = request(stream=False)
    assert hear([(REPLAYED, Verbatim(body, done=True))], asked) == turns.read((Reasoning(text="why"), CALL))
    assert hear([(REPLAYED, Verbatim(b"<html>", done=True))], asked) is None


def test_an_answer_without_end_is_not_held_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ears, "MOST_EVENTS", 5)
    ear = Ear(request(), CHAT, ids=True)
    events = list(explode(answer(THOUGHT, CALL)))
    assert ear.hear((OPENED, *events[:-1])) is None
    assert ear.deaf


def test_a_stream_that_passes_and_breaks_off() -> None:
    batches = [(REPLAYED, Verbatim(stream(Reasoning(text="why"), CALL)[:300])), (StreamError(BackendCut("cut")),)]
    assert hear(batches) is None
