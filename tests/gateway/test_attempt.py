"""What a client of the same dialect may see of a backend's headers."""

from llmux.gateway.attempt import _seen


def test_a_client_sees_limits_and_what_its_own_vendor_tells_it() -> None:
    shown = {"X-RateLimit-Remaining-Requests": "1", "retry-after": "2", "x-codex-turn-state": "s", "openai-model": "m"}
    kept_back = {"openai-organization": "o", "x-codex-primary-used-percent": "9", "set-cookie": "c"}
    assert dict(_seen({**shown, **kept_back})) == shown
