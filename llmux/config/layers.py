"""Documents over each other: files, the environment, the command line. Pure; it remembers who said what."""

from collections.abc import Mapping, Sequence
from typing import Any

from llmux.config.problem import ConfigError, Path, Problem, Report, spelled
from llmux.ir.value import Value

NAMED = ("provider", "role", "tokens")  # tables of named entries, which are replaced whole
SHARED = ("store", "routing", "conversation", "media", "cors")  # tables of single values, which are replaced one by one
LISTED = "backend"


class Layer(Value):
    """What one source says: a file, the environment, the command line."""

    source: str
    document: Mapping[str, Any]
    is_file: bool = False


class Problems:
    """What is found wrong, each place once."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, Path], Problem] = {}

    def report(self, source: str) -> Report:
        """Takes the problems of one source."""
        return lambda path, message: self.add(source, path, message)

    def add(self, source: str, path: Path, message: str) -> None:
        """Take note, unless something is wrong there already: a wrong value has consequences, which help nobody."""
        known = (at for whose, at in self._found if whose == source)
        if not any(at[: len(path)] == path or path[: len(at)] == at for at in known if at and path):
            self._found[source, path] = Problem(source, spelled(path), message)

    def raise_any(self) -> None:
        """Raise a ConfigError with all of them, if there are any."""
        if self._found:
            raise ConfigError(self._found.values())


def merge(layers: Sequence[Layer]) -> dict[str, Any]:
    """One document. A later layer wins: entry by entry in tables of named entries, by name among the backends.

    The backends of a later layer come first, in their order.
    """
    merged: dict[str, Any] = {}
    for layer in layers:
        for key, value in layer.document.items():
            if key in (*NAMED, *SHARED) and isinstance(value, dict):
                later = {**value, **{name: entry for name, entry in merged.get(key, {}).items() if name not in value}}
                merged[key] = later
            elif key != LISTED:
                merged[key] = value
    if any(LISTED in layer.document for layer in layers):
        merged[LISTED] = [entry for _, _, entry in _backends(layers)]
    return merged


def whose(path: Path, layers: Sequence[Layer]) -> tuple[str, Path]:
    """Who wrote what stands at `path` of the merged document, and where it stands there.

    What nobody wrote is the business of the most important file.
    """
    if path[:1] == (LISTED,) and len(path) > 1:
        source, index, _ = _backends(layers)[int(path[1])]
        return source, (LISTED, index, *path[2:])
    steps = [(_depth(path, layer.document), layer.source, layer.is_file) for layer in layers]
    deepest = max(depth for depth, _, _ in steps)
    said = [source for depth, source, is_file in steps if depth == deepest and (depth or is_file)]
    return (said or [layers[0].source])[-1], path


def _backends(layers: Sequence[Layer]) -> list[tuple[str, int, Any]]:
    """The backends that count: who wrote them, at which place of its list, and what. Those of a later layer first."""
    kept: list[tuple[str, int, Any]] = []
    names = set[str]()
    for layer in reversed(layers):
        written = layer.document.get(LISTED, ())
        named = [(layer.source, index, entry) for index, entry in enumerate(written) if _name(entry)]
        kept += [line for line in named if _name(line[2]) not in names]
        names |= {_name(entry) for _, _, entry in named}
    return kept


def _name(entry: Any) -> str:
    """What a backend is called; "" when it cannot be read."""
    readable = isinstance(entry, dict) and isinstance(entry.get("model"), str)
    return str(entry.get("name") or entry["model"]) if readable else ""


def _depth(path: Path, document: Any) -> int:
    """How many steps of `path` are there."""
    for depth, step in enumerate(path):
        inside = document if isinstance(document, dict) else range(len(document)) if isinstance(document, list) else ()
        if step not in inside:
            return depth
        document = document[step]
    return len(path)
