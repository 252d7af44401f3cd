"""How many tokens a prompt is: asked where the backend can say, counted where the vocabulary is known, else estimated,
as the backend's own reports have taught."""

import asyncio
from collections.abc import Callable
from typing import Any

import orjson
import pytest
from msgspec.structs import replace

from llmux.dialects.registry import TABLE
from llmux.gateway.attempt import Route
from llmux.gateway.counting import Counter
from llmux.gateway.gauge import Gauge
from llmux.gateway.ratios import EVERY, FEW, MOST_BYTES
from llmux.gateway.tokenizer import Tokenizer
from llmux.ir.capability import Profile
from llmux.ir.content import Image, Inline, Text
from llmux.ir.events import MessageStart
from llmux.ir.request import Message, Request, Role
from llmux.ir.usage import Usage
from llmux.responder import Client, Context
from llmux.routing.catalog import Backend
from llmux.routing.tokens import IMAGE_TOKENS, request_tokens
from tests.fakes import FakeClock
from tests.gateway.accounts import House, share, two
from tests.gateway.test_gateway import HELLO, Table
from tests.scripted import JSON, Script, ScriptedTransport, chat_stream, chunk, failure, sse

PROMPT = "The house stands at the end of the road. " * 30
PICTURE = Image(source=Inline("image/png", "A" * 400))
OK = Script(steps=[chat_stream("hello")])


def asked(*parts: Any) -> Request:
    return Request(dialect="claude", model="any", messages=(Message(Role.USER, (Text(text=PROMPT), *parts)),))


def at(name: str, model: str) -> Backend:
    return Backend(name=name, provider="p", model=model, dialect="openai_chat")


WORDS = request_tokens(asked())
A, B, GPT, OLD = at("a", "m"), at("b", "m"), at("gpt", "gpt-5"), at("old", "gpt-4")


class Quiet(FakeClock):
    """Nobody has to let this time pass."""

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(0)


def gauge(house: House, **counters: Callable[[str], int]) -> Gauge:
    return Gauge(house.ledger.ratios, Quiet(), Tokenizer(counters.get))


def report(house: House, reported: int, request: Request | None = None, size: int = 2_000) -> None:
    house.ledger.ratios.report("a", "m", request or asked(), Usage(input_tokens=reported), size)


# --- estimates, and what they learn from ------------------------------------------------------------------------------


async def test_what_one_model_reports_is_no_other_models() -> None:
    house = House(FakeClock())
    report(house, 2 * WORDS)
    assert await gauge(house).measure(asked(), [A, B]) == {"a": 2 * WORDS, "b": WORDS}


async def test_the_ratio_is_of_words_and_a_picture_stays_what_it_is() -> None:
    house = House(FakeClock())
    report(house, 2 * WORDS)
    assert await gauge(house).measure(asked(PICTURE), [A]) == {"a": 2 * WORDS + IMAGE_TOKENS}


