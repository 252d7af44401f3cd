"""The owner of what outlives a request. A TaskGroup would do, but hand whatever its body raises on in a group."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any


class Tasks:
    """Tasks that end at the latest when their owner does. They deal with their own failures."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def begin(self, work: Coroutine[Any, Any, None], then: Callable[[], None] | None = None) -> asyncio.Task[None]:
        """Do `work` beside everything else, and `then` this, however it ended."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)

        def done(task: asyncio.Task[None]) -> None:
            self._tasks.discard(task)
            if then is not None:
                then()

        task.add_done_callback(done)
        return task

    async def close(self) -> None:
        """End what still runs."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
