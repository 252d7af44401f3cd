"""Parts of a message for a backend. What cannot be said is left out and told, or the request is refused.

A proof of reasoning goes back on the part that it came on, to its own maker only: see content.py for where it is kept.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from llmux.dialects.arguments import object_of
from llmux.dialects.gemini.content import SIGNATURE
from llmux.dialects.gemini.media import encode_inline, encode_pointer, encode_sound, guess
from llmux.dialects.gemini.schema import MAKER, NAME, SIGNS_NOTHING, SIGNS_TEXT
from llmux.dialects.losses import Losses
from llmux.dialects.names import original_id
from llmux.ir.capability import Profile, Target
from llmux.ir.content import (
    Audio,
    Document,
    Image,
    Inline,
    Link,
    Opaque,
    Part,
    Reasoning,
    ReasoningState,
    Refusal,
    SearchResult,
    Text,
    ToolCall,
    Written,
    restore,
)

Wire = dict[str, Any]


class Draft:
    """One request while it is encoded: whom it is for, whether it came in this dialect, and what it loses.

    `names` are the tools that are called otherwise on the wire.
    """

    __slots__ = ("losses", "maker", "names", "own", "profile")

    def __init__(self, target: Target, losses: Losses, *, own: bool, names: Mapping[str, str]) -> None:
        self.profile: Profile = target.profile
        self.maker = target.maker or MAKER
        self.own = own
        self.losses = losses
        self.names = names


Encode = Callable[[Any, Draft], list[Wire]]


def encode_parts(parts: Iterable[Part], draft: Draft) -> list[Wire]:
    """The parts of a message, with each proof on the part that it came on.

    Raises:
        Unsupported: a part cannot be said at all.
    """
    out: list[Wire] = []
    waiting: list[ReasoningState] = []  # proofs of the part that follows
    for part in parts:
        if isinstance(part, Reasoning):
            waiting += _reasoning(part, out, draft)
            continue
        encoded = _encode_part(part, draft)
        if waiting and encoded and _can_be_signed(encoded[0]):
            encoded[0] |= {SIGNATURE: waiting.pop(0).data}
        out += encoded
    return [*out, *({"text": "", SIGNATURE: state.data} for state in waiting)]


def _encode_part(part: Part, draft: Draft) -> list[Wire]:
    if part.cache:
        draft.losses.drop("cache_control")
    encoded = ENCODERS.get(type(part), _foreign)(part, draft)
    extra = restore(NAME, part.extra)
    if extra and encoded:
        merged = {name: _merged(encoded[0].get(name), value) for name, value in extra.items()}
        return [encoded[0] | merged, *encoded[1:]]
    return encoded


def _merged(ours: Any, theirs: Any) -> Any:
    return {**ours, **theirs} if isinstance(ours, dict) and isinstance(theirs, Mapping) else theirs


def _can_be_signed(wire: Wire) -> bool:
    return SIGNATURE not in wire and ("functionCall" in wire or "text" in wire)


def _reasoning(part: Reasoning, out: list[Wire], draft: Draft) -> list[ReasoningState]:
    """Reasoning goes back if it can prove where it comes from. What it proves of other parts: done, or returned."""
    own = [state for state in part.states if state.maker == draft.maker]
    signed = next((state for state in own if state.kind not in {SIGNS_TEXT, SIGNS_NOTHING}), None)
    if part.text and signed:
        out.append({"text": part.text, "thought": True, SIGNATURE: signed.data})
        own.remove(signed)
    elif part.text or len(own) < len(part.states):
        draft.losses.drop("reasoning.history")
    waiting: list[ReasoningState] = []
    for state in own:
        if state.kind == SIGNS_NOTHING:
            out.append({"text": "", SIGNATURE: state.data})
        elif state.kind == SIGNS_TEXT and out and "text" in out[-1] and _can_be_signed(out[-1]):
            out[-1][SIGNATURE] = state.data
        else:
            waiting.append(state)
    return waiting


def _said(part: Any, draft: Draft) -> list[Wire]:
    if part.citations:
        draft.losses.drop("citations")
    return [{"text": part.text}] if part.text else []


def _refusal(part: Any, draft: Draft) -> list[Wire]:
    draft.losses.approx("refusal")
    return [{"text": part.text}] if part.text else []


def _image(part: Any, draft: Draft) -> list[Wire]:
    if part.detail not in {None, "auto"}:
        draft.losses.drop("image.detail")
    return _media(part, draft)


def _media(part: Any, draft: Draft) -> list[Wire]:
    if isinstance(part.source, Inline):
        return [encode_inline(part.source)]
    if isinstance(part.source, Link) and guess(part.source.url) is None and not restore(NAME, part.extra):
        draft.losses.approx("media.link")
    return [encode_pointer(part.source, type(part), own=draft.own)]


def _document(part: Any, draft: Draft) -> list[Wire]:
    if part.citations:
        draft.losses.drop("citations")
    if not isinstance(part.source, Written | tuple):
        return _media(part, draft)
    draft.losses.approx("documents")
    heading = "\n".join(line for line in (part.title, part.context) if line)
    inner = (Text(text=part.source.text),) if isinstance(part.source, Written) else part.source
    return [*([{"text": heading}] if heading else []), *encode_parts(inner, draft)]


def _search_result(part: Any, draft: Draft) -> list[Wire]:
    if part.citations:
        draft.losses.drop("citations")
    heading = "\n".join(line for line in (part.title, part.source) if line)
    return [*([{"text": heading}] if heading else []), *encode_parts(part.content, draft)]


def _encode_call(part: Any, draft: Draft) -> list[Wire]:
    call: Wire = {
        "name": draft.names.get(part.name, part.name),
        "args": object_of(part),
    }
    if draft.profile.call_ids:
        call = {"id": original_id(part.id), **call}
    own = [state for state in part.states if state.maker == draft.maker]
    if len(own) < len(part.states):
        draft.losses.drop("reasoning.history")
    return [{"functionCall": call, **({SIGNATURE: own[0].data} if own else {})}]


def _foreign(part: Part, draft: Draft) -> list[Wire]:
    """What only its own dialect understands, and what has no place here."""
    if isinstance(part, Opaque) and part.dialect == NAME:
        return [dict(part.raw)]
    draft.losses.drop("foreign")
    return [{"text": part.text}] if isinstance(part, Opaque) and part.text else []


ENCODERS: Mapping[type[Part], Encode] = {
    Text: _said,
    Refusal: _refusal,
    Image: _image,
    Audio: lambda part, _: [encode_sound(part)],
    Document: _document,
    SearchResult: _search_result,
    ToolCall: _encode_call,
}
