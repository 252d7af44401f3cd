"""Prices: a table of usages and what they cost."""

import pytest

from llmux.ir.price import FREE, Price
from llmux.ir.usage import Usage

PLAIN = Price(3, 15)
CACHED = Price(3, 15, cache_read=0.3, cache_write=3.75, cache_write_1h=6)


@pytest.mark.parametrize(
    ("price", "usage", "usd"),
    [
        (PLAIN, Usage(), 0),
        (PLAIN, Usage(1_000_000, 200_000), 6),
        (PLAIN, Usage(output_tokens=10, reasoning_tokens=8), 0.00015),  # reasoning is output already
        (PLAIN, Usage(0, 0, cache_read_tokens=1_000_000, cache_write_tokens=1_000_000), 6),
        (CACHED, Usage(0, 0, cache_read_tokens=1_000_000, cache_write_tokens=1_000_000), 4.05),
        (CACHED, Usage(0, 0, cache_write_tokens=1_000_000, cache_write_1h_tokens=400_000), 4.65),
        (Price(3, 15, cache_write=3.75), Usage(cache_write_tokens=1_000_000, cache_write_1h_tokens=1_000_000), 3.75),
        (FREE, Usage(9, 9, 9, 9), 0),
    ],
)
def test_what_an_answer_costs(price: Price, usage: Usage, usd: float) -> None:
    assert price.usd(usage) == pytest.approx(usd)
