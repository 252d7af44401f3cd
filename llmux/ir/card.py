"""A model as whoever serves it tells of it: the neutral form of every dialect's list of models. A pure value."""

from collections.abc import Mapping
from typing import Any

from llmux.ir.capability import Capability
from llmux.ir.value import Value

# What a card may say of what a model takes: fields of `Profile` too, by the same names.
FACTS = ("context", "max_output", "vision", "thinking", "tools", "pdf")


class ModelCard(Value, kw_only=True):
    """One model. None and "" say that nothing is told, which is no "no"."""

    id: str
    name: str = ""  # for people
    owner: str = ""
    created: int = 0  # Unix seconds
    context: int | None = None  # tokens of prompt and answer
    max_output: int | None = None  # tokens
    vision: bool | None = None
    thinking: bool | None = None
    tools: bool | None = None
    pdf: bool | None = None
    answers: bool = True  # False: it makes embeddings, speech or pictures instead
    size: int = 0  # bytes on disk
    details: Mapping[str, str] = {}  # of how it was made: family, parameter_size, quantization_level, format
    notes: Mapping[str, Any] = {}  # what only llmux tells of it, as JSON

    @property
    def facts(self) -> dict[str, Any]:
        """What is told of what it takes, by the names of FACTS."""
        return {name: value for name in FACTS if (value := getattr(self, name)) is not None}

    @property
    def capabilities(self) -> list[str]:
        """What it is told to be able to do, in words of Capability."""
        return [capability.value for capability in Capability if getattr(self, capability.value)]
