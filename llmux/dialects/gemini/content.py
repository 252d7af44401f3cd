"""Parts of a message, as they come from clients and backends. It knows no message and no request.

A proof of reasoning (thoughtSignature) must go back on the part that it came on. On a call, or on reasoning that can
be seen, it is a state of that part. Text has no states in the IR: there it becomes reasoning without words, behind the
text, and its kind says where it belongs. On any other part it stays with what only Google understands.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from msgspec.structs import replace

from llmux.dialects.gemini.calls import decode_arguments
from llmux.dialects.gemini.media import decode_blob, decode_file
from llmux.dialects.gemini.reasoning import decode_signature
from llmux.dialects.gemini.schema import NAME, SIGNS_NOTHING, SIGNS_TEXT
from llmux.dialects.shape import Fields
from llmux.ir.content import Extra, Opaque, Part, Reasoning, Text, ToolCall, keep

Wire = dict[str, Any]

SIGNATURE = "thoughtSignature"
TEXT_PART = frozenset({"text"})
KNOWN_OF_TEXT = frozenset({"text", "thought", SIGNATURE})
KNOWN_OF_CALL = frozenset({"functionCall", SIGNATURE})
CALL = frozenset({"id", "name", "args"})
# Kinds of states that are no proof of the reasoning in front of them.
APART = frozenset({SIGNS_TEXT, SIGNS_NOTHING, "redacted"})


def decode_part(part: Fields, spare_id: str) -> tuple[Part, ...]:
    """What one part says: nothing, one thing, or a text and the proof on it. `spare_id` is for a call that has none.

    Raises:
        BadRequest: it has another shape.
    """
    document = part.document
    if document.keys() == TEXT_PART and isinstance(document["text"], str):
        return (Text(text=document["text"]),) if document["text"] else ()  # nearly always
    for name, decode in DECODERS.items():
        if document.get(name) is not None:
            return decode(part, spare_id)
    told = document.keys() - {SIGNATURE, "thought"}
    return (Opaque(dialect=NAME, raw=document),) if told else _text(part, spare_id)


def _text(part: Fields, _spare_id: str) -> tuple[Part, ...]:
    text, signature = part.text("text") or "", part.text(SIGNATURE)
    if part.flag("thought"):
        states = decode_signature(signature)
        return (Reasoning(text=text, states=states),) if text or states else ()
    states = decode_signature(signature, SIGNS_TEXT if text else SIGNS_NOTHING)
    said = (Text(text=text, extra=keep(NAME, part.document, KNOWN_OF_TEXT)),) if text else ()
    return (*said, Reasoning(states=states)) if states else said


def _call(part: Fields, spare_id: str) -> tuple[Part, ...]:
    call = _inner(part, "functionCall")
    extra = keep(NAME, part.document, KNOWN_OF_CALL)
    if more := keep(NAME, call.document, CALL):
        extra = Extra(NAME, {**(extra.fields if extra else {}), "functionCall": more.fields})
    args = call.object("args")
    return (
        ToolCall(
            id=call.text("id") or spare_id,
            name=call.need_text("name"),
            arguments=decode_arguments(args.document if args else None),
            states=decode_signature(part.text(SIGNATURE)),
            extra=extra,
        ),
    )


def _inner(part: Fields, name: str) -> Fields:
    return Fields(part.document[name], part.at(name))


def _inline(part: Fields, _spare_id: str) -> tuple[Part, ...]:
    return (
        decode_blob(_inner(part, "inlineData"), part.document, keep(NAME, part.document, frozenset({"inlineData"}))),
    )


def _file(part: Fields, _spare_id: str) -> tuple[Part, ...]:
    return (decode_file(_inner(part, "fileData"), part.document, keep(NAME, part.document, frozenset({"fileData"}))),)


def _code(part: Fields, _spare_id: str) -> tuple[Part, ...]:
    code = _inner(part, "executableCode")
    language = (code.text("language") or "").lower()
    return (Opaque(dialect=NAME, raw=part.document, text=f"```{language}\n{code.text('code') or ''}\n```"),)


def _outcome(part: Fields, _spare_id: str) -> tuple[Part, ...]:
    result = _inner(part, "codeExecutionResult")
    return (Opaque(dialect=NAME, raw=part.document, text=f"```\n{result.text('output') or ''}\n```"),)


DECODERS: Mapping[str, Callable[[Fields, str], tuple[Part, ...]]] = {
    "text": _text,
    "functionCall": _call,
    "inlineData": _inline,
    "fileData": _file,
    "executableCode": _code,
    "codeExecutionResult": _outcome,
}


def decode_media(parts: Iterable[Fields]) -> tuple[Part, ...]:
    """The pictures and files within a function's response."""
    return tuple(said for part in parts for said in decode_part(part, ""))


def joined(parts: Iterable[Part]) -> tuple[Part, ...]:
    """The parts of one answer, with the pieces that it was streamed in put together: texts, and reasoning up to its
    proof. Clients keep the pieces apart, and send them back so.
    """
    whole: list[Part] = []
    texts: list[str] = []  # of the last part, which is made once it is over
    for part in parts:
        if not texts or not _continues(whole[-1], part):
            _close(whole, texts)
            whole.append(part)
        elif isinstance(part, Reasoning):
            whole[-1] = replace(whole[-1], states=part.states)
        if isinstance(part, Text | Reasoning):
            texts.append(part.text)
    _close(whole, texts)
    return tuple(whole)


def _close(whole: list[Part], texts: list[str]) -> None:
    if len(texts) > 1:
        whole[-1] = replace(whole[-1], text="".join(texts))
    texts.clear()


def _continues(last: Part, part: Part) -> bool:
    if isinstance(last, Text) and isinstance(part, Text):
        return last.extra is None and part.extra is None
    if isinstance(last, Reasoning) and isinstance(part, Reasoning):
        return not last.states and all(state.kind not in APART for state in part.states)
    return False
