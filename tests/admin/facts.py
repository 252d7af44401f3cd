"""Facts of made-up requests, and a feed that has heard some."""

from typing import Any

from llmux.admin.feed import Feed
from llmux.ir.usage import Usage
from llmux.telemetry import AttemptFailed, Fact, Planned, RequestFinished, Spent
from tests.fakes import FakeClock


def planned(request_id: str = "r1", model: str = "m", **refused: str) -> Planned:
    return Planned(request_id, model, ("a", "b"), refused)


def failed(request_id: str = "r1", message: str = "Too many.") -> AttemptFailed:
    return AttemptFailed(request_id, "a", "RateLimited", message, 0.25, 7.0)


def spent(request_id: str = "r1", usd: float | None = 0.5, client: str = "ann") -> Spent:
    return Spent(
        request_id=request_id, client=client, backend="b", provider="p", model="m", usage=Usage(10, 5, 2), usd=usd,
        complete=True,
    )  # fmt: skip


def finished(request_id: str = "r1", **more: Any) -> RequestFinished:
    usual: dict[str, Any] = {
        "client": "ann", "dialect": "claude", "path": "/v1/messages", "model": "m", "backend": "b", "attempts": 2,
        "status": 200, "stream": True, "usage": Usage(10, 5, 2), "first_event_s": 0.1, "duration_s": 1.5,
    }  # fmt: skip
    return RequestFinished(request_id=request_id, **{**usual, **more})


def heard(clock: FakeClock, *facts: Fact) -> Feed:
    feed = Feed(clock)
    feed.listen(on=True)
    for fact in facts:
        feed(fact)
    return feed
