"""Where clients ask about models: each is answered in the dialect that it speaks, from the same cards."""

from collections.abc import Mapping, Sequence

from aiohttp import web

from llmux.dialects.base import Dialect
from llmux.dialects.listing import Asked, Enquiry
from llmux.dialects.paths import starred, tidy
from llmux.server.endpoint import RECORD, enter, read_body
from llmux.server.services import Desk

Row = tuple[Dialect, Enquiry]


def enquiries(dialects: Mapping[str, Dialect]) -> Mapping[tuple[str, str], Sequence[Row]]:
    """Method and path -> every dialect that has an enquiry there."""
    rows: dict[tuple[str, str], list[Row]] = {}
    for dialect in dialects.values():
        for enquiry in dialect.listing.enquiries if dialect.listing else ():
            rows.setdefault((enquiry.method, enquiry.path), []).append((dialect, enquiry))
    return rows


class ModelsEndpoint:
    """Answers at one path, which may be several dialects'."""

    def __init__(self, rows: Sequence[Row], desk: Desk) -> None:
        self._rows = rows
        self._desk = desk

    async def handle(self, inbound: web.BaseRequest) -> web.Response:
        """Answer one call."""
        services, record = self._desk.current(), inbound[RECORD]
        dialect, enquiry = self._spoken(inbound)
        record.dialect = dialect.name
        client = await enter(inbound, self._desk)
        asked = Asked(
            starred(enquiry.path, tidy(inbound.path)), inbound.query, inbound.headers, await read_body(inbound)
        )
        return web.Response(body=enquiry.answer(asked, services.cards(client)), content_type="application/json")

    def _spoken(self, inbound: web.BaseRequest) -> Row:
        """The row of the client's dialect: one that knows it by its headers, else one that takes anybody."""
        open_to_all = [row for row in self._rows if row[0].listing and row[0].listing.spoken is None]
        for row in self._rows:
            listing = row[0].listing
            if listing and listing.spoken and listing.spoken(inbound.headers, inbound.query):
                return row
        return (open_to_all or self._rows)[0]
