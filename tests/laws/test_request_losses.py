"""A request that goes to a backend of another dialect says there what it said, or a warning names what it does not.

So do all requests that were recorded, and any that can be made up; there, and on the way back.
"""

from collections.abc import Iterator
from typing import NamedTuple

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from llmux.dialects.base import Names
from llmux.dialects.registry import TABLE
from llmux.errors import BadRequest
from llmux.ir.request import Request, Sampling
from tests import corpus
from tests.amount import amount
from tests.laws.account import account, compared
from tests.laws.backends import outbound, reheard
from tests.laws.clients import Sent, sent_to_gateways, sent_to_providers
from tests.laws.named_losses import NAMES, silent
from tests.laws.test_requests import PAIRS
from tests.laws.wishes import wishful

SENT = (*sent_to_providers(), *sent_to_gateways())


class Passed(NamedTuple):
    """A request as a backend got it; `names` are its tools' names -> the client's."""

    request: Request
    names: Names
    warnings: tuple[str, ...]


def passed(request: Request, other: str) -> Passed | None:
    """What a backend of the dialect `other` makes of `request`. None: it is refused, which no client can miss."""
    try:
        told = outbound(request, other)
    except BadRequest:
        return None
    heard = reheard(orjson.dumps(told.body), request, other)
    ours = ("ours=stop",) if told.unstopped else ()  # the gateway ends the answer at them
    return Passed(heard, told.names, (*told.warnings, *ours))


def unsaid(request: Request, other: str) -> Iterator[str]:
    """What is lost without a word on the way to `other`, and from there on the way back to the client's dialect."""
    there = passed(request, other)
    yield from _silent(request, there, "there")
    if there is not None:
        returning = replace(there.request, dialect=other)
        yield from _silent(returning, passed(returning, request.dialect), "back")


def _silent(request: Request, there: Passed | None, way: str) -> Iterator[str]:
    if there is not None:
        different = compared(account(request), account(there.request, there.names))
        yield from (f"{way}: {row}" for row in sorted(silent(different, there.warnings)))


def test_all_that_a_request_says_has_its_names() -> None:
    request = Request(dialect="", model="m", messages=())
    assert account(request).keys() <= NAMES.keys()


def test_a_loss_counts_as_told_when_a_warning_names_it() -> None:
    said = Request(dialect="", model="m", messages=(), sampling=Sampling(seed=7, top_k=5))
    different = compared(account(said), account(replace(said, sampling=Sampling())))
    assert silent(different, ()) == {"seed", "top_k"}
    assert silent(different, ("dropped=seed", "approx=temperature")) == {"top_k"}


@corpus.needed
@pytest.mark.parametrize("sent", SENT, ids=lambda sent: f"{sent.dialect}{sent.name}")
def test_what_was_recorded_says_the_same_to_every_backend(sent: Sent) -> None:
    request = sent.decode()
    lost = {other: list(unsaid(request, other)) for other in TABLE if other != request.dialect}
    assert {other: rows for other, rows in lost.items() if rows} == {}


@pytest.mark.parametrize(("name", "other"), PAIRS)
@settings(max_examples=amount(8, 400))
@given(st.data())
def test_so_does_any_request(name: str, other: str, data: st.DataObject) -> None:
    assert list(unsaid(data.draw(wishful(name)), other)) == []
