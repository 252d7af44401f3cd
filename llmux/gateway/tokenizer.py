"""Exact token counts, where the extra `llmux[tokens]` is installed. It is loaded at the first count, never before.

It knows the vocabularies that are published: OpenAI's. Other makers' models cut words otherwise.
"""

import asyncio
from collections.abc import Callable

Count = Callable[[str], int]

# The tokenizer holds the interpreter while it works: half a millisecond for so much text.
PIECE_CHARACTERS = 16_384


class Tokenizer:
    """Counts tokens, or says that it cannot."""

    def __init__(self, load: Callable[[str], Count | None] | None = None) -> None:
        """`load` finds the counter of a vocabulary; it may take its time."""
        self._load = load or load_vocabulary
        self._loaded: dict[str, Count | None] = {"": None}

    async def counter(self, vocabulary: str) -> Count | None:
        """What counts a piece of text by a vocabulary, see `routing/vocabulary`. None: not known, or not installed."""
        if vocabulary not in self._loaded:
            self._loaded[vocabulary] = await asyncio.to_thread(self._load, vocabulary)
        return self._loaded[vocabulary]


def load_vocabulary(name: str) -> Count | None:
    """The counter of the package rs-bpe, which carries its vocabularies."""
    try:
        from rs_bpe.bpe import openai
    except ImportError:
        return None
    count: Count = {"o200k": openai.o200k_base, "cl100k": openai.cl100k_base}[name]().count
    return count
