"""The demo provider reached in-process: plays its acts as a backend's answer, with the clock it is handed."""

import asyncio
from collections import deque
from collections.abc import Mapping

from llmux.clock import Clock
from llmux.demo.provider import Provider
from llmux.demo.script import Halt, Pause
from llmux.demo.speak import Act, Head
from llmux.dialects.registry import TABLE
from llmux.errors import BackendCut, BackendSlow, BackendUnreachable, GatewayError
from llmux.transports.base import Call, Reply


class DemoTransport:
    """A way to the demo provider without a socket. The same faults as over HTTP, seen as a transport shows them."""

    def __init__(self, clock: Clock, provider: Provider | None = None) -> None:
        self._clock = clock
        self._provider = provider or Provider(TABLE.values())

    async def open(self, call: Call, patience: float) -> Reply:
        """See `Transport.open`."""
        headers = {name.lower(): value for name, value in call.headers.items()}
        acts = deque(self._provider.perform(Call(call.path, headers, call.body, call.method)))
        while not isinstance(act := acts.popleft(), Head):
            patience = await self._wait_for_head(act, patience)
        return DemoReply(act, acts, self._clock)

    async def close(self) -> None:
        """Nothing is kept open."""

    async def _wait_for_head(self, act: Act, patience: float) -> float:
        """Play an act that comes before the head. What is left of `patience`."""
        match act:
            case Pause(seconds=seconds) if seconds < patience:
                await self._clock.sleep(seconds)
                return patience - seconds
            case Pause() | Halt.SILENCE:
                await self._clock.sleep(patience)
                raise BackendSlow(f"The demo provider did not begin to answer within {patience:.0f} s.")
            case _:
                raise BackendUnreachable("The demo provider cannot be reached: it refuses the connection.")


class DemoReply:
    """An answer of the demo provider while it is played."""

    def __init__(self, head: Head, acts: deque[Act], clock: Clock) -> None:
        self.status: int = head.status
        self.headers: Mapping[str, str] = head.headers
        self._acts = acts
        self._clock = clock
        self._error: GatewayError | None = None
        self._waiter: asyncio.Future[None] | None = None

    async def read(self) -> bytes:
        """See `Reply.read`."""
        while True:
            if self._error is not None:
                raise self._error
            match self._acts.popleft() if self._acts else Halt.END:
                case bytes() as data:
                    return data
                case Pause(seconds=seconds):
                    await self._rest(seconds)
                case Halt.SILENCE:
                    await self._rest(None)
                case Halt.CUT:
                    self._error = BackendCut("The demo provider broke off its answer.")
                case _:
                    return b""

    def abort(self, error: GatewayError) -> None:
        """See `Reply.abort`."""
        self._error = error
        self._wake()

    def close(self) -> None:
        """See `Reply.close`."""
        self._acts.clear()

    async def _rest(self, seconds: float | None) -> None:
        """Wait so long, or until `abort`."""
        self._waiter = asyncio.get_running_loop().create_future()
        timer = None if seconds is None else self._clock.timer(seconds, self._wake)
        try:
            await self._waiter
        finally:
            self._waiter = None
            if timer is not None:
                timer.cancel()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
