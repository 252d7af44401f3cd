"""What an operator should know besides requests: facts -> lines of news. Pure."""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from llmux.telemetry import (
    Administered,
    ConfigReloaded,
    CooldownEnded,
    CooldownStarted,
    Fact,
    FieldLearnt,
    Notice,
    StoreFault,
)

MOST_CHARACTERS = 300


class News(msgspec.Struct):
    """`kind` is a word for the page to mark it by: rest | up | store | config | admin | field | notice."""

    id: int
    at: float  # Unix seconds
    kind: str
    subject: str
    text: str


Line = tuple[str, str, str]  # kind, subject, text

LINES: Mapping[type[Fact], Callable[[Any], Line]] = {
    CooldownStarted: lambda f: ("rest", f.backend, f"rests for {f.seconds:.0f} s: {f.cause}"),
    CooldownEnded: lambda f: ("up", f.backend, "answers again"),
    FieldLearnt: lambda f: ("field", f.backend, f"does not take {f.field!r}: it is left out from now on"),
    ConfigReloaded: lambda f: ("config", f.path, f"not reloaded: {f.error}" if f.error else "reloaded"),
    StoreFault: lambda f: ("store", "store", f"away: {f.message}"),
    Administered: lambda f: ("admin", f.action, f"{f.target} {f.remote}".strip()),
    # The last line of an error says what it was; those before it, where. The log has them all.
    Notice: lambda f: ("notice", f.level, f.message.strip().rpartition("\n")[2]),
}


def read(fact: Fact, now: float, number: int) -> News | None:
    """The line that `fact` makes, the `number`-th of this process. None: it is for those who debug."""
    if isinstance(fact, Notice) and fact.level == "debug":
        return None
    kind, subject, text = LINES[type(fact)](fact)
    return News(number, now, kind, subject, text[:MOST_CHARACTERS])
