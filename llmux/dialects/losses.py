"""What a translation leaves out or bends, told as it happens. Only what a dialect's table names can be lost."""

from collections.abc import Mapping


class Losses:
    """Collects the losses of one request, against the table of the dialect that it is encoded for."""

    __slots__ = ("_found", "_table")

    def __init__(self, table: Mapping[str, str]) -> None:
        """`table`: what cannot be said in the wire -> what becomes of it, in one plain sentence."""
        self._table = table
        self._found: dict[str, None] = {}  # in the order they happened, each once

    def drop(self, key: str) -> None:
        """`key` is left out."""
        self._note("dropped", key)

    def approx(self, key: str) -> None:
        """`key` is said as nearly as can be."""
        self._note("approx", key)

    def _note(self, how: str, key: str) -> None:
        if key not in self._table:
            raise KeyError(key)  # a loss that nobody has written down: a bug of ours
        self._found[f"{how}={key}"] = None

    def warnings(self) -> tuple[str, ...]:
        """`dropped=seed`, `approx=temperature` ..., in the order they happened."""
        return tuple(self._found)
