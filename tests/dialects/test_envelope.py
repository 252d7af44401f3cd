"""The envelope: what was sealed comes out as it was; nothing else comes out."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmux.dialects.envelope import seal, unseal
from llmux.ir.content import ReasoningState

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
STATES = st.builds(ReasoningState, st.text(), st.sampled_from(["signature", "redacted", "encrypted", "details"]), JSON)
SEALED = seal(ReasoningState("claude", "signature", "EsECCokB"))


@given(STATES)
def test_what_is_sealed_comes_out(state: ReasoningState) -> None:
    sealed = seal(state)
    assert unseal(sealed) == state
    assert re.fullmatch(r"llmux1\.[a-zA-Z0-9_-]+", sealed)


def test_equal_states_are_sealed_equally() -> None:
    assert SEALED == "llmux1.eyJtYWtlciI6ImNsYXVkZSIsImtpbmQiOiJzaWduYXR1cmUiLCJkYXRhIjoiRXNFQ0Nva0IifQ"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "EsECCokB",
        "llmux1.",
        "llmux1.e30",
        "llmux1.é",
        "llmux1.WzFd",
        "llmux2." + SEALED[7:],
        SEALED[:-1],
        SEALED[:-3],
        SEALED[:20] + "*" + SEALED[21:],
        "llmux1." + "W1tb" * 50_000,
    ],
)
def test_nothing_else_comes_out(text: str) -> None:
    assert unseal(text) is None
