"""Which plans are remembered, and for whom."""

from collections.abc import Iterable, Mapping

import pytest

from llmux.dialects.openai_chat import OPENAI_CHAT
from llmux.gateway.gauge import Gauge
from llmux.gateway.ledger import Ledger
from llmux.gateway.limits import Keeper
from llmux.gateway.planner import Planner
from llmux.gateway.tokenizer import Tokenizer
from llmux.ir.capability import Profile
from llmux.ir.request import Request
from llmux.responder import ANYONE
from llmux.routing.catalog import Backend, Catalog, Way
from llmux.store.memory import MemoryStore
from tests.fakes import FakeClock

SMALL = Backend(name="small", provider="p", model="s", dialect="openai_chat", profile=Profile(context=300))
LARGE = Backend(name="large", provider="p", model="l", dialect="openai_chat", profile=Profile(context=9_000))


def planner(clock: FakeClock, *backends: Backend, **roles: tuple[str, ...]) -> Planner:
    keeper = Keeper()
    ledger = Ledger(MemoryStore(clock), clock, lambda _: None, keeper)
    catalog = Catalog(backends, roles, ways=dict.fromkeys(roles, Way(execution="first")))
    return Planner(catalog, ledger, clock, "prefer", Tokenizer())


def request(size: int, model: str = "any", output: int | None = None) -> Request:
    words = " 0" * (size // 2)  # a token each, for whatever counts
    body = b'{"model":"%b","messages":[{"role":"user","content":"%b"}]%b}' % (
        model.encode(), words.encode(), b',"max_tokens":%d' % output if output else b"",
    )  # fmt: skip
    return OPENAI_CHAT.decode_request(body)


@pytest.fixture(autouse=True)
def counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """A token is a byte here, counted at once."""

    async def measure(self: Gauge, request: Request, backends: Iterable[Backend]) -> Mapping[str, int]:
        size = len(request.original.body) if request.original else 0
        return {backend.name: size for backend in backends}

    monkeypatch.setattr(Gauge, "measure", measure)


@pytest.mark.parametrize("order", [(20, 2_000, 20), (2_000, 20, 2_000)])
async def test_a_plan_is_only_for_requests_that_fit_everywhere(clock: FakeClock, order: tuple[int, ...]) -> None:
    chooses = planner(clock, SMALL, LARGE)
    plans = [(await chooses.plan(request(size), ANYONE)).choice.plan for size in order]
    assert plans == [("small", "large") if size < 300 else ("large",) for size in order]


async def test_what_is_asked_for_counts_too(clock: FakeClock) -> None:
    chooses = planner(clock, SMALL, LARGE)
    assert (await chooses.plan(request(20), ANYONE)).choice.plan == ("small", "large")
    assert (await chooses.plan(request(20, output=290), ANYONE)).choice.plan == ("large",)


async def test_a_plan_that_holds_is_not_made_again(clock: FakeClock, monkeypatch: pytest.MonkeyPatch) -> None:
    chooses = planner(clock, SMALL, LARGE)
    first = await chooses.plan(request(20), ANYONE)
    monkeypatch.setattr(Planner, "_decide", None)
    assert (await chooses.plan(request(40), ANYONE)).choice is first.choice


async def test_a_name_under_an_alias_means_the_same(clock: FakeClock) -> None:
    chooses = planner(clock, SMALL, LARGE, role=("large", "small"))
    assert (await chooses.plan(request(20, "claude/large"), ANYONE)).choice.plan == ("large",)
    assert (await chooses.plan(request(20, "claude/role"), ANYONE)).choice.plan == ("large",), "the first, or nobody"
