"""The structure of streams: what opens, what it holds, how it is counted. The faults H.1 to H.21."""

from collections.abc import Sequence
from itertools import zip_longest

import orjson
import pytest

from llmux.dialects.registry import TABLE
from llmux.ir.content import Reasoning, Text, ToolCall
from llmux.ir.events import Event, Opened
from llmux.ir.fold import fold
from tests.contract.wires import (
    DONE,
    STOP,
    Wire,
    answer,
    blocks,
    by_its_sdk,
    call,
    calls,
    claude,
    framed,
    gemini,
    heard,
    item,
    parts,
    responses,
    says,
    thinks,
    told,
)
from tests.gateway.test_gateway import HELLO, Table
from tests.laws.lanes import FORM, tell
from tests.scripted import Script, ScriptedTransport, chat_stream, chunk

CLIENTS = tuple(TABLE)
F = {"type": "tool_use", "id": "toolu_1", "name": "f", "input": '{"a":1}'}
G = {"type": "tool_use", "id": "toolu_2", "name": "g", "input": '{"b":2}'}
TEXT = {"type": "text", "text": "I look."}
TWO_CALLS = (("f", {"a": 1}), ("g", {"b": 2}))


def called(*documents: Wire | str) -> list[tuple[str, str]]:
    """Names and arguments of the calls in a chat completion's stream."""
    return [
        (part.name, part.arguments)
        for part in parts("openai_chat", *documents, STOP, DONE)
        if isinstance(part, ToolCall)
    ]


def indices(frames: Sequence[Wire]) -> list[int]:
    """The index of every fragment of a call, in the chunks that a client gets."""
    deltas = [choice["delta"] for frame in frames for choice in frame["choices"]]
    return [fragment["index"] for delta in deltas for fragment in delta.get("tool_calls") or ()]


def test_a_block_holds_one_kind_of_content_and_the_stream_starts_once() -> None:
    """H.1: not a second message_start, nor reasoning inside a block of text."""
    deltas = {"reasoning_content": "a"}, {"content": "b"}, {"reasoning_content": "c"}
    stream = [chunk({"role": "assistant", **delta}) for delta in deltas]
    frames = told("claude", heard("openai_chat", *stream, STOP, DONE))
    assert blocks(frames) == [("thinking", "a"), ("text", "b"), ("thinking", "c")]


FIRST_WORDS = {
    "H.2 a call": (calls(call("{}", "f", index=0, id="a")), ("tool_use", "{}")),
    "H.2 reasoning": (thinks("hm"), ("thinking", "hm")),
}


@pytest.mark.parametrize("case", FIRST_WORDS)
def test_no_block_opens_before_its_kind_is_known(case: str) -> None:
    first, block = FIRST_WORDS[case]
    silent = chunk({"role": "assistant", "content": ""})
    assert blocks(told("claude", heard("openai_chat", silent, first, STOP, DONE))) == [block]


@pytest.mark.parametrize("client", CLIENTS)
def test_chunks_of_nothing_but_reasoning_are_reasoning(client: str) -> None:
    """H.3: neither dropped nor shown as text, whichever SDK hears them."""
    said = by_its_sdk(client, heard("openai_chat", thinks("let "), thinks("me"), says("Yes."), STOP, DONE))
    assert (said.reasoning, said.text) == (("let me",), ("Yes.",))


def test_the_index_of_a_choice_is_the_candidate_and_no_block() -> None:
    """H.4: else OpenAI's SDK waits in vain for the end of choice 1."""
    events = heard("claude", *claude(TEXT, F, finish="tool_use"))
    frames = told("openai_chat", events)
    assert {choice["index"] for frame in frames for choice in frame["choices"]} == {0}
    assert by_its_sdk("openai_chat", events).finish == "tools"


def test_fragments_without_an_index_are_told_with_one() -> None:
    """H.5: counted from 0, in the order in which the calls came."""
    events = heard("openai_chat", calls(call('{"a":1}', "f", id="a")), calls(call('{"b":2}', "g", id="b")), STOP, DONE)
    assert sorted(set(indices(told("openai_chat", events)))) == [0, 1]
    assert by_its_sdk("openai_chat", events).calls == TWO_CALLS


def test_the_index_of_a_call_counts_calls_alone() -> None:
    """H.6: the text in front of them is block 0, the first call is call 0 all the same."""
    assert sorted(set(indices(told("openai_chat", heard("claude", *claude(TEXT, F, G, finish="tool_use")))))) == [0, 1]