async def test_a_prompt_of_a_word_is_no_prompt_of_nothing() -> None:
    house = House(FakeClock())
    report(house, WORDS * 2 // 5)
    short = replace(asked(), messages=(Message(Role.USER, (Text(text="a"),)),))
    assert (await gauge(house).measure(short, [A]))["a"] > 0


async def test_a_vocabulary_that_is_installed_is_counted_and_not_corrected() -> None:
    house = House(FakeClock())
    house.ledger.ratios.report("gpt", "gpt-5", asked(), Usage(input_tokens=2 * WORDS), 2_000)
    figures = await gauge(house, o200k=lambda text: len(text) // 10).measure(asked(), [GPT, OLD, A])
    assert figures == {"gpt": len(PROMPT + "user\n\n") // 10, "old": WORDS, "a": WORDS}


async def test_a_vocabulary_is_loaded_once_and_a_prompt_counted_once() -> None:
    loaded, counted = list[str](), list[str]()

    def load(name: str) -> Callable[[str], int]:
        loaded.append(name)
        return lambda text: counted.append(text) or 1

    measure = Gauge(House(FakeClock()).ledger.ratios, Quiet(), Tokenizer(load)).measure
    assert await measure(asked(), [GPT, at("other", "gpt-4o"), A]) == {"gpt": 1, "other": 1, "a": WORDS}
    await measure(asked(), [GPT])
    assert loaded == ["o200k"]
    assert len(counted) == 2


def test_some_answers_are_looked_at_and_then_one_in_a_while() -> None:
    house = House(FakeClock())
    for _ in range(FEW):
        report(house, WORDS)
    report(house, 2 * WORDS)
    assert house.ledger.ratios.of("a", "m") == 1.0
    house.clock.advance(EVERY)
    report(house, 2 * WORDS)
    assert house.ledger.ratios.of("a", "m") == pytest.approx(1.2)


def test_reports_that_teach_nothing_are_not_all_looked_at() -> None:
    """A backend that reports only what it had not cached must not cost an estimate with every answer."""
    house = House(FakeClock())
    for _ in range(FEW):
        report(house, WORDS // 10)
    report(house, 2 * WORDS)
    assert house.ledger.ratios.of("a", "m") == 1.0
    house.clock.advance(EVERY)
    report(house, 2 * WORDS)
    assert house.ledger.ratios.of("a", "m") == 2.0


@pytest.mark.parametrize(
    ("request_", "size"), [(asked(PICTURE), 2_000), (asked(), MOST_BYTES + 1)], ids=["media", "too large to look at"]
)
def test_an_answer_that_teaches_nothing(request_: Request, size: int) -> None:
    house = House(FakeClock())
    report(house, 2 * WORDS, request_, size)
    assert house.ledger.ratios.of("a", "m") == 1.0


async def test_workers_and_starts_share_what_was_learnt() -> None:
    first, second = two(FakeClock())
    report(first, 2 * WORDS)
    await share(first, second)
    assert second.ledger.ratios.of("a", "m") == 2.0


def usage_of(prompt: int, **changes: object) -> bytes:
    """A stream of OpenAI's whose prompt was `prompt` tokens."""
    usage = {"prompt_tokens": prompt, "completion_tokens": 2, "total_tokens": prompt + 2}
    last = {**chunk({}), "choices": [], "usage": usage}
    return sse(chunk({"role": "assistant", "content": "x"}), chunk({}, "stop"), last, "[DONE]")


LONG = HELLO | {"messages": [{"role": "user", "content": PROMPT}]}


async def test_the_gateway_learns_from_complete_answers() -> None:
    table = Table(ScriptedTransport(Script(steps=[usage_of(3 * WORDS // 2)])))
    await table.ask(LONG)
    assert table.ledger.ratios.of("a", "m") == pytest.approx(1.5, rel=0.01)


async def test_it_learns_nothing_from_an_answer_that_broke() -> None:
    table = Table(ScriptedTransport(Script(steps=[usage_of(3 * WORDS // 2).partition(b"data: [DONE]")[0][:-300]])))
    await table.ask(LONG)
    assert table.ledger.ratios.of("a", "m") == 1.0


async def test_what_was_learnt_decides_who_is_large_enough() -> None:
    """By estimate both hold the prompt; by what it has reported, the first does not."""
    small = {"profile": Profile(context=WORDS + 50)}
    table = Table(ScriptedTransport(OK), ScriptedTransport(OK), a=small, b=small)
    report_to = table.ledger.ratios.report
    assert (await table.ask(LONG))[0].backend == "a"  # type: ignore[attr-defined]  # the first event is Opened
    report_to("a", "m", asked(), Usage(input_tokens=2 * WORDS), 2_000)
    assert (await table.ask(LONG))[0].backend == "b"  # type: ignore[attr-defined]


# --- the first event of an answer -------------------------------------------------------------------------------------


async def started(table: Table, **changes: Any) -> MessageStart:
    """The first event that a Claude client's encoder hears of an answer."""
    body = {"model": "any", "max_tokens": 9, "stream": True, "messages": [{"role": "user", "content": PROMPT}]}
    request = TABLE["claude"].decode_request(orjson.dumps(body | changes))
    start = (await table.ask_for(request))[1]
    assert isinstance(start, MessageStart)
    return start


async def test_a_translated_stream_begins_with_an_estimate() -> None:
    table = Table(ScriptedTransport(OK))
    start = await started(table)
    assert start.usage is not None
    assert start.usage.estimated
    assert WORDS / 2 < start.usage.input_tokens < 2 * WORDS


async def test_it_is_corrected_by_what_was_reported() -> None:
    table = Table(ScriptedTransport(OK))
    before = await started(table)
    table.ledger.ratios.report("a", "m", asked(), Usage(input_tokens=2 * WORDS), 2_000)
    after = await started(table)
    assert before.usage
    assert after.usage
    assert after.usage.input_tokens == pytest.approx(2 * before.usage.input_tokens, abs=1)


async def test_what_was_counted_is_told() -> None:
    table = Table(ScriptedTransport(OK), a={"profile": Profile(context=WORDS + 50)})
    start = await started(table)
    assert start.usage == Usage(WORDS, estimated=True)


async def test_a_whole_answer_tells_the_truth_at_once() -> None:
    usage = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
    message = {"role": "assistant", "content": "hello"}
    whole = {"id": "1", "model": "m", "choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}
    table = Table(ScriptedTransport(Script(headers=JSON, steps=[orjson.dumps(whole | {"usage": usage})])))
    assert (await started(table, stream=False)).usage == Usage(3, 2)


# --- asked for --------------------------------------------------------------------------------------------------------


class Counting:
    """A counter over one backend of Claude's dialect."""

    def __init__(self, *scripts: Script, dialect: str = "claude") -> None:
        self.table = Table(ScriptedTransport(OK))
        self.transport = ScriptedTransport(*scripts)
        parts = self.table.gateway._parts
        route = Route(TABLE[dialect], self.transport, lambda _: {"x-api-key": "k"})
        self.counter = Counter(parts.planner, {"a": route}, lambda backend, _: backend.profile, parts.clock)

    async def count(self, client: Client | None = None) -> tuple[int, bool]:
        context = Context("r", client) if client else Context("r")
        return await self.table.run(self.counter(asked(), context))


async def test_the_backend_is_asked_where_it_can_say() -> None:
    counting = Counting(Script(headers=JSON, steps=[b'{"input_tokens": 42}']))
    assert await counting.count() == (42, False)
    call = counting.transport.calls[0]
    assert call.path == "/v1/messages/count_tokens"
    assert call.headers["x-api-key"] == "k"
    assert orjson.loads(call.body).keys() == {"model", "messages"}


@pytest.mark.parametrize(
    ("script", "dialect"),
    [(failure(500), "claude"), (Script(headers=JSON, steps=[b"{}"]), "claude"), (OK, "openai_chat")],
    ids=["it fails", "it says something else", "it has no word for it"],
)
async def test_else_it_is_estimated_as_the_backend_has_taught(script: Script, dialect: str) -> None:
    counting = Counting(script, dialect=dialect)
    counting.table.ledger.ratios.report("a", "m", asked(), Usage(input_tokens=2 * WORDS), 2_000)
    assert await counting.count() == (2 * WORDS, True)


async def test_without_a_backend_it_is_estimated_plainly() -> None:
    assert await Counting(OK).count(replace(Client("c"), models=("other",))) == (WORDS, True)
