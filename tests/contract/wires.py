"""From wire to wire: what a client hears of a backend's stream, and what a backend is sent of a client's request.

The words of each backend's wire are written here as short as they can be, so that a test shows what it is about.
"""

import functools
from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from llmux.config.tables import Tables, builtin
from llmux.dialects.base import NOWHERE, SAME, Address, AnswerForm, Names
from llmux.dialects.registry import TABLE
from llmux.errors import GatewayError
from llmux.gateway.outbound import Outgoing, Recipient, prepare
from llmux.ir.capability import Profile, Target
from llmux.ir.content import Part
from llmux.ir.events import Event, StreamError
from llmux.ir.fold import fold
from llmux.ir.grammar import check
from llmux.ir.response import Response
from llmux.responder import Context
from llmux.routing.catalog import Backend
from tests.amount import cut
from tests.judges.heard import Heard, sse_events
from tests.judges.table import JUDGES
from tests.laws.lanes import FORM, hear, tell
from tests.scripted import chunk

Wire = dict[str, Any]

# Every byte alone, in sevens, and at once: what is heard must not depend on it.
CUTS = (1, 7, 1 << 30)
DONE = "[DONE]"
STOP = chunk({}, "stop")
# A model of which nothing is known.
PLAIN = Target("m")


# --- what backends say -----------------------------------------------------------------------------------------------


def says(text: str) -> Wire:
    """A chunk of a chat completion: text."""
    return chunk({"content": text})


def thinks(text: str) -> Wire:
    """Reasoning, as most servers of OpenAI's wire spell it."""
    return chunk({"reasoning_content": text})


def calls(*entries: Wire) -> Wire:
    """A chunk with fragments of tool calls."""
    return chunk({"tool_calls": list(entries)})


def call(arguments: Any, name: str | None = None, **more: Any) -> Wire:
    """A fragment of a tool call."""
    return {**more, "function": {"arguments": arguments} | ({"name": name} if name else {})}


def claude(*blocks: Wire, finish: str = "end_turn", usage: Wire | None = None) -> list[Wire]:
    """The events of Claude's stream: whole blocks, each with all its text in one delta."""
    begin = {"id": "msg_1", "type": "message", "role": "assistant", "model": "m", "content": [],
             "usage": {"input_tokens": 3, "output_tokens": 1}}  # fmt: skip
    end = {"type": "message_delta", "delta": {"stop_reason": finish}, "usage": usage or {"output_tokens": 2}}
    middle = [event for index, block in enumerate(blocks) for event in _claude_block(index, block)]
    return [{"type": "message_start", "message": begin}, *middle, end, {"type": "message_stop"}]


# Type of block -> the field that deltas fill, the delta's type, the delta's own field.
_DELTAS = {
    "text": ("text", "text_delta", "text"),
    "thinking": ("thinking", "thinking_delta", "thinking"),
    "tool_use": ("input", "input_json_delta", "partial_json"),
}


