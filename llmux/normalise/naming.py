"""Which name was meant: names that differ in style only, and words that tools use for one another. Pure lookups.

It never chooses between two: whoever asks gets every candidate and decides.
"""

from collections.abc import Iterable, Mapping

# Words that models take for one another, as `plain` spells them. A word may stand in several rows: `path` is what some
# tools call a file and others a directory. Words of other units or of another meaning are no synonyms: `timeout` and
# `timeout_ms` are not.
SYNONYMS: tuple[frozenset[str], ...] = tuple(
    frozenset(row.split())
    for row in (
        "filepath path filename file targetfile",
        "directory dir path folder directorypath",
        "content contents text filecontent filetext",
        "command cmd shellcommand",
        "query q searchquery",
        "url uri link",
        "pattern regex regexp",
        "pattern glob globpattern",
        "oldstring oldstr oldtext",
        "newstring newstr newtext",
        "limit maxresults count numresults",
        "offset start",
    )
)


def plain(name: str) -> str:
    """`name` without its style: `file_path`, `filePath`, `File-Path` and `file path` are one."""
    return "".join(filter(str.isalnum, name.casefold()))


class Names:
    """The names that there are, to be found again however they are spelled."""

    __slots__ = ("_known", "_plain")

    def __init__(self, names: Iterable[str]) -> None:
        self._known = frozenset(names)
        self._plain: Mapping[str, tuple[str, ...]] | None = None  # made when a name strays: that is seldom

    def __contains__(self, name: str) -> bool:
        return name in self._known

    def alike(self, name: str) -> tuple[str, ...]:
        """Those that differ from `name` in style only."""
        return self._spelled.get(plain(name), ())

    def meant(self, name: str) -> tuple[str, ...]:
        """Those that `name` may mean: the ones alike, or, where there are none, its synonyms."""
        if alike := self.alike(name):
            return alike
        word = plain(name)
        others = frozenset[str]().union(*(row for row in SYNONYMS if word in row))
        return tuple(found for other in sorted(others) for found in self._spelled.get(other, ()))

    @property
    def _spelled(self) -> Mapping[str, tuple[str, ...]]:
        if self._plain is None:
            spelled: dict[str, tuple[str, ...]] = {}
            for name in sorted(self._known):
                if word := plain(name):  # a name without a letter is like no other
                    spelled[word] = (*spelled.get(word, ()), name)
            self._plain = spelled
        return self._plain
