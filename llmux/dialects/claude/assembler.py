"""The content blocks of a stream -> parts, one open at a time. It knows neither frames nor messages.

Blocks that have no mark of their end, deltas without a start, and starts that hold content already are all taken:
servers that only claim the dialect send them.
"""

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import msgspec
import orjson
from msgspec.structs import replace

from llmux.dialects.base import Names
from llmux.dialects.claude.answer import client_call
from llmux.dialects.claude.content import citation, decode_part, states
from llmux.dialects.claude.schema import DIALECT
from llmux.dialects.freetext import unwrap
from llmux.dialects.shape import Fields
from llmux.errors import BackendGarbled, BadRequest
from llmux.ir.content import Opaque, Part, Reasoning, Text, ToolCall
from llmux.ir.events import Event, PartCitation, PartDelta, PartEnd, PartStart, PartState

Wire = dict[str, Any]


class TextDelta(msgspec.Struct, tag="text_delta", gc=False):
    """More of a text."""

    text: str


class ThinkingDelta(msgspec.Struct, tag="thinking_delta", rename={"text": "thinking"}, gc=False):
    """More of the reasoning."""

    text: str


class JsonDelta(msgspec.Struct, tag="input_json_delta", rename={"text": "partial_json"}, gc=False):
    """More of a call's arguments."""

    text: str


class BlockDelta(msgspec.Struct, tag="content_block_delta", gc=False):
    """A delta that says more of the open block: nearly every frame of a stream."""

    index: int
    delta: TextDelta | ThinkingDelta | JsonDelta


class Block:
    """An open block."""

    __slots__ = ("expects", "held", "index", "part", "pieces", "raw")

    def __init__(self, index: int, part: Part, expects: type | None = None, raw: Wire | None = None) -> None:
        self.index = index  # the wire's
        self.part = part  # empty
        self.expects = expects  # the delta that says more of it; None: each is to be looked at
        self.raw = raw  # of a block that only Claude understands: it is told whole, at its end
        self.held = ""  # arguments that came with the start, and count unless others follow
        self.pieces: list[str] = []  # arguments that can only be read whole


NONE_OPEN = Block(-1, Text())


