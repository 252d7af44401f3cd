"""What a model's tokens cost. Arithmetic only; which model costs what is somebody else's business."""

from llmux.ir.usage import Usage
from llmux.ir.value import Value

PER = 1_000_000  # tokens


class Price(Value):
    """US dollars per million tokens. What the prompt cache costs is the input's price where it is not known.

    `cache_write` is for entries that live for minutes, `cache_write_1h` for those that live for an hour.
    """

    input: float = 0.0
    output: float = 0.0
    cache_read: float | None = None
    cache_write: float | None = None
    cache_write_1h: float | None = None

    def usd(self, usage: Usage) -> float:
        """What an answer of this usage costs."""
        short = self.input if self.cache_write is None else self.cache_write
        hour = short if self.cache_write_1h is None else self.cache_write_1h
        read = self.input if self.cache_read is None else self.cache_read
        for_minutes = max(usage.cache_write_tokens - usage.cache_write_1h_tokens, 0)
        total = (
            usage.input_tokens * self.input
            + usage.output_tokens * self.output
            + usage.cache_read_tokens * read
            + for_minutes * short
            + usage.cache_write_1h_tokens * hour
        )
        return total / PER


FREE = Price()
