"""Fetching for clients, from real servers on loopback; who may be reached is looked at as in life."""

import base64
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from ipaddress import ip_address

import pytest
from aiohttp import web

from llmux.errors import MediaNotFetched
from llmux.ir.content import Inline
from llmux.transports.fetch import Address, Fetcher, is_public

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]
REACHED = {
    "8.8.8.8": True,
    "2606:4700::1111": True,
    "127.0.0.1": False,
    "10.1.2.3": False,
    "172.16.0.1": False,
    "192.168.0.1": False,
    "169.254.169.254": False,  # where clouds keep their keys
    "100.64.0.1": False,
    "0.0.0.0": False,
    "224.0.0.1": False,
    "::1": False,
    "fe80::1": False,
    "fd00::1": False,
    "::ffff:127.0.0.1": False,
}


@pytest.mark.parametrize("address", REACHED)
def test_only_public_addresses_may_be_pointed_at(address: str) -> None:
    assert is_public(ip_address(address)) is REACHED[address]


@asynccontextmanager
async def serving(handler: Handler) -> AsyncGenerator[str, None]:
    runner = web.ServerRunner(web.Server(handler))
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://localhost:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


def loopback(address: Address) -> bool:
    """Where this test's own servers are is let in."""
    return address.is_loopback


def fetcher(limit: int = 1000, patience: float = 20.0) -> Fetcher:
    return Fetcher(limit=limit, patience=patience, permitted=loopback)


async def picture(request: web.BaseRequest) -> web.Response:
    assert "authorization" not in request.headers
    return web.Response(body=b"PNG", content_type="image/PNG")


async def test_what_is_there_comes_with_its_type() -> None:
    async with serving(picture) as url:
        assert await fetcher()(url) == Inline("image/png", base64.b64encode(b"PNG").decode())


async def test_a_redirect_is_followed_and_looked_at() -> None:
    async def redirect(request: web.BaseRequest) -> web.Response:
        if request.path == "/there":
            return await picture(request)
        raise web.HTTPFound({"/": "/there", "/secret": "http://169.254.169.254/"}.get(request.path, request.path))

    async with serving(redirect) as url:
        assert (await fetcher()(url)).media_type == "image/png"
        with pytest.raises(MediaNotFetched, match=r"169\.254\.169\.254 is not a public address"):
            await fetcher()(f"{url}/secret")
        with pytest.raises(MediaNotFetched, match="redirects too often"):
            await fetcher()(f"{url}/circle")


async def test_a_name_of_this_machine_is_not_reached() -> None:
    """Nor any other name that leads to it: what counts is the address."""
    async with serving(picture) as url:
        with pytest.raises(MediaNotFetched, match="localhost is not a public address"):
            await Fetcher(limit=1000, patience=20.0)(url)


async def big(_: web.BaseRequest) -> web.Response:
    return web.Response(body=b"x" * 3000)


async def broken(_: web.BaseRequest) -> web.Response:
    return web.Response(status=500)


REFUSED: dict[str, tuple[Handler, str, str]] = {
    "too large": (big, "", "larger than 0 MB"),
    "an error": (broken, "", "status 500"),
    "nobody": (picture, "http://localhost:1/", "cannot be reached"),
    "no address": (picture, "http:///x", "only http and https"),
    "a file": (picture, "file:///etc/passwd", "only http and https"),
    "no such name": (picture, "http://nowhere.invalid/", "cannot be reached"),
    "no URL": (picture, "http://[x", "cannot be reached"),
    "an address in short": (picture, "http://2130706434/", "cannot be reached|not a public address"),
}


@pytest.mark.parametrize("case", REFUSED)
async def test_what_cannot_be_had_is_said(case: str) -> None:
    handler, elsewhere, words = REFUSED[case]
    async with serving(handler) as url:
        with pytest.raises(MediaNotFetched, match=words):
            await fetcher()(elsewhere or url)


async def test_nobody_waits_for_long() -> None:
    with pytest.raises(MediaNotFetched, match="did not come within 0 s"):
        await fetcher(patience=0.0)("http://localhost:1/" + "x" * 200)


async def test_it_can_be_switched_off() -> None:
    with pytest.raises(MediaNotFetched, match="switched off"):
        await Fetcher(limit=1, patience=1, enabled=False)("https://x.test/1")
