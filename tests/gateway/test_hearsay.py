"""What is remembered of what providers say of their limits."""

from llmux.gateway.hearsay import MOST, Heard, Hearsay
from llmux.routing.told import Said
from tests.fakes import FakeClock


def test_the_last_word_counts() -> None:
    clock = FakeClock()
    hearsay, began = Hearsay(clock), clock.now()
    assert hearsay.of("a") is None
    hearsay.hear("a", 200, {"X-RateLimit-Limit-Requests": "10", "X-RateLimit-Remaining-Requests": "9"})
    clock.advance(5)
    hearsay.hear("a", 200, {"X-RateLimit-Limit-Requests": "10", "X-RateLimit-Remaining-Requests": "8"})
    assert hearsay.of("a") == Heard(began + 5, (Said("requests", 10, 8),))
    assert hearsay.of("b") is None


def test_a_refusal_adds_when_to_come_back_and_may_say_no_more() -> None:
    clock = FakeClock()
    hearsay, began = Hearsay(clock), clock.now()
    hearsay.hear("a", 200, {"x-ratelimit-limit-requests": "10"})
    clock.advance(1)
    hearsay.hear("a", 429, {"retry-after": "30"})
    assert hearsay.of("a") == Heard(began, (Said("requests", 10),), began + 31)
    clock.advance(1)
    hearsay.hear("a", 429, {"retry-after": "30", "x-ratelimit-limit-requests": "5"})
    assert hearsay.of("a") == Heard(began + 2, (Said("requests", 5),), began + 32)


def test_who_says_nothing_is_not_heard() -> None:
    hearsay = Hearsay(FakeClock())
    hearsay.hear("a", 200, {"content-type": "application/json"})
    assert hearsay.of("a") is None


def test_it_keeps_a_bounded_number() -> None:
    hearsay = Hearsay(FakeClock())
    for number in range(MOST + 1):
        hearsay.hear(str(number), 200, {"x-ratelimit-limit": "1"})
    assert hearsay.of("0") is None
    assert hearsay.of(str(MOST)) is not None
