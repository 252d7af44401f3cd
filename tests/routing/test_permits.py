"""Whether a client may have what a backend has said for a model's name."""

import pytest
from msgspec.structs import replace

from llmux.responder import Client
from llmux.routing.catalog import Backend, Catalog
from llmux.routing.permits import MOST_KEPT, Permits

CATALOG = Catalog(
    (
        Backend(name="one", provider="p", model="gpt", dialect="openai_chat", match=("gpt*",)),
        Backend(name="two", provider="p", model="*", dialect="openai_chat"),
        Backend(name="off", provider="p", model="x", dialect="openai_chat", enabled=False),
    ),
    roles={"team": ("one",), "both": ("one", "two"), "none": ("off",)},
)
CASES = {
    "everything is allowed": ((), "gpt-4", "one", True),
    "the model's name is allowed": (("gpt*",), "gpt-4", "one", True),
    "the backend's name is allowed": (("on?",), "gpt-4", "one", True),
    "provider and model are allowed": (("p:gpt",), "gpt-4", "one", True),
    "another is allowed": (("claude*",), "gpt-4", "one", False),
    "under an alias": ((), "claude/gpt-4", "one", True),
    "by its own name": ((), "one", "one", True),
    "by another's name": ((), "one", "two", False),
    "a role": ((), "team", "one", True),
    "no longer in the role": ((), "team", "two", False),
    "not of this name": ((), "claude", "one", False),
    "a role as one": ((), "both", "both", True),
    "a role of which one is forbidden": (("one",), "both", "both", False),
    "a role of which none is there": ((), "none", "none", False),
    "gone": ((), "gpt-4", "three", False),
    "switched off": ((), "x", "off", False),
}


@pytest.mark.parametrize(("allowed", "model", "backend", "expected"), CASES.values(), ids=CASES)
def test_who_may_have_what(allowed: tuple[str, ...], model: str, backend: str, expected: bool) -> None:
    permits = Permits(CATALOG)
    client = Client("c", allowed)
    assert [permits(client, model, backend) for _ in range(2)] == [expected] * 2


def test_it_remembers_no_more_names_than_it_may() -> None:
    permits = Permits(CATALOG)
    for number in range(MOST_KEPT + 10):
        permits(Client("c"), f"gpt-{number}", "one")
    assert len(permits._kept) <= MOST_KEPT


def test_clients_with_the_same_rights_are_alike() -> None:
    permits = Permits(CATALOG)
    for name in ("a", "b"):
        permits(replace(Client("x", ("gpt*",)), name=name), "gpt-4", "one")
    assert len(permits._kept) == 1
