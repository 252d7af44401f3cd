"""The room as others see it: keys as requests and as administrators meet them, the audit log, and what runs behind."""

from llmux.access.audit import Audit
from llmux.access.register import Register
from llmux.access.ring import Ring
from llmux.clock import Clock
from llmux.store.archive import Archive
from llmux.store.base import StoreError

# Seconds between two looks at the store: half of what a revoked key may still live.
REFRESH_EVERY = 1.0


class Access:
    """Who may come in by a key that is not in the configuration, and what is done about such keys."""

    def __init__(self, archive: Archive, clock: Clock) -> None:
        self._clock = clock
        self.ring = Ring(archive, clock)
        self.register = Register(archive, clock, self.ring)
        self.audit = Audit(archive, clock)

    async def run(self) -> None:
        """Share with the other processes, until cancelled."""
        while True:
            await self.refresh()
            await self._clock.sleep(REFRESH_EVERY)

    async def refresh(self) -> None:
        """Learn what has become of the keys in use, and write what was changed."""
        try:
            await self.ring.refresh()
            await self.audit.flush()
        except StoreError:
            return  # the archive has told it; the next time may do better

    async def close(self) -> None:
        """Write what is still to be written. The store stays open: it is its opener's to close."""
        try:
            await self.audit.flush()
        except StoreError:
            return  # told; the other log has it
