"""The one verb of the house, and what travels with a request. A gateway, a cache and a team of models all answer it."""

from collections.abc import AsyncGenerator, Mapping
from typing import Literal, Protocol

from llmux.ir.events import Batch
from llmux.ir.request import Request
from llmux.ir.value import Value

Unit = Literal["requests", "tokens", "usd"]


class Window(Value):
    """A limit on what may be spent in a span of `seconds`; FOREVER: in all.

    What is spent are requests, tokens (prompt and answer together) or US dollars. `kind`: "sliding", or "calendar" (the
    UTC hour, day or span of days; 5-hour windows start at the first request).
    """

    limit: float
    seconds: int
    kind: Literal["sliding", "calendar"] = "sliding"
    unit: Unit = "requests"


FOREVER = 0  # s; the span of a window that never passes


class Client(Value):
    """Who calls. `models` are globs of the models it may use; empty: all. `windows` are what it may spend.

    `user` and `project` are whose key it is, for those who run the gateway; they decide nothing.
    """

    name: str
    models: tuple[str, ...] = ()
    windows: tuple[Window, ...] = ()
    user: str = ""
    project: str = ""


ANYONE = Client("anonymous")


class Context(Value):
    """What travels with a request: it is made once, by the server, and never changes.

    `headers` are those of the client's that a backend of its own dialect may see, names in lower case. `credential`
    is the client's own key, used only for a provider that says `api_key = "client"`. `created` is when it came, Unix
    seconds. `counted` is true where the client's windows have counted the request already: it is one of several that
    are made of it.
    """

    request_id: str
    client: Client = ANYONE
    headers: Mapping[str, str] = {}
    query: str = ""
    credential: str = ""
    created: int = 0
    counted: bool = False


class Responder(Protocol):
    """Answers a request with batches of events.

    The first batch begins with `Opened`. Raises GatewayError when nobody can answer; after `Opened`, a failure is a
    StreamError event instead. Closing the generator cancels the backend's request.
    """

    def __call__(self, request: Request, context: Context) -> AsyncGenerator[Batch, None]: ...
