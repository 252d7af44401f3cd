"""Damage, done to sound bytes and sound JSON in every way that is known to be met."""

import copy
import random
from collections.abc import Callable, Iterator
from typing import Any

import orjson

# What stands where something else should.
STRANGERS: tuple[Any, ...] = (None, True, -1, 1e300, "", "\x00odd\u2028", [], [None], {}, {"type": "novel"}, [[{}]])
Path = tuple[str | int, ...]


def nodes(value: Any, path: Path = ()) -> Iterator[Path]:
    """The path of every value within a JSON document."""
    yield path
    entries = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, entry in entries:
        yield from nodes(entry, (*path, name))


def replaced(document: Any, path: Path, value: Any) -> Any:
    """A copy of `document` with `value` at `path`."""
    if not path:
        return value
    changed = copy.deepcopy(document)
    holder = changed
    for step in path[:-1]:
        holder = holder[step]
    holder[path[-1]] = value
    return changed


def mutants(document: Any) -> Iterator[tuple[str, Any]]:
    """`document` with each of its values, in turn, replaced by each of STRANGERS; with a name for the change."""
    for path in nodes(document):
        for stranger in STRANGERS:
            yield f"{'.'.join(map(str, path))} = {stranger!r}", replaced(document, path, stranger)


def bent(data: bytes, luck: random.Random) -> bytes:
    """`data` with one value of one of its lines of JSON replaced by one of STRANGERS; unchanged where it is no JSON."""
    lines = data.split(b"\n")
    at = luck.randrange(len(lines))
    head, brace, rest = lines[at].partition(b"{")
    try:
        document = orjson.loads(brace + rest)
    except ValueError:
        return data
    path = luck.choice(list(nodes(document)))
    lines[at] = head + orjson.dumps(replaced(document, path, luck.choice(STRANGERS)))
    return b"\n".join(lines)


def hurt(data: bytes, luck: random.Random) -> bytes:
    """`data` damaged, or bent a few times, which gets deeper into whoever reads it."""
    if luck.random() < 0.5:
        return damaged(data, luck)
    for _ in range(luck.randint(1, 3)):
        data = bent(data, luck)
    return data


def damaged(stream: bytes, luck: random.Random) -> bytes:
    """`stream` with a few of its bytes lost, repeated, swapped, or turned into others."""
    for _ in range(luck.randint(1, 4)):
        start = luck.randrange(len(stream) + 1)
        end = min(len(stream), start + luck.choice([1, 2, 17, 200]))
        stream = stream[:start] + luck.choice(DAMAGES)(stream[start:end], luck) + stream[end:]
    return stream


DAMAGES: tuple[Callable[[bytes, random.Random], bytes], ...] = (
    lambda _piece, _luck: b"",
    lambda piece, _luck: piece * 2,
    lambda piece, _luck: piece[::-1],
    lambda piece, luck: luck.randbytes(len(piece)),
    lambda piece, luck: piece + luck.choice([b"\n", b"\r\n\r\n", b'"', b"}", b"null", b"\xff", b"data: [DONE]\n\n"]),
)
