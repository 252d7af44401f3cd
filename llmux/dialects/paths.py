"""A table of paths in which one star may stand for a model's name, whatever that holds. Pure."""

from collections.abc import Iterable, Iterator
from typing import Generic, TypeVar

Found = TypeVar("Found")


def tidy(path: str) -> str:
    """`path` without what base URLs bring along that are written in their own way: "/v1/v1/", a slash at the end."""
    return path.replace("/v1/v1/", "/v1/").rstrip("/") or "/"


def starred(pattern: str, path: str) -> str:
    """What stands in `path` for the star of `pattern`, "" where it has none. The two must fit."""
    start, star, end = pattern.partition("*")
    return path[len(start) : len(path) - len(end)] if star else ""


class Paths(Generic[Found]):
    """Path -> what is there. A path without a star is found first and at once."""

    __slots__ = ("_exact", "_starred")

    def __init__(self, rows: Iterable[tuple[str, Found]]) -> None:
        """`rows` are paths, and what is at each. A later row does not replace an earlier one of the same path."""
        self._exact: dict[str, Found] = {}
        self._starred: list[tuple[str, str, Found]] = []
        for path, found in rows:
            start, star, end = path.partition("*")
            if star:
                self._starred.append((start, end, found))
            else:
                self._exact.setdefault(path, found)

    def find(self, path: str) -> Found | None:
        """What is at `path`. A star stands for at least one character, slashes and colons among them."""
        exact = self._exact.get(path)
        if exact is not None:
            return exact
        for start, end, found in self._starred:
            if len(path) > len(start) + len(end) and path.startswith(start) and path.endswith(end):
                return found
        return None

    def near(self, path: str) -> Found | None:
        """What is at the place that `path` begins like: a typo is answered in kind."""
        return next((found for start, found in self._starts() if path.startswith(start)), None)

    def _starts(self) -> Iterator[tuple[str, Found]]:
        yield from ((f"{path}/", found) for path, found in self._exact.items())
        yield from ((start, found) for start, _, found in self._starred)
