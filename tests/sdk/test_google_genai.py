"""Google's Python SDK as the client, with the demo behind the gateway in every dialect."""

import asyncio
import base64
from collections.abc import Callable, Iterator
from typing import Any

import pydantic
import pytest
from google import genai
from google.genai import errors, types

from tests.sdk.house import CHOICELESS, PROVIDERS, Gateway, failing

ME = "python_google"
PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGP4z8AAAAMBAQDJ/pLvAAAAAElFTkSuQmCC"
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
WEATHER = types.Tool(
    function_declarations=[
        types.FunctionDeclaration(
            name="get_weather", description="The weather in a city.", parameters_json_schema=SCHEMA
        )
    ]
)
IMAGE = types.Part.from_bytes(data=base64.b64decode(PNG), mime_type="image/png")

# Of the SDK itself, which opens a session of aiohttp's for nothing.
pytestmark = pytest.mark.filterwarnings("ignore:Inheritance class:DeprecationWarning")


@pytest.fixture(params=PROVIDERS)
def provider(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def opened(gateway: Gateway, token: str = "") -> genai.Client:
    options = types.HttpOptions(base_url=gateway.url, retry_options=types.HttpRetryOptions(attempts=1))
    return genai.Client(api_key=token or gateway.token, http_options=options)


@pytest.fixture
def client(gateway: Gateway) -> Iterator[genai.Client]:
    with opened(gateway) as client:
        yield client


@pytest.fixture
def ask(client: genai.Client, provider: str) -> Callable[..., Any]:
    """Ask the demo's `model` (echo); `config` are the fields of the configuration."""

    def ask(contents: Any, model: str = "echo", **config: Any) -> Any:
        return client.models.generate_content(
            model=f"{provider}:{model}", contents=contents, config=types.GenerateContentConfig(**config)
        )

    return ask


def calls(answer: Any) -> list[tuple[str, Any]]:
    return [(call.name, call.args) for call in answer.function_calls or ()]


# --- chat and streams ------------------------------------------------------------------------------------------------


def test_chat(ask: Callable[..., Any], provider: str) -> None:
    answer = ask("Grüße, 漢字 🎉.", system_instruction="Be nice.")
    assert answer.text == "Grüße, 漢字 🎉."
    assert answer.candidates[0].finish_reason is types.FinishReason.STOP
    assert answer.candidates[0].content.role == "model"
    assert answer.model_version in {"echo", f"{provider}:echo"}  # the verbatim lane leaves the backend's own name
    usage = answer.usage_metadata
    assert usage.total_token_count == usage.prompt_token_count + usage.candidates_token_count
    assert usage.prompt_token_count > usage.candidates_token_count > 0


def test_a_chat_with_its_history(client: genai.Client, provider: str) -> None:
    chat = client.chats.create(model=f"{provider}:echo")
    assert chat.send_message("One.").text == "One."
    assert "".join(chunk.text or "" for chunk in chat.send_message_stream("Two.")) == "Two."
    assert [content.role for content in chat.get_history(curated=True)][:3] == ["user", "model", "user"]


def test_stream(client: genai.Client, provider: str) -> None:
    chunks = list(client.models.generate_content_stream(model=f"{provider}:echo", contents="one two three four five"))
    assert [chunk.text for chunk in chunks if chunk.text] == ["one", " two", " three", " four", " five"]
    assert chunks[-1].candidates
    assert chunks[-1].candidates[0].finish_reason is types.FinishReason.STOP
    assert len({chunk.response_id for chunk in chunks}) == 1
    assert chunks[-1].usage_metadata
    assert chunks[-1].usage_metadata.candidates_token_count == 5


async def test_async_streams_side_by_side(gateway: Gateway, provider: str) -> None:
    with opened(gateway) as client:

        async def ask(said: str) -> str:
            stream = await client.aio.models.generate_content_stream(model=f"{provider}:echo", contents=said)
            return "".join([chunk.text or "" async for chunk in stream])

        said = [f"message number {number}" for number in range(8)]
        assert await asyncio.gather(*map(ask, said)) == said
        await client.aio.aclose()


def test_stop_and_limits(ask: Callable[..., Any]) -> None:
    assert ask("one two three", stop_sequences=["two"]).text.strip() == "one"
    answer = ask("word " * 40, max_output_tokens=20, temperature=0.5, top_p=0.9, top_k=5)
    assert answer.text.split() == ["word"] * 20
    assert answer.candidates[0].finish_reason is types.FinishReason.MAX_TOKENS


# --- tools -----------------------------------------------------------------------------------------------------------


def test_a_tool_is_called_and_its_result_is_heard(ask: Callable[..., Any]) -> None:
    asked = types.UserContent("Call get_weather with city=Paris.")
    first = ask([asked], tools=[WEATHER])
    assert calls(first) == [("get_weather", {"city": "Paris"})]
    assert first.candidates[0].finish_reason is types.FinishReason.STOP
    call = first.function_calls[0]
    result = types.Part(
        function_response=types.FunctionResponse(id=call.id, name=call.name, response={"output": "21 degrees"})
    )
    last = ask([asked, first.candidates[0].content, types.UserContent(result)], tools=[WEATHER])
    assert last.text.startswith("get_weather said: ")
    assert "21 degrees" in last.text


def test_parallel_calls_in_a_stream(client: genai.Client, provider: str) -> None:
    said = "Call get_weather with city=Paris and get_weather with city=Rome."
    chunks = client.models.generate_content_stream(
        model=f"{provider}:echo", contents=said, config=types.GenerateContentConfig(tools=[WEATHER])
    )
    heard = [call for chunk in chunks for call in calls(chunk)]
    assert heard == [("get_weather", {"city": "Paris"}), ("get_weather", {"city": "Rome"})]


CHOICES: dict[str, tuple[types.FunctionCallingConfigMode, bool]] = {
    "any": (types.FunctionCallingConfigMode.ANY, True),
    "none": (types.FunctionCallingConfigMode.NONE, False),
    "as it likes": (types.FunctionCallingConfigMode.AUTO, False),
}


@pytest.mark.parametrize(("mode", "called"), CHOICES.values(), ids=CHOICES)
def test_tool_choice(
    ask: Callable[..., Any], provider: str, mode: types.FunctionCallingConfigMode, called: bool
) -> None:
    wish = types.ToolConfig(function_calling_config=types.FunctionCallingConfig(mode=mode))
    answer = ask("Hello.", tools=[WEATHER], tool_config=wish)
    assert bool(calls(answer)) is (called and provider not in CHOICELESS)


def test_the_sdk_calls_a_function_by_itself(ask: Callable[..., Any]) -> None:
    heard = list[str]()

    def get_weather(city: str) -> str:
        """The weather in a city."""
        heard.append(city)
        return f"{city}: 21 degrees"

    answer = ask("Call get_weather with city=Paris, then call get_weather with city=Rome.", tools=[get_weather])
    assert heard == ["Paris", "Rome"]
    assert "Paris: 21 degrees" in answer.text
    assert "Rome: 21 degrees" in answer.text


# --- images, reasoning, structured output ----------------------------------------------------------------------------


def test_images(ask: Callable[..., Any]) -> None:
    assert ask(["Look.", IMAGE, IMAGE]).text == "Look.\n\nI see 2 images."


def thoughts(answer: Any) -> str:
    parts = answer.candidates[0].content.parts if answer.candidates and answer.candidates[0].content else None
    return "".join(part.text for part in parts or () if part.thought and part.text)


def test_reasoning(ask: Callable[..., Any]) -> None:
    wish = types.ThinkingConfig(include_thoughts=True, thinking_budget=2000)
    asked = types.UserContent("Think, please.")
    answer = ask([asked], thinking_config=wish)
    assert "14 characters" in thoughts(answer)
    assert answer.text == "Think, please."
    again = ask([asked, answer.candidates[0].content, types.UserContent("And now?")], thinking_config=wish)
    assert again.text == "And now?"


def test_reasoning_in_a_stream(client: genai.Client, provider: str) -> None:
    chunks = list(client.models.generate_content_stream(model=f"{provider}:think", contents="Hi."))
    assert "".join(map(thoughts, chunks)).startswith("The last thing I was told")
    assert "".join(chunk.text or "" for chunk in chunks) == "Hi."


class Trip(pydantic.BaseModel):
    city: str
    days: int
    stops: list[str]
    hotel: str | None


def test_structured_output(ask: Callable[..., Any]) -> None:
    answer = ask("A trip to city=Lisbon for days=4.", response_mime_type="application/json", response_schema=Trip)
    assert isinstance(answer.parsed, Trip)
    assert (answer.parsed.city, answer.parsed.days) == ("Lisbon", 4)


def test_count_tokens(client: genai.Client, provider: str) -> None:
    def count(said: str) -> int:
        return client.models.count_tokens(model=f"{provider}:echo", contents=said).total_tokens or 0

    assert 0 < count("one") < count("one " * 200)


# --- errors and leaving ----------------------------------------------------------------------------------------------

ERRORS: dict[str, tuple[type[errors.APIError], str]] = {
    "fail-400": (errors.ClientError, "INVALID_ARGUMENT"),
    "fail-context": (errors.ClientError, "INVALID_ARGUMENT"),
    "fail-429": (errors.ClientError, "RESOURCE_EXHAUSTED"),
    "fail-500": (errors.ServerError, ""),
    "fail-503": (errors.ServerError, "UNAVAILABLE"),
    "fail-529": (errors.ServerError, "UNAVAILABLE"),
}


@pytest.mark.parametrize("fault", ERRORS)
def test_errors(client: genai.Client, provider: str, fault: str) -> None:
    expected, status = ERRORS[fault]
    with pytest.raises(expected) as caught:
        client.models.generate_content(model=failing(ME, fault, provider), contents="Hi.")
    assert caught.value.message
    assert status in (caught.value.status or "")
    if fault == "fail-429":
        assert caught.value.code == 429


def test_wrong_requests(client: genai.Client, gateway: Gateway) -> None:
    with pytest.raises(errors.ClientError) as caught:
        client.models.generate_content(model="nobody:nothing", contents="Hi.")
    assert caught.value.code == 404
    with opened(gateway, "sk-wrong") as stranger, pytest.raises(errors.ClientError) as refused:
        stranger.models.generate_content(model="demo:echo", contents="Hi.")
    assert refused.value.code in {400, 401}  # Google's own answer to a wrong key is a 400
    with opened(gateway, gateway.narrow_token) as narrow, pytest.raises(errors.ClientError) as forbidden:
        narrow.models.generate_content(model="demo:echo", contents="Hi.")
    assert forbidden.value.code == 403


@pytest.mark.parametrize("fault", ["cut", "error-in-stream"])
def test_an_answer_that_breaks_off_never_looks_finished(client: genai.Client, provider: str, fault: str) -> None:
    heard = list[Any]()
    stream = client.models.generate_content_stream(
        model=failing(ME, fault, provider), contents="one two three four five six"
    )
    with pytest.raises(errors.APIError):
        heard.extend(stream)
    assert "".join(chunk.text or "" for chunk in heard).strip() == "one two three"
    assert not any(chunk.candidates and chunk.candidates[0].finish_reason for chunk in heard)


def test_who_leaves_early_makes_room_for_the_next(gateway: Gateway, provider: str) -> None:
    for _ in range(2):
        with opened(gateway) as client:
            stream = client.models.generate_content_stream(
                model=f"{ME}.single.{provider}", contents="one two three four"
            )
            assert next(chunk.text for chunk in stream if chunk.text).strip() == "one"
            stream.close()  # type: ignore[attr-defined]  # it is a generator
