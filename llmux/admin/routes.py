"""The paths of the admin page, for the server's table. They do not exist without an admin key."""

from collections.abc import Iterator, Mapping

from llmux.admin import live, page, trial
from llmux.admin.board import Board
from llmux.dialects.base import Dialect
from llmux.server.application import Handler
from llmux.server.services import Desk


def routes(desk: Desk, board: Board, dialects: Mapping[str, Dialect]) -> Iterator[tuple[str, str, Handler]]:
    """Method, path and handler."""
    yield from page.routes(desk)
    yield from live.routes(desk, board)
    yield from trial.routes(desk, dialects)
