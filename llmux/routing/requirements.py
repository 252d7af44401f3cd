"""A request -> what it needs of a backend. Pure; the same for every dialect, because it reads the IR."""

from llmux.ir.capability import Capability
from llmux.ir.value import Value


class Needs(Value):
    """What a request needs.

    `bytes` bounds the tokens of everything that is sent from above; `output_tokens` is what was asked for (0: nothing
    was said).
    """

    model: str
    capabilities: frozenset[Capability] = frozenset()
    bytes: int = 0
    output_tokens: int = 0
