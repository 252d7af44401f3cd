"""Anthropic's Python SDK as the client, with the demo behind the gateway in every dialect."""

import asyncio
import json
from collections.abc import Callable, Iterator
from typing import Any

import anthropic
import pydantic
import pytest
from anthropic import Anthropic, AsyncAnthropic, beta_tool

from tests.sdk.house import CHOICELESS, PROVIDERS, Gateway, failing

ME = "python_anthropic"
PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGP4z8AAAAMBAQDJ/pLvAAAAAElFTkSuQmCC"
WEATHER: Any = {
    "name": "get_weather",
    "description": "The weather in a city.",
    "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}
IMAGE: Any = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}}


@pytest.fixture(params=PROVIDERS)
def provider(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def client(gateway: Gateway) -> Iterator[Anthropic]:
    with Anthropic(base_url=gateway.url, api_key=gateway.token, max_retries=0) as client:
        yield client


@pytest.fixture
def ask(client: Anthropic, provider: str) -> Callable[..., Any]:
    """Ask the demo's `model` (echo) for a message."""

    def ask(content: Any, model: str = "echo", **more: Any) -> Any:
        messages = (
            content if isinstance(content, list) and "role" in content[0] else [{"role": "user", "content": content}]
        )
        return client.messages.create(model=f"{provider}:{model}", max_tokens=1000, messages=messages, **more)

    return ask


def text(message: Any) -> str:
    return "".join(block.text for block in message.content if block.type == "text")


# --- chat and streams ------------------------------------------------------------------------------------------------


def test_chat(ask: Callable[..., Any], provider: str) -> None:
    message = ask("Grüße, 漢字 🎉.", system="Be nice.")
    assert text(message) == "Grüße, 漢字 🎉."
    assert (message.type, message.role) == ("message", "assistant")
    assert message.model in {"echo", f"{provider}:echo"}  # the verbatim lane leaves the backend's own name
    assert message.stop_reason == "end_turn"
    assert message.usage.input_tokens > message.usage.output_tokens > 0


def test_the_model_inside_the_process_answers_too(client: Anthropic) -> None:
    message = client.messages.create(
        model="inside:echo", max_tokens=100, messages=[{"role": "user", "content": "Hello, you."}]
    )
    assert text(message) == "Hello, you."


def test_the_answer_says_who_gave_it(client: Anthropic, provider: str) -> None:
    raw = client.messages.with_raw_response.create(
        model=f"{provider}:echo", max_tokens=100, messages=[{"role": "user", "content": "Hello."}]
    )
    assert raw.headers["x-llmux-backend"] == f"{provider}:*"
    assert raw.headers["x-llmux-attempts"] == "1"
    assert raw.headers["x-request-id"]


def test_a_conversation(ask: Callable[..., Any]) -> None:
    turns = [
        {"role": "user", "content": "One."},
        {"role": "assistant", "content": [{"type": "text", "text": "One."}]},
        {"role": "user", "content": [{"type": "text", "text": "Two."}, {"type": "text", "text": "Three."}]},
    ]
    assert text(ask(turns)).split() == ["Two.", "Three."]


def test_stream(client: Anthropic, provider: str) -> None:
    said = "one two three four five"
    with client.messages.stream(
        model=f"{provider}:echo", max_tokens=100, messages=[{"role": "user", "content": said}]
    ) as stream:
        deltas = list(stream.text_stream)
        message = stream.get_final_message()
    assert "".join(deltas) == said
    assert len(deltas) == 5
    assert text(message) == said
    assert message.stop_reason == "end_turn"
    assert message.usage.output_tokens == 5
    assert message.usage.input_tokens > 0


def test_the_events_of_a_stream_come_in_order(client: Anthropic, provider: str) -> None:
    stream = client.messages.create(
        model=f"{provider}:think?chunk=400", max_tokens=1000, stream=True, messages=[{"role": "user", "content": "Hi."}]
    )
    kinds = [event.type for event in stream]
    part = ["content_block_start", "content_block_delta", "content_block_stop"]
    kinds = [kind for kind, before in zip(kinds, [None, *kinds], strict=False) if kind != before]
    assert kinds == ["message_start", *part, *part, "message_delta", "message_stop"]


def test_a_stream_begins_with_the_size_of_the_prompt(client: Anthropic, provider: str) -> None:
    """A backend of another API tells it at the end only: until then it is an estimate, and never 0."""
    said = "The house stands at the end of the road. " * 30
    stream = client.messages.create(
        model=f"{provider}:echo", max_tokens=9, stream=True, messages=[{"role": "user", "content": said}]
    )
    start = next(event for event in stream if event.type == "message_start")
    assert 100 < start.message.usage.input_tokens < 1_000


async def test_async_streams_side_by_side(gateway: Gateway, provider: str) -> None:
    async with AsyncAnthropic(base_url=gateway.url, auth_token=gateway.token, max_retries=0) as client:

        async def ask(said: str) -> str:
            async with client.messages.stream(
                model=f"{provider}:echo?delay=5ms", max_tokens=100, messages=[{"role": "user", "content": said}]
            ) as stream:
                return await stream.get_final_text()

        said = [f"message number {number}" for number in range(8)]
        assert await asyncio.gather(*map(ask, said)) == said


def test_stop_sequences(ask: Callable[..., Any]) -> None:
    message = ask("one two three", stop_sequences=["two"])
    assert text(message).strip() == "one"
    assert message.stop_reason in {"stop_sequence", "end_turn"}  # the other dialects do not say which it was


def test_max_tokens(client: Anthropic, provider: str) -> None:
    message = client.messages.create(
        model=f"{provider}:echo", max_tokens=20, messages=[{"role": "user", "content": "word " * 40}]
    )
    assert (text(message).split(), message.stop_reason) == (["word"] * 20, "max_tokens")


# --- tools -----------------------------------------------------------------------------------------------------------


def test_a_tool_is_called_and_its_result_is_heard(ask: Callable[..., Any]) -> None:
    asked: Any = {"role": "user", "content": "Call get_weather with city=Paris."}
    first = ask([asked], tools=[WEATHER])
    assert first.stop_reason == "tool_use"
    [use] = [block for block in first.content if block.type == "tool_use"]
    assert (use.name, use.input) == ("get_weather", {"city": "Paris"})
    result = {"type": "tool_result", "tool_use_id": use.id, "content": "21 degrees"}
    last = ask(
        [asked, {"role": "assistant", "content": first.content}, {"role": "user", "content": [result]}], tools=[WEATHER]
    )
    assert text(last) == "get_weather said: 21 degrees"


def test_parallel_calls_in_a_stream(client: Anthropic, provider: str) -> None:
    said = "Call get_weather with city=Paris and get_weather with city=Rome."
    with client.messages.stream(
        model=f"{provider}:echo", max_tokens=1000, tools=[WEATHER], messages=[{"role": "user", "content": said}]
    ) as stream:
        pieces = [event.partial_json for event in stream if event.type == "input_json"]
        message = stream.get_final_message()
    uses = [block for block in message.content if block.type == "tool_use"]
    assert [use.input for use in uses] == [{"city": "Paris"}, {"city": "Rome"}]
    assert len({use.id for use in uses}) == 2
    assert "".join(pieces) == '{"city":"Paris"}{"city":"Rome"}'


CHOICES: dict[str, tuple[Any, bool]] = {
    "any": ({"type": "any"}, True),
    "this one": ({"type": "tool", "name": "get_weather"}, True),
    "none": ({"type": "none"}, False),
    "as it likes": ({"type": "auto"}, False),
}


@pytest.mark.parametrize(("choice", "called"), CHOICES.values(), ids=CHOICES)
def test_tool_choice(ask: Callable[..., Any], provider: str, choice: Any, called: bool) -> None:
    message = ask("Hello.", tools=[WEATHER], tool_choice=choice)
    assert (message.stop_reason == "tool_use") is (called and provider not in CHOICELESS)


def test_a_failed_tool_and_an_image_in_a_result(ask: Callable[..., Any]) -> None:
    asked: Any = {"role": "user", "content": "Call get_weather with city=Paris and get_weather with city=Rome."}
    first = ask([asked], tools=[WEATHER])
    ids = [block.id for block in first.content if block.type == "tool_use"]
    results = [
        {"type": "tool_result", "tool_use_id": ids[0], "is_error": True, "content": "no such city"},
        {"type": "tool_result", "tool_use_id": ids[1], "content": [{"type": "text", "text": "see"}, IMAGE]},
    ]
    last = ask(
        [asked, {"role": "assistant", "content": first.content}, {"role": "user", "content": results}], tools=[WEATHER]
    )
    assert "no such city" in text(last)
    assert "see" in text(last)
    assert text(last).endswith("I see 1 image.")


def test_the_sdks_tool_runner(client: Anthropic, provider: str) -> None:
    heard = list[str]()

    @beta_tool
    def get_weather(city: str) -> str:
        """The weather in a city.

        Args:
            city: Its name.
        """
        heard.append(city)
        return f"{city}: 21 degrees"

    runner = client.beta.messages.tool_runner(
        model=f"{provider}:echo",
        max_tokens=1000,
        tools=[get_weather],
        messages=[
            {"role": "user", "content": "Call get_weather with city=Paris, then call get_weather with city=Rome."}
        ],
    )
    last = runner.until_done()
    assert heard == ["Paris", "Rome"]
    assert text(last) == "get_weather said: Paris: 21 degrees\nget_weather said: Rome: 21 degrees"


# --- images, reasoning, structured output ----------------------------------------------------------------------------


def test_images(ask: Callable[..., Any]) -> None:
    assert text(ask([{"type": "text", "text": "Look."}, IMAGE, IMAGE])) == "Look.\n\nI see 2 images."


def test_reasoning(ask: Callable[..., Any], provider: str) -> None:
    asked: Any = {"role": "user", "content": "Think, please."}
    message = ask([asked], thinking={"type": "enabled", "budget_tokens": 2000})
    kinds = [block.type for block in message.content]
    assert kinds == ["thinking", "text"]
    assert "14 characters" in message.content[0].thinking
    again: Any = {"role": "assistant", "content": message.content}
    reply = ask(
        [asked, again, {"role": "user", "content": "And now?"}], thinking={"type": "enabled", "budget_tokens": 2000}
    )
    assert text(reply) == "And now?"


def test_reasoning_in_a_stream(client: Anthropic, provider: str) -> None:
    with client.messages.stream(
        model=f"{provider}:think", max_tokens=1000, messages=[{"role": "user", "content": "Hi."}]
    ) as stream:
        thought = "".join(event.thinking for event in stream if event.type == "thinking")
        message = stream.get_final_message()
    assert thought.startswith("The last thing I was told")
    assert message.content[0].type == "thinking"
    assert message.content[0].thinking == thought
    assert message.content[0].signature or provider != "demo_claude"  # the others have none


class Trip(pydantic.BaseModel):
    city: str
    days: int
    stops: list[str]
    hotel: str | None


def test_structured_output(client: Anthropic, provider: str) -> None:
    message = client.messages.parse(
        model=f"{provider}:echo",
        max_tokens=1000,
        messages=[{"role": "user", "content": "A trip to city=Lisbon for days=4."}],
        output_format=Trip,
    )
    assert isinstance(message.parsed_output, Trip)
    assert (message.parsed_output.city, message.parsed_output.days) == ("Lisbon", 4)


# --- auxiliary -------------------------------------------------------------------------------------------------------


def test_count_tokens(client: Anthropic, provider: str) -> None:
    def count(said: str) -> int:
        return client.messages.count_tokens(
            model=f"{provider}:echo", messages=[{"role": "user", "content": said}], tools=[WEATHER]
        ).input_tokens

    assert 0 < count("one") < count("one " * 200)


def test_models(client: Anthropic) -> None:
    names = [model.id for model in client.models.list(limit=1000)]
    name = failing(ME, "cut", "demo")
    assert name in names
    assert client.models.retrieve(name).id == name
    with pytest.raises(anthropic.NotFoundError):
        client.models.retrieve("nobody:nothing")


# --- errors and leaving ----------------------------------------------------------------------------------------------

ERRORS: dict[str, tuple[type[anthropic.APIStatusError], int, str]] = {
    "fail-400": (anthropic.BadRequestError, 400, "invalid_request_error"),
    "fail-context": (anthropic.BadRequestError, 400, "invalid_request_error"),
    "fail-429": (anthropic.RateLimitError, 429, "rate_limit_error"),
    "fail-500": (anthropic.InternalServerError, 500, "api_error"),
    "fail-503": (anthropic.InternalServerError, 503, ""),
    "fail-529": (anthropic.OverloadedError, 529, "overloaded_error"),
}


@pytest.mark.parametrize("fault", ERRORS)
def test_errors(client: Anthropic, provider: str, fault: str) -> None:
    expected, status, kind = ERRORS[fault]
    with pytest.raises(expected) as caught:
        client.messages.create(
            model=failing(ME, fault, provider), max_tokens=100, messages=[{"role": "user", "content": "Hi."}]
        )
    body: Any = caught.value.body
    assert body["type"] == "error"
    assert kind in body["error"]["type"]
    if fault == "fail-429":
        assert caught.value.response.headers["retry-after"] == "17"
    else:
        assert caught.value.status_code == status or fault in {"fail-500", "fail-503"}
    if fault == "fail-context":
        assert "prompt is too long" in body["error"]["message"]


WRONG: dict[str, tuple[dict[str, Any], type[anthropic.APIStatusError]]] = {
    "an unknown model": ({"model": "nobody:nothing"}, anthropic.NotFoundError),
    "a message without a role": ({"messages": [{"content": "Hi."}]}, anthropic.BadRequestError),
    "no limit of tokens": ({"max_tokens": -1}, anthropic.BadRequestError),
}


@pytest.mark.parametrize(("wrong", "expected"), WRONG.values(), ids=WRONG)
def test_wrong_requests(client: Anthropic, wrong: Any, expected: type[Exception]) -> None:
    right: Any = {"model": "demo:echo", "max_tokens": 100, "messages": [{"role": "user", "content": "Hi."}]}
    with pytest.raises(expected):
        client.messages.create(**{**right, **wrong})


def test_wrong_tokens(gateway: Gateway) -> None:
    asked: Any = {"model": "demo:echo", "max_tokens": 100, "messages": [{"role": "user", "content": "Hi."}]}
    with (
        Anthropic(base_url=gateway.url, api_key="sk-wrong", max_retries=0) as stranger,
        pytest.raises(anthropic.AuthenticationError),
    ):
        stranger.messages.create(**asked)
    with (
        Anthropic(base_url=gateway.url, api_key=gateway.narrow_token, max_retries=0) as narrow,
        pytest.raises(anthropic.PermissionDeniedError),
    ):
        narrow.messages.create(**asked)


@pytest.mark.parametrize("fault", ["cut", "error-in-stream"])
def test_an_answer_that_breaks_off_never_looks_finished(client: Anthropic, provider: str, fault: str) -> None:
    heard = list[str]()
    with (
        pytest.raises(anthropic.APIError),
        client.messages.stream(
            model=failing(ME, fault, provider),
            max_tokens=100,
            messages=[{"role": "user", "content": "one two three four five six"}],
        ) as stream,
    ):
        heard.extend(stream.text_stream)
    assert "".join(heard).strip() == "one two three"


def test_who_leaves_early_makes_room_for_the_next(client: Anthropic, provider: str) -> None:
    asked: Any = {
        "model": f"{ME}.single.{provider}",
        "max_tokens": 1000,
        "messages": [{"role": "user", "content": "one two three four"}],
    }
    for _ in range(2):
        with client.messages.stream(**asked) as stream:
            assert next(iter(stream.text_stream)).strip() == "one"


def test_a_document_of_json_is_what_the_sdk_can_send_back(ask: Callable[..., Any]) -> None:
    message = ask("Call get_weather with city=Paris.", tools=[WEATHER])
    assert json.loads(message.to_json())["content"][-1]["input"] == {"city": "Paris"}
