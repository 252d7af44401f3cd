"""What a scraper is shown: two forms, and how the backends stand at that moment."""

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics

from llmux.gateway.budget import WindowUse
from llmux.gateway.ledger import Standing
from llmux.metrics.prometheus import Prometheus
from tests.fakes import FakeClock
from tests.metrics.counts import FINISHED, Samples, samples

PLAIN, OPEN = "text/plain;version=0.0.4", "application/openmetrics-text;version=1.0.0,text/plain;q=0.5"


def standing(backend: str, state: str, *windows: WindowUse) -> Standing:
    return Standing(backend, state, "", 0.0, 0, 0, windows, (), ())  # type: ignore[arg-type]


STANDINGS = [
    standing("a", "up", WindowUse(3600, "sliding", 10, 4.0, 0.0), WindowUse(0, "sliding", 5.0, 7.0, 0.0, "usd")),
    standing("b", "resting"),
    standing("c", "probing", WindowUse(60, "sliding", 5, 1.0, 0.0)),
]


async def look() -> list[Standing]:
    return STANDINGS


async def scraped(accept: str = PLAIN, clock: FakeClock | None = None) -> tuple[str, str]:
    clock = clock or FakeClock()
    metrics = Prometheus({}, clock, "1.2.3")
    clock.advance(5)
    metrics(FINISHED)
    content_type, text = await metrics.page(look)(accept)
    return content_type, text.decode()


async def test_how_backends_stand() -> None:
    _, text = await scraped()
    now: Samples = {name: value for name, value in samples(text).items() if "backend=" in name and "window" in name}
    assert now == {
        'llmux_window_remaining{backend="a",span="1h",unit="requests"}': 6,
        'llmux_window_limit{backend="a",span="1h",unit="requests"}': 10,
        'llmux_window_limit{backend="a",span="all",unit="usd"}': 5,
        'llmux_window_remaining{backend="c",span="60s",unit="requests"}': 4,
        'llmux_window_limit{backend="c",span="60s",unit="requests"}': 5,
    }
    for backend, up in (("a", 1), ("b", 0), ("c", 0)):
        assert f'llmux_backend_up{{backend="{backend}"}} {up}.0' in text
    assert 'llmux_window_remaining{backend="a",span="all",unit="usd"} 0.0' in text


async def test_what_it_is_and_for_how_long() -> None:
    _, text = await scraped()
    assert samples(text)["llmux_uptime_seconds"] == 5
    assert samples(text)['llmux_build_info{version="1.2.3"}'] == 1


@pytest.mark.parametrize("accept", ["", "*/*", PLAIN, "text/html", "text/plain;version==x"])
async def test_prometheus_own_form_unless_the_other_is_asked_for(accept: str) -> None:
    content_type, text = await scraped(accept)
    assert content_type.startswith("text/plain")
    assert "llmux_requests_total" in text


async def test_openmetrics() -> None:
    content_type, text = await scraped(OPEN)
    assert content_type.startswith("application/openmetrics-text")
    assert text.endswith("# EOF\n")
    assert {"llmux_requests", "llmux_latency_seconds"} <= {family.name for family in openmetrics(text)}


async def test_everybodys_registry_is_not_used() -> None:
    from prometheus_client import REGISTRY

    await scraped()
    assert not [family.name for family in REGISTRY.collect() if family.name.startswith("llmux")]
    _, text = await scraped()
    assert "python_info" not in text


async def test_a_registry_of_its_own_is_the_only_one() -> None:
    assert isinstance(Prometheus({}, FakeClock(), "")._counts, CollectorRegistry)
