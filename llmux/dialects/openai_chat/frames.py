"""Whole frames of a backend's stream as bytes: where each is, and which of them need reading. It reads none.

Needs reading: what may tell of an error, of usage or of the end. Frames are judged by searches, which cannot hit inside
a JSON string, for a quote in it is escaped. When in doubt a frame is read.
"""

import re
from collections.abc import Iterator

from llmux.wire.sse import BOM, CR, parse

LF_END, ANY_END = re.compile(rb"\n\n"), re.compile(rb"\n\r?\n|\r\r")
ERROR, USAGE = b'"error"', b'"usage"'
# In the spacing of JavaScript, and of Python.
NULL_FINISH, NULL_FINISH_SPACED = b'"finish_reason":null', b'"finish_reason": null'
USAGE_OBJECT, USAGE_OBJECT_SPACED = b'"usage":{', b'"usage": {'
NO_CHOICES = re.compile(rb'"choices": ?\[\]')
DELTA, DELTA_SPACED = b'"delta":{"', b'"delta": {"'
TEXT, TEXT_SPACED = b'"text":"', b'"text": "'  # of the older form


def last_frame_end(data: bytes) -> int:
    """Where the last blank line of `data` ends; 0: there is none."""
    ends = [(b"\n\n", 2)] if CR not in data else [(b"\n\n", 2), (b"\n\r\n", 3), (b"\r\r", 2)]
    return max(found + length if (found := data.rfind(blank)) >= 0 else 0 for blank, length in ends)


def frames(whole: bytes, start: int = 0) -> Iterator[tuple[int, int]]:
    """Where each frame of `whole` begins and ends, from `start` on, its blank line included; a rest is one too."""
    for blank in (ANY_END if CR in whole else LF_END).finditer(whole, start):
        yield start, blank.end()
        start = blank.end()
    if start < len(whole):
        yield start, len(whole)


def parse_raw(frame: bytes) -> tuple[bytes, bytes]:
    """Name and data of a frame with any line ends."""
    return parse(frame.removeprefix(BOM).replace(b"\r\n", b"\n").replace(b"\r", b"\n").strip(b"\n"))


def passes(whole: bytes) -> bool:
    """Whether no frame of `whole` needs reading: there is no error, and the last frame is in the midst of the answer.

    This is asked of every read. Nearly always the last line is the last frame, and found in half the time.
    """
    start = whole.rfind(b"\n", 0, -2) + 1
    if CR in whole or whole.find(ERROR) >= 0 or not is_midst(whole, start):
        return False
    return not start or whole[start - 2 : start] == b"\n\n"


def is_midst(whole: bytes, start: int = 0) -> bool:
    """Whether the frame from `start` on is surely no end and tells no usage."""
    if whole.rfind(NULL_FINISH, start) < 0 and whole.rfind(NULL_FINISH_SPACED, start) < 0:
        return False
    return whole.find(USAGE, start) < 0 or (
        whole.find(USAGE_OBJECT, start) < 0 and whole.find(USAGE_OBJECT_SPACED, start) < 0
    )


def is_usage_alone(frame: bytes) -> bool:
    """Whether a frame tells the usage and nothing of the answer."""
    return (USAGE_OBJECT in frame or USAGE_OBJECT_SPACED in frame) and NO_CHOICES.search(frame) is not None


def notable(whole: bytes, start: int) -> Iterator[tuple[int, int]]:
    """Where the frames from `start` on are that need reading.

    Seen from the end, these are the frames behind the last one that says something and does not end. One that says
    nothing proves nothing: Azure's verdicts come behind the end.
    """
    blank = _blank_line(whole)
    if not blank or whole.find(ERROR, start) >= 0:  # seldom: each frame is looked at
        return (place for place in frames(whole, start) if _needs_reading(whole[slice(*place)]))
    end = len(whole)
    while end > start:
        before = whole.rfind(blank, start, end - len(blank))
        begin = before + len(blank) if before >= 0 else start
        frame = whole[begin:end]
        if is_midst(frame) and _says_something(frame):
            break
        end = begin
    return frames(whole, end)


def _needs_reading(frame: bytes) -> bool:
    return not is_midst(frame) or ERROR in frame


def _says_something(frame: bytes) -> bool:
    """Whether the frame surely tells more of the answer."""
    said = DELTA in frame or DELTA_SPACED in frame or TEXT in frame or TEXT_SPACED in frame
    return said and b'""' not in frame


def _blank_line(whole: bytes) -> bytes | None:
    """The blank line that ends every frame of `whole`; None where line ends are mixed, or are CR alone."""
    if CR not in whole:
        return b"\n\n"
    pairs = whole.count(b"\r\n")
    return b"\r\n\r\n" if pairs == whole.count(b"\n") == whole.count(b"\r") else None
