"""What is no HTTP, or no honest one, and what is merely odd: each over a raw socket. Nothing of it is left open."""

import orjson
import pytest

from tests.server.house import running
from tests.server.wires import BODY, FULL, HEAD, PING, nobody_is_left, until, wire

SMUGGLED = b"POST /v1/messages HTTP/1.1\r\nhost: localhost\r\n\r\n"
WRONG = {
    "a length and chunks": (HEAD + b"content-length: 4\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n" + SMUGGLED, 400),
    "two lengths": (HEAD + b"content-length: 4\r\ncontent-length: 5\r\n\r\nabcd", 400),
    "chunks that are not the last coding": (HEAD + b"transfer-encoding: chunked, gzip\r\n\r\n0\r\n\r\n", 400),
    "chunks said oddly": (HEAD + b"transfer-encoding: xchunked\r\n\r\n0\r\n\r\n", 400),
    "a length that is none": (HEAD + b"content-length: +4\r\n\r\nabcd", 400),
    "a space before the colon": (HEAD + b"content-length : 4\r\n\r\nabcd", 400),
    "a folded header": (HEAD + b"x-a: b\r\n c\r\n\r\n", 400),
    "a bare return in a header": (HEAD + b"x-a: b\rc\r\n\r\n", 400),
    "a zero byte in a header": (HEAD + b"x-a: b\x00c\r\n\r\n", 400),
    "a zero byte in the address": (b"GET /health\x00 HTTP/1.1\r\nhost: localhost\r\n\r\n", 400),
    "no HTTP": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
    "another version": (b"GET /health HTTP/9.9\r\nhost: localhost\r\n\r\n", 400),
    "no host": (b"GET /health HTTP/1.1\r\n\r\n", 400),
    "two hosts": (b"GET /health HTTP/1.1\r\nhost: localhost\r\nhost: evil\r\n\r\n", 400),
    "a long address": (b"GET /health?" + b"a" * 20_000 + b" HTTP/1.1\r\nhost: localhost\r\n\r\n", 414),
    "a long header": (HEAD + b"x-a: " + b"a" * 20_000 + b"\r\n\r\n", 431),
    "a long name": (HEAD + b"x-" + b"a" * 20_000 + b": b\r\n\r\n", 431),
    "many headers": (HEAD + b"x-a: b\r\n" * 200 + b"\r\n", 431),
    "a megabyte of header": (HEAD + b"x-a: " + b"a" * 2**20 + b"\r\n\r\n", 431),
}


@pytest.mark.parametrize(("said", "status"), WRONG.values(), ids=WRONG)
async def test_what_is_no_request_is_refused_and_the_connection_closed(said: bytes, status: int) -> None:
    async with running() as house:
        async with wire(house) as client:
            await client.say(said)
            heard, _, body = await client.answer()
            assert heard == status
            told = orjson.loads(body)
            assert told["error"].startswith("llmux: ")
            assert told["request_id"]
            assert await client.rest() == b""  # nothing that followed was taken for a request
        assert [fact.status for fact in house.finished] == [status]
        assert not [fact for fact in house.facts if type(fact).__name__ == "Notice"]
        await nobody_is_left(house)


ODD = {
    "an absolute address": (b"GET http://evil.example/health/live HTTP/1.1\r\nhost: localhost\r\n\r\n", 200),
    "no version": (b"GET /health/live\r\n\r\n", 200),
    "a star": (b"OPTIONS * HTTP/1.1\r\nhost: localhost\r\n\r\n", 204),
    "options": (b"OPTIONS /v1/messages HTTP/1.1\r\nhost: localhost\r\n\r\n", 204),
    "head": (b"HEAD /health/live HTTP/1.1\r\nhost: localhost\r\n\r\n", 200),
    "a tunnel": (b"CONNECT evil.example:443 HTTP/1.1\r\nhost: localhost\r\n\r\n", 405),
    "a method that nobody knows": (b"BREW /health HTTP/1.1\r\nhost: localhost\r\n\r\n", 400),
    "a host elsewhere": (FULL.replace(b"localhost", b"evil.example") % len(BODY) + BODY, 403),
    "a host that is none": (FULL.replace(b"localhost", b"[::1]:x@evil/..") % len(BODY) + BODY, 403),
    "dots in the address": (b"GET /health/../../etc/passwd HTTP/1.1\r\nhost: localhost\r\n\r\n", 404),
    "a coded zero byte": (b"GET /health/live%00 HTTP/1.1\r\nhost: localhost\r\n\r\n", 404),
    "a query of 15 KB": (b"GET /health/live?" + b"a=b&" * 3800 + b" HTTP/1.1\r\nhost: localhost\r\n\r\n", 200),
}


@pytest.mark.parametrize(("said", "status"), ODD.values(), ids=ODD)
async def test_what_is_odd_does_no_harm(said: bytes, status: int) -> None:
    async with running() as house:
        async with wire(house) as client:
            await client.say(said)
            heard, _, _ = await client.answer() if not said.startswith(b"HEAD") else (200, b"", b"")
            assert heard == status
        await until(lambda: len(house.finished) == 1)
        await nobody_is_left(house)
        assert not [fact for fact in house.facts if type(fact).__name__ == "Notice"]


@pytest.mark.parametrize("together", [True, False])
async def test_junk_after_a_body_is_no_second_request(together: bool) -> None:
    junk = b"}}}} junk\r\n\r\n" + PING
    async with running() as house, wire(house) as client:
        await client.say(FULL % len(BODY) + BODY + (junk if together else b""))
        if not together:
            assert (await client.answer())[0] == 200
            await client.say(junk)
        assert (await client.answer())[0] == 400
        assert await client.rest() == b""


async def test_a_client_that_asks_first_is_told_to_go_on() -> None:
    async with running() as house, wire(house) as client:
        await client.say(HEAD + b"expect: 100-continue\r\ncontent-length: %d\r\n\r\n" % len(BODY))
        assert (await client.answer())[0] == 100
        await client.say(BODY)
        assert (await client.answer())[0] == 200
