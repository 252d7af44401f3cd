"""Recorded answers of real providers, which live outside the project: LLMUX_CORPUS, default ../shared/corpus.

A test that needs them skips, and says why, where they are not.
"""

import functools
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, NamedTuple

import pytest

ROOT = Path(os.environ.get("LLMUX_CORPUS") or Path(__file__).parents[1] / "../shared/corpus").resolve()
Kind = Literal["exchange", "stream", "error"]
# For a test with one case a recording: without recordings it would be skipped for no reason that anyone understands.
needed = pytest.mark.skipif(not ROOT.is_dir(), reason=f"no recordings at {ROOT}: set LLMUX_CORPUS")


class Row(NamedTuple):
    """One recording. `document` is its whole file; see the README beside the recordings."""

    dialect: str
    kind: str
    name: str
    document: dict[str, Any]

    @property
    def request(self) -> dict[str, Any] | None:
        """The body of the request, when it was recorded as JSON."""
        body = (self.document["request"] or {}).get("body")
        return body if isinstance(body, dict) else None

    @property
    def status(self) -> int:
        return int(self.document["response"]["status"])

    @property
    def answer(self) -> bytes:
        """The body of the answer: the stream as it came, or its JSON anew."""
        response = self.document["response"]
        if "sse" in response:
            return str(response["sse"]).encode()
        return json.dumps(response["body"], ensure_ascii=False).encode()


def names(dialect: str, kind: Kind) -> list[str]:
    """The recordings there are, without reading them; none where there is no corpus."""
    return sorted(path.stem for path in (ROOT / dialect / kind).glob("*.json"))


@functools.cache
def row(dialect: str, kind: Kind, name: str) -> Row:
    return Row(dialect, kind, name, json.loads((ROOT / dialect / kind / f"{name}.json").read_bytes()))


def rows(dialect: str, kind: Kind) -> Iterator[Row]:
    """Every recording of `kind`. Skips the test where there is no corpus."""
    if not ROOT.is_dir():
        pytest.skip(f"no recordings at {ROOT}: set LLMUX_CORPUS")
    return (row(dialect, kind, name) for name in names(dialect, kind))
