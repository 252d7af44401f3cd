"""How many tokens a request is, at each of several backends: one prompt, many vocabularies. It asks nobody.

Counted where the model's vocabulary is published and installed; else estimated, as far as the model's own reports have
taught. It works in slices: no request holds the event loop for long.
"""

import math
from collections.abc import Iterable, Mapping

from llmux.clock import Clock
from llmux.gateway.ratios import Ratios
from llmux.gateway.tokenizer import PIECE_CHARACTERS, Count, Tokenizer
from llmux.ir.request import Request
from llmux.routing import tokens
from llmux.routing.catalog import Backend, backend_model
from llmux.routing.vocabulary import vocabulary


class Gauge:
    """Measures requests."""

    def __init__(self, ratios: Ratios, clock: Clock, tokenizer: Tokenizer) -> None:
        self._ratios, self._clock, self._tokenizer = ratios, clock, tokenizer

    async def estimate(self, request: Request) -> int:
        """About how many tokens it is for a model of which nothing is known."""
        return tokens.media_tokens(request) + await self._words(request, None)

    async def measure(self, request: Request, backends: Iterable[Backend]) -> Mapping[str, int]:
        """How many it is for each of `backends`, by name. Media have the same flat figures for all."""
        media, known, figures = tokens.media_tokens(request), dict[str, int](), dict[str, int]()
        for backend in backends:
            model = backend_model(backend, request.model)
            name = vocabulary(model)
            count = await self._tokenizer.counter(name)
            if count is None:
                name = ""
            if name not in known:
                known[name] = await self._words(request, count)
            ratio = 1.0 if count else self._ratios.of(backend.name, model)
            figures[backend.name] = media + math.ceil(known[name] * ratio)
        return figures

    async def _words(self, request: Request, count: Count | None) -> int:
        total = 0
        for piece in tokens.request_text(request):
            if count is None:
                total += tokens.estimate(piece)
                await self._clock.sleep(0)
                continue
            text = piece.decode(errors="replace")
            for start in range(0, len(text), PIECE_CHARACTERS):
                total += count(text[start : start + PIECE_CHARACTERS])
                await self._clock.sleep(0)
        return total
