"""OpenAI's Python SDK as a client of its Responses API, with the demo behind the gateway in every dialect."""

import asyncio
import json
from collections.abc import Callable, Iterator
from typing import Any

import openai
import pydantic
import pytest
from openai import AsyncOpenAI, OpenAI

from tests.sdk.house import CHOICELESS, PROOFLESS, PROVIDERS, Gateway, failing

ME = "python_responses"
PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGP4z8AAAAMBAQDJ/pLvAAAAAElFTkSuQmCC"
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
WEATHER: Any = {
    "type": "function",
    "name": "get_weather",
    "description": "The weather in a city.",
    "parameters": SCHEMA,
    "strict": False,
}
IMAGE: Any = {"type": "input_image", "detail": "auto", "image_url": f"data:image/png;base64,{PNG}"}


@pytest.fixture(params=PROVIDERS)
def provider(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def client(gateway: Gateway) -> Iterator[OpenAI]:
    with OpenAI(base_url=f"{gateway.url}/v1", api_key=gateway.token, max_retries=0) as client:
        yield client


@pytest.fixture
def ask(client: OpenAI, provider: str) -> Callable[..., Any]:
    """Ask the demo's `model` (echo) for a response."""

    def ask(said: Any, model: str = "echo", **more: Any) -> Any:
        return client.responses.create(model=f"{provider}:{model}", input=said, **more)

    return ask


def user(*content: Any) -> Any:
    return {"role": "user", "content": list(content)}


def calls(response: Any) -> list[Any]:
    return [item for item in response.output if item.type == "function_call"]


# --- chat and streams ------------------------------------------------------------------------------------------------


def test_chat(ask: Callable[..., Any], provider: str) -> None:
    response = ask("Grüße, 漢字 🎉.", instructions="Be nice.", metadata={"a": "b"})
    assert response.output_text == "Grüße, 漢字 🎉."
    assert (response.instructions, response.metadata) == ("Be nice.", {"a": "b"})
    assert (response.object, response.status, response.error) == ("response", "completed", None)
    assert response.model in {"echo", f"{provider}:echo"}  # the verbatim lane leaves the backend's own name
    usage = response.usage
    assert usage.total_tokens == usage.input_tokens + usage.output_tokens
    assert usage.input_tokens > usage.output_tokens > 0


def test_a_conversation(ask: Callable[..., Any]) -> None:
    first = ask("One.")
    again = ask([{"role": "user", "content": "One."}, *first.output, {"role": "user", "content": "Two."}])
    assert again.output_text == "Two."


def test_stream(ask: Callable[..., Any]) -> None:
    events = list(ask("one two three four five", stream=True))
    deltas = [event.delta for event in events if event.type == "response.output_text.delta"]
    assert deltas == ["one", " two", " three", " four", " five"]
    assert [event.type for event in events[:2]] == ["response.created", "response.in_progress"]
    assert events[-1].type == "response.completed"
    numbers = [event.sequence_number for event in events]
    assert numbers == list(range(len(events)))
    assert {event.response.id for event in events if hasattr(event, "response")} == {events[0].response.id}
    assert events[-1].response.usage.output_tokens == 5


def test_the_sdks_stream_helper(client: OpenAI, provider: str) -> None:
    with client.responses.stream(model=f"{provider}:echo", input="one two three") as stream:
        heard = "".join(event.delta for event in stream if event.type == "response.output_text.delta")
        response = stream.get_final_response()
    assert heard == response.output_text == "one two three"


async def test_async_streams_side_by_side(gateway: Gateway, provider: str) -> None:
    async with AsyncOpenAI(base_url=f"{gateway.url}/v1", api_key=gateway.token, max_retries=0) as client:

        async def ask(said: str) -> str:
            stream = await client.responses.create(model=f"{provider}:echo?delay=5ms", stream=True, input=said)
            return "".join([event.delta async for event in stream if event.type == "response.output_text.delta"])

        said = [f"message number {number}" for number in range(8)]
        assert await asyncio.gather(*map(ask, said)) == said


def test_a_limit(ask: Callable[..., Any]) -> None:
    response = ask("word " * 40, max_output_tokens=20, temperature=0.5)
    assert (response.status, response.incomplete_details.reason) == ("incomplete", "max_output_tokens")
    assert response.output_text.split() == ["word"] * 20


# --- tools -----------------------------------------------------------------------------------------------------------


def test_a_tool_is_called_and_its_result_is_heard(ask: Callable[..., Any]) -> None:
    asked = {"role": "user", "content": "Call get_weather with city=Paris."}
    first = ask([asked], tools=[WEATHER])
    [call] = calls(first)
    assert (call.name, json.loads(call.arguments), call.status) == ("get_weather", {"city": "Paris"}, "completed")
    result = {"type": "function_call_output", "call_id": call.call_id, "output": "21 degrees"}
    last = ask([asked, *first.output, result], tools=[WEATHER])
    assert last.output_text == "get_weather said: 21 degrees"


def test_parallel_calls_in_a_stream(client: OpenAI, provider: str) -> None:
    said = "Call get_weather with city=Paris and get_weather with city=Rome."
    with client.responses.stream(model=f"{provider}:echo", tools=[WEATHER], input=said) as stream:
        done = [event.arguments for event in stream if event.type == "response.function_call_arguments.done"]
        response = stream.get_final_response()
    assert [json.loads(text) for text in done] == [{"city": "Paris"}, {"city": "Rome"}]
    assert [json.loads(call.arguments) for call in calls(response)] == [{"city": "Paris"}, {"city": "Rome"}]
    assert len({call.call_id for call in calls(response)}) == 2


CHOICES: dict[str, tuple[Any, bool]] = {
    "required": ("required", True),
    "this one": ({"type": "function", "name": "get_weather"}, True),
    "none": ("none", False),
    "as it likes": ("auto", False),
}


@pytest.mark.parametrize(("choice", "called"), CHOICES.values(), ids=CHOICES)
def test_tool_choice(ask: Callable[..., Any], provider: str, choice: Any, called: bool) -> None:
    response = ask("Hello.", tools=[WEATHER], tool_choice=choice)
    assert bool(calls(response)) is (called and provider not in CHOICELESS)


class Forecast(pydantic.BaseModel):
    """The forecast for a city."""

    city: str
    days: int


def test_a_tool_with_a_model_behind_it(client: OpenAI, provider: str) -> None:
    response = client.responses.parse(
        model=f"{provider}:echo",
        tools=[openai.pydantic_function_tool(Forecast)],
        input="Call Forecast with city=Oslo, days=3.",
    )
    [call] = calls(response)
    assert call.parsed_arguments == Forecast(city="Oslo", days=3)


def test_a_tool_that_takes_free_text(ask: Callable[..., Any]) -> None:
    tool = {"type": "custom", "name": "note", "description": "Takes a note."}
    asked = {"role": "user", "content": "Call note with input=hello."}
    first = ask([asked], tools=[tool])
    [call] = [item for item in first.output if item.type == "custom_tool_call"]
    assert (call.name, call.input) == ("note", "hello")
    result = {"type": "custom_tool_call_output", "call_id": call.call_id, "output": "noted"}
    assert ask([asked, *first.output, result], tools=[tool]).output_text == "note said: noted"


def test_a_tool_in_a_namespace(ask: Callable[..., Any]) -> None:
    space = {"type": "namespace", "name": "weather", "description": "Weather.", "tools": [WEATHER]}
    [call] = calls(ask("Call weather__get_weather with city=Lisbon.", tools=[space]))
    assert (call.name, call.namespace) == ("get_weather", "weather")


# --- images, reasoning, structured output ----------------------------------------------------------------------------


def test_images(ask: Callable[..., Any]) -> None:
    response = ask([user({"type": "input_text", "text": "Look."}, IMAGE, IMAGE)])
    assert response.output_text == "Look.\n\nI see 2 images."


def test_reasoning_comes_and_goes_back(ask: Callable[..., Any], provider: str) -> None:
    asked: Any = {"role": "user", "content": "Think, please."}
    more: Any = {
        "reasoning": {"effort": "high", "summary": "auto"},
        "include": ["reasoning.encrypted_content"],
        "store": False,
    }
    response = ask([asked], **more)
    [thought] = [item for item in response.output if item.type == "reasoning"]
    assert "14 characters" in "".join(part.text for part in thought.summary)
    assert bool(thought.encrypted_content) is (provider not in PROOFLESS)
    assert response.output_text == "Think, please."
    reply = ask([asked, *response.output, {"role": "user", "content": "And now?"}], **more)
    assert reply.output_text == "And now?"


def test_reasoning_in_a_stream(ask: Callable[..., Any]) -> None:
    events = list(ask("Hi.", "think", stream=True))
    thought = "".join(event.delta for event in events if event.type == "response.reasoning_summary_text.delta")
    assert thought.startswith("The last thing I was told")
    assert events[-1].response.output_text == "Hi."


class Trip(pydantic.BaseModel):
    city: str
    days: int
    stops: list[str]
    hotel: str | None


def test_structured_output(client: OpenAI, provider: str) -> None:
    response = client.responses.parse(
        model=f"{provider}:echo", input="A trip to city=Lisbon for days=4.", text_format=Trip
    )
    assert isinstance(response.output_parsed, Trip)
    assert (response.output_parsed.city, response.output_parsed.days) == ("Lisbon", 4)


def test_tokens_are_counted(client: OpenAI, provider: str) -> None:
    few = client.responses.input_tokens.count(model=f"{provider}:echo", input="Hi.")
    many = client.responses.input_tokens.count(model=f"{provider}:echo", input="Hi. " * 50)
    assert few.object == "response.input_tokens"
    assert many.input_tokens > few.input_tokens > 0


# --- errors and leaving ----------------------------------------------------------------------------------------------

ERRORS: dict[str, type[openai.APIStatusError]] = {
    "fail-400": openai.BadRequestError,
    "fail-context": openai.BadRequestError,
    "fail-429": openai.RateLimitError,
    "fail-500": openai.InternalServerError,
    "fail-503": openai.InternalServerError,
    "fail-529": openai.InternalServerError,
}


@pytest.mark.parametrize("fault", ERRORS)
def test_errors(client: OpenAI, provider: str, fault: str) -> None:
    with pytest.raises(ERRORS[fault]) as caught:
        client.responses.create(model=failing(ME, fault, provider), input="Hi.")
    body: Any = caught.value.body
    assert body["message"]
    assert body["type"]
    if fault == "fail-429":
        assert caught.value.response.headers["retry-after"] == "17"
    if fault == "fail-context":
        assert caught.value.code == "context_length_exceeded"


# What is wrong -> who says no, and which field it is.
WRONG: dict[str, tuple[dict[str, Any], type[openai.APIStatusError], str]] = {
    "an unknown model": ({"model": "nobody:nothing"}, openai.NotFoundError, "model"),
    "an input of another kind": ({"input": 7}, openai.BadRequestError, "input"),
    "a temperature in words": ({"temperature": "hot"}, openai.BadRequestError, "temperature"),
    "a call of nothing": ({"input": [{"type": "function_call"}]}, openai.BadRequestError, "input"),
    "the background": ({"background": True}, openai.BadRequestError, "background"),
}


@pytest.mark.parametrize(("wrong", "expected", "param"), WRONG.values(), ids=WRONG)
def test_wrong_requests(client: OpenAI, wrong: Any, expected: type[openai.APIStatusError], param: str) -> None:
    right: Any = {"model": "demo:echo", "input": "Hi."}
    with pytest.raises(expected) as caught:
        client.responses.create(**{**right, **wrong})
    assert (caught.value.param or "").startswith(param)


@pytest.mark.parametrize("fault", ["cut", "error-in-stream"])
def test_an_answer_that_breaks_off_never_looks_finished(client: OpenAI, provider: str, fault: str) -> None:
    said = "one two three four five six"
    events = list(client.responses.create(model=failing(ME, fault, provider), stream=True, input=said))
    heard = "".join(event.delta for event in events if event.type == "response.output_text.delta")
    assert heard.strip() == "one two three"
    first, *_, last = events
    assert (last.type, last.response.status) == ("response.failed", "failed")  # this API's own way to fail in a stream
    assert (last.response.id, last.response.error.code) == (first.response.id, "server_error")
    assert last.response.error.message
    assert [event.sequence_number for event in events] == list(range(len(events)))


def test_who_leaves_early_makes_room_for_the_next(client: OpenAI, provider: str) -> None:
    for _ in range(2):
        with client.responses.create(
            model=f"{ME}.single.{provider}", stream=True, input="one two three four"
        ) as stream:
            said = (event.delta for event in stream if event.type == "response.output_text.delta")
            assert next(said).strip() == "one"
