"""`${VAR}` and `${VAR:-default}` in the strings of a document. Pure: it is handed the variables."""

import re
from collections.abc import Mapping
from typing import Any

from llmux.config.problem import Path, Report

VARIABLE = re.compile(r"\$\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?::-(?P<default>[^}]*))?\}")


def expand(value: Any, env: Mapping[str, str], report: Report, path: Path = ()) -> Any:
    """`value`, a new one, with the variables of every string in it replaced; keys of tables stay as they are.

    A default stands for a variable that is missing or empty. A variable that is missing and has none is reported.
    """
    if isinstance(value, dict):
        return {key: expand(entry, env, report, (*path, key)) for key, entry in value.items()}
    if isinstance(value, list):
        return [expand(entry, env, report, (*path, index)) for index, entry in enumerate(value)]
    if not isinstance(value, str):
        return value

    def replacement(match: re.Match[str]) -> str:
        name, default = match["name"], match["default"]
        if default is not None:
            return env.get(name) or default
        if name not in env:
            report(path, f"the environment variable {name} is not set")
        return env.get(name, "")

    return VARIABLE.sub(replacement, value)
