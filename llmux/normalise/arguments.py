"""One call's arguments while they arrive: passed on as long as they fit their schema, then held back and put right.

It gives every character that came, unless `mend` changes it.
"""

from llmux.normalise.mend import mend
from llmux.normalise.shape import Shapes
from llmux.normalise.watch import Watch


class Arguments:
    """`feed` each delta and pass on what it gives; `close` gives the rest. `notes` are then what was changed."""

    __slots__ = ("_passed", "_pieces", "_shapes", "_size", "_waiting", "_watch", "notes")

    def __init__(self, shapes: Shapes) -> None:
        self._shapes = shapes
        self._watch = Watch(shapes)
        self._pieces: list[str] = []  # all of it
        self._passed = 0  # characters
        self._waiting: list[str] = []  # what has not been passed on
        self._size = 0  # of it, in characters
        self.notes: list[str] = []

    def feed(self, delta: str) -> str:
        """More of the arguments: what can be passed on now."""
        self._pieces.append(delta)
        if self._watch.stopped:
            return ""
        waits = self._watch.feed(delta)
        if not waits and not self._size:  # nearly always
            self._passed += len(delta)
            return delta
        self._waiting.append(delta)
        self._size += len(delta)
        return self._release(self._size - waits) if self._size > waits else ""

    def _release(self, ready: int) -> str:
        """The first characters of those that wait. What goes on waiting came with the last delta, so all is linear."""
        text = "".join(self._waiting)
        self._waiting = [text[ready:]]
        self._size -= ready
        self._passed += ready
        return text[:ready]

    def close(self) -> str:
        """The call is complete: what is still to be passed on."""
        if not self._watch.stopped and self._watch.begun:
            return "".join(self._waiting)
        whole, self.notes = mend("".join(self._pieces), self._shapes)
        return whole[self._passed :]
