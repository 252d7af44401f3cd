"""What is wrong with a configuration, and how a person is told. It never quotes a value that may be a secret."""

import difflib
from collections.abc import Callable, Iterable

from llmux.ir.value import Value

Path = tuple[str | int, ...]  # where a key stands: ("backend", 0, "model")
Report = Callable[[Path, str], None]  # takes note of a problem at a path


class Problem(Value):
    """One thing that is wrong: in which file (or "environment", "command line"), at which key, and what to do."""

    source: str
    key: str
    message: str

    def __str__(self) -> str:
        return ": ".join(filter(None, (self.source, self.key, self.message)))


class ConfigError(ValueError):
    """The configuration does not hold. `problems` has all that was found; `file`, `key`, `message` are the first's."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        first = self.problems[0]
        self.file, self.key, self.message = first.source, first.key, first.message
        super().__init__("\n".join(map(str, self.problems)))


def spelled(path: Path) -> str:
    """A path as a person writes it: `backend[0].model`. The first entry of a list is number 0."""
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else step
    return text


def hint(name: str, known: Iterable[str]) -> str:
    """What `name` may have been meant to be: the nearest of `known`, or all of them."""
    known = list(known)
    near = difflib.get_close_matches(name, known, n=1) or difflib.get_close_matches(name.lower(), known, n=1)
    if near:
        return f'did you mean "{near[0]}"?'
    return f"known: {', '.join(sorted(known))}" if known else "there is none"
