"""Where an answer ends: its stop sequences, its limit of tokens. Pure."""

import math
from collections.abc import Iterator, Mapping

import msgspec

from llmux.demo import tokens
from llmux.ir.content import Part, Refusal, Text, ToolCall
from llmux.ir.fold import GROWING
from llmux.ir.request import Request
from llmux.ir.response import FinishReason

ENDS: Mapping[type[Part], FinishReason] = {ToolCall: FinishReason.TOOL_CALL, Refusal: FinishReason.REFUSAL}

Parts = tuple[Part, ...]


def bound(parts: Parts, request: Request) -> tuple[Parts, FinishReason, str | None]:
    """`parts` as far as `request` lets them come, why they end there, and the stop sequence if it was one."""
    before, stop = _until_stop(parts, request.stop)
    kept = tuple(_within(before, request.max_output_tokens or math.inf))
    if kept != before:
        return kept, FinishReason.MAX_TOKENS, None
    if stop is not None:
        return kept, FinishReason.STOP_SEQUENCE, stop
    return kept, ENDS.get(type(kept[-1]) if kept else Part, FinishReason.END), None


def _until_stop(parts: Parts, stops: tuple[str, ...]) -> tuple[Parts, str | None]:
    """What is said before the first stop sequence, and that sequence."""
    for index, part in enumerate(parts):
        found = (
            [(part.text.find(stop), stop) for stop in stops if stop and stop in part.text]
            if isinstance(part, Text)
            else []
        )
        if found:
            at, stop = min(found)
            return (*parts[:index], msgspec.structs.replace(part, text=part.text[:at])), stop  # type: ignore[attr-defined]
    return parts, None


def _within(parts: Parts, limit: float) -> Iterator[Part]:
    """`parts` up to `limit` tokens; the last one may be cut."""
    for part in parts:
        field = GROWING[type(part)]
        said = tokens.pieces(getattr(part, field))
        if len(said) > limit:
            if limit > 0:
                yield msgspec.structs.replace(part, **{field: "".join(said[: int(limit)])})
            return
        limit -= len(said)
        yield part
