"""The vendors' TypeScript SDKs as judges: all answers go through one process of node, heard in the same words."""

import json
import shutil
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.judges.heard import Heard, Tokens

HERE = Path(__file__).parent
SCRIPT = HERE.parent / "sdk" / "judges.mjs"
NODE = shutil.which("node")
needed = [
    pytest.mark.skipif(NODE is None, reason="node is not installed"),
    pytest.mark.skipif(
        not (SCRIPT.parent / "node_modules").is_dir(), reason="the SDKs are not installed: npm ci --prefix tests/sdk"
    ),
]


class Spoken(NamedTuple):
    """An answer in the wire of `dialect`; `way` is "stream" or "whole"."""

    dialect: str
    way: str
    content_type: str
    body: bytes


def hear(answers: Iterable[Spoken]) -> Iterator[Heard | str]:
    """What is heard in each answer; or why it cannot be heard, in the SDK's words."""
    lines = [
        json.dumps({"dialect": each.dialect, "way": each.way, "type": each.content_type, "body": each.body.decode()})
        for each in answers
    ]
    ran = subprocess.run(
        [str(NODE), str(SCRIPT)],
        input="\n".join(lines).encode(),
        capture_output=True,
        timeout=120,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr.decode()
    return (_heard(json.loads(line)) for line in ran.stdout.splitlines())


def _heard(said: Any) -> Heard | str:
    if "error" in said:
        return str(said["error"])
    return Heard(
        tuple(said["text"]),
        tuple(said["reasoning"]),
        said["refusal"],
        tuple((name, given) for name, given in said["calls"]),
        said["finish"],
        Tokens(*said["usage"]) if said.get("usage") else None,
    )
