"""Exact token counts, where the extra `llmux[tokens]` is installed. It is loaded at the first count, never before.

It knows one vocabulary, OpenAI's o200k; for other makers it is a better estimate, no more.
"""

import asyncio
from collections.abc import Callable

Count = Callable[[str], int]

# The tokenizer holds the interpreter while it works: half a millisecond for so much text.
PIECE_CHARACTERS = 16_384


class Tokenizer:
    """Counts tokens, or says that it cannot."""

    def __init__(self, load: Callable[[], Count | None] | None = None) -> None:
        """`load` finds the counter; it may take its time."""
        self._load = load or load_o200k
        self._loaded = False
        self._count: Count | None = None

    async def counter(self) -> Count | None:
        """What counts a piece of text, or None where the extra is not installed."""
        if not self._loaded:
            self._count = await asyncio.to_thread(self._load)
            self._loaded = True
        return self._count


def load_o200k() -> Count | None:
    """The counter of the package rs-bpe, which carries its vocabulary."""
    try:
        from rs_bpe.bpe import openai
    except ImportError:
        return None
    count: Count = openai.o200k_base().count
    return count
