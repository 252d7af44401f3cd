"""Newline-delimited JSON: bytes -> lines. Pure, incremental, blind to what a line says.

Where the network cuts does not matter: the same bytes give the same lines. LF ends a line, with or without a CR before
it; nothing else does (U+2028 and friends occur raw inside JSON). Blank lines are dropped. A last line without its end
is given by `close`. A `data:` in front of a line, which some proxies put there, is taken off.

Reference: https://github.com/ndjson/ndjson-spec
"""

from llmux.errors import BackendGarbled

BOM = b"\xef\xbb\xbf"
# A tool's arguments may be megabytes in one line; nobody well-behaved comes near this.
MAX_LINE_BYTES = 32 * 1024 * 1024


class NdjsonFramer:
    """Cuts a byte stream into lines."""

    __slots__ = ("_pending", "_size")

    def __init__(self) -> None:
        self._pending: list[bytes] = []  # joined once, when the line is complete: a long one costs no copies
        self._size = 0

    def feed(self, data: bytes) -> list[bytes]:
        """The lines that `data` completes.

        Raises:
            BackendGarbled: a line is larger than MAX_LINE_BYTES.
        """
        end = data.rfind(b"\n") + 1
        if not end:
            self._hold(data)
            return []
        whole = data[:end]
        if self._pending:
            whole = b"".join((*self._pending, whole))
            self._pending.clear()
            self._size = 0
        self._hold(data[end:])
        return [line for raw in whole.split(b"\n") if (line := bare(raw))]

    def close(self) -> list[bytes]:
        """The line that the end of the stream leaves without its LF, if there is one."""
        line = bare(b"".join(self._pending))
        self._pending.clear()
        return [line] if line else []

    def _hold(self, data: bytes) -> None:
        if not data:
            return
        self._size += len(data)
        if self._size > MAX_LINE_BYTES:
            raise BackendGarbled("The backend sent a line that is too large.")
        self._pending.append(data)


def bare(line: bytes) -> bytes:
    """The JSON in a line."""
    if line[:1] == b"{" and line[-1:] == b"}":  # nearly always
        return line
    return line.removeprefix(BOM).strip().removeprefix(b"data:").strip()
