"""The base of every neutral value: frozen, compared by content. It holds no behaviour."""

from typing import dataclass_transform

import msgspec


# Without `dataclass_transform` each subclass would have to repeat `frozen=True` for mypy.
@dataclass_transform(frozen_default=True, field_specifiers=(msgspec.field,))
class Value(msgspec.Struct, frozen=True):
    """A thing that is what it contains: no identity, no clock, no way to change it."""