class Assembler:
    """The parts of one answer. Each method appends the events that follow to `out`."""

    __slots__ = ("_names", "block", "calls", "index")

    def __init__(self, names: Names) -> None:
        self._names = names
        self.block = NONE_OPEN
        self.index = 0  # of the open part, or the next one
        self.calls = False

    def start(self, out: list[Event], document: Wire) -> None:
        """content_block_start.

        Raises:
            BackendGarbled: the block has the wrong shape.
        """
        self.stop(out)
        raw, index = document.get("content_block"), document.get("index")
        try:
            block = Fields(raw)
            part = decode_part(block)
        except BadRequest:
            raise BackendGarbled("The backend began a block that has the wrong shape.") from None
        index = index if isinstance(index, int) else self.index
        if opener := self._OPENERS.get(type(part)):
            opener(self, out, index, part)
        else:
            self.block = Block(index, part, raw=dict(block.document))

    def delta(self, out: list[Event], document: Wire) -> None:
        """content_block_delta.

        Raises:
            BackendGarbled: it is no object, or says more of a call that has not begun.
        """
        delta = document.get("delta")
        if not isinstance(delta, dict):
            raise BackendGarbled("The backend sent a delta that is no object.")
        index = document.get("index", self.block.index)
        if self.block.raw and index == self.block.index:
            _add(delta, self.block.raw, self.block.pieces)
        elif step := self._DELTAS.get(str(delta.get("type"))):
            step(self, out, index, delta)

    def stop(self, out: list[Event]) -> None:
        """content_block_stop, or what implies it. Harmless when no block is open."""
        block = self.block
        if block is NONE_OPEN:
            return
        if block.raw:
            raw = _whole(block.raw, "".join(block.pieces))
            out.append(PartStart(self.index, Opaque(dialect=DIALECT, raw=raw)))
        elif arguments := block.held or "".join(block.pieces):
            custom = isinstance(block.part, ToolCall) and block.part.kind == "custom"
            out.append(PartDelta(self.index, unwrap(arguments) if custom else arguments))
        out.append(PartEnd(self.index))
        self.index += 1
        self.block = NONE_OPEN

    # --- starts

    def _open(self, out: list[Event], block: Block, text: str = "") -> None:
        self.block = block
        out.append(PartStart(self.index, block.part))
        if text:
            out.append(PartDelta(self.index, text))

    def _open_text(self, out: list[Event], index: int, part: Text) -> None:
        self._open(out, Block(index, replace(part, text="", citations=()), TextDelta), part.text)
        out += [PartCitation(self.index, cited) for cited in part.citations]

    def _open_reasoning(self, out: list[Event], index: int, part: Reasoning) -> None:
        if any(state.kind == "redacted" for state in part.states):  # it has no text, and comes whole
            self._open(out, Block(index, part))
            return
        self._open(out, Block(index, replace(part, text="", states=()), ThinkingDelta), part.text)
        out += [PartState(self.index, state) for state in part.states]

    def _open_call(self, out: list[Event], index: int, part: ToolCall) -> None:
        self.calls = True
        block = Block(index, client_call(replace(part, arguments=""), self._names))
        block.held = part.arguments
        self._open(out, block)

    # --- deltas

    def _add_text(self, out: list[Event], index: int, delta: Wire) -> None:
        self._grow(out, Block(index, Text(), TextDelta), delta.get("text"))

    def _add_thinking(self, out: list[Event], index: int, delta: Wire) -> None:
        self._grow(out, Block(index, Reasoning(), ThinkingDelta), delta.get("thinking"))

    def _add_signature(self, out: list[Event], index: int, delta: Wire) -> None:
        self._grow(out, Block(index, Reasoning(), ThinkingDelta), "")
        out += [PartState(self.index, state) for state in states("signature", str(delta.get("signature") or ""))]

    def _add_citation(self, out: list[Event], index: int, delta: Wire) -> None:
        self._grow(out, Block(index, Text(), TextDelta), "")
        if isinstance(raw := delta.get("citation"), dict):
            out.append(PartCitation(self.index, citation(raw)))

    def _grow(self, out: list[Event], block: Block, text: Any) -> None:
        """More of the open block, if `block` is like it; else that one is opened: it was not begun."""
        if self.block.index != block.index or self.block.expects is not block.expects:
            self.stop(out)
            self._open(out, block)
        if isinstance(text, str) and text:
            out.append(PartDelta(self.index, text))

    def _add_json(self, out: list[Event], index: int, delta: Wire) -> None:
        block, text = self.block, delta.get("partial_json")
        if block.index != index or not isinstance(block.part, ToolCall):
            raise BackendGarbled("The backend sent arguments without a call.")
        if not isinstance(text, str) or not text:
            return
        block.held = ""
        if block.part.kind == "custom":
            block.pieces.append(text)
        else:
            block.expects = JsonDelta
            out.append(PartDelta(self.index, text))

    _OPENERS: ClassVar[Mapping[type[Part], Callable[["Assembler", list[Event], int, Any], None]]] = {
        Text: _open_text,
        Reasoning: _open_reasoning,
        ToolCall: _open_call,
    }

    _DELTAS: ClassVar[Mapping[str, Callable[["Assembler", list[Event], int, Wire], None]]] = {
        "text_delta": _add_text,
        "thinking_delta": _add_thinking,
        "signature_delta": _add_signature,
        "citations_delta": _add_citation,
        "input_json_delta": _add_json,
    }


def _add(delta: Wire, raw: Wire, pieces: list[str]) -> None:
    """More of a block that only Claude understands: texts grow, arguments come in pieces, anything else replaces."""
    for name, value in delta.items():
        known = raw.get(name)
        if name == "partial_json":
            pieces.append(str(value))
        elif name != "type":
            raw[name] = known + value if isinstance(known, str) and isinstance(value, str) else value


def _whole(raw: Wire, arguments: str) -> Wire:
    """Such a block at its end, with the arguments that came in pieces; a cut answer may have cut them."""
    try:
        return raw | {"input": orjson.loads(arguments)} if arguments else raw
    except orjson.JSONDecodeError:
        return raw
