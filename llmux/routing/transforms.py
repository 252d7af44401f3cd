"""key_delete, key_rename, key_add: what a backend's owner changes in a request's body, top level. Pure.

Values are carried, never looked into: they may be JSON that nobody has decoded.
"""

from collections.abc import Mapping
from typing import Any

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
