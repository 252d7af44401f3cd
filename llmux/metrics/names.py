"""The values of a label: what is known, a few others, and one word for the rest. Pure.

A client may call its model anything, and Prometheus keeps every value that it has ever seen.
"""

from collections.abc import Iterable

REST = "other"
NONE = "none"  # instead of an empty value, which Prometheus takes for no label
MOST = 50  # names that nobody has configured, in a process
LONGEST = 100  # characters


class Names:
    """Which names are counted by themselves."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._label: dict[str, str] = {"": NONE}
        self._met = 0

    def know(self, names: Iterable[str]) -> None:
        """These are counted by themselves, however many there are. Whoever is known stays known."""
        self._label |= {name: name for name in names if name}

    def of(self, name: str, *, proven: bool = True) -> str:
        """The value for `name`. One that is not `proven`, as a model is when it has answered, takes no place."""
        label = self._label.get(name)
        if label is not None:
            return label
        if not proven or self._met >= self._most or len(name) > LONGEST:
            return REST
        self._met += 1
        self._label[name] = name
        return name
