"""Where a JSON value that arrives in pieces ends. It looks at each character once, and does not ask what they mean."""

import re

_MARK = re.compile(r'\\.?|["{}\[\]]', re.DOTALL)


class Extent:
    """One object or array."""

    __slots__ = ("_depth", "_escaped", "_quoted")

    def __init__(self) -> None:
        self._depth = 0
        self._quoted = self._escaped = False

    def end(self, text: str, at: int) -> int | None:
        """Where it ends in `text`, which goes on at `at` with it; None when it goes on behind `text`."""
        start = at + self._escaped
        self._escaped = False
        for found in _MARK.finditer(text, start):
            mark = found[0]
            if mark[0] == "\\":
                self._escaped = len(mark) == 1
            elif mark == '"':
                self._quoted = not self._quoted
            elif not self._quoted:
                self._depth += 1 if mark in "{[" else -1
                if self._depth == 0:
                    return found.end()
        return None