async def test_a_backend_that_counts_no_calls_is_put_right_for_its_own_dialect_where_the_owner_says_so() -> None:
    """H.7: bytes of the same dialect pass as they came, unless the backend is marked to be repaired."""
    stream = framed("openai_chat", calls(call("{}", "f", id="a")), chunk({}, "tool_calls"), DONE)
    tool = {"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}}
    table = Table(ScriptedTransport(Script(steps=[stream])), a={"tool_repair": "always"})
    events = [event for event in await table.ask({**HELLO, "tools": [tool]}) if not isinstance(event, Opened)]
    assert set(indices(told("openai_chat", events))) == {0}


# What a server of OpenAI's wire says of calls -> names and arguments.
CALLS: dict[str, tuple[list[Wire], list[tuple[str, str]]]] = {
    "H.8 a new id and a new name under an old index are a new call": (
        [calls(call('{"a":1}', "f", index=0, id="a"), call('{"b":2}', "g", index=0, id="b"))],
        [("f", '{"a":1}'), ("g", '{"b":2}')],
    ),
    "H.10 arguments of calls that come entangled stay apart": (
        [
            calls(call('{"a":', "f", index=0, id="a")),
            calls(call('{"b":', "g", index=1, id="b")),
            calls(call("1}", index=0)),
            calls(call("2}", index=1)),
        ],
        [("f", '{"a":1}'), ("g", '{"b":2}')],
    ),
    "H.10 calls without an index stay apart by their ids": (
        [calls(call('{"a":', "f", id="a")), calls(call("1}", id="a")), calls(call('{"b":2}', "g", id="b"))],
        [("f", '{"a":1}'), ("g", '{"b":2}')],
    ),
    "H.11 arguments that come with the name count": (
        [calls(call('{"a"', "f", index=0, id="a")), calls(call(":1}", index=0))],
        [("f", '{"a":1}')],
    ),
    "H.13 reasoning between two fragments is no argument": (
        [calls(call('{"a":', "f", index=0, id="a")), thinks("hm"), calls(call("1}", index=0))],
        [("f", '{"a":1}')],
    ),
    "H.15 null where fragments stand": (
        [chunk({"tool_calls": None}), calls(call("{}", "f", index=0, id="a"))],
        [("f", "{}")],
    ),
    "H.15 a fragment without its function": (
        [calls({"index": 0, "id": "a"}), calls({"index": 0, "function": None}), calls(call("{}", "f", index=0))],
        [("f", "{}")],
    ),
    "H.15 an index in letters": (
        [calls(call('{"a":', "f", index="0", id="a")), calls(call("1}", index="0"))],
        [("f", '{"a":1}')],
    ),
    "H.15 arguments that are an object": ([calls(call({"a": 1}, "f", index=0, id="a"))], [("f", '{"a":1}')]),
    "H.15 arguments that are null": (
        [calls(call(None, "f", index=0, id="a")), calls(call("{}", index=0))],
        [("f", "{}")],
    ),
}


@pytest.mark.parametrize("case", CALLS)
def test_calls_are_put_together_as_they_were_meant(case: str) -> None:
    stream, expected = CALLS[case]
    assert called(*stream) == expected


def test_reasoning_in_the_midst_of_a_call_is_heard_too() -> None:
    """H.13: it has a place of its own."""
    stream, _ = CALLS["H.13 reasoning between two fragments is no argument"]
    assert Reasoning(text="hm") in parts("openai_chat", *stream, STOP, DONE)


ONE = heard("claude", *claude(TEXT, F, finish="tool_use"))
ANOTHER = heard("claude", *claude(G, TEXT, F, finish="tool_use"))


@pytest.mark.parametrize("client", CLIENTS)
def test_streams_that_are_told_at_once_know_nothing_of_each_other(client: str) -> None:
    """H.9: a block that one has open is not looked for in the other."""
    encoders = TABLE[client].encoder(FORM), TABLE[client].encoder(FORM)
    pairs = list(zip_longest(ONE, ANOTHER))
    streams = [b"".join(encoder.feed([pair[at]]) for pair in pairs if pair[at]) for at, encoder in enumerate(encoders)]
    assert streams == [tell(TABLE[client], ONE), tell(TABLE[client], ANOTHER)]


@pytest.mark.parametrize("backend", CLIENTS)
def test_streams_that_are_heard_at_once_know_nothing_of_each_other(backend: str) -> None:
    """H.9: a call that one has begun does not go on in the other."""
    streams = tell(TABLE[backend], ONE), tell(TABLE[backend], ANOTHER)
    decoders = TABLE[backend].decoder({}), TABLE[backend].decoder({})
    read: tuple[list[Event], list[Event]] = [], []
    for at in range(max(map(len, streams))):
        for stream, decoder, events in zip(streams, decoders, read, strict=True):
            events.extend(decoder.feed(stream[at : at + 1]))
    for stream, decoder, events in zip(streams, decoders, read, strict=True):
        assert [*events, *decoder.close()] == heard(backend, stream)


BEGUN, ENDED = item("function_call", call_id="c", name="f", arguments="")
WHOLE = {**BEGUN["item"], "arguments": '{"a":1}'}
# Where a Responses stream tells arguments, if not in deltas.
NO_DELTAS: dict[str, list[Wire]] = {
    "H.12 in the event that ends the arguments": responses(
        BEGUN, {"type": "response.function_call_arguments.done", "output_index": 0, "arguments": '{"a":1}'}, ENDED
    ),
    "H.12 in the event that ends the item": responses(BEGUN, {**ENDED, "item": WHOLE}),
    "H.12 in the event that ends the answer": responses(output=[WHOLE]),
}


@pytest.mark.parametrize("case", NO_DELTAS)
def test_arguments_that_come_in_no_delta_are_arguments(case: str) -> None:
    frames = told("claude", heard("openai_responses", *NO_DELTAS[case]))
    assert blocks(frames) == [("tool_use", '{"a":1}')]


ENDS = {
    "H.14 the stream ends": [],
    "H.14 the stream says that it is done": [DONE],
}


@pytest.mark.parametrize("case", ENDS)
def test_a_stream_without_usage_has_its_closing_events_all_the_same(case: str) -> None:
    types = [frame["type"] for frame in told("claude", heard("openai_chat", says("Hi."), STOP, *ENDS[case]))]
    assert types[-3:] == ["content_block_stop", "message_delta", "message_stop"]


def test_a_run_of_deltas_is_one_block_and_usage_is_never_missing() -> None:
    """H.16: Claude Code takes no message whose usage is not there."""
    frames = told("claude", heard("openai_chat", says("one "), says("two "), says("three"), STOP, DONE))
    assert blocks(frames) == [("text", "one two three")]
    first, last = frames[0], frames[-2]
    assert {"input_tokens", "output_tokens"} <= first["message"]["usage"].keys()
    assert "output_tokens" in last["usage"]


def test_calls_that_a_backend_counts_oddly_are_counted_densely() -> None:
    """H.17: from 0 and without a gap, whatever numbers the backend has given them."""
    events = heard(
        "openai_chat", calls(call("{}", "f", index=3, id="a")), calls(call("{}", "g", index=7, id="b")), STOP, DONE
    )
    assert sorted(set(indices(told("openai_chat", events)))) == [0, 1]
    assert blocks(told("claude", events)) == [("tool_use", "{}"), ("tool_use", "{}")]


def test_the_events_that_end_a_text_hold_all_of_it() -> None:
    """H.18: clients read it there and nowhere else."""
    frames = told("openai_responses", heard("openai_chat", says("one "), says("two"), STOP, DONE))
    done = {frame["type"]: frame for frame in frames}
    assert done["response.output_text.done"]["text"] == "one two"
    assert done["response.content_part.done"]["part"]["text"] == "one two"
    assert done["response.output_item.done"]["item"]["content"][0]["text"] == "one two"
    assert done["response.completed"]["response"]["output"][0]["content"][0]["text"] == "one two"


@pytest.mark.parametrize("client", CLIENTS)
async def test_a_whole_answer_holds_what_the_backend_streamed(client: str) -> None:
    """H.19: it is put together from the same events."""
    table = Table(ScriptedTransport(Script(steps=[chat_stream("It is here.")])))
    events = await table.ask({**HELLO, "stream": False}, dialect="openai_chat")
    body = TABLE[client].encode_response(fold(event for event in events if not isinstance(event, Opened)), FORM)
    assert b"It is here." in body
    assert orjson.loads(body)


def test_words_that_end_a_chunk_of_gemini_end_no_answer() -> None:
    """H.20: some say STOP on every chunk; the client hears one finish reason, in the last chunk with a choice."""
    stream = gemini({"text": "a"}, finish="STOP"), gemini({"text": "b"}, finish="STOP")
    frames = told("openai_chat", heard("gemini", *stream))
    finishes = [choice["finish_reason"] for frame in frames for choice in frame["choices"]]
    assert finishes == [None] * (len(finishes) - 1) + ["stop"]
    assert answer("gemini", *stream).parts == (Text(text="ab"),)


def test_a_client_of_gemini_hears_the_finish_reason_once() -> None:
    """H.20: in the last chunk."""
    frames = told("gemini", heard("openai_chat", says("a"), says("b"), STOP, DONE))
    reasons = [candidate.get("finishReason") for frame in frames for candidate in frame.get("candidates", ())]
    assert reasons == [None] * (len(reasons) - 1) + ["STOP"]


def test_a_finish_reason_in_the_midst_of_calls_waits_for_the_end() -> None:
    """H.21: a client that hears it early stops listening to the calls."""
    early = [
        chunk({"tool_calls": [call('{"a":', "f", index=0, id="a")]}, "tool_calls"),
        calls(call("1}", index=0)),
        calls(call("{}", "g", index=1, id="b")),
    ]
    frames = told("openai_chat", heard("openai_chat", *early, chunk({}, "tool_calls"), DONE))
    finishes = [choice["finish_reason"] for frame in frames for choice in frame["choices"]]
    assert finishes == [None] * (len(finishes) - 1) + ["tool_calls"]
    assert called(*early) == [("f", '{"a":1}'), ("g", "{}")]
