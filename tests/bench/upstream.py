"""The backend of the benchmark: answers that are rendered once, in both dialects.

`python -m tests.bench.upstream PORT`
"""

import asyncio
import sys

import orjson
from aiohttp import web

CHUNKS = 200
TEXT = "word of sixteen."


def data(document: object, event: bytes = b"") -> bytes:
    name = b"event: %b\n" % event if event else b""
    return name + b"data: " + orjson.dumps(document) + b"\n\n"


def openai_stream() -> list[bytes]:
    def chunk(delta: dict[str, object], finish: str | None = None) -> dict[str, object]:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        head = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "m"}
        return {**head, "system_fingerprint": "fp", "choices": [choice]}

    usage = {"prompt_tokens": 10, "completion_tokens": CHUNKS, "total_tokens": CHUNKS + 10}
    return [
        data(chunk({"role": "assistant", "content": ""})),
        *[data(chunk({"content": TEXT}))] * CHUNKS,
        data(chunk({}, "stop")),
        data({**chunk({}), "choices": [], "usage": usage}),
        b"data: [DONE]\n\n",
    ]


def claude_stream() -> list[bytes]:
    def event(kind: str, **fields: object) -> bytes:
        return data({"type": kind, **fields}, kind.encode())

    message = {
        "id": "msg_1", "type": "message", "role": "assistant", "model": "m", "content": [], "stop_reason": None,
        "stop_sequence": None, "usage": {"input_tokens": 10, "output_tokens": 1},
    }  # fmt: skip
    return [
        event("message_start", message=message),
        event("content_block_start", index=0, content_block={"type": "text", "text": ""}),
        *[event("content_block_delta", index=0, delta={"type": "text_delta", "text": TEXT})] * CHUNKS,
        event("content_block_stop", index=0),
        event("message_delta", delta={"stop_reason": "end_turn", "stop_sequence": None}, usage={"output_tokens": 200}),
        event("message_stop"),
    ]


WHOLE = orjson.dumps(
    {
        "id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "m",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": TEXT * 40}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 10, "completion_tokens": 160, "total_tokens": 170},
    }
)  # fmt: skip
STREAMS = {"/v1/chat/completions": openai_stream(), "/v1/messages": claude_stream()}


async def answer(request: web.BaseRequest) -> web.StreamResponse:
    """One event a write, as fast as the reader takes them."""
    body = await request.read()
    if b'"stream":true' not in body.replace(b" ", b""):
        return web.Response(body=WHOLE, content_type="application/json")
    response = web.StreamResponse(headers={"content-type": "text/event-stream"})
    await response.prepare(request)
    for event in STREAMS[request.path]:
        await response.write(event)
    await response.write_eof()
    return response


async def main(port: int) -> None:
    runner = web.ServerRunner(web.Server(answer, access_log=None))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
