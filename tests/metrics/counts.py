"""Facts that a test may tell, and what has been counted of them."""

import asyncio
from collections.abc import Mapping

from msgspec.structs import replace
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from llmux.gateway.budget import WindowUse
from llmux.gateway.ledger import Standing
from llmux.ir.usage import Usage
from llmux.metrics.counting import SHOW_EVERY, Counting
from llmux.metrics.meters import Meters
from llmux.metrics.page import ScrapePage
from llmux.telemetry import AttemptFailed, Fact, RequestFinished, RequestStarted, Spent
from tests.fakes import FakeClock

Samples = Mapping[str, float]
STARTED = RequestStarted("req_1", "/v1/messages")
FINISHED = RequestFinished(
    request_id="req_1", client="team", dialect="claude", path="/v1/messages", model="sonnet", backend="a", attempts=1,
    status=200, stream=True, usage=Usage(10, 5), first_event_s=0.3, duration_s=2.0,
)  # fmt: skip
SPENT = Spent(
    request_id="req_1", client="team", backend="a", provider="p", model="big", usage=Usage(10, 5, 3, 2, 0, 4), usd=0.25,
    complete=True,
)  # fmt: skip
WHICH = 'backend="a",model="sonnet"'


def failed(backend: str, error: str = "BackendDown", request_id: str = "req_1") -> AttemptFailed:
    return AttemptFailed(request_id, backend, error, "no", 0.1)


def asked(model: str, **otherwise: object) -> RequestFinished:
    return replace(FINISHED, model=model, **otherwise)


def samples(text: str) -> Samples:
    """Every series of a page in Prometheus' form that is not 0; as it stands there, its labels in order."""
    return {
        f"{one.name}{{{labels}}}" if labels else one.name: one.value
        for family in text_string_to_metric_families(text)
        for one in family.samples
        if one.value
        for labels in [",".join(f'{name}="{value}"' for name, value in sorted(one.labels.items()))]
    }


class Ear:
    """A process that counts."""

    def __init__(self) -> None:
        self.registry, self.clock = CollectorRegistry(), FakeClock()
        self.listen = Counting(Meters(self.registry), self.clock)

    def hear(self, *facts: Fact) -> "Ear":
        for fact in facts:
            self.listen(fact)
        self.clock.advance(SHOW_EVERY)
        return self

    @property
    def counted(self) -> Samples:
        return samples(generate_latest(self.registry).decode())


def exposed() -> set[str]:
    """The name of every series that llmux shows."""
    ear = Ear().hear(STARTED, failed("b"), SPENT, FINISHED, asked("sonnet", error="BackendCut"))
    page = ScrapePage(ear.registry, look, ear.clock, 0.0, "0")
    _, text = asyncio.run(page(""))
    return {one.name for family in text_string_to_metric_families(text.decode()) for one in family.samples}


async def look() -> list[Standing]:
    return [Standing("a", "up", "", 0.0, 0, 0, (WindowUse(3600, "sliding", 10, 4.0, 0.0),), (), ())]
