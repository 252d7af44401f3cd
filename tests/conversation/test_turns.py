"""A turn is read from an answer, found again by what a client brings back of it, and put back where it was."""

import pytest
from msgspec.structs import replace

from llmux.conversation import turns
from llmux.conversation.turns import IN_FRONT, Turn
from llmux.ir.content import Opaque, Part, Reasoning, ReasoningState, Text, ToolCall
from llmux.ir.request import Message, Role


def proof(data: str) -> ReasoningState:
    return ReasoningState("anthropic", "signature", data)


def thought(name: str) -> Reasoning:
    return Reasoning(text=name, states=(proof(name),))


def call(name: str, *states: ReasoningState, arguments: str = '{"a":1}') -> ToolCall:
    return ToolCall(id=f"call_{name}", name=name, arguments=arguments, states=states)


SAID = Text(text="said")
X, Y, R, S = call("x"), call("y"), thought("r"), thought("s")
SIGNED = call("x", proof("g"))

# An answer's parts, as they come back when their client has lost the reasoning.
WHOLE: dict[str, tuple[Part, ...]] = {
    "a thought, then a call": (R, X),
    "a thought, then text": (R, SAID),
    "text between": (R, SAID, X),
    "a thought before each call": (R, X, S, Y),
    "a thought behind the text": (R, SAID, S, X),
    "two in front": (R, S, SAID, X, Y),
    "a proof on a call": (SIGNED, Y),
    "a proof on the second call": (X, call("y", proof("g"))),
    "on a call and before it": (R, SIGNED),
    "behind everything": (X, R),
    "hidden whole": (Reasoning(states=(ReasoningState("anthropic", "redacted", "zz"),)), X),
    "text of a reasoning only": (Reasoning(text="why"), X),
}


def lost(parts: tuple[Part, ...]) -> tuple[Part, ...]:
    return tuple(
        replace(part, states=()) if isinstance(part, ToolCall) else part
        for part in parts
        if not isinstance(part, Reasoning)
    )


def restored(parts: tuple[Part, ...], turn: Turn | None) -> tuple[Part, ...]:
    assert turn is not None
    return turns.restore(Message(Role.ASSISTANT, parts), turn).parts


@pytest.mark.parametrize("parts", WHOLE.values(), ids=WHOLE)
def test_what_was_lost_is_put_back_where_it_was(parts: tuple[Part, ...]) -> None:
    assert turns.lacks(Message(Role.ASSISTANT, lost(parts)))
    assert restored(lost(parts), turns.read(parts)) == parts


@pytest.mark.parametrize("parts", [(), (SAID,), (X, Y), (SAID, X), (Opaque(dialect="claude", raw={}),)], ids=str)
def test_an_answer_without_reasoning_leaves_nothing_to_keep(parts: tuple[Part, ...]) -> None:
    assert turns.read(parts) is None


def test_a_thought_alone_stands_in_front() -> None:
    assert turns.read((R,)) == Turn(((IN_FRONT, R),))
    assert turns.key((R,), ids=True) == ""


def test_a_client_that_brings_the_text_but_not_the_proof_gets_the_proof() -> None:
    assert restored((Reasoning(text="r"), X), turns.read((R, X))) == (R, X)
    assert restored((Reasoning(text="r"), X), turns.read((SIGNED,))) == (SIGNED,)


def test_a_client_that_brings_reasoning_keeps_its_own() -> None:
    own = (Reasoning(text="my own"), X)
    assert restored(own, turns.read((Reasoning(text="kept"), X))) == own
    assert not turns.lacks(Message(Role.ASSISTANT, (R, X)))
    assert not turns.lacks(Message(Role.ASSISTANT, (SIGNED,)))


def test_calls_that_a_client_has_cut_away_are_not_missed() -> None:
    assert restored((X,), turns.read((R, X, S, Y))) == (R, X, S)


SAME = {
    "arguments written anew": ((call("x", arguments='{"a":1,"b":"c"}'),), (call("x", arguments='{ "b":"c", "a": 1}'),)),
    "no arguments": ((call("x", arguments=""),), (call("x", arguments="{}"),)),
    "texts joined": ((Text(text="one"), Text(text="two")), (Text(text="one\n\ntwo "),)),
    "text left out beside a call": ((SAID, X), (X,)),
    "reasoning": ((R, X), (X,)),
    "no JSON": ((call("x", arguments="{a"),), (call("x", arguments="{a"),)),
    "free text": (
        (ToolCall(id="c", name="x", arguments="b a", kind="custom"),),
        (ToolCall(id="c", name="x", arguments="b a", kind="custom"),),
    ),
}
OTHER = {
    "another name": ((X,), (replace(X, name="z"),)),
    "another id": ((X,), (replace(X, id="call_z"),)),
    "other arguments": ((X,), (replace(X, arguments='{"a":2}'),)),
    "another text": ((SAID,), (Text(text="said!"),)),
    "one call more": ((X,), (X, Y)),
    "a text like a call": ((Text(text="x"),), (call("x"),)),
}


@pytest.mark.parametrize(("one", "other"), SAME.values(), ids=SAME)
def test_found_again(one: tuple[Part, ...], other: tuple[Part, ...]) -> None:
    assert turns.key(one, ids=True) == turns.key(other, ids=True) != ""


@pytest.mark.parametrize(("one", "other"), OTHER.values(), ids=OTHER)
def test_not_mistaken(one: tuple[Part, ...], other: tuple[Part, ...]) -> None:
    assert turns.key(one, ids=True) != turns.key(other, ids=True)


def test_where_calls_have_no_ids_their_words_count() -> None:
    assert turns.key((X,), ids=False) == turns.key((replace(X, id="call_0"),), ids=False)
    assert turns.key((X,), ids=False) != turns.key((Y,), ids=False)


def test_nobody_finds_a_turn_that_says_nothing() -> None:
    assert turns.key((Text(text=" \n"),), ids=True) == turns.key((), ids=False) == ""
