"""What environment variables say, as a document. Pure: it is handed them.

Every single value of the file has one: LLMUX_ and its key, `LLMUX_PORT`, or its table and key, `LLMUX_STORE_URL`.
A list is written with commas.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from llmux.config import legacy
from llmux.config.problem import Path, Report
from llmux.config.schema import Config, Section, Token
from llmux.config.strict import complaint, convert

PREFIX = "LLMUX_"


def document(env: Mapping[str, str], report: Report) -> dict[str, Any]:
    """What `env` says, the family's older variables included; ours win. A value that cannot be read is reported."""
    types = dict(_values(Config))
    ours = {name: (path, env[name]) for path in types if (name := variable(path)) in env}
    said: dict[str, Any] = {}
    for name, (path, text) in {**legacy.spoken(env), **ours}.items():
        wanted = types.get(path, Token)
        try:
            value = text if wanted is Token else convert(_split(text, wanted), wanted, strict=False)
        except msgspec.ValidationError as error:
            report((name,), complaint(error, wanted))
            continue
        *table, key = map(str, path)
        (said.setdefault(table[0], {}) if table else said)[key] = value
    return said


def variable(path: Path) -> str:
    """The name of the variable for a key of the file."""
    return PREFIX + "_".join(map(str, path)).upper()


def _values(kind: type[Section], path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """The single values and lists of strings in a section, and in the sections within it."""
    for field in msgspec.structs.fields(kind):
        if isinstance(field.type, type) and issubclass(field.type, Section):
            yield from _values(field.type, (*path, field.name))
        elif field.default is not msgspec.NODEFAULT or field.type == list[str]:
            yield (*path, field.name), field.type


def _split(text: str, wanted: Any) -> Any:
    return [item.strip() for item in text.split(",") if item.strip()] if wanted == list[str] else text
