"""How much reasoning is asked for, in words."""

import pytest

from llmux.dialects.efforts import nearest_effort, wished_effort
from llmux.ir.capability import Profile
from llmux.ir.request import ReasoningControl

WISHES: dict[str, tuple[ReasoningControl, str | None]] = {
    "nothing": (ReasoningControl(), None),
    "off, whatever effort comes with it": (ReasoningControl("off", effort="high"), "none"),
    "an effort": (ReasoningControl("on", effort="max"), "max"),
    "an effort beside a budget": (ReasoningControl("on", effort="low", budget=60_000), "low"),
    "a small budget": (ReasoningControl("on", budget=1024), "low"),
    "a budget in the middle": (ReasoningControl("on", budget=8192), "medium"),
    "a budget beyond all words": (ReasoningControl("on", budget=65_536), "max"),
    "on, and no more": (ReasoningControl("on"), "medium"),
    "left to the model": (ReasoningControl("auto"), None),
}


@pytest.mark.parametrize("case", WISHES)
def test_what_is_wished(case: str) -> None:
    control, effort = WISHES[case]
    assert wished_effort(control) == effort


@pytest.mark.parametrize(
    ("effort", "nearest"), [("none", "low"), ("low", "low"), ("medium", "low"), ("max", "high"), ("odd", "low")]
)
def test_what_a_model_knows_of_it(effort: str, nearest: str) -> None:
    assert nearest_effort(effort, Profile(efforts=("high", "low", "unheard-of"))) == nearest


def test_a_model_that_knows_none() -> None:
    assert nearest_effort("low", Profile(efforts=())) is None
