"""Is the cost of a long answer in proportion to its length? `python -m tests.bench.linear`

Tool arguments in deltas of four bytes, 0.25 to 1 MB: through every decoder, every encoder, and both. A cost that grows
faster than the length shows in the last column: 4 is in proportion, 16 is quadratic. Nothing here is asserted.
"""

import time
from collections.abc import Callable, Iterator

from llmux.dialects.base import AnswerForm, Dialect
from llmux.dialects.registry import TABLE
from llmux.ir.content import Part, Text, ToolCall
from llmux.ir.events import Event, MessageEnd, MessageStart, PartDelta, PartEnd, PartStart
from llmux.ir.response import FinishReason
from llmux.ir.usage import Usage

FORM = AnswerForm(id="1", model="m", created=1)
SIZES = (2**18, 2**19, 2**20)  # bytes
READ = 2**16  # bytes of a read


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


def written(dialect: Dialect, events: list[Event]) -> bytes:
    encoder = dialect.encoder(FORM)
    return b"".join([encoder.feed([event]) for event in events])


def read(dialect: Dialect, stream: bytes) -> list[Event]:
    decoder = dialect.decoder({})
    events: list[Event] = []
    for start in range(0, len(stream), READ):
        events += decoder.feed(stream[start : start + READ])
    return events + decoder.close()


def main() -> None:
    sizes = "".join(f"{size / 2**20:>8.2f} MB" for size in SIZES)
    print(f"{'seconds of CPU':44}{sizes}   last / first")
    for kind, long in (("arguments", long_call), ("text", long_text)):
        for name, dialect in TABLE.items():
            encoding: list[float] = []
            decoding: list[float] = []
            for size in SIZES:
                events = list(long(size))
                stream = written(dialect, events)
                encoding.append(seconds(lambda events=events, dialect=dialect: written(dialect, events)))
                decoding.append(seconds(lambda stream=stream, dialect=dialect: read(dialect, stream)))
            for what, took in (("encode", encoding), ("decode", decoding)):
                told = "".join(f"{one:>11.3f}" for one in took)
                print(f"{what + ' ' + kind + ', ' + name:44}{told}   {took[-1] / took[0]:>6.1f}")


if __name__ == "__main__":
    main()
