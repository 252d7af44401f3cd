"""The one verb of the house, and what travels with a request. A gateway, a cache and a team of models all answer it."""

from collections.abc import AsyncGenerator, Mapping
from typing import Protocol

from llmux.ir.events import Batch
from llmux.ir.request import Request
from llmux.ir.value import Value


class Client(Value):
    """Who calls. `models` are globs of the models it may use; empty: all. Windows: requests per span, None: free."""

    name: str
    models: tuple[str, ...] = ()
    max_per_hour: int | None = None
    max_per_5hours: int | None = None
    max_per_day: int | None = None


ANYONE = Client("anonymous")


class Context(Value):
    """What travels with a request: it is made once, by the server, and never changes.

    `headers` are those of the client's that a backend of its own dialect may see, names in lower case. `credential`
    is the client's own key, used only for a provider that says `api_key = "client"`. `created` is when it came, Unix
    seconds.
    """

    request_id: str
    client: Client = ANYONE
    headers: Mapping[str, str] = {}
    query: str = ""
    credential: str = ""
    created: int = 0


class Responder(Protocol):
    """Answers a request with batches of events.

    The first batch begins with `Opened`. Raises GatewayError when nobody can answer; after `Opened`, a failure is a
    StreamError event instead. Closing the generator cancels the backend's request.
    """

    def __call__(self, request: Request, context: Context) -> AsyncGenerator[Batch, None]: ...
