"""Ollama's Python SDK as the client, with the demo behind the gateway in every dialect."""

import asyncio
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

import httpx
import ollama
import pytest
from ollama import AsyncClient, Client

from tests.sdk.house import PROVIDERS, Gateway, failing

ME = "python_ollama"
PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGP4z8AAAAMBAQDJ/pLvAAAAAElFTkSuQmCC"
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
WEATHER: Any = {
    "type": "function",
    "function": {"name": "get_weather", "description": "The weather in a city.", "parameters": SCHEMA},
}


@pytest.fixture(params=PROVIDERS)
def provider(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def client(gateway: Gateway) -> Iterator[Client]:
    with Client(gateway.url, headers={"authorization": f"Bearer {gateway.token}"}) as client:
        yield client


@pytest.fixture
def ask(client: Client, provider: str) -> Callable[..., Any]:
    """Ask the demo's `model` (echo)."""

    def ask(content: Any, model: str = "echo", **more: Any) -> Any:
        messages = content if isinstance(content, list) else [{"role": "user", "content": content}]
        return client.chat(f"{provider}:{model}", messages, **more)

    return ask


def test_chat(ask: Callable[..., Any], provider: str) -> None:
    told = ask([{"role": "system", "content": "Be nice."}, {"role": "user", "content": "Grüße, 漢字 🎉."}])
    assert (told.message.role, told.message.content) == ("assistant", "Grüße, 漢字 🎉.")
    assert (told.done, told.done_reason) == (True, "stop")
    assert told.prompt_eval_count > told.eval_count > 0
    assert datetime.fromisoformat(told.created_at).tzinfo is not None
    if provider != "demo_ollama":  # the verbatim lane leaves what the backend has measured
        assert told.model == f"{provider}:echo"
        assert told.total_duration > 0


def test_stream(ask: Callable[..., Any], provider: str) -> None:
    *said, last = ask("one two three", stream=True)
    assert "".join(line.message.content for line in said) == "one two three"
    assert len(said) > 1
    assert (last.done, last.done_reason, last.message.content) == (True, "stop", "")
    if provider != "demo_ollama":
        assert last.total_duration == last.prompt_eval_duration + last.eval_duration > 0


@pytest.mark.parametrize("stream", [True, False])
def test_thinking(ask: Callable[..., Any], stream: bool) -> None:
    told = ask("Hello.", model="think", think=True, stream=stream)
    lines = list(told) if stream else [told]
    assert "".join(line.message.thinking or "" for line in lines).startswith("The last thing I was told")
    assert "".join(line.message.content for line in lines) == "Hello."


@pytest.mark.parametrize("stream", [True, False])
def test_a_tool_loop(ask: Callable[..., Any], stream: bool) -> None:
    messages: list[Any] = [{"role": "user", "content": "Call get_weather with city=Paris and get_weather city=Rome."}]
    told = ask(messages, tools=[WEATHER], stream=stream)
    lines = list(told) if stream else [told]
    calls = [call for line in lines for call in line.message.tool_calls or ()]
    assert [(call.function.name, dict(call.function.arguments)) for call in calls] == [
        ("get_weather", {"city": "Paris"}),
        ("get_weather", {"city": "Rome"}),
    ]
    messages.append(ollama.Message(role="assistant", content="", tool_calls=calls))
    messages += [{"role": "tool", "tool_name": "get_weather", "content": words} for words in ("sun", "rain")]
    assert ask(messages, tools=[WEATHER]).message.content == "get_weather said: sun\nget_weather said: rain"


def test_a_picture(ask: Callable[..., Any]) -> None:
    assert "I see 1 image." in ask([{"role": "user", "content": "Look.", "images": [PNG]}]).message.content


def test_json_of_a_schema(ask: Callable[..., Any]) -> None:
    assert ask("city=Oslo", format=SCHEMA).message.content == '{"city":"Oslo"}'


def test_options(ask: Callable[..., Any]) -> None:
    told = ask("word " * 40, options={"num_predict": 20, "temperature": 0.5, "num_ctx": 4096})
    assert (told.message.content.split(), told.done_reason) == (["word"] * 20, "length")
    assert ask("one two three", options={"stop": ["two"]}).message.content.strip() == "one"


def test_generate(client: Client, provider: str) -> None:
    told = client.generate(f"{provider}:echo", "one two", system="Be brief.")
    assert (told.response, told.done, told.done_reason) == ("one two", True, "stop")
    *said, last = client.generate(f"{provider}:think", "one two", think=True, stream=True)
    assert "".join(line.response for line in said) == "one two"
    assert "".join(line.thinking or "" for line in said)
    assert last.done


@pytest.mark.parametrize("backend", PROVIDERS)
def test_a_model_that_no_ollama_holds_is_loaded_at_once(client: Client, backend: str) -> None:
    assert client.generate(f"{backend}:echo").done_reason == "load"
    assert client.chat(f"{backend}:echo", [], keep_alive=0).done_reason == "unload"
    (line,) = client.chat(f"{backend}:echo", [], stream=True)
    assert (line.done_reason, line.message.content) == ("load", "")


def test_what_only_an_ollama_understands(client: Client, provider: str) -> None:
    if provider == "demo_ollama":
        assert client.generate("demo_ollama:echo", "one two", suffix="end").response == "one two"
        return
    with pytest.raises(ollama.ResponseError, match="client's own API") as raised:
        client.generate(f"{provider}:echo", "one two", suffix="end")
    assert raised.value.status_code == 400


# --- failures --------------------------------------------------------------------------------------------------------

STATUSES = {"fail-400": 400, "fail-429?retry-after=17": 429, "fail-503": 503, "fail-529": 503, "fail-context": 400}


@pytest.mark.parametrize("fault", STATUSES)
@pytest.mark.parametrize("backend", PROVIDERS)
def test_a_failure_has_its_status_and_a_sentence(client: Client, backend: str, fault: str) -> None:
    with pytest.raises(ollama.ResponseError) as raised:
        client.chat(failing(ME, fault, backend), [{"role": "user", "content": "hi"}])
    assert raised.value.status_code == STATUSES[fault]
    assert raised.value.error


@pytest.mark.parametrize("fault", ["cut?delay=20ms", "error-in-stream?delay=20ms"])
@pytest.mark.parametrize("backend", PROVIDERS)
def test_a_failure_in_a_stream_is_raised(client: Client, backend: str, fault: str) -> None:
    said = list[Any]()
    stream = client.chat(failing(ME, fault, backend), [{"role": "user", "content": "a b c d e f"}], stream=True)
    with pytest.raises(ollama.ResponseError):
        said.extend(stream)
    assert not any(line.done for line in said)


def test_no_token(gateway: Gateway) -> None:
    with Client(gateway.url) as client, pytest.raises(ollama.ResponseError) as raised:
        client.chat("demo:echo", [])
    assert raised.value.status_code == 401


def test_llmux_s_own_form_of_generate_is_told_apart(gateway: Gateway) -> None:
    headers = {"authorization": f"Bearer {gateway.token}"}
    for body in ({"prompt": "hi"}, {"model": "demo:echo", "provider": "openai", "prompt": "hi"}):
        told = httpx.post(f"{gateway.url}/api/generate", json=body, headers=headers)
        assert told.status_code == 400
        assert "provider:model" in told.json()["error"]


def test_many_at_once(gateway: Gateway, provider: str) -> None:
    async def all_at_once() -> list[str]:
        async with AsyncClient(gateway.url, headers={"authorization": f"Bearer {gateway.token}"}) as client:

            async def one(number: int) -> str:
                asked: Any = [{"role": "user", "content": f"number {number}"}]
                stream = await client.chat(f"{provider}:echo", asked, stream=True)
                return "".join([line.message.content async for line in stream])

            return await asyncio.gather(*map(one, range(8)))

    assert asyncio.run(all_at_once()) == [f"number {number}" for number in range(8)]


@pytest.mark.parametrize("model", ["embed", "embed.ollama"])
def test_embeddings(client: Client, model: str) -> None:
    told = client.embed(model, ["a cat", "a dog"], dimensions=8)
    assert [len(vector) for vector in told.embeddings] == [8, 8]
    assert (told.model, told.prompt_eval_count) == (model, 4)
    assert client.embeddings(model, "a cat").embedding == client.embed(model, "a cat").embeddings[0]


def test_embeddings_of_a_chat_backend(client: Client) -> None:
    with pytest.raises(ollama.ResponseError, match="does not embed") as raised:
        client.embed("demo:echo", "a cat")
    assert raised.value.status_code == 404
