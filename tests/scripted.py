"""A backend that plays a script: what it does when it is asked, answer by answer, without a socket or a clock."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import orjson

from llmux.errors import BackendCut, GatewayError
from llmux.transports.base import Call

SSE = {"content-type": "text/event-stream"}
JSON = {"content-type": "application/json"}


class Break:
    """The connection breaks here."""


class Silence:
    """Nothing more comes; the connection stays open."""


@dataclass
class Script:
    """One answer: a failure to connect, or a head and what follows it."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=lambda: SSE)
    steps: Sequence[bytes | Break | Silence] = ()
    raises: GatewayError | None = None


class ScriptedReply:
    def __init__(self, script: Script) -> None:
        self.status, self.headers = script.status, script.headers
        self._steps = list(script.steps)
        self._error: GatewayError | None = None
        self._aborted = asyncio.Event()
        self.closed = False

    async def read(self) -> bytes:
        if self._error is not None:
            raise self._error
        if not self._steps:
            return b""
        step = self._steps.pop(0)
        if isinstance(step, Break):
            raise BackendCut("broken")
        if isinstance(step, Silence):
            await self._aborted.wait()
            if self._error is not None:
                raise self._error
            return await self.read()
        return step

    def wake(self, *steps: bytes) -> None:
        """The silence is over: this is what comes now."""
        self._steps = list(steps)
        self._aborted.set()

    def abort(self, error: GatewayError) -> None:
        self._error = error
        self._aborted.set()

    def close(self) -> None:
        self.closed = True


class ScriptedTransport:
    """Plays its scripts in order; the last one again and again. `calls` are the requests it was sent."""

    def __init__(self, *scripts: Script) -> None:
        self.scripts = list(scripts)
        self.calls: list[Call] = []
        self.replies: list[ScriptedReply] = []

    async def open(self, call: Call, patience: float) -> ScriptedReply:
        self.calls.append(call)
        script = self.scripts.pop(0) if len(self.scripts) > 1 else self.scripts[0]
        if script.raises is not None:
            raise script.raises
        reply = ScriptedReply(script)
        self.replies.append(reply)
        return reply

    async def close(self) -> None:
        pass


def sse(*documents: object) -> bytes:
    """Documents as unnamed events; a string is sent as it is."""
    return b"".join(b"data: %b\n\n" % (d.encode() if isinstance(d, str) else orjson.dumps(d)) for d in documents)


def chunk(delta: Mapping[str, object], finish: str | None = None) -> dict[str, object]:
    """A chunk of a chat completion."""
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "m",
        "choices": [{"index": 0, "delta": delta, "finish_reason": finish}],
    }


def chat_stream(text: str) -> bytes:
    """A whole, clean stream that says `text`."""
    usage = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
    last = {**chunk({}), "choices": [], "usage": usage}
    first = chunk({"role": "assistant", "content": ""})
    return sse(first, chunk({"content": text}), chunk({}, "stop"), last, "[DONE]")


def failure(status: int, message: str = "no", **headers: str) -> Script:
    """An HTTP error in OpenAI's shape."""
    body = orjson.dumps({"error": {"message": message, "type": "x", "code": None}})
    return Script(status, JSON | headers, [body])
