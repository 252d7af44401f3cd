"""What an answer cost in tokens. Counts only; prices are somebody else's business."""

from collections.abc import Mapping

from llmux.ir.value import Value


class Usage(Value):
    """Tokens of one answer so far. A later Usage replaces an earlier one; they are never added.

    `input_tokens` were sent and neither read from nor written to a prompt cache, so the whole prompt is
    `total_input_tokens`. `output_tokens` include `reasoning_tokens`.
    """

    input_tokens: int = 0
    output_tokens: int = 0
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0
    cache_write_1h_tokens: int = 0  # the part of cache_write_tokens that lives for an hour
    reasoning_tokens: int = 0
    server_tools: Mapping[str, int] = {}  # server tool -> how often the backend ran it
    service_tier: str | None = None
    estimated: bool = False  # the backend told nothing: llmux counted

    @property
    def total_input_tokens(self) -> int:
        """The whole prompt, as OpenAI counts it."""
        return self.input_tokens + self.cache_read_tokens + self.cache_write_tokens
