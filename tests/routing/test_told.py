"""What providers' headers say of their limits, as they were seen; and that no header can do harm."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmux.routing.told import MOST, Said, concerns, limits, retry_at

NOW = 1_750_000_000.0

# headers -> the limits; times are seconds from now.
TOLD: dict[str, tuple[dict[str, str], list[Said]]] = {
    "OpenAI": (
        {
            "x-ratelimit-limit-requests": "5000",
            "x-ratelimit-limit-tokens": "160000",
            "x-ratelimit-remaining-requests": "4999",
            "x-ratelimit-remaining-tokens": "159978",
            "x-ratelimit-reset-requests": "12ms",
            "x-ratelimit-reset-tokens": "6m0s",
        },
        [Said("requests", 5000, 4999, NOW + 0.012), Said("tokens", 160_000, 159_978, NOW + 360)],
    ),
    "Groq": (
        {"x-ratelimit-limit-requests": "14400", "x-ratelimit-reset-requests": "2m59.56s"},
        [Said("requests", 14_400, None, NOW + 179.56)],
    ),
    "Cerebras": (
        {"x-ratelimit-limit-requests-day": "14400", "x-ratelimit-remaining-tokens-minute": "60000",
         "x-ratelimit-reset-tokens-minute": "13.5"},
        [Said("requests_day", 14_400), Said("tokens_minute", None, 60_000, NOW + 13.5)],
    ),
    "Mistral": (
        {"x-ratelimit-limit-req-minute": "60", "x-ratelimit-remaining-req-minute": "59"},
        [Said("req_minute", 60, 59)],
    ),
    "Anthropic": (
        {
            "anthropic-ratelimit-input-tokens-limit": "2000000",
            "anthropic-ratelimit-input-tokens-remaining": "1999000",
            "anthropic-ratelimit-input-tokens-reset": "2025-06-15T15:06:50Z",
            "anthropic-ratelimit-requests-limit": "4000",
        },
        [Said("input_tokens", 2_000_000, 1_999_000, NOW + 10), Said("requests", 4000)],
    ),
    "a subscription of Anthropic's": (
        {
            "anthropic-ratelimit-unified-status": "allowed",
            "anthropic-ratelimit-unified-5h-utilization": "0.42",
            "anthropic-ratelimit-unified-5h-reset": "1750000600",
        },
        [Said("unified_5h", None, None, NOW + 600, 0.42)],
    ),
    "OpenRouter": (
        {"x-ratelimit-limit": "20", "x-ratelimit-remaining": "0", "x-ratelimit-reset": "1750000060000"},
        [Said("requests", 20, 0, NOW + 60)],
    ),
    "with a policy": (
        {"ratelimit-limit": "100, 100;w=60", "ratelimit-reset": "50"},
        [Said("requests", 100, None, NOW + 50)],
    ),
    "with commas": ({"x-ratelimit-limit-tokens": "1,000,000"}, [Said("tokens", 1_000_000)]),
    "one day": ({"x-ratelimit-reset-requests": "1d2h"}, [Said("requests", None, None, NOW + 93_600)]),
    "none": ({"x-ratelimit-over-limit": "no", "x-ratelimit": "9", "content-type": "application/json"}, []),
}  # fmt: skip


@pytest.mark.parametrize("whose", TOLD)
def test_what_a_provider_tells(whose: str) -> None:
    headers, expected = TOLD[whose]
    assert [*limits(headers.items(), NOW)] == [*map(_near, expected)]


def _near(said: Said) -> Said:
    at = said.resets_at
    return (
        said
        if at is None
        else Said(said.what, said.limit, said.remaining, pytest.approx(at, rel=0, abs=0.001), said.used)
    )


RETRIES = {
    "20": NOW + 20,
    "1m30s": NOW + 90,
    "2025-06-15T15:06:50Z": NOW + 10,
    "Sun, 15 Jun 2025 15:06:50 GMT": NOW + 10,
    "soon": None,
    "": None,
}


@pytest.mark.parametrize("text", RETRIES)
def test_when_to_come_back(text: str) -> None:
    assert retry_at([("retry-after", text)], NOW) == RETRIES[text]


NAMES = st.one_of(
    st.text(),
    st.builds(
        lambda start, words: start + "ratelimit-" + "-".join(words),
        st.sampled_from(["", "x-", "anthropic-"]),
        st.lists(st.sampled_from(["limit", "remaining", "reset", "utilization", "tokens", "", "5h", "²"])),
    ),
)
VALUES = st.one_of(
    st.text(),
    st.text("0123456789.,msdh -:TZ+e٣²", max_size=40),
    st.from_regex(r"\A[0-9]{1,400}(ms|s|m|h|d)?\Z"),
    st.sampled_from(["nan", "inf", "1e999", "-1", "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "9" * 400]),
)


@given(st.lists(st.tuples(NAMES, VALUES), max_size=60))
def test_no_header_does_harm(headers: list[tuple[str, str]]) -> None:
    told = limits(headers, NOW)
    assert len(told) <= MOST
    for said in told:
        numbers = [number for number in (said.limit, said.remaining, said.resets_at, said.used) if number is not None]
        assert numbers, "it says something"
        assert all(map(math.isfinite, numbers))
        assert said.what
    at = retry_at([*headers, *(("retry-after", value) for _, value in headers)], NOW)
    assert at is None or math.isfinite(at)


def test_which_headers_are_looked_at() -> None:
    assert concerns("x-ratelimit-limit-requests")
    assert concerns("retry-after")
    assert not concerns("date")
