"""Kept answers in OpenAI's words: conversations as items, pages of them, and summaries that travel in an item.

Everything here is JSON in and JSON out; what the items mean is for the codec.

Reference: https://platform.openai.com/docs/api-reference/responses (read 2026-11)
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
import orjson

from llmux.dialects import document as documents
from llmux.dialects.envelope import seal, unseal
from llmux.dialects.keeping import Answered, Compacting, Document, Item, Keeping, Kept
from llmux.dialects.shape import Fields, refuse
from llmux.errors import BadRequest, GatewayError
from llmux.ir.content import ReasoningState
from llmux.ir.request import Original
from llmux.wire.sse import SseFramer, parse

INBOUND = ("/v1/responses", "/responses")

# What an answer has come to when a conversation can go on from it.
GOOD = frozenset({"completed", "incomplete"})
ENDS = frozenset({"response.completed", "response.incomplete"})
ITEM_DONE = b"response.output_item.done"

PREVIOUS = "previous_response_id"
ENCRYPTED = "reasoning.encrypted_content"
TRIGGER = "compaction_trigger"
COMPACTION = "compaction"

# A page of items: how many there are unless the client says so, and at most.
PAGE, LONGEST_PAGE = 20, 100
PREFIXES = {"message": "msg", "function_call": "fc", "function_call_output": "fco", "reasoning": "rs"}

# Whose envelope a summary is in, and what it is.
OURS, SUMMARY = "llmux", "summary"
INSTRUCTION = (
    "The conversation so far is about to be replaced by your summary of it, and you will go on from that alone. Write "
    "the summary now: what the user wants, in their own words where they matter; what has been decided and why; what "
    "has been done, with the names of files, commands and values that are still needed; what failed; what is left to "
    "do, and the very next step. Leave out what no longer matters. Call no tools. Answer with the summary only."
)
SUMMED_UP = "The conversation until here was replaced by this summary of it:\n\n{}"

# Fields of a request that would shape the summary as if it were the answer.
SHAPING = ("text", "max_output_tokens", "stop", "background", "stream_options", "max_tool_calls")

_raw = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


class _End(msgspec.Struct):
    """An event of a stream, as far as it matters here. `response` is left as it came."""

    type: str = ""
    response: msgspec.Raw = msgspec.Raw(b"null")
    item: Any = None


class _Response(msgspec.Struct):
    """An answer, as far as it matters here. Some servers leave out the status of what is complete."""

    id: str = ""
    status: str | None = None
    output: list[Any] = []


_event = msgspec.json.Decoder(_End).decode
_response = msgspec.json.Decoder(_Response).decode


# --- conversations as items ------------------------------------------------------------------------------------------


def told(document: Document) -> list[Item]:
    """What a request tells the model by itself, as items: its instructions are none, and neither is a trigger."""
    given = document.get("input")
    if isinstance(given, str):
        return [_message(given)]
    return [item for item in given or () if not _is(item, TRIGGER)]


def is_folded(document: Document) -> bool:
    """Whether a summary of ours stands in a request."""
    given = document.get("input")
    if not isinstance(given, list):
        return False
    compactions = [item for item in given if isinstance(item, dict) and item.get("type") == COMPACTION]
    return any(_summary(item) is not None for item in compactions)


def go_on(document: Document, earlier: Sequence[Item]) -> Document:
    """A request that has the `earlier` items in front of its own, and in which no summary is folded."""
    changed = {name: value for name, value in document.items() if name != PREVIOUS}
    trigger = [{"type": TRIGGER}] if is_compaction_asked(document) else []
    return {**changed, "input": [*map(_unfold, [*earlier, *told(document)]), *trigger]}


def unkept(original: Original) -> Original:
    """The client's own request, told not to be kept by its backend. Then reasoning has to come back with the client."""
    changes: dict[str, Any] = {"store": False}
    include = original.document.get("include") or []
    if original.document.get("reasoning") and isinstance(include, list) and ENCRYPTED not in include:
        changes["include"] = [*include, ENCRYPTED]
    own = original.document if original.repaired else _raw(original.body)
    body = msgspec.json.encode({**own, **changes})
    return msgspec.structs.replace(original, body=body, document={**original.document, **changes})


