"""Is the cost of a long answer in proportion to its length? `python -m tests.bench.linear`

Tool arguments and text in deltas of four bytes, 0.25 to 1 MB: through the encoder and the verbatim lane of every form,
every decoder, and the stages that put an answer right. A cost that grows
faster than the length shows in the last column: 4 is in proportion, 16 is quadratic. Nothing here is asserted.
"""

import time
from collections.abc import Callable, Iterator
from functools import partial

from llmux.dialects.base import AnswerForm, Decoder, Form
from llmux.dialects.registry import TABLE
from llmux.ir.content import Part, Text, ToolCall
from llmux.ir.events import Event, MessageEnd, MessageStart, PartDelta, PartEnd, PartStart
from llmux.ir.request import Tool
from llmux.ir.response import FinishReason
from llmux.ir.usage import Usage
from llmux.normalise.normaliser import normaliser

FORM = AnswerForm(id="1", model="m", created=1)
SIZES = (2**18, 2**19, 2**20)  # bytes
READ = 2**16  # bytes of a read
TOOLS = (Tool(name="write", schema={"type": "object", "properties": {"x": {"type": "string"}}, "required": ["x"]}),)


def long_call(size: int) -> Iterator[Event]:
    """A call with `size` bytes of arguments."""
    yield from _long(ToolCall(id="call_1", name="write"), ['{"x', '":"', *["abcd"] * (size // 4), '"}'])


def long_text(size: int) -> Iterator[Event]:
    """An answer of `size` bytes of text."""
    yield from _long(Text(), ["abcd"] * (size // 4))


def _long(part: Part, deltas: list[str]) -> Iterator[Event]:
    yield MessageStart("1", "m")
    yield PartStart(0, part)
    yield from (PartDelta(0, delta) for delta in deltas)
    yield PartEnd(0)
    yield MessageEnd(FinishReason.TOOL_CALL if isinstance(part, ToolCall) else FinishReason.END, Usage(1, 1))


def seconds(work: Callable[[], object]) -> float:
    """The best of three: the machine is shared."""
    times: list[float] = []
    for _ in range(3):
        began = time.process_time()
        work()
        times.append(time.process_time() - began)
    return min(times)


def written(form: Form, events: list[Event]) -> bytes:
    encoder = form.encoder(FORM)
    return b"".join([encoder.feed([event]) for event in events])


def read(decoder: Decoder, stream: bytes) -> list[Event]:
    events: list[Event] = []
    for start in range(0, len(stream), READ):
        events += decoder.feed(stream[start : start + READ])
    return events + decoder.close()


def put_right(events: list[Event]) -> list[Event]:
    machine = normaliser(TOOLS, repair=True, printed=True, tags=True)
    assert machine is not None
    return [told for event in events for told in machine.feed([event])]


def works(long: Callable[[int], Iterator[Event]]) -> Iterator[tuple[str, list[float]]]:
    """What is done with an answer, and how long each of SIZES took."""
    answers = [list(long(size)) for size in SIZES]
    yield "stages", [seconds(partial(put_right, events)) for events in answers]
    for name, dialect in TABLE.items():
        for form_name, form in (("", dialect), *dialect.forms.items()):
            called = f"{name} {form_name}".strip()
            yield f"encode, {called}", [seconds(partial(written, form, events)) for events in answers]
            streams = [written(form, events) for events in answers]
            ways: dict[str, Callable[[], Decoder]] = {"decode": partial(dialect.decoder, {}), "verbatim": form.verbatim}
            for way, make in ways.items():
                yield f"{way}, {called}", [seconds(lambda at=at, make=make: read(make(), at)) for at in streams]


def main() -> None:
    sizes = "".join(f"{size / 2**20:>8.2f} MB" for size in SIZES)
    print(f"{'seconds of CPU':44}{sizes}   last / first")
    for kind, long in (("arguments", long_call), ("text", long_text)):
        for what, took in works(long):
            told = "".join(f"{one:>11.3f}" for one in took)
            print(f"{kind + ': ' + what:44}{told}   {took[-1] / took[0]:>6.1f}", flush=True)


if __name__ == "__main__":
    main()
