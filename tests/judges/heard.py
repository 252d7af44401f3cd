"""What is heard in an answer, in words that all dialects share; and the stage on which the vendors' SDKs hear it.

Nothing here comes from llmux: its dialects are judged with it.
"""

import json
from collections.abc import Callable, Iterable, Iterator
from itertools import groupby
from typing import Any, NamedTuple

SSE = "text/event-stream"
JSON = "application/json"
MODEL = "asked"


class Tokens(NamedTuple):
    """`prompt` is the whole prompt, what was read from and written to a cache included; `output` includes reasoning."""

    prompt: int
    output: int
    cached: int
    written: int
    reasoning: int


class Heard(NamedTuple):
    """An answer. `text` and `reasoning` are runs: neighbours that nothing else stands between are one.

    `calls` are names with their arguments as JSON values, or as text where they are no JSON. `finish` is "end",
    "length", "tools" or "refused".
    """

    text: tuple[str, ...]
    reasoning: tuple[str, ...]
    refusal: str
    calls: tuple[tuple[str, Any], ...]
    finish: str
    usage: Tokens | None


Reader = Callable[[bytes], Heard]


class Judge(NamedTuple):
    """How one dialect is heard by its vendor's own SDK.

    `whole` and `stream` take what keeps to the wire in every point, and raise at anything else. `recorded_whole` and
    `recorded_stream` have the patience that the servers ask for who only nearly speak it.
    """

    whole: Reader
    stream: Reader
    recorded_whole: Reader
    recorded_stream: Reader


class Stage:
    """Answers every request with the same bytes: the network of a client that a judge holds on to."""

    def __init__(self, response: Callable[..., Any]) -> None:
        """`response`: the class of answers of the client's HTTP library."""
        self._response = response
        self.body = b""
        self.content_type = JSON

    def set(self, body: bytes, content_type: str) -> None:
        """From now on the answer is `body`."""
        self.body, self.content_type = body, content_type

    def __call__(self, _: Any) -> Any:
        """The answer; whatever was asked."""
        return self._response(200, headers={"content-type": self.content_type}, content=self.body)


def arguments(text: str) -> Any:
    """A call's arguments as a value, or as the text that they are."""
    try:
        return json.loads(text or "{}")
    except ValueError:
        return text


def runs(pieces: Iterable[tuple[str, str]], kind: str) -> tuple[str, ...]:
    """The runs of `kind` among `pieces`, which are pairs of kind and text in the order in which they came."""
    spoken = (
        "".join(text for _, text in group) for each, group in groupby(pieces, lambda piece: piece[0]) if each == kind
    )
    return tuple(text for text in spoken if text)


def finished(word: str, calls: object) -> str:
    """Why an answer ended, where half of the wires do not say that they wait for a tool."""
    if word in {"end", "tools"}:
        return "tools" if calls else "end"
    return word


def sse_events(body: bytes) -> Iterator[Any]:
    """The JSON values of a stream's frames, read as plainly as can be."""
    for frame in body.replace(b"\r\n", b"\n").split(b"\n\n"):
        data = b"\n".join(line[5:].strip() for line in frame.split(b"\n") if line.startswith(b"data:"))
        if data and data != b"[DONE]":
            yield json.loads(data)
