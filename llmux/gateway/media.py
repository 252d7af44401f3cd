"""Links that a backend does not follow itself -> what is there. It fetches nothing: it is handed who does.

Only the translated lane needs it: a client that speaks the backend's own API knows what that takes.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping

from msgspec.structs import replace

from llmux.ir.capability import Profile
from llmux.ir.content import Document, Image, Inline, Link, Part, ToolResult
from llmux.ir.request import Request
from llmux.routing.catalog import matches

Fetch = Callable[[str], Awaitable[Inline]]
EVERY = "*"


async def carry(request: Request, profile: Profile, fetch: Fetch) -> Request:
    """`request` with what its links lead to, where the backend's model does not follow them; else as it is.

    Raises:
        MediaNotFetched: a link leads nowhere that may be reached.
    """
    if EVERY in profile.links:
        return request
    links = dict.fromkeys(url for message in request.messages for url in _links(message.parts))
    wanted = [url for url in links if not matches(profile.links, url)]
    if not wanted:
        return request
    found = dict(zip(wanted, await asyncio.gather(*map(fetch, wanted)), strict=True))
    messages = tuple(replace(message, parts=_carried(message.parts, found)) for message in request.messages)
    return replace(request, messages=messages)


def _links(parts: Iterable[Part]) -> Iterable[str]:
    for part in parts:
        if isinstance(part, ToolResult):
            yield from _links(part.content)
        elif isinstance(part, Image | Document):
            if isinstance(part.source, Link):
                yield part.source.url
            elif isinstance(part.source, tuple):
                yield from _links(part.source)


def _carried(parts: tuple[Part, ...], found: Mapping[str, Inline]) -> tuple[Part, ...]:
    return tuple(_carry(part, found) for part in parts)


def _carry(part: Part, found: Mapping[str, Inline]) -> Part:
    if isinstance(part, ToolResult):
        return replace(part, content=_carried(part.content, found))
    if not isinstance(part, Image | Document):
        return part
    source = part.source
    if isinstance(source, tuple):
        return replace(part, source=_carried(source, found))
    return replace(part, source=found[source.url]) if isinstance(source, Link) and source.url in found else part
