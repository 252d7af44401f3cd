"""What a card tells."""

from llmux.ir.capability import Profile
from llmux.ir.card import FACTS, ModelCard


def test_only_what_is_told_is_a_fact() -> None:
    assert ModelCard(id="m").facts == {}
    assert ModelCard(id="m", context=9, vision=False, tools=True).facts == {
        "context": 9,
        "vision": False,
        "tools": True,
    }


def test_facts_are_fields_of_a_profile() -> None:
    assert set(FACTS) <= set(Profile.__struct_fields__)


def test_capabilities_are_what_is_told_to_be_so() -> None:
    assert ModelCard(id="m", vision=True, thinking=False).capabilities == ["vision"]
