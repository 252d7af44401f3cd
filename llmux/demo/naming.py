"""A demo model's name, read: which behaviour, and its settings. Pure; it plays nothing.

`echo`, `demo:think`, `slow-2s`, `cut?after=5`, `echo?delay=20ms&chunk=4`: a word of the tables in `model.py` and
`faults.py`, perhaps a duration, perhaps settings. A name that is in no table is that of somebody else's model.
"""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

import msgspec

from llmux.errors import BadRequest
from llmux.ir.value import Value

PREFIX = "demo:"
WAIT = re.compile(r"-(?P<wait>\d+(?:\.\d+)?m?s)\Z")
DURATION = re.compile(r"(?P<number>\d+(?:\.\d+)?)(?P<unit>ms|s)?")
SECONDS = {"ms": 0.001, "s": 1.0, None: 1.0}
DURATIONS = ("delay", "wait", "retry-after")


class Settings(Value, kw_only=True, forbid_unknown_fields=True, rename="kebab"):
    """What a name may set. Durations are in seconds here, `20ms` or `2s` in the name."""

    delay: float = 0.0  # s before each delta
    wait: float | None = None  # s of the pause that a fault makes; None: as long as the fault says
    chunk: int = 0  # characters a delta; 0: a word
    after: int = 3  # deltas that are said before a fault in the middle
    repeat: int = 1  # how often the text is said
    times: int = 1  # failures before a success
    retry_after: float = 7.0  # s, told with fail-429


class Name(Value):
    """`word` is a word of the tables, or any other model's name."""

    word: str
    settings: Settings = Settings()


def read(name: str, param: str = "model") -> Name:
    """What `name` asks for.

    Raises:
        BadRequest: a setting is unknown or has no such value; `param` says where the name stood.
    """
    word, _, query = name.removeprefix(PREFIX).partition("?")
    given = dict(parse_qsl(query, keep_blank_values=True))
    if match := WAIT.search(word):
        word, given = word[: match.start()], {"wait": match["wait"], **given}
    try:
        settings = msgspec.convert(_in_seconds(given), Settings, strict=False)
    except (msgspec.ValidationError, ValueError) as error:
        raise BadRequest(f"The demo model {name!r} cannot be read: {error}", param=param) from None
    return Name(word, settings)


def _in_seconds(given: Mapping[str, str]) -> dict[str, Any]:
    return {key: _duration(value) if key in DURATIONS else value for key, value in given.items()}


def _duration(text: str) -> float:
    match = DURATION.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is not a duration such as 20ms or 2s")
    return float(match["number"]) * SECONDS[match["unit"]]
