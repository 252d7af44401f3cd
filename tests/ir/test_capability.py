"""A model's capabilities are read from its profile, by the words of the configuration."""

from llmux.ir.capability import Capability, Profile


def test_what_a_profile_can_do() -> None:
    assert Profile().capabilities == {Capability.TOOLS}
    assert Profile(vision=True, thinking=True, tools=False).capabilities == {Capability.VISION, Capability.THINKING}


def test_every_capability_is_a_field_of_a_profile() -> None:
    assert {capability.value for capability in Capability} <= set(Profile.__struct_fields__)
