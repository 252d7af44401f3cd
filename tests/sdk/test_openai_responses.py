"""OpenAI's Python SDK speaking Responses, with the demo behind the gateway in every dialect."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import openai
import pydantic
import pytest
from openai import OpenAI

from tests.sdk.house import PROVIDERS, Gateway, failing

ME = "python_responses"
SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
    "additionalProperties": False,
}
WEATHER: Any = {
    "type": "function", "name": "get_weather", "description": "The weather in a city.", "parameters": SCHEMA,
    "strict": False,
}  # fmt: skip
ASKED = "Call get_weather with city=Lisbon."


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


# --- answers and streams ---------------------------------------------------------------------------------------------


def test_a_response(ask: Callable[..., Any]) -> None:
    response = ask("Grüße, 漢字 🎉.", instructions="Be nice.", metadata={"a": "b"})
    assert (response.output_text, response.status, response.object) == ("Grüße, 漢字 🎉.", "completed", "response")
    assert (response.instructions, response.metadata) == ("Be nice.", {"a": "b"})
    usage = response.usage
    assert usage.total_tokens == usage.input_tokens + usage.output_tokens
    assert usage.input_tokens > usage.output_tokens > 0


def test_the_sdks_stream_helper(client: OpenAI, provider: str) -> None:
    with client.responses.stream(model=f"{provider}:echo", input="one two three four five") as stream:
        events = list(stream)
        response = stream.get_final_response()
    deltas = [event.delta for event in events if event.type == "response.output_text.delta"]
    assert deltas == ["one", " two", " three", " four", " five"]
    assert response.output_text == "one two three four five"
    numbers = [event.sequence_number for event in events if hasattr(event, "sequence_number")]
    assert numbers == sorted(set(numbers))
    assert [event.type for event in events][:2] == ["response.created", "response.in_progress"]


def test_a_limit_cuts_the_answer(ask: Callable[..., Any]) -> None:
    response = ask(" ".join(f"w{number}" for number in range(40)), max_output_tokens=16)
    assert (response.status, response.incomplete_details.reason) == ("incomplete", "max_output_tokens")
    assert len(response.output_text.split()) == 16


# --- tools -----------------------------------------------------------------------------------------------------------


def test_a_tool_is_called_and_its_result_is_heard(ask: Callable[..., Any]) -> None:
    response = ask(ASKED, tools=[WEATHER])
    [call] = [item for item in response.output if item.type == "function_call"]
    assert (call.name, json.loads(call.arguments), call.status) == ("get_weather", {"city": "Lisbon"}, "completed")
    result = {"type": "function_call_output", "call_id": call.call_id, "output": "Sunny, 24 degrees."}
    response = ask([{"role": "user", "content": ASKED}, *response.output, result], tools=[WEATHER])
    assert "Sunny, 24 degrees." in response.output_text


def test_calls_in_a_stream(client: OpenAI, provider: str) -> None:
    time: Any = {**WEATHER, "name": "get_time"}
    asked = "Call get_weather and get_time with city=Lisbon."
    with client.responses.stream(model=f"{provider}:echo", input=asked, tools=[WEATHER, time]) as stream:
        response = stream.get_final_response()
    calls = [item for item in response.output if item.type == "function_call"]
    assert {call.name: json.loads(call.arguments) for call in calls} == {
        "get_weather": {"city": "Lisbon"},
        "get_time": {"city": "Lisbon"},
    }
    assert len({call.call_id for call in calls}) == 2


def test_a_tool_in_a_namespace(ask: Callable[..., Any]) -> None:
    space = {"type": "namespace", "name": "weather", "description": "Weather.", "tools": [WEATHER]}
    response = ask("Call weather__get_weather with city=Lisbon.", tools=[space])
    [call] = [item for item in response.output if item.type == "function_call"]
    assert (call.name, call.namespace) == ("get_weather", "weather")


def test_free_text(ask: Callable[..., Any]) -> None:
    tool = {"type": "custom", "name": "apply_patch", "description": "Edits files."}
    response = ask("Call apply_patch with input=hello.", tools=[tool])
    [call] = [item for item in response.output if item.type == "custom_tool_call"]
    assert (call.name, call.input) == ("apply_patch", "hello")
    result = {"type": "custom_tool_call_output", "call_id": call.call_id, "output": "Done it."}
    response = ask([{"role": "user", "content": "Patch."}, *response.output, result], tools=[tool])
    assert "Done it." in response.output_text


# --- reasoning, forms ------------------------------------------------------------------------------------------------


def test_reasoning_comes_and_goes_back(ask: Callable[..., Any], provider: str) -> None:
    asked: Any = {
        "reasoning": {"effort": "high", "summary": "auto"},
        "include": ["reasoning.encrypted_content"],
        "store": False,
    }
    response = ask("Hi.", **asked)
    first, *_ = response.output
    assert first.type == "reasoning"
    assert first.summary[0].text.startswith("The last thing I was told")
    assert first.encrypted_content or provider == "demo"  # Chat Completions has none
    again = ask([{"role": "user", "content": "Hi."}, *response.output, {"role": "user", "content": "Again."}], **asked)
    assert again.output_text == "Again."


class Trip(pydantic.BaseModel):
    city: str
    days: int


def test_structured_output(client: OpenAI, provider: str) -> None:
    response = client.responses.parse(
        model=f"{provider}:echo", input="A trip to city=Lisbon for days=4.", text_format=Trip
    )
    assert response.output_parsed == Trip(city="Lisbon", days=4)


def test_tokens_are_counted(client: OpenAI, provider: str) -> None:
    few = client.responses.input_tokens.count(model=f"{provider}:echo", input="Hi.")
    many = client.responses.input_tokens.count(model=f"{provider}:echo", input="Hi. " * 50)
    assert (few.object, few.input_tokens > 0) == ("response.input_tokens", True)
    assert many.input_tokens > few.input_tokens


# --- errors ----------------------------------------------------------------------------------------------------------

ERRORS: dict[str, type[openai.APIStatusError]] = {
    "fail-400": openai.BadRequestError,
    "fail-context": openai.BadRequestError,
    "fail-429": openai.RateLimitError,
    "fail-500": openai.InternalServerError,
    "fail-529": openai.InternalServerError,
}


@pytest.mark.parametrize("fault", ERRORS)
def test_errors(client: OpenAI, provider: str, fault: str) -> None:
    with pytest.raises(ERRORS[fault]) as caught:
        client.responses.create(model=failing(ME, fault, provider), input="Hi.")
    body: Any = caught.value.body
    assert body["message"]
    if fault == "fail-429":
        assert caught.value.response.headers["retry-after"] == "17"
    if fault == "fail-context":
        assert caught.value.code == "context_length_exceeded"


WRONG: dict[str, dict[str, Any]] = {
    "a temperature in words": {"temperature": "hot"},
    "an item without a type": {"input": [{"type": "function_call"}]},
    "the background": {"background": True},
}


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG)
def test_wrong_requests(client: OpenAI, wrong: Any) -> None:
    right: Any = {"model": "demo_responses:echo", "input": "Hi."}
    with pytest.raises(openai.BadRequestError) as caught:
        client.responses.create(**{**right, **wrong})
    assert caught.value.param


@pytest.mark.parametrize("fault", ["cut", "error-in-stream"])
def test_an_answer_that_breaks_off_never_looks_finished(client: OpenAI, provider: str, fault: str) -> None:
    events = list(client.responses.create(
        model=failing(ME, fault, provider), stream=True, input="one two three four five six"
    ))  # fmt: skip
    kinds = [event.type for event in events]
    assert kinds[-1] == "response.failed"
    assert "response.completed" not in kinds
    numbers = [event.sequence_number for event in events]
    assert numbers == list(range(len(numbers)))
    assert events[-1].response.id == events[0].response.id
    assert events[-1].response.error.code == "server_error"
