"""OpenAI's Python SDK as the client, with the demo behind the gateway in every dialect."""

import asyncio
import json
from collections.abc import Callable, Iterator
from typing import Any

import openai
import pydantic
import pytest
from openai import AsyncOpenAI, OpenAI

from tests.sdk.house import ALWAYS_PARALLEL, CHOICELESS, PROVIDERS, Gateway, failing

ME = "python_openai"
PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGP4z8AAAAMBAQDJ/pLvAAAAAElFTkSuQmCC"
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
WEATHER: Any = {
    "type": "function",
    "function": {"name": "get_weather", "description": "The weather in a city.", "parameters": SCHEMA},
}
IMAGE: Any = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}}


@pytest.fixture(params=PROVIDERS)
def provider(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def client(gateway: Gateway) -> Iterator[OpenAI]:
    with OpenAI(base_url=f"{gateway.url}/v1", api_key=gateway.token, max_retries=0) as client:
        yield client


@pytest.fixture
def ask(client: OpenAI, provider: str) -> Callable[..., Any]:
    """Ask the demo's `model` (echo) for a completion."""

    def ask(content: Any, model: str = "echo", **more: Any) -> Any:
        messages = (
            content if isinstance(content, list) and "role" in content[0] else [{"role": "user", "content": content}]
        )
        return client.chat.completions.create(model=f"{provider}:{model}", messages=messages, **more)

    return ask


# --- chat and streams ------------------------------------------------------------------------------------------------


def test_chat(ask: Callable[..., Any], provider: str) -> None:
    completion = ask(
        [
            {"role": "system", "content": "Be nice."},
            {"role": "developer", "content": "Be brief."},
            {"role": "user", "content": "Grüße, 漢字 🎉."},
        ]
    )
    [choice] = completion.choices
    assert (choice.message.role, choice.message.content) == ("assistant", "Grüße, 漢字 🎉.")
    assert (choice.index, choice.finish_reason) == (0, "stop")
    assert completion.object == "chat.completion"
    assert completion.model in {"echo", f"{provider}:echo"}  # the verbatim lane leaves the backend's own name
    usage = completion.usage
    assert usage.total_tokens == usage.prompt_tokens + usage.completion_tokens
    assert usage.prompt_tokens > usage.completion_tokens > 0


def test_the_answer_says_who_gave_it(client: OpenAI, provider: str) -> None:
    raw = client.chat.completions.with_raw_response.create(
        model=f"{provider}:echo", messages=[{"role": "user", "content": "Hello."}]
    )
    assert raw.headers["x-llmux-backend"] == f"{provider}:*"
    assert raw.headers["x-llmux-attempts"] == "1"
    assert raw.headers["x-request-id"]


def test_stream(ask: Callable[..., Any]) -> None:
    said = "one two three four five"
    chunks = list(ask(said, stream=True, stream_options={"include_usage": True}))
    deltas = [chunk.choices[0].delta for chunk in chunks if chunk.choices]
    assert deltas[0].role == "assistant"
    assert [delta.content for delta in deltas if delta.content] == ["one", " two", " three", " four", " five"]
    assert [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices][-1] == "stop"
    assert len({chunk.id for chunk in chunks}) == 1
    assert chunks[-1].choices == []
    assert chunks[-1].usage.completion_tokens == 5


def test_a_stream_without_usage_tells_none(ask: Callable[..., Any]) -> None:
    chunks = list(ask("one two", stream=True))
    assert all(chunk.choices and chunk.usage is None for chunk in chunks)


def test_the_sdks_stream_helper(client: OpenAI, provider: str) -> None:
    with client.chat.completions.stream(
        model=f"{provider}:echo", messages=[{"role": "user", "content": "one two three"}]
    ) as stream:
        heard = "".join(event.delta for event in stream if event.type == "content.delta")
        completion = stream.get_final_completion()
    assert heard == completion.choices[0].message.content == "one two three"


async def test_async_streams_side_by_side(gateway: Gateway, provider: str) -> None:
    async with AsyncOpenAI(base_url=f"{gateway.url}/v1", api_key=gateway.token, max_retries=0) as client:

        async def ask(said: str) -> str:
            stream = await client.chat.completions.create(
                model=f"{provider}:echo?delay=5ms", stream=True, messages=[{"role": "user", "content": said}]
            )
            return "".join([chunk.choices[0].delta.content or "" async for chunk in stream if chunk.choices])

        said = [f"message number {number}" for number in range(8)]
        assert await asyncio.gather(*map(ask, said)) == said


def test_stop_and_limits(ask: Callable[..., Any]) -> None:
    [choice] = ask("one two three", stop=["two"]).choices
    assert (choice.message.content.strip(), choice.finish_reason) == ("one", "stop")
    [choice] = ask("word " * 40, max_completion_tokens=20).choices
    assert (choice.message.content.split(), choice.finish_reason) == (["word"] * 20, "length")
    [choice] = ask("word " * 40, max_tokens=20, temperature=0.5, seed=7, user="someone").choices
    assert choice.message.content.split() == ["word"] * 20


# --- tools -----------------------------------------------------------------------------------------------------------


def test_a_tool_is_called_and_its_result_is_heard(ask: Callable[..., Any]) -> None:
    asked: Any = {"role": "user", "content": "Call get_weather with city=Paris."}
    [first] = ask([asked], tools=[WEATHER]).choices
    assert first.finish_reason == "tool_calls"
    [call] = first.message.tool_calls
    assert (call.type, call.function.name) == ("function", "get_weather")
    assert json.loads(call.function.arguments) == {"city": "Paris"}
    result = {"role": "tool", "tool_call_id": call.id, "content": "21 degrees"}
    [last] = ask([asked, first.message, result], tools=[WEATHER]).choices
    assert last.message.content == "get_weather said: 21 degrees"


def test_parallel_calls_in_a_stream(client: OpenAI, provider: str) -> None:
    said = "Call get_weather with city=Paris and get_weather with city=Rome."
    with client.chat.completions.stream(
        model=f"{provider}:echo", tools=[WEATHER], messages=[{"role": "user", "content": said}]
    ) as stream:
        done = [event for event in stream if event.type == "tool_calls.function.arguments.done"]
        completion = stream.get_final_completion()
    assert [event.index for event in done] == [0, 1]
    calls = completion.choices[0].message.tool_calls
    assert [json.loads(call.function.arguments) for call in calls] == [{"city": "Paris"}, {"city": "Rome"}]
    assert len({call.id for call in calls}) == 2


def test_calls_one_at_a_time(ask: Callable[..., Any], provider: str) -> None:
    said = "Call get_weather with city=Paris and get_weather with city=Rome."
    [choice] = ask(said, tools=[WEATHER], parallel_tool_calls=False).choices
    assert len(choice.message.tool_calls) == (2 if provider in ALWAYS_PARALLEL else 1)


CHOICES: dict[str, tuple[Any, bool]] = {
    "required": ("required", True),
    "this one": ({"type": "function", "function": {"name": "get_weather"}}, True),
    "none": ("none", False),
    "as it likes": ("auto", False),
}


@pytest.mark.parametrize(("choice", "called"), CHOICES.values(), ids=CHOICES)
def test_tool_choice(ask: Callable[..., Any], provider: str, choice: Any, called: bool) -> None:
    [answer] = ask("Hello.", tools=[WEATHER], tool_choice=choice).choices
    assert bool(answer.message.tool_calls) is (called and provider not in CHOICELESS)


class Forecast(pydantic.BaseModel):
    """The forecast for a city."""

    city: str
    days: int


def test_a_tool_with_a_model_behind_it(client: OpenAI, provider: str) -> None:
    completion = client.chat.completions.parse(
        model=f"{provider}:echo",
        tools=[openai.pydantic_function_tool(Forecast)],
        messages=[{"role": "user", "content": "Call Forecast with city=Oslo, days=3."}],
    )
    [call] = completion.choices[0].message.tool_calls or []
    assert call.function.parsed_arguments == Forecast(city="Oslo", days=3)


def test_functions_of_the_first_days(ask: Callable[..., Any]) -> None:
    [choice] = ask("Call get_weather with city=Paris.", functions=[WEATHER["function"]]).choices
    assert choice.finish_reason == "function_call"
    assert json.loads(choice.message.function_call.arguments) == {"city": "Paris"}


# --- images, reasoning, structured output ----------------------------------------------------------------------------


def test_images(ask: Callable[..., Any]) -> None:
    [choice] = ask([{"type": "text", "text": "Look."}, IMAGE, IMAGE]).choices
    assert choice.message.content == "Look.\n\nI see 2 images."


def test_reasoning(ask: Callable[..., Any]) -> None:
    asked: Any = {"role": "user", "content": "Think, please."}
    completion = ask([asked], reasoning_effort="high")
    [choice] = completion.choices
    assert "14 characters" in choice.message.reasoning_content
    assert choice.message.content == "Think, please."
    again = choice.message.model_dump(exclude_none=True)
    [reply] = ask([asked, again, {"role": "user", "content": "And now?"}], reasoning_effort="high").choices
    assert reply.message.content == "And now?"


def test_reasoning_in_a_stream(ask: Callable[..., Any]) -> None:
    chunks = [chunk.choices[0].delta for chunk in ask("Hi.", "think", stream=True) if chunk.choices]
    thought = "".join(getattr(delta, "reasoning_content", None) or "" for delta in chunks)
    assert thought.startswith("The last thing I was told")
    assert "".join(delta.content or "" for delta in chunks) == "Hi."


class Trip(pydantic.BaseModel):
    city: str
    days: int
    stops: list[str]
    hotel: str | None


def test_structured_output(client: OpenAI, provider: str) -> None:
    completion = client.chat.completions.parse(
        model=f"{provider}:echo",
        messages=[{"role": "user", "content": "A trip to city=Lisbon for days=4."}],
        response_format=Trip,
    )
    parsed = completion.choices[0].message.parsed
    assert isinstance(parsed, Trip)
    assert (parsed.city, parsed.days) == ("Lisbon", 4)


def test_any_json(ask: Callable[..., Any]) -> None:
    [choice] = ask("Give me JSON.", response_format={"type": "json_object"}).choices
    assert json.loads(choice.message.content)


# --- auxiliary -------------------------------------------------------------------------------------------------------


def test_models(client: OpenAI) -> None:
    names = [model.id for model in client.models.list()]
    name = failing(ME, "cut", "demo")
    assert name in names
    assert client.models.retrieve(name).id == name
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("nobody:nothing")


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
        client.chat.completions.create(
            model=failing(ME, fault, provider), messages=[{"role": "user", "content": "Hi."}]
        )
    body: Any = caught.value.body
    assert body["message"]
    assert body["type"]
    if fault == "fail-429":
        assert caught.value.response.headers["retry-after"] == "17"
    if fault == "fail-context":
        assert caught.value.code == "context_length_exceeded"


WRONG: dict[str, tuple[dict[str, Any], type[openai.APIStatusError]]] = {
    "an unknown model": ({"model": "nobody:nothing"}, openai.NotFoundError),
    "a message without a role": ({"messages": [{"content": "Hi."}]}, openai.BadRequestError),
    "a temperature in words": ({"temperature": "hot"}, openai.BadRequestError),
}


@pytest.mark.parametrize(("wrong", "expected"), WRONG.values(), ids=WRONG)
def test_wrong_requests(client: OpenAI, wrong: Any, expected: type[Exception]) -> None:
    right: Any = {"model": "demo:echo", "messages": [{"role": "user", "content": "Hi."}]}
    with pytest.raises(expected):
        client.chat.completions.create(**{**right, **wrong})


def test_wrong_tokens(gateway: Gateway) -> None:
    asked: Any = {"model": "demo:echo", "messages": [{"role": "user", "content": "Hi."}]}
    with (
        OpenAI(base_url=f"{gateway.url}/v1", api_key="sk-wrong", max_retries=0) as stranger,
        pytest.raises(openai.AuthenticationError),
    ):
        stranger.chat.completions.create(**asked)
    with (
        OpenAI(base_url=f"{gateway.url}/v1", api_key=gateway.narrow_token, max_retries=0) as narrow,
        pytest.raises(openai.PermissionDeniedError),
    ):
        narrow.chat.completions.create(**asked)


@pytest.mark.parametrize("fault", ["cut", "error-in-stream"])
def test_an_answer_that_breaks_off_never_looks_finished(client: OpenAI, provider: str, fault: str) -> None:
    heard = list[Any]()
    stream = client.chat.completions.create(
        model=failing(ME, fault, provider),
        stream=True,
        messages=[{"role": "user", "content": "one two three four five six"}],
    )
    with pytest.raises(openai.APIError):
        heard.extend(chunk.choices[0] for chunk in stream if chunk.choices)
    assert "".join(choice.delta.content or "" for choice in heard).strip() == "one two three"
    assert not any(choice.finish_reason for choice in heard)


def test_who_leaves_early_makes_room_for_the_next(client: OpenAI, provider: str) -> None:
    for _ in range(2):
        with client.chat.completions.create(
            model=f"{ME}.single.{provider}",
            stream=True,
            messages=[{"role": "user", "content": "one two three four"}],
        ) as stream:
            said = (chunk.choices[0].delta.content for chunk in stream if chunk.choices)
            assert next(text for text in said if text).strip() == "one"


# --- the older form --------------------------------------------------------------------------------------------------


def test_completions(client: OpenAI, provider: str) -> None:
    told = client.completions.create(model=f"{provider}:echo", prompt="one two", max_tokens=50)
    assert (told.object, told.choices[0].text, told.choices[0].finish_reason) == ("text_completion", "one two", "stop")
    assert told.usage is not None
    assert told.usage.completion_tokens == 2
    long = client.completions.create(model=f"{provider}:echo", prompt=" ".join("abcdefghijklmnopqrstuvwxyz"))
    assert long.choices[0].finish_reason == "length"  # sixteen tokens, when nobody says how many


def test_a_stream_of_completions(client: OpenAI, provider: str) -> None:
    chunks = client.completions.create(
        model=f"{provider}:echo", prompt="one two three", stream=True, stream_options={"include_usage": True}
    )
    *said, last = chunks
    assert "".join(chunk.choices[0].text for chunk in said) == "one two three"
    assert said[-1].choices[0].finish_reason == "stop"
    assert last.usage is not None
    assert last.usage.completion_tokens == 3


def test_what_only_the_older_form_understands(client: OpenAI, provider: str) -> None:
    if provider == "demo":
        assert client.completions.create(model="demo:echo", prompt=["one"], suffix="end").choices[0].text == "one"
        return
    with pytest.raises(openai.BadRequestError, match="client's own API"):
        client.completions.create(model=f"{provider}:echo", prompt=[1, 2, 3])


# --- embeddings ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("model", ["embed", "embed.ollama"])
def test_packed_as_the_sdk_asks_unasked_and_plain_are_the_same_vectors(client: OpenAI, model: str) -> None:
    texts = ["the cat sat on the mat", "Grüße"]
    packed = client.embeddings.create(model=model, input=texts)
    plain = client.embeddings.create(model=model, input=texts, encoding_format="float")
    assert [list(one.embedding) for one in packed.data] == [one.embedding for one in plain.data]
    assert [one.index for one in packed.data] == [0, 1]
    assert (packed.model, packed.object, packed.usage.prompt_tokens) == (model, "list", plain.usage.prompt_tokens)


@pytest.mark.parametrize("given", ["hello", [1, 2, 3], [[1, 2], [3]]], ids=["one text", "tokens", "lists of tokens"])
def test_every_form_of_input(client: OpenAI, given: Any) -> None:
    answer = client.embeddings.create(model="embed", input=given, dimensions=8)
    assert {len(one.embedding) for one in answer.data} == {8}
    assert len(answer.data) == (2 if given == [[1, 2], [3]] else 1)


def test_tokens_are_refused_by_a_backend_that_knows_texts_only(client: OpenAI) -> None:
    with pytest.raises(openai.BadRequestError, match="texts, not tokens"):
        client.embeddings.create(model="embed.ollama", input=[1, 2, 3])


def test_embeddings_fail_over(client: OpenAI) -> None:
    answer = client.embeddings.with_raw_response.create(model="embed.failing", input="hello")
    assert answer.headers["x-llmux-backend"] == "embed.second"
    assert answer.parse().data


def test_a_chat_backend_embeds_nothing_and_an_embedder_answers_nothing(client: OpenAI) -> None:
    with pytest.raises(openai.NotFoundError, match="does not embed"):
        client.embeddings.create(model="demo:echo", input="hello")
    with pytest.raises(openai.NotFoundError, match="only embeds: embed"):
        client.chat.completions.create(model="embed", messages=[{"role": "user", "content": "hello"}])


def test_a_client_embeds_only_with_what_it_may_use(gateway: Gateway) -> None:
    with (
        OpenAI(base_url=f"{gateway.url}/v1", api_key=gateway.narrow_token, max_retries=0) as narrow,
        pytest.raises(openai.PermissionDeniedError),
    ):
        narrow.embeddings.create(model="embed", input="hello")


def test_a_bad_wish_for_embeddings_says_where(client: OpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as raised:
        client.embeddings.create(model="embed", input=["fine", {}])  # type: ignore[list-item]  # that is the test
    assert raised.value.param == "input.1"
