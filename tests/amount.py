"""How much is tried: a sample, so that all tests stay within minutes; everything where LLMUX_FULL is set."""

import os
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypeVar

T = TypeVar("T")

FULL = bool(os.environ.get("LLMUX_FULL"))


def amount(sample: int, everything: int) -> int:
    """`sample`, or `everything` where all is asked for."""
    return everything if FULL else sample


def sampled(things: Iterable[T], one_in: int) -> Iterator[T]:
    """Every `one_in`th of `things`; all of them where all is asked for."""
    return islice(things, 0, None, amount(one_in, 1))
