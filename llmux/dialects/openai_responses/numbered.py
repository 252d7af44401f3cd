"""The events of a stream as this wire counts them, and the items they add up to. It knows no part and no answer."""

from typing import Any

from llmux.dialects.document import line

Wire = dict[str, Any]


class Numbered:
    """Writes events, each with the next number, and keeps the items that are done."""

    __slots__ = ("_before", "_between", "_number", "_output")

    def __init__(self) -> None:
        self._number = 0  # of the next event
        self._output: list[Wire] = []  # the items that are done
        self._before = self._between = b""  # of deltas, around their number; empty: they are not told one by one

    def _event(self, out: list[bytes], kind: str, **fields: Any) -> None:
        data = line({"type": kind, "sequence_number": self._number, **fields})
        self._number += 1
        out.append(b"event: %b\ndata: %b\n\n" % (kind.encode(), data))

    @property
    def _index(self) -> int:
        """Where in the output the item stands that is open, or the next one."""
        return len(self._output)

    def _added(self, out: list[bytes], item: Wire) -> None:
        self._event(out, "response.output_item.added", output_index=self._index, item=item)

    def _item_done(self, out: list[bytes], item: Wire) -> None:
        self._event(out, "response.output_item.done", output_index=self._index, item=item)
        self._output.append(item)

    def _whole(self, out: list[bytes], items: list[Wire]) -> None:
        """Items that come complete."""
        for item in items:
            status = {"status": "in_progress"} if "status" in item else {}
            self._added(out, item | status)
            self._item_done(out, item)

    def _deltas(self, kind: str, **place: Any) -> None:
        """Every delta of the open part is one event of `kind`, at `place`."""
        self._before = b'event: %b\ndata: {"type":"%b","sequence_number":' % (kind.encode(), kind.encode())
        self._between = b"," + line(place)[1:-1] + b',"delta":'
