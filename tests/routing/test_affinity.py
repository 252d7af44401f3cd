"""What makes two requests turns of one conversation, and what becomes of a choice when somebody knows it."""

from typing import Any

import pytest

from llmux.ir.content import Image, Link, Opaque, Text
from llmux.ir.request import Message, Request, Role
from llmux.responder import ANYONE, Client
from llmux.routing.affinity import KEY_BYTES, conversation, stay
from llmux.routing.rules import Condition, Refusal
from llmux.routing.selector import Choice

RULES = Message(Role.SYSTEM, (Text(text="Be brief."),))
FIRST = Message(Role.USER, (Text(text="Hello."), Image(source=Link("https://x.test/1.png"))))
ANSWER = Message(Role.ASSISTANT, (Text(text="Hello to you."),))
SECOND = Message(Role.USER, (Text(text="How are you?"),))


def asked(*messages: Message, **changes: Any) -> Request:
    return Request(dialect="claude", messages=messages, **{"model": "m", **changes})


def name(*messages: Message, client: Client = ANYONE, **changes: Any) -> bytes:
    return conversation(asked(*messages, **changes), client)


SAME = {
    "a turn is added": (asked(RULES, FIRST), asked(RULES, FIRST, ANSWER, SECOND)),
    "nobody has spoken yet": (asked(RULES), asked(RULES)),
    "the client names it": (asked(FIRST, session="s"), asked(RULES, SECOND, session="s")),
    "a line that changes each time": (
        asked(Message(Role.SYSTEM, (Opaque(dialect="claude", raw={"text": "1"}), *RULES.parts)), FIRST),
        asked(Message(Role.SYSTEM, (Opaque(dialect="claude", raw={"text": "2"}), *RULES.parts)), FIRST),
    ),
}
OTHERS = {
    "another first message": (asked(RULES, FIRST), asked(RULES, SECOND)),
    "another system prompt": (asked(RULES, FIRST), asked(FIRST)),
    "another model": (asked(FIRST), asked(FIRST, model="n")),
    "another name": (asked(FIRST, session="s"), asked(FIRST, session="t")),
    "the same words, cut elsewhere": (
        asked(Message(Role.USER, (Text(text="ab"), Text(text="c")))),
        asked(Message(Role.USER, (Text(text="a"), Text(text="bc")))),
    ),
}


@pytest.mark.parametrize("pair", SAME.values(), ids=SAME)
def test_one_conversation(pair: tuple[Request, Request]) -> None:
    one, other = (conversation(request, ANYONE) for request in pair)
    assert one == other
    assert len(one) == KEY_BYTES


@pytest.mark.parametrize("pair", OTHERS.values(), ids=OTHERS)
def test_two_conversations(pair: tuple[Request, Request]) -> None:
    one, other = (conversation(request, ANYONE) for request in pair)
    assert one != other


def test_two_clients_never_share_one() -> None:
    assert name(FIRST, session="s", client=Client("a")) != name(FIRST, session="s", client=Client("b"))


def test_half_a_character_is_a_name_too() -> None:
    assert name(Message(Role.USER, (Text(text="\ud800"),)))


THREE = Choice(("a", "b", "c"), {"d": Refusal("down", "cooling down")}, ("dropped=thinking",))


def test_who_answered_last_comes_first_and_the_others_stay_in_order() -> None:
    assert stay(THREE, "b", {}) == Choice(("b", "a", "c"), THREE.refused, THREE.warnings, kept=True)


@pytest.mark.parametrize("last", ["", "d", "x"], ids=["nobody", "refused now", "gone"])
def test_who_does_not_fit_is_not_asked(last: str) -> None:
    assert stay(THREE, last, {}) == THREE


def test_who_would_let_it_wait_keeps_its_place() -> None:
    assert stay(THREE, "c", {"c": Condition(paced=True)}) == THREE