def _message(text: str) -> Item:
    return {"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]}


def _is(item: Item, kind: str) -> bool:
    return isinstance(item, dict) and item.get("type") == kind


def _unfold(item: Item) -> Item:
    summary = _summary(item)
    return item if summary is None else _message(SUMMED_UP.format(summary))


def _summary(item: Item) -> str | None:
    """The summary that an item of ours carries."""
    if not _is(item, COMPACTION) or not isinstance(item.get("encrypted_content"), str):
        return None
    sealed = unseal(item["encrypted_content"])
    return sealed.data if sealed and (sealed.maker, sealed.kind) == (OURS, SUMMARY) else None


# --- answers ---------------------------------------------------------------------------------------------------------


def answered(data: bytes, stream: bool) -> Answered | None:
    """The answer in `data`, which is what a client heard; None when it is none that a conversation can go on from."""
    try:
        raw = _last(data) if stream else data
        response = _response(raw)
        said = orjson.dumps(response.output or (_on_the_way(data) if stream else []))
    except (msgspec.MsgspecError, GatewayError, UnicodeDecodeError, TypeError, RecursionError):
        return None
    if not response.id or response.status not in {*GOOD, None}:
        return None
    return Answered(response.id, raw, said)


def _last(data: bytes) -> bytes:
    """The response that ends a stream, as it came. It is in one of the last frames, and no other is read for it."""
    for block in reversed(_blocks(data)):
        _, frame = parse(block)
        if b'"response":' in frame and (event := _event(frame)).type in ENDS:
            return bytes(event.response)
    return b"null"


def _on_the_way(data: bytes) -> list[Item]:
    """The items that a stream has told one by one: some servers tell them only there."""
    frames = (parse(block)[1] for block in _blocks(data) if ITEM_DONE in block)
    events = [_event(frame) for frame in frames if frame.startswith(b"{")]
    return [event.item for event in events if event.type == ITEM_DONE.decode()]


def _blocks(data: bytes) -> list[bytes]:
    """The frames of a whole stream, unread."""
    return SseFramer().blocks(data if data.endswith((b"\n\n", b"\r\n\r\n")) else data + b"\n\n")


def deleted(answer_id: str) -> bytes:
    """What is said when an answer has been forgotten."""
    return orjson.dumps({"id": answer_id, "object": "response", "deleted": True})


def items(answer_id: str, kept: Kept, query: Mapping[str, str]) -> bytes:
    """A page of what the model was told, the latest first unless the client wants it otherwise.

    Raises:
        BadRequest: the query asks for a page that cannot be.
    """
    order, limit = query.get("order", "desc"), query.get("limit", str(PAGE))
    if order not in {"asc", "desc"}:
        refuse("order", "asc or desc")
    if not limit.isdecimal() or not 1 <= int(limit) <= LONGEST_PAGE:
        refuse("limit", f"a number from 1 to {LONGEST_PAGE}")
    listed = list(_listed(answer_id, orjson.loads(kept.told)))
    if order == "desc":
        listed.reverse()
    rest = _after(listed, query.get("after"))
    page = rest[: int(limit)]
    ids = [item["id"] for item in page] or [""]
    return orjson.dumps(
        {"object": "list", "data": page, "first_id": ids[0], "last_id": ids[-1], "has_more": len(rest) > len(page)}
    )


def _after(listed: list[dict[str, Any]], item_id: str | None) -> list[dict[str, Any]]:
    if item_id is None:
        return listed
    at = next((at for at, item in enumerate(listed) if item["id"] == item_id), None)
    if at is None:
        raise BadRequest(f"There is no item with id '{item_id}'.", param="after")
    return listed[at + 1 :]


def _listed(answer_id: str, told_items: Iterable[Item]) -> Iterable[dict[str, Any]]:
    """The items in the long form, each with an id: its own, or one that follows from its place."""
    for number, item in enumerate(told_items):
        kind = item.get("type") or "message"
        spare = hashlib.sha256(f"{answer_id}:{number}".encode()).hexdigest()[:40]
        whole = {"id": f"{PREFIXES.get(kind, 'item')}_{spare}", "type": kind, **item}
        if kind == "message":
            whole = {"status": "completed", **whole, "content": _content(item)}
        yield whole


def _content(message: Mapping[str, Any]) -> Any:
    content = message.get("content")
    if not isinstance(content, str):
        return content
    if message.get("role") == "assistant":
        return [{"type": "output_text", "text": content, "annotations": []}]
    return [{"type": "input_text", "text": content}]


# --- summaries -------------------------------------------------------------------------------------------------------


def is_compaction_asked(document: Document) -> bool:
    """Whether a request asks for its conversation to be made shorter: it ends in a trigger, as Codex sends it."""
    given = document.get("input")
    return isinstance(given, list) and bool(given) and _is(given[-1], TRIGGER)


def decode_compact(body: bytes) -> bytes:
    """What was sent to /responses/compact, as a request that asks for the same.

    Raises:
        BadRequest: it is no JSON object, or its input is no input.
    """
    document, _ = documents.read(body)
    given = document.get("input")
    if given is not None and not isinstance(given, str | list):
        refuse("input", "a string or an array of items")
    Fields(document).need_text("model")
    asked = {**document, "input": [*told(document), {"type": TRIGGER}], "store": False, "stream": False}
    return orjson.dumps(asked)


def ask_summary(document: Document) -> Document:
    """The request that has the model write the summary. What stands before the question stays: it may be cached."""
    changed = {name: value for name, value in document.items() if name not in SHAPING}
    if document.get("tools"):
        changed["tool_choice"] = "none"
    return {**changed, "input": [*told(document), _message(INSTRUCTION)]}


def compaction(summary: str, item_id: str) -> Item:
    """The item that carries a summary."""
    sealed = seal(ReasoningState(OURS, SUMMARY, summary))
    return {"id": f"cmp_{item_id}", "type": COMPACTION, "encrypted_content": sealed}


def encode_compacted(items_told: Sequence[Item], answer: bytes) -> bytes:
    """What /responses/compact gives: the user's messages, then the item. `answer` is the one that holds it."""
    response = orjson.loads(answer)
    users = [item for item in items_told if item.get("role") == "user"]
    output = [*_listed(response["id"], users), *(item for item in response["output"] if _is(item, COMPACTION))]
    about = {name: response[name] for name in ("id", "created_at")}
    return orjson.dumps({**about, "object": "response.compaction", "output": output, "usage": response["usage"]})


KEEPING = Keeping(
    inbound=INBOUND,
    told=told,
    is_folded=is_folded,
    go_on=go_on,
    unkept=unkept,
    answered=answered,
    items=items,
    deleted=deleted,
    compacting=Compacting(
        inbound=tuple(f"{path}/compact" for path in INBOUND),
        is_asked=is_compaction_asked,
        decode=decode_compact,
        ask=ask_summary,
        item=compaction,
        encode=encode_compacted,
    ),
)