def _claude_block(index: int, block: Wire) -> list[Wire]:
    field, kind, name = _DELTAS[block["type"]]
    said, signature = block[field], block.get("signature")
    empty = block | {field: {} if field == "input" else ""} | ({"signature": ""} if signature else {})
    deltas = [{"type": kind, name: said}] if said else []
    deltas += [{"type": "signature_delta", "signature": signature}] if signature else []
    return [
        {"type": "content_block_start", "index": index, "content_block": empty},
        *({"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas),
        {"type": "content_block_stop", "index": index},
    ]


def responses(*events: Wire, status: str = "completed", **more: Any) -> list[Wire]:
    """The events of a Responses stream between its first and its last."""
    begin = {"type": "response.created", "response": {"id": "resp_1", "model": "m"}}
    end = {"type": f"response.{status}", "response": {"id": "resp_1", "status": status, **more}}
    return [begin, *events, end]


def item(kind: str, at: int = 0, **fields: Any) -> tuple[Wire, Wire]:
    """The two events around an item of a Responses stream."""
    begun = {"type": kind, "id": f"{kind}_{at}", **fields}
    return (
        {"type": "response.output_item.added", "output_index": at, "item": begun},
        {"type": "response.output_item.done", "output_index": at, "item": begun},
    )


def gemini(*parts: Wire, finish: str | None = None, **more: Any) -> Wire:
    """A chunk of Gemini's."""
    candidate = {"content": {"parts": [*parts], "role": "model"}, "index": 0}
    ending = {"finishReason": finish} if finish else {}
    return {"candidates": [candidate | ending], "modelVersion": "m", "responseId": "r", **more}


def ollama(message: Wire, *, done: str | None = None) -> Wire:
    """A line of Ollama's."""
    ending = {"done": True, "done_reason": done, "prompt_eval_count": 3, "eval_count": 2} if done else {"done": False}
    return {"model": "m", "created_at": "2026-01-01T00:00:00Z", "message": {"role": "assistant", **message}, **ending}


# --- what is heard of it ---------------------------------------------------------------------------------------------


def framed(dialect: str, *documents: Wire | str) -> bytes:
    """`documents` in the framing of `dialect`; a string is sent as it is."""
    frame = b"%b\n" if dialect == "ollama" else b"data: %b\n\n"
    return b"".join(frame % (each.encode() if isinstance(each, str) else orjson.dumps(each)) for each in documents)


def heard(dialect: str, *documents: Wire | str | bytes, names: Names = SAME) -> Sequence[Event]:
    """The events of a backend's stream, which are in order, and the same however the network cuts it."""
    stream = b"".join(each if isinstance(each, bytes) else framed(dialect, each) for each in documents)
    told = [hear(TABLE[dialect].decoder(names), cut(stream, size)) for size in CUTS]
    assert told[0] == told[1] == told[2]
    return list(check(told[0]))


def answer(dialect: str, *documents: Wire | str | bytes, names: Names = SAME) -> Response:
    """The whole answer that a backend's stream holds."""
    return fold(heard(dialect, *documents, names=names))


def parts(dialect: str, *documents: Wire | str | bytes, names: Names = SAME) -> tuple[Part, ...]:
    return answer(dialect, *documents, names=names).parts


def failure(dialect: str, *documents: Wire | str | bytes) -> GatewayError:
    """What the stream fails with, as it must."""
    last = heard(dialect, *documents)[-1]
    assert isinstance(last, StreamError), last
    return last.error


def told(client: str, events: Sequence[Event], form: AnswerForm = FORM) -> list[Wire]:
    """The documents that a client of `client` gets, one by one."""
    stream = tell(TABLE[client], events, form)
    return [orjson.loads(line) for line in stream.splitlines()] if client == "ollama" else list(sse_events(stream))


def by_its_sdk(client: str, events: Sequence[Event]) -> Heard:
    """What the vendor's own SDK hears."""
    return JUDGES[client].stream(tell(TABLE[client], events))


def blocks(frames: Sequence[Wire]) -> list[tuple[str, str]]:
    """Type and text of every block of Claude's stream, which is as Claude Code wants it.

    One start; blocks counted from 0 without a gap, one open at a time; only deltas of a block's own type.
    """
    assert [frame["type"] for frame in frames].count("message_start") == 1
    told: list[tuple[str, str]] = []
    is_open = False
    for frame in frames:
        match frame["type"]:
            case "content_block_start":
                assert (frame["index"], is_open) == (len(told), False)
                told.append((frame["content_block"]["type"], ""))
                is_open = True
            case "content_block_delta":
                assert (frame["index"], is_open) == (len(told) - 1, True)
                told[-1] = _grown(*told[-1], frame["delta"])
            case "content_block_stop":
                assert (frame["index"], is_open) == (len(told) - 1, True)
                is_open = False
            case "message_delta":
                assert not is_open
    return told


def _grown(kind: str, text: str, delta: Wire) -> tuple[str, str]:
    if delta["type"] == "signature_delta":
        assert kind == "thinking"
        return kind, text
    _, fitting, field = _DELTAS[kind]
    assert delta["type"] == fitting
    return kind, text + delta[field]


# --- what is asked ---------------------------------------------------------------------------------------------------


@functools.cache
def tables() -> Tables:
    """What llmux knows of providers and models."""
    return builtin()


def known(dialect: str, provider: str, model: str) -> Target:
    """`model`, asked in `dialect` at `provider`, with all that llmux knows of it."""
    row = tables().providers.get(provider)
    return Target(model, tables().profile(dialect, provider, model), (row and row.maker) or provider)


def able(**fields: Any) -> Target:
    """A model that accepts what `fields` of its profile say."""
    return Target("m", Profile(**fields))


def outgoing(client: str, body: Mapping[str, Any], backend: str, to: Target = PLAIN, at: Address = NOWHERE) -> Outgoing:
    """What a backend is sent of a client's request, in whichever lane it takes."""
    request = TABLE[client].decode_request(orjson.dumps(body), at)
    asked_of = Backend(name="b", provider="p", model=to.model, dialect=backend, profile=to.profile)
    return prepare(request, Context("r1"), Recipient(asked_of, TABLE[backend], to.profile, to.maker))


def sent(client: str, body: Mapping[str, Any], backend: str, to: Target = PLAIN, at: Address = NOWHERE) -> Wire:
    """The body of it."""
    return orjson.loads(outgoing(client, body, backend, to, at).body)  # type: ignore[no-any-return]


def asked(dialect: str, *messages: Wire, **more: Any) -> Wire:
    """A request of a client of Claude's, OpenAI's chat or Ollama's."""
    limit = {"max_tokens": 1000} if dialect == "claude" else {}
    return {"model": "m", **limit, "messages": list(messages), **more}


def user(content: Any = "hi") -> Wire:
    return {"role": "user", "content": content}


def assistant(content: Any, **more: Any) -> Wire:
    return {"role": "assistant", "content": content, **more}
