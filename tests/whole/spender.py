"""A worker that spends one window: `python -m tests.whole.spender URL LIMIT AT_ONCE`.

It says that it is ready, and begins when a line comes. It prints a line for each request that gets through, once that
is counted, and ends when the window has no room.
"""

import asyncio
import os
import sys

from llmux.clock import SystemClock
from llmux.errors import OurLimit
from llmux.gateway.ledger import Ledger
from llmux.gateway.limits import Keeper
from llmux.responder import FOREVER, Window
from llmux.store.open import open_store
from llmux.telemetry import Fact
from tests.gateway.accounts import backend

PAUSE = 0.002  # s after a request: all workers have a share of the window


def say(line: str) -> None:
    os.write(1, f"{line}\n".encode())  # a kill loses none of it


def tell(fact: Fact) -> None:
    say(repr(fact))


async def main(url: str, limit: int, at_once: int) -> None:
    clock = SystemClock()
    store = open_store(url, clock, os.environ)
    ledger = Ledger(store, clock, tell, Keeper())
    limited = backend("p:a", Window(limit, FOREVER))

    async def spends() -> None:
        while True:
            try:
                await ledger.reserve(limited)
            except OurLimit:
                return
            say("through")
            await asyncio.sleep(PAUSE)

    say("ready")
    sys.stdin.readline()
    background = asyncio.create_task(ledger.run())
    await asyncio.gather(*(spends() for _ in range(at_once)))
    background.cancel()
    await asyncio.gather(background, return_exceptions=True)
    await ledger.close()
    await store.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
