"""What an answer took: told, or measured where nobody has told."""

from collections.abc import Sequence

import pytest

from llmux.errors import BackendCut
from llmux.gateway.meter import Meter
from llmux.ir.content import Text
from llmux.ir.events import (
    Batch,
    MessageEnd,
    MessageStart,
    PartDelta,
    PartEnd,
    PartStart,
    StreamError,
    UsageUpdate,
    Verbatim,
)
from llmux.ir.response import FinishReason
from llmux.ir.usage import Usage

PROMPT = 100  # tokens; what is taken where nobody has told
BEGIN: Batch = (MessageStart("x", "m"), PartStart(0, Text()), PartDelta(0, "12345678"))
MORE: Batch = (PartDelta(0, "éé"), PartDelta(0, "1234"))  # with BEGIN's: 16 bytes
END = MessageEnd(FinishReason.END, Usage(7, 3))
CUT = StreamError(BackendCut("gone"))
FRAME = b'data: {"text":"0123"}\n\n'
LONG = b'data: {"text":"' + b"x" * 44 + b'"}\n\n'

CASES: dict[str, tuple[Sequence[Batch], Usage, bool]] = {
    "told at the end": ([BEGIN, MORE, (PartEnd(0), END)], Usage(7, 3), True),
    "nothing was said": ([], Usage(PROMPT, 0, estimated=True), False),
    "left before the end": ([BEGIN, MORE], Usage(PROMPT, 4, estimated=True), False),
    "broken off": ([BEGIN, MORE, (CUT,)], Usage(PROMPT, 4, estimated=True), False),
    "the prompt was told at the start": (
        [(MessageStart("x", "m", Usage(8, cache_read_tokens=2)), *BEGIN[1:])],
        Usage(8, 2, cache_read_tokens=2, estimated=True),
        False,
    ),
    "told more on the way than has been seen": (
        [BEGIN, (UsageUpdate(Usage(9, 50)),)],
        Usage(9, 50),
        False,
    ),
    "the backend tells nothing": (
        [BEGIN, (MessageEnd(FinishReason.END, Usage()),)],
        Usage(PROMPT, 2, estimated=True),
        True,
    ),
    "an empty answer": ([(MessageEnd(FinishReason.END, Usage(5)),)], Usage(5, 0), True),
    "verbatim, told": ([(Verbatim(FRAME),), (Verbatim(b"x", usage=Usage(6, 2), done=True),)], Usage(6, 2), True),
    "verbatim, left: a token a frame at least": (
        [(Verbatim(FRAME * 3),), (Verbatim(FRAME),)],
        Usage(PROMPT, 4, estimated=True),
        False,
    ),
    "verbatim, left: long frames": (
        [(Verbatim(FRAME),), (Verbatim(b"event: y\ndata: {}\n\n", content=False),), (Verbatim(LONG),)],
        Usage(PROMPT, 12, estimated=True),
        False,
    ),
    "verbatim, left: lines": (
        [(Verbatim(b'{"message":{"content":"12345678"}}\n'),), (Verbatim(b'{"message":{"content":"1234"}}\n' * 2),)],
        Usage(PROMPT, 4, estimated=True),
        False,
    ),
    "verbatim, left: what begins the answer is no text": (
        [
            (Verbatim(b'event: start\ndata: {"message":{"id":"x","model":"m","role":"assistant"}}\n\n' + FRAME),),
            (Verbatim(FRAME),),
        ],
        Usage(PROMPT, 2, estimated=True),
        False,
    ),
    "verbatim, left: frames without text are none": (
        [(Verbatim(b'data: {"role":1}\n\n'),), (Verbatim(FRAME),)],
        Usage(PROMPT, 1, estimated=True),
        False,
    ),
    "verbatim, what says nothing is no token": (
        [(Verbatim(b": ping\n\n", content=False),), (Verbatim(b"x", content=False, usage=Usage(6)),)],
        Usage(6),
        False,
    ),
}


@pytest.mark.parametrize(("batches", "usage", "complete"), CASES.values(), ids=CASES)
def test_what_an_answer_took(batches: Sequence[Batch], usage: Usage, complete: bool) -> None:
    meter = Meter()
    for batch in batches:
        meter.hear(batch)
    assert meter.usage(PROMPT) == usage
    assert meter.complete is complete
