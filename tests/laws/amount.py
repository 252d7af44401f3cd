"""How much is tried: a sample, so that all tests stay within minutes; everything where LLMUX_FULL is set."""

import os

FULL = bool(os.environ.get("LLMUX_FULL"))


def amount(sample: int, everything: int) -> int:
    """`sample`, or `everything` where all is asked for."""
    return everything if FULL else sample
