"""Conversations by id through a whole house: OpenAI's own client, every demo backend, a store that survives."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import openai
import pytest

from llmux.config.tables import builtin
from llmux.dialects.registry import TABLE

pytestmark = pytest.mark.skipif("openai_responses" not in TABLE, reason="no dialect here has conversations by id")

ADDRESS = re.compile(r"http://127\.0\.0\.1:\d+")
DEMOS = [name for name, row in builtin().providers.items() if row.kind == "demo"]
WEATHER: Any = {
    "type": "function",
    "name": "get_weather",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}


@contextmanager
def started(folder: Path) -> Iterator[openai.OpenAI]:
    """A gateway as its own process, its store in `folder`, and a client for it."""
    config = folder / "config.toml"
    tables = "".join(f"[provider.{name}]\n" for name in DEMOS)
    config.write_text(f'[store]\nurl = "sqlite:{folder}/llmux.db"\n{tables}')
    command = [sys.executable, "-m", "llmux", "start", "--config", str(config), "--port", "0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=os.environ)
    assert process.stdout is not None
    try:
        url = next(found[0] for line in process.stdout if (found := ADDRESS.search(line)))
        with openai.OpenAI(base_url=f"{url}/v1", api_key="k", max_retries=0) as client:
            yield client
    finally:
        process.terminate()
        process.stdout.close()
        process.wait(10)


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[openai.OpenAI]:
    with started(tmp_path_factory.mktemp("conversations")) as client:
        yield client


def say(client: openai.OpenAI, provider: str, text: Any, **more: Any) -> Any:
    """Ask the demo's echo, and hear the whole answer, told as a stream where `stream`."""
    model = f"{provider}:echo"
    if not more.pop("stream", False):
        return client.responses.create(model=model, input=text, **more)
    with client.responses.stream(model=model, input=text, **more) as stream:
        for _ in stream:
            pass
        return stream.get_final_response()


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("provider", DEMOS)
def test_a_tool_loop_by_id(client: openai.OpenAI, provider: str, stream: bool) -> None:
    asked = say(client, provider, "Call get_weather with city=Paris.", tools=[WEATHER], stream=stream)
    [call] = [item for item in asked.output if item.type == "function_call"]
    result = {"type": "function_call_output", "call_id": call.call_id, "output": "sunny"}
    told = say(client, provider, [result], tools=[WEATHER], previous_response_id=asked.id, stream=stream)
    assert "sunny" in told.output_text
    listed = [item.type for item in client.responses.input_items.list(told.id, order="asc")]
    assert listed == ["message", "function_call", "function_call_output"]


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("provider", DEMOS)
def test_an_answer_is_told_again_as_it_was_heard(client: openai.OpenAI, provider: str, stream: bool) -> None:
    heard = say(client, provider, "Hello.", reasoning={"effort": "low"}, stream=stream)
    again = client.responses.retrieve(heard.id)
    told = heard.to_dict(warnings=False)
    for part in (part for item in told["output"] for part in item.get("content") or ()):
        part.pop("parsed", None)  # the SDK's own addition to what it has streamed
    assert again.to_dict(warnings=False) == told
    client.responses.delete(heard.id)
    with pytest.raises(openai.NotFoundError):
        client.responses.retrieve(heard.id)


@pytest.mark.parametrize("provider", DEMOS)
def test_a_conversation_changes_its_backend(client: openai.OpenAI, provider: str) -> None:
    answer = say(client, DEMOS[0], "Call get_weather with city=Paris.", tools=[WEATHER], reasoning={"effort": "low"})
    [call] = [item for item in answer.output if item.type == "function_call"]
    result = {"type": "function_call_output", "call_id": call.call_id, "output": "sunny"}
    told = say(client, provider, [result], tools=[WEATHER], previous_response_id=answer.id)
    assert "sunny" in told.output_text
    again = say(client, DEMOS[-1], "And now?", previous_response_id=told.id)
    assert "And now?" in again.output_text


@pytest.mark.parametrize("provider", DEMOS)
def test_a_conversation_is_made_shorter(client: openai.OpenAI, provider: str) -> None:
    first = say(client, provider, "Hello.")
    short = client.responses.compact(model=f"{provider}:echo", previous_response_id=first.id)
    assert [item.type for item in short.output] == ["message", "compaction"]
    assert short.usage.total_tokens > 0
    output: Any = [item.to_dict(warnings=False) for item in short.output]
    told = say(client, provider, [*output, {"role": "user", "content": "Go on."}])
    assert "Go on." in told.output_text


def test_as_codex_asks_for_it(client: openai.OpenAI) -> None:
    trigger: Any = [{"role": "user", "content": "Hello."}, {"type": "compaction_trigger"}]
    with client.responses.stream(model=f"{DEMOS[0]}:echo", input=trigger, store=False) as stream:
        done = [event.item for event in stream if event.type == "response.output_item.done"]
    assert [item.type for item in done] == ["compaction"]


def test_answers_outlive_a_restart(tmp_path: Path) -> None:
    with started(tmp_path) as client:
        first = say(client, DEMOS[0], "Hello.")
    with started(tmp_path) as client:
        told = say(client, DEMOS[0], "Again.", previous_response_id=first.id)
        assert [item.type for item in client.responses.input_items.list(told.id)] == ["message"] * 3


def test_what_is_not_kept_is_said(client: openai.OpenAI) -> None:
    first = say(client, DEMOS[0], "Hello.", store=False)
    with pytest.raises(openai.BadRequestError) as heard:
        say(client, DEMOS[0], "Again.", previous_response_id=first.id)
    assert (heard.value.code, heard.value.param) == ("previous_response_not_found", "previous_response_id")
