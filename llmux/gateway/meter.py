"""What an answer took, heard from its events while they pass: what its backend told, else what has been seen. Pure.

An answer that is complete is as long as its backend says. Of one that broke off, or whose client left, nobody has said
so: then what passed is measured, so that nothing goes unpaid. Such figures are estimates, and say so.
"""

import re

from msgspec.structs import replace

from llmux.ir.events import Batch, Event, MessageEnd, MessageStart, PartDelta, UsageUpdate, Verbatim
from llmux.ir.usage import Usage

BYTES_PER_TOKEN = 4  # of text: a rule of thumb
# What frames of any dialect hold their text in. It is looked for once a stream: what is around the text in one frame is
# around it in all of them.
SAID = re.compile(
    rb'"(?:content|text|delta|thinking|reasoning_content|reasoning|partial_json|arguments|response|refusal)": ?'
    rb'"((?:[^"\\]|\\.)+)"'
)


class Meter:
    """Hears one answer."""

    __slots__ = ("_around", "_bytes", "_frames", "_told", "complete")

    def __init__(self) -> None:
        self.complete = False  # the answer has ended as it should
        self._told = Usage()
        self._bytes = 0  # of text, or of frames
        self._frames = 0
        self._around = 0  # bytes of a frame beside its text; 0: no text has been seen

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
        """About how many tokens have passed: a frame with text is one at least."""
        return max(self._frames, round((self._bytes - self._frames * self._around) / BYTES_PER_TOKEN))

    def _hear_frames(self, event: Verbatim) -> None:
        if event.usage is not None:
            self._told = event.usage
        self.complete = self.complete or event.done
        if event.content and not (event.done and event.usage):  # of what is told whole nothing need be measured
            if self._around:
                self._frames += event.data.count(b"data:") or event.data.count(b"\n") or 1
                self._bytes += len(event.data)
            else:
                self._hear_first(event.data)

    def _hear_first(self, data: bytes) -> None:
        """Frames of which the first may have text, behind others that only begin the answer."""
        said = SAID.findall(data)
        if said:
            end = b"\n\n" if b"data:" in data else b"\n"
            last = data[data.rfind(end, 0, -len(end)) + len(end) :] if end in data[: -len(end)] else data
            self._around = max(len(last) - sum(map(len, SAID.findall(last))), 1)
            self._frames += len(said)
            self._bytes += sum(map(len, said)) + len(said) * self._around

    def _hear_usage(self, event: Event) -> None:
        if isinstance(event, UsageUpdate):
            self._told = event.usage
        elif isinstance(event, MessageEnd):
            self.complete, self._told = True, event.usage
        elif isinstance(event, MessageStart) and event.usage is not None:
            self._told = event.usage
