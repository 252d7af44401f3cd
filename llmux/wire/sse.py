"""Server-sent events: bytes -> frames. Pure, incremental, blind to what the data says.

Where the network cuts does not matter: the same bytes give the same frames. LF, CRLF and CR end a line, nothing else
does (U+2028 and friends occur raw inside JSON). A frame that the end of the stream leaves open is given by `close`.

Reference: https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
"""

from llmux.errors import BackendGarbled

# (event name or b"", data). Frames without data are not given; comments are dropped.
Frame = tuple[bytes, bytes]

DONE = b"[DONE]"
CR = ord("\r")  # a number is found in bytes eight times as fast as a string of one
BOM = b"\xef\xbb\xbf"
# An image or a signature can be megabytes in one line; nobody well-behaved comes near this.
MAX_FRAME_BYTES = 32 * 1024 * 1024


class SseFramer:
    """Cuts a byte stream into frames."""

    __slots__ = ("_first", "_pending", "_returned", "_returns", "_size")

    def __init__(self) -> None:
        self._pending: list[bytes] = []  # joined once, when the frame is complete: a long one costs no copies
        self._size = 0
        self._first = True
        self._returns = False  # the stream has used a CR
        self._returned = False  # ... and its last byte was one: an LF that follows belongs to it

    def feed(self, data: bytes) -> list[Frame]:
        """The frames that `data` completes.

        Raises:
            BackendGarbled: a frame is larger than MAX_FRAME_BYTES.
        """
        return [frame for block in self.blocks(data) if (frame := parse(block))[1]]

    def blocks(self, data: bytes) -> list[bytes]:
        """The frames that `data` completes, unread: their lines, ended by LF whatever came. `parse` reads one.

        Raises:
            BackendGarbled: a frame is larger than MAX_FRAME_BYTES.
        """
        if self._first:
            data = self._skip_bom(data)
        if self._returns or CR in data:
            data = self._normalise(data)
        if not self._pending and data.endswith(b"\n\n"):  # whole frames, as nearly every read brings: a third faster
            blocks = data.split(b"\n\n")
            blocks.pop()
            return blocks
        if b"\n\n" not in data and not self._completes(data):
            self._hold(data)
            return []
        if self._pending:
            data = b"".join((*self._pending, data))
            self._pending.clear()
        blocks = data.split(b"\n\n")
        self._size = 0
        self._hold(blocks.pop())
        return blocks

    def close(self) -> list[Frame]:
        """The frame that the end of the stream leaves without its blank line, if it has data."""
        frame = parse(b"".join(self._pending))
        self._pending.clear()
        return [frame] if frame[1] else []

    def _completes(self, data: bytes) -> bool:
        """Whether the blank line that ends a frame lies across the cut before `data`."""
        return data[:1] == b"\n" and bool(self._pending) and self._pending[-1][-1:] == b"\n"

    def _hold(self, data: bytes) -> None:
        if not data:
            return
        self._size += len(data)
        if self._size > MAX_FRAME_BYTES:
            raise BackendGarbled("The backend sent an event that is too large.")
        self._pending.append(data)

    def _skip_bom(self, data: bytes) -> bytes:
        data = b"".join((*self._pending, data))
        self._pending.clear()
        self._size = 0
        if len(data) < len(BOM) and BOM.startswith(data):
            self._hold(data)
            return b""
        self._first = False
        return data.removeprefix(BOM)

    def _normalise(self, data: bytes) -> bytes:
        if not data:
            return data
        if self._returned:
            data = data.removeprefix(b"\n")
        self._returns, self._returned = True, data.endswith(b"\r")
        return data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")


def parse(block: bytes) -> Frame:
    """One frame from the lines of `block`: its last event name, and its data lines joined."""
    if block.startswith(b"data: ") and b"\n" not in block:  # nearly every frame of OpenAI's
        return b"", block[6:]
    event, data = b"", list[bytes]()
    for line in block.split(b"\n"):
        name, _, value = line.partition(b":")
        value = value[1:] if value[:1] == b" " else value
        if name == b"data":
            data.append(value)
        elif name == b"event":
            event = value
    return event, b"\n".join(data)
