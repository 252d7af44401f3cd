"""Which requests may be answered from the cache, and what their clients may say about it."""

import math
from typing import Any

import pytest
from msgspec.structs import replace

from llmux.cache.fitness import Wish, replayable, wish
from llmux.ir.request import Request
from tests.cache.questions import question

TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}

WISHES = {
    "": Wish(math.inf),
    "no-store": Wish(0, keep=False),
    "No-Cache": Wish(0),
    "no-cache, no-store": Wish(0, keep=False),
    "max-age=60": Wish(60),
    'max-age="60" , private': Wish(60),
    "max-age=0": Wish(0),
    "max-age=soon": Wish(math.inf),
    "max-age": Wish(math.inf),
    "only-if-cached": Wish(math.inf),
    ",,": Wish(math.inf),
}


@pytest.mark.parametrize("said", WISHES)
def test_what_a_client_says_of_the_cache(said: str) -> None:
    assert wish(said) == WISHES[said]


FIT: dict[str, Request] = {
    "a question": question(),
    "a stream": question(stream=True),
    "at any temperature": question(temperature=1.5),
    "that is not to be kept by its maker": question(store=False),
    "a prompt": replace(question(), original=replace(question().original, document={"prompt": "hi"})),
}
UNFIT: dict[str, Request] = {
    "rewritten by llmux": replace(question(), original=None),
    "with what llmux has kept": replace(question(), original=replace(question().original, restored=True)),
    "for several answers": question(n=2),
    "for none": replace(question(), messages=()),
    "to be kept by its maker": question(store=True),
    "from a conversation of its maker's": question(conversation="c"),
    "from a prompt of its maker's": question(prompt={"id": "p"}),
    "in a container": question(container="c"),
}
CALLING: dict[str, Request] = {
    "a tool": question(tools=[TOOL]),
    "an older function": question(functions=[{"name": "f"}]),
    "a search": question(web_search_options={}),
    "a server of tools": question(dialect="claude", mcp_servers=[]),
}


@pytest.mark.parametrize("request_", FIT.values(), ids=FIT)
def test_what_may_be_told_again(request_: Request) -> None:
    assert replayable(request_, tools=False) is request_.original


@pytest.mark.parametrize("request_", UNFIT.values(), ids=UNFIT)
def test_what_may_never_be_told_again(request_: Request) -> None:
    assert replayable(request_, tools=True) is None


@pytest.mark.parametrize("request_", CALLING.values(), ids=CALLING)
def test_tools_are_the_owners_to_allow(request_: Request) -> None:
    kept: list[Any] = [replayable(request_, tools=allowed) for allowed in (False, True)]
    assert kept == [None, request_.original]
