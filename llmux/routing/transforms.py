"""Changes to a request's body: its owner's deletions, renamings and additions, and fields that a backend refuses. Pure.

`apply` carries values and never looks into them: they may be JSON that nobody has decoded.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from llmux.routing.catalog import Transforms


def apply(body: Mapping[str, Any], transforms: Transforms) -> dict[str, Any]:
    """A new body: keys deleted, then renamed in their place, then added at the end or over what was there.

    A key that is absent is not renamed. One that is renamed onto another replaces it: the owner said so.
    """
    kept = {key: value for key, value in body.items() if key not in transforms.delete}
    rename = {old: new for old, new in transforms.rename.items() if old in kept}
    taken = set(rename.values())
    renamed = {rename.get(key, key): value for key, value in kept.items() if key in rename or key not in taken}
    return renamed | dict(transforms.add)


# Fields without which there is no request, or another one: a backend that names one does not mean that it should go. Of
# a conversation only goes what says nothing to the model.
CONVERSATION = frozenset({"messages", "contents", "input", "system", "systemInstruction"})
SPARE = frozenset({
    "cache_control", "citations", "caller", "name", "reasoning_content", "reasoning", "reasoning_details",
    "extra_content", "refusal", "annotations", "status", "phase",
})  # fmt: skip
ESSENTIAL = frozenset({"model", "max_tokens", "stream", "prompt", "instructions", "tools", "functions"})


def leave_out(body: Mapping[str, Any], fields: frozenset[str]) -> dict[str, Any]:
    """A new body without `fields`, as backends name them: "seed", "output_config.effort", "tools.0.custom.strict".

    A number means every item of the array: what one tool may not have, no tool may. A word that is not there (Claude's
    "custom" names a kind) is passed over.
    """
    left: Any = dict(body)
    for field in sorted(fields - ESSENTIAL):
        first, *rest = field.split(".")
        if first in CONVERSATION and not (rest and rest[-1] in SPARE):
            continue
        if rest and isinstance(left.get(first), msgspec.Raw):
            left[first] = msgspec.json.decode(left[first])
        left = _without(left, [first, *rest])
    return dict(left)


def _without(value: Any, path: list[str]) -> Any:
    if isinstance(value, list):
        rest = path[1:] if path[0].isdecimal() else path
        return [_without(item, rest) for item in value] if rest else value
    if not isinstance(value, dict):
        return value
    head, *rest = path
    if head not in value:
        return _without(value, rest) if rest else value
    if not rest:
        return {key: item for key, item in value.items() if key != head}
    return {**value, head: _without(value[head], rest)}
