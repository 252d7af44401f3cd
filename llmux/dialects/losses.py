"""What one translation leaves out or bends, collected while it happens. It knows no dialect.

A dialect's table of losses is what users read; a warning that has no row there cannot be given, so the two cannot get
out of step.
"""

from collections.abc import Mapping


class Losses:
    """The warnings of one request, each once, in the order in which they came up."""

    __slots__ = ("_table", "_warnings")

    def __init__(self, table: Mapping[str, str]) -> None:
        self._table = table
        self._warnings: dict[str, None] = {}

    def drop(self, key: str) -> None:
        """`key` of the table was left out.

        Raises:
            KeyError: the table has no such row: a bug of ours.
        """
        self._note("dropped", key)

    def approx(self, key: str) -> None:
        """`key` of the table was said in other words.

        Raises:
            KeyError: the table has no such row: a bug of ours.
        """
        self._note("approx", key)

    def warnings(self) -> tuple[str, ...]:
        """`dropped=...` and `approx=...`, for `Outbound.warnings`."""
        return tuple(self._warnings)

    def _note(self, what: str, key: str) -> None:
        if key not in self._table:
            raise KeyError(key)
        self._warnings[f"{what}={key}"] = None
