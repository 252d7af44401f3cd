"""What an answer took, heard from its events while they pass: what its backend told, else what has been seen. Pure.

An answer that is complete is as long as its backend says. Of one that broke off, or whose client left, nobody has said
so: then what passed is measured, so that nothing goes unpaid. Such figures are estimates, and say so.
"""

import math

from msgspec.structs import replace

from llmux.ir.events import Batch, Event, MessageEnd, MessageStart, PartDelta, UsageUpdate, Verbatim
from llmux.ir.usage import Usage

BYTES_PER_TOKEN = 4  # of text: a rule of thumb


class Meter:
    """Hears one answer."""

    __slots__ = ("_bytes", "_frames", "_least", "_told", "complete")

    def __init__(self) -> None:
        self.complete = False  # the answer has ended as it should
        self._told = Usage()
        self._bytes = 0  # of text, or of frames
        self._frames = 0
        self._least = math.inf  # bytes of the smallest frame: what is around the text in each

    def hear(self, batch: Batch) -> None:
        """The next events."""
        for event in batch:
            if type(event) is Verbatim:
                self._hear_frames(event)
            elif type(event) is PartDelta:
                self._bytes += len(event.delta.encode(errors="replace"))
            else:
                self._hear_usage(event)

    def usage(self, prompt: int) -> Usage:
        """All of it. `prompt` is about how many tokens were sent, for where nobody has told."""
        told = self._told
        if self.complete and told.output_tokens and told.total_input_tokens:
            return told
        output = max(told.output_tokens, 0 if self.complete and told.total_input_tokens else self._seen)
        sent = told.input_tokens if told.total_input_tokens else prompt
        guessed = (sent, output) != (told.input_tokens, told.output_tokens)
        return replace(told, input_tokens=sent, output_tokens=output, estimated=told.estimated or guessed)

    @property
    def _seen(self) -> int:
        """About how many tokens have passed. In frames: at least one each, and what each holds beyond the smallest."""
        around = self._frames * self._least if self._frames else 0
        return max(self._frames, math.ceil((self._bytes - around) / BYTES_PER_TOKEN))

    def _hear_frames(self, event: Verbatim) -> None:
        if event.usage is not None:
            self._told = event.usage
        self.complete = self.complete or event.done
        if event.content:
            frames = event.data.count(b"\n\n") or 1
            self._frames += frames
            self._bytes += len(event.data)
            self._least = min(self._least, len(event.data) / frames)

    def _hear_usage(self, event: Event) -> None:
        if isinstance(event, UsageUpdate):
            self._told = event.usage
        elif isinstance(event, MessageEnd):
            self.complete, self._told = True, event.usage
        elif isinstance(event, MessageStart) and event.usage is not None:
            self._told = event.usage
