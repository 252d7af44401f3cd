"""Links carried, wherever they stand; and everything else left as it is."""

from llmux.gateway.media import carry
from llmux.ir.capability import Profile
from llmux.ir.content import Document, Image, Inline, Link, Part, Text, ToolResult, Written
from llmux.ir.request import Message, Request, Role

NONE = Profile(links=())
FOUND = Inline("image/png", "AA")
THERE = Image(source=Link("https://x.test/1"))
HERE = Image(source=FOUND)


def request(*parts: Part) -> Request:
    return Request(dialect="claude", model="m", messages=(Message(Role.USER, parts),))


async def fetch(url: str) -> Inline:
    assert url == "https://x.test/1"
    return FOUND


async def carried(*parts: Part) -> tuple[Part, ...]:
    return (await carry(request(*parts), NONE, fetch)).messages[0].parts


async def test_a_backend_that_follows_links_gets_them() -> None:
    asked = request(THERE)
    assert await carry(asked, Profile(), fetch) is asked


async def test_a_request_without_links_is_left_alone() -> None:
    asked = request(Text(text="https://x.test/1"), HERE)
    assert await carry(asked, NONE, fetch) is asked


async def test_links_are_found_wherever_they_stand() -> None:
    inside = Document(source=(Text(text="see"), THERE))
    told = await carried(
        Text(text="a"), THERE, ToolResult(call_id="1", content=(THERE,)), inside, Document(source=Written("w"))
    )
    assert told == (
        Text(text="a"),
        HERE,
        ToolResult(call_id="1", content=(HERE,)),
        Document(source=(Text(text="see"), HERE)),
        Document(source=Written("w")),
    )
