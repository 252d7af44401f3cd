"""The arguments of a function call: an object here, text in the IR; and Vertex's calls that arrive in pieces.

Reference: https://docs.cloud.google.com/vertex-ai/generative-ai/docs/multimodal/function-calling (partialArgs)
"""

import re
from collections.abc import Iterable
from typing import Any

import orjson

Wire = dict[str, Any]

# A step of a jsonPath: `.name`, `[3]`, `['name']`.
STEPS = re.compile(r"\.([^.\[\]]+)|\[(\d+)\]|\[(?:'([^']*)'|\"([^\"]*)\")\]")
VALUES = ("stringValue", "numberValue", "boolValue", "nullValue")


def decode_arguments(args: Any) -> str:
    """The JSON text of a call's arguments."""
    return orjson.dumps(args).decode() if args else "{}"


class PartialArguments:
    """Arguments that come as values for paths, a text in pieces. Joined once, so it is linear in what comes."""

    __slots__ = ("_values",)

    def __init__(self) -> None:
        self._values: dict[str, Any] = {}  # path -> a value, or the pieces of a text

    def add(self, pieces: Any) -> None:
        """The `partialArgs` of one chunk. What is misshapen is passed over."""
        for piece in pieces if isinstance(pieces, list) else ():
            if isinstance(piece, dict) and isinstance(path := piece.get("jsonPath"), str):
                self._put(path, piece)

    def _put(self, path: str, piece: Wire) -> None:
        name = next((name for name in VALUES if name in piece), None)
        if name == "stringValue":
            pieces = self._values.setdefault(path, [])
            if isinstance(pieces, list):
                pieces.append(str(piece[name]))
        elif name is not None:
            self._values[path] = None if name == "nullValue" else piece[name]

    def build(self) -> Wire:
        """The object that they make."""
        root: Wire = {}
        for path, value in self._values.items():
            steps = [_step(found.groups()) for found in STEPS.finditer(path)]
            if steps:
                _place(root, steps, "".join(value) if isinstance(value, list) else value)
        return root


def _step(groups: Iterable[str | None]) -> str | int:
    name, index, *quoted = groups
    if index is not None:
        return int(index)
    return name if name is not None else next(text for text in quoted if text is not None)


def _place(root: Wire, steps: list[str | int], value: Any) -> None:
    """Put `value` where `steps` lead. Arrays grow by one at a time: a place beyond their end is their end."""
    holder: Any = root
    for step, following in zip(steps, [*steps[1:], None], strict=True):
        last = following is None
        inner = value if last else [] if isinstance(following, int) else {}
        if isinstance(holder, list) and isinstance(step, int):
            if step >= len(holder):
                step = len(holder)  # noqa: PLW2901 - the place there is
                holder.append(inner)
            elif last:
                holder[step] = inner
            holder = holder[step]
        elif isinstance(holder, dict):
            if last:
                holder[str(step)] = inner
            holder = holder.setdefault(str(step), inner)
        else:
            return
