"""The contract of a transport: it moves bytes to a backend and back. It knows no dialect."""

from collections.abc import Mapping
from typing import Protocol

from llmux.errors import GatewayError
from llmux.ir.value import Value


class Call(Value):
    """One request to a backend. `path` is below the transport's own base. An empty `body` of a GET sends none."""

    path: str
    headers: Mapping[str, str]
    body: bytes = b""
    method: str = "POST"


class Reply(Protocol):
    """A backend's answer while it arrives. `headers` have lower-case names."""

    @property
    def status(self) -> int: ...

    @property
    def headers(self) -> Mapping[str, str]: ...

    async def read(self) -> bytes:
        """The next bytes; b"" at the end.

        Raises:
            BackendCut: the connection broke.
            GatewayError: the one given to `abort`.
        """

    def abort(self, error: GatewayError) -> None:
        """End the connection now; a `read` that waits, or the next one, raises `error`."""

    def close(self) -> None:
        """Done with it. A connection whose answer was read to the end may be used again; any other is ended."""


class Transport(Protocol):
    """A way to reach one provider."""

    async def open(self, call: Call, patience: float) -> Reply:
        """Send `call` and wait at most `patience` seconds for the answer's head.

        Raises:
            BackendUnreachable: no connection; the backend has seen nothing.
            BackendSlow: no answer in time.
            BackendCut: the connection broke after the request was sent.
        """

    async def close(self) -> None:
        """End every connection."""
