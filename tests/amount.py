"""How much is tried: a sample, so that all tests stay within minutes; everything where LLMUX_FULL is set."""

import os
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypeVar

T = TypeVar("T")

PIECES = 3000  # this many reads show whatever a cut can break; byte by byte, a stream of a megabyte only lasts

FULL = bool(os.environ.get("LLMUX_FULL"))


def amount(sample: int, everything: int) -> int:
    """`sample`, or `everything` where all is asked for."""
    return everything if FULL else sample


def sampled(things: Iterable[T], one_in: int) -> Iterator[T]:
    """Every `one_in`th of `things`; all of them where all is asked for."""
    return islice(things, 0, None, amount(one_in, 1))


def cut(stream: bytes, size: int) -> Iterator[bytes]:
    """`stream` in pieces of `size` bytes; where these were too many, only its head, and larger ones then."""
    head = len(stream) if FULL or len(stream) <= PIECES * size else PIECES * size // 2
    yield from (stream[at : at + size] for at in range(0, head, size))
    larger = -(-(len(stream) - head) * 2 // PIECES) or 1
    yield from (stream[at : at + larger] for at in range(head, len(stream), larger))
