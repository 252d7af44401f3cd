"""Whole arguments -> the arguments that were meant. Pure; where one reading fits it changes what strays, and no more.

What strays: a key that differs from one of the schema's in style or is a synonym of it; a value that was written as a
string, or not as one; null where a key is to be left out. Nothing is touched in data that the schema does not describe,
nor within a string.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from llmux.normalise.shape import ANY, KINDS, Shape, Shapes, kind_of
from llmux.normalise.spans import Member, elements, end_of, members, skip
from llmux.normalise.watch import DEEPEST

Edit = tuple[int, int, str]  # from, to, what stands there instead
NOTHING = "{}"
# Python's words for JSON's: models write them into strings.
WORDS: Mapping[str, str] = {"True": "true", "False": "false", "None": "null"}


class Mended:
    """A JSON text, put right. `notes` say what was changed: `limit`, or `edits.oldText>old_string`; "" : all of it."""

    def __init__(self, text: str, shapes: Shapes, shape: Shape, path: tuple[str, ...] = (), depth: int = 0) -> None:
        self._text = text
        self._shapes = shapes
        self._edits: list[Edit] = []
        self.notes: list[str] = []
        self._value(skip(text, 0), shape, path, depth)

    @property
    def text(self) -> str:
        """The text with its edits."""
        pieces, at = list[str](), 0
        for start, end, new in sorted(self._edits):
            pieces += (self._text[at:start], new)
            at = end
        return "".join((*pieces, self._text[at:]))

    # --- values

    def _value(self, at: int, shape: Shape, path: tuple[str, ...], depth: int) -> None:
        kind = KINDS[self._text[at]]
        if shape.stray(kind):
            self._respell(at, shape, path, depth)
        elif kind not in shape.kinds or depth >= DEEPEST:
            return
        elif kind == "object" and shape.properties is not None:
            self._object(at, shape, shape.properties, path, depth)
        elif kind == "array" and shape.items is not None:
            for start in elements(self._text, at):
                self._value(start, self._shapes.of(shape.items), path, depth + 1)

    def _respell(self, at: int, shape: Shape, path: tuple[str, ...], depth: int) -> None:
        """A string whose text is the value, or a number that should be a string."""
        end = end_of(self._text, at)
        new = respelled(self._text[at:end], shape)
        if new is None:
            return
        inner = Mended(new, self._shapes, shape, path, depth)
        self._edits.append((at, end, inner.text))
        self.notes += [".".join(path), *inner.notes]

    # --- objects

    def _object(self, at: int, shape: Shape, properties: Mapping[str, Any], path: tuple[str, ...], depth: int) -> None:
        every = list(members(self._text, at))
        kept = [member for member in every if not self._is_to_be_left_out(member, shape, properties)]
        if len(kept) < len(every):
            self._leave_out(every, kept, path)
        meant = {} if shape.open else self._meant(kept, properties)
        for member in kept:
            name = member.key
            if name in meant:
                name = meant[name]
                self._edits.append((member.at, member.key_end, orjson.dumps(name).decode()))
                self.notes.append(".".join((*path, f"{member.key}>{name}")))
            if name in properties:
                self._value(member.start, self._shapes.of(properties[name]), (*path, name), depth + 1)

    def _is_to_be_left_out(self, member: Member, shape: Shape, properties: Mapping[str, Any]) -> bool:
        """Null says that nothing is given. Where it does not fit and the key may be absent, nothing else is meant."""
        if self._text[member.start] != "n" or member.key not in properties or member.key in shape.required:
            return False
        return "null" not in self._shapes.of(properties[member.key]).kinds

    def _leave_out(self, every: Sequence[Member], kept: Sequence[Member], path: tuple[str, ...]) -> None:
        """Each with the comma behind it; where nothing is kept behind it, with the one before it."""
        last, places = kept[-1] if kept else None, {member.at for member in kept}
        for member, following in zip(every, (*every[1:], None), strict=True):
            if member is last and following is not None:
                self._edits.append((self._text.index(",", member.end), following.at, ""))
            elif member.at not in places:
                self._edits.append((member.at, member.end if following is None else following.at, ""))
                self.notes.append(".".join((*path, member.key)))

    def _meant(self, given: Sequence[Member], properties: Mapping[str, Any]) -> Mapping[str, str]:
        """Keys that the schema does not know -> those that they can only mean."""
        names, taken = self._shapes.names(properties), {member.key for member in given}
        meant: dict[str, str] = {}
        for member in given:
            if member.key not in properties:
                fitting = [name for name in names.meant(member.key) if self._fits(member, properties[name])]
                if len(fitting) == 1 and fitting[0] not in taken:
                    meant[member.key] = fitting[0]
        claims = Counter(meant[member.key] for member in given if member.key in meant)
        return {key: name for key, name in meant.items() if claims[name] == 1}

    def _fits(self, member: Member, schema: Any) -> bool:
        shape = self._shapes.of(schema)
        if shape.stray(KINDS[self._text[member.start]]):
            return respelled(self._text[member.start : member.end], shape) is not None
        return KINDS[self._text[member.start]] in shape.kinds


def respelled(text: str, shape: Shape) -> str | None:
    """`text`, a value that strays from `shape`, as the value that it spells; None when that does not fit either."""
    if text[0] != '"':
        return f'"{text}"' if shape.words is None or text in shape.words else None
    inner = orjson.loads(text)
    inner = WORDS.get(inner, inner)
    try:
        value = orjson.loads(inner)
    except orjson.JSONDecodeError:
        return None
    return inner if _takes(shape, value) else None


def _takes(shape: Shape, value: Any) -> bool:
    if kind_of(value) not in shape.kinds or (shape.integer and isinstance(value, float)):
        return False
    return shape.words is None or any(type(word) is type(value) and word == value for word in shape.words)


def mend(text: str, shapes: Shapes) -> tuple[str, list[str]]:
    """The arguments of a call, as they were meant, and what was changed. Blanks before them stay.

    Nothing at all is no argument, and says so in every dialect: that is no change. Text that is not JSON stays.
    """
    blanks = text[: len(text) - len(text.lstrip())]
    if blanks == text:
        return blanks + NOTHING, []
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError:
        return text, []
    if value is None or value == "":
        return blanks + NOTHING, [""]
    notes = list[str]()
    if isinstance(value, str) and is_object(value):  # encoded twice
        text, notes = blanks + value.lstrip(), [""]
    mended = Mended(text, shapes, ANY if isinstance(value, list) else shapes.root)
    return mended.text, notes + mended.notes


def is_object(text: str) -> bool:
    """Whether `text` is a JSON object."""
    try:
        return isinstance(orjson.loads(text), dict)
    except orjson.JSONDecodeError:
        return False
