"""A TOML document -> typed sections, with every problem that it has, not only the first. Pure; it looks nothing up.

Two things may be written shorter than they are typed: a token as its bare key, and a list of strings as one string.
"""

import re
import typing
from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec
from msgspec.structs import FieldInfo

from llmux.config.problem import Path, Report, hint
from llmux.config.schema import Provider, Secret, Section, Token

S = TypeVar("S", bound=Section)

# Keys that are planned and not built. Whoever writes one is told so, rather than that it is unknown.
PLANNED: Mapping[tuple[type[Section] | None, str], str] = {
    (Provider, "command"): "a local command cannot be a provider yet; give the provider a base_url",
    (Provider, "args"): "a local command cannot be a provider yet; give the provider a base_url",
    (None, "workflow"): "workflows cannot be run yet; remove this table",
}
TYPE_NAMES: Mapping[type, str] = {dict: "a table", list: "a list"}
# What msgspec calls a thing, and what TOML does.
WORDS: Mapping[str, str] = {"array": "a list", "object": "a table"}
# The place that msgspec adds to what it says: " - at `$[0]`".
PLACE = re.compile(r" - at `.*`$")


def read(kind: type[S], table: object, report: Report, path: Path = ()) -> S | None:
    """`table` as a section of this `kind`. What is wrong is reported, and left at its default.

    None when the table is not one, or lacks a key that has no default.
    """
    if kind is Token and isinstance(table, str):
        table = {"key": table}
    if not isinstance(table, dict):
        report(path, f"expected a table, got {_type_name(table)}")
        return None
    fields = {field.name: field for field in msgspec.structs.fields(kind)}
    for key in (key for key in table if key not in fields):
        report((*path, key), PLANNED.get((kind if path else None, key)) or f"unknown key; {hint(key, fields)}")
    given = {name: _field(field, table[name], report, path) for name, field in fields.items() if name in table}
    for name in (name for name, field in fields.items() if field.required and name not in given):
        report((*path, name), "missing")
    values = {name: value for name, value in given.items() if value is not msgspec.UNSET}
    complete = all(name in values for name, field in fields.items() if field.required)
    return kind(**values) if complete else None


def convert(value: object, wanted: Any, *, strict: bool = True) -> Any:
    """`value` as the type `wanted`; texts as numbers and switches too when not `strict`.

    Raises:
        msgspec.ValidationError: it is not one.
    """
    return msgspec.convert(value, wanted, strict=strict, dec_hook=_read_own)


def complaint(error: msgspec.ValidationError, wanted: Any) -> str:
    """What `error` says, for a person who wanted to write a `wanted`."""
    if typing.get_origin(wanted) is typing.Literal:
        return "expected one of " + ", ".join(f'"{word}"' for word in typing.get_args(wanted) if word)
    said = PLACE.sub("", str(error)).replace("`", "")
    for theirs, ours in WORDS.items():
        said = said.replace(theirs, ours)
    return said[0].lower() + said[1:]


def _field(field: FieldInfo, value: Any, report: Report, path: Path) -> Any:
    """One field's value, or UNSET when it is wrong."""
    path = (*path, field.name)
    origin, inner = typing.get_origin(field.type), typing.get_args(field.type)
    section = next(
        (each for each in (field.type, *inner) if isinstance(each, type) and issubclass(each, Section)), None
    )
    if section is not None:
        return {list: _listed, dict: _named}.get(origin, _single)(section, value, report, path)
    if field.type == list[str] and isinstance(value, str):
        value = [value]
    try:
        return convert(value, field.type)
    except msgspec.ValidationError as error:
        report(path, complaint(error, field.type))
        return msgspec.UNSET


def _single(kind: type[S], value: Any, report: Report, path: Path) -> Any:
    """A section; UNSET when it cannot be read."""
    return read(kind, value, report, path) or msgspec.UNSET


def _listed(kind: type[S], value: Any, report: Report, path: Path) -> Any:
    """A list of sections, without those that cannot be read; UNSET when it is no list."""
    if not isinstance(value, list):
        report(path, f"expected [[{path[-1]}]] tables, got {_type_name(value)}")
        return msgspec.UNSET
    found = (read(kind, entry, report, (*path, index)) for index, entry in enumerate(value))
    return [section for section in found if section is not None]


def _named(kind: type[S], value: Any, report: Report, path: Path) -> Any:
    """A table of sections, likewise."""
    if not isinstance(value, dict):
        report(path, f"expected [{path[-1]}.NAME] tables, got {_type_name(value)}")
        return msgspec.UNSET
    found = {name: read(kind, entry, report, (*path, name)) for name, entry in value.items()}
    return {name: section for name, section in found.items() if section is not None}


def _read_own(wanted: type, value: object) -> object:
    """The types that msgspec does not know: a secret, and anything at all."""
    if wanted is object or isinstance(value, Secret):
        return value
    if isinstance(value, str):
        return Secret(value)
    raise TypeError(f"Expected str, got {_type_name(value)}")


def _type_name(value: object) -> str:
    return TYPE_NAMES.get(type(value)) or type(value).__name__
