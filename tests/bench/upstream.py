"""The backend of the benchmark: answers that are rendered once, in every dialect.

`python -m tests.bench.upstream PORT`
"""

import asyncio
import sys
from collections.abc import Iterator

from aiohttp import web

from llmux.dialects.base import AnswerForm, Dialect
from llmux.dialects.paths import Paths
from llmux.dialects.registry import TABLE
from llmux.ir.content import Text
from llmux.ir.events import Event, MessageEnd, MessageStart, PartDelta, PartEnd, PartStart
from llmux.ir.fold import fold
from llmux.ir.response import FinishReason
from llmux.ir.usage import Usage

CHUNKS = 200
TEXT = "word of sixteen."
WHOLE = 40  # so often is TEXT said in an answer that is not streamed
FORM = AnswerForm(id="1", model="m", created=1)


def answer(count: int) -> Iterator[Event]:
    """TEXT so many times, an event each."""
    yield MessageStart("1", "m")
    yield PartStart(0, Text())
    yield from [PartDelta(0, TEXT)] * count
    yield PartEnd(0)
    yield MessageEnd(FinishReason.END, Usage(10, count))


class Rendered:
    """A dialect's answers: the writes of the stream, and the whole one."""

    def __init__(self, dialect: Dialect) -> None:
        encoder = dialect.encoder(FORM)
        self.content_type = dialect.content_type
        self.stream = [data for event in answer(CHUNKS) if (data := encoder.feed([event]))]
        self.whole = dialect.encode_response(fold(answer(WHOLE)), FORM)


RENDERED = {name: Rendered(dialect) for name, dialect in TABLE.items()}
PLACES = Paths((path, RENDERED[name]) for name, dialect in TABLE.items() for path in dialect.inbound)


async def handle(request: web.BaseRequest) -> web.StreamResponse:
    """One event a write, as fast as the reader takes them."""
    body = await request.read()
    rendered = PLACES.find(request.path)
    if rendered is None:
        return web.Response(status=404)
    streamed = b'"stream":true' in body.replace(b" ", b"") or ":stream" in request.path
    if not streamed:
        return web.Response(body=rendered.whole, content_type="application/json")
    response = web.StreamResponse(headers={"content-type": rendered.content_type})
    await response.prepare(request)
    for event in rendered.stream:
        await response.write(event)
    await response.write_eof()
    return response


async def main(port: int) -> None:
    runner = web.ServerRunner(web.Server(handle, access_log=None))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
