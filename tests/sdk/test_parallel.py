"""Roles whose backends are all asked: the SDKs take what llmux adds to the answer, and hand it on where they can."""

from collections.abc import Callable, Mapping
from typing import Any

import anthropic
import httpx
import ollama
import openai
import pytest
from google import genai

from tests.sdk.house import Gateway

ASKED = "One two three."
MESSAGES: Any = [{"role": "user", "content": ASKED}]


def chat(gateway: Gateway, model: str) -> tuple[str, Mapping[str, Any] | None]:
    with openai.OpenAI(base_url=f"{gateway.url}/v1", api_key=gateway.token, max_retries=0) as client:
        told = client.chat.completions.create(model=model, messages=MESSAGES)
        return str(told.choices[0].message.content), told.model_extra and told.model_extra.get("llmux")


def responses(gateway: Gateway, model: str) -> tuple[str, Mapping[str, Any] | None]:
    with openai.OpenAI(base_url=f"{gateway.url}/v1", api_key=gateway.token, max_retries=0) as client:
        told = client.responses.create(model=model, input=ASKED)
        return told.output_text, told.model_extra and told.model_extra.get("llmux")


def claude(gateway: Gateway, model: str) -> tuple[str, Mapping[str, Any] | None]:
    with anthropic.Anthropic(base_url=gateway.url, api_key=gateway.token, max_retries=0) as client:
        told = client.messages.create(model=model, max_tokens=99, messages=MESSAGES)
        [block] = told.content
        return str(getattr(block, "text", "")), told.model_extra and told.model_extra.get("llmux")


def gemini(gateway: Gateway, model: str) -> tuple[str, Mapping[str, Any] | None]:
    options = genai.types.HttpOptions(base_url=gateway.url)
    with genai.Client(api_key=gateway.token, http_options=options) as client:
        told = client.models.generate_content(model=model, contents=ASKED)
        return str(told.text), None  # it reads the fields that it knows


def ollamas(gateway: Gateway, model: str) -> tuple[str, Mapping[str, Any] | None]:
    with ollama.Client(gateway.url, headers={"authorization": f"Bearer {gateway.token}"}) as client:
        told = client.chat(model=model, messages=MESSAGES)
        return str(told.message.content), None  # likewise


SDKS: Mapping[str, Callable[[Gateway, str], tuple[str, Mapping[str, Any] | None]]] = {
    "openai": chat,
    "responses": responses,
    "anthropic": claude,
    "google": gemini,
    "ollama": ollamas,
}
EXTENDS = ("openai", "responses", "anthropic")


@pytest.mark.parametrize("sdk", SDKS)
def test_an_answer_with_all_answers_beside_it(gateway: Gateway, sdk: str) -> None:
    text, extension = SDKS[sdk](gateway, "panel")
    assert text == ASKED
    if sdk in EXTENDS:
        assert extension is not None
        said = {one["backend"]: one["text"] or one["error"]["type"] for one in extension["answers"]}
        assert said["panel.openai"] == said["panel.claude"] == ASKED
        assert set(said) == {"panel.openai", "panel.claude", "panel.broken"}


@pytest.mark.parametrize("sdk", SDKS)
def test_all_answers_in_one(gateway: Gateway, sdk: str) -> None:
    text, _ = SDKS[sdk](gateway, "panel.all")
    assert sorted(text.split("\n\n")) == sorted(["## panel.openai", ASKED, "## panel.claude", ASKED])


@pytest.mark.parametrize("sdk", SDKS)
def test_one_answer_made_of_all(gateway: Gateway, sdk: str) -> None:
    """The demo repeats what it is asked."""
    text, _ = SDKS[sdk](gateway, "panel.one")
    assert f'<answer number="2">\n{ASKED}\n</answer>' in text


@pytest.mark.parametrize("model", ["panel", "panel.all", "panel.one"])
def test_a_stream_says_that_the_others_are_left_out(gateway: Gateway, model: str) -> None:
    with openai.OpenAI(base_url=f"{gateway.url}/v1", api_key=gateway.token, max_retries=0) as client:
        raw = client.chat.completions.with_raw_response.create(model=model, messages=MESSAGES, stream=True)
        assert "dropped=llmux.answers" in raw.headers["x-llmux-warnings"]
        said = "".join(chunk.choices[0].delta.content or "" for chunk in raw.parse() if chunk.choices)
        assert ASKED in said


BODIES: Mapping[str, dict[str, Any]] = {
    "/v1/chat/completions": {"messages": MESSAGES},
    "/v1/completions": {"prompt": ASKED},
    "/v1/responses": {"input": ASKED},
    "/v1/messages": {"messages": MESSAGES, "max_tokens": 99},
    "/v1beta/models/panel:generateContent": {"contents": [{"role": "user", "parts": [{"text": ASKED}]}]},
    "/api/chat": {"messages": MESSAGES, "stream": False},
    "/api/generate": {"prompt": ASKED, "stream": False},
}


@pytest.mark.parametrize("path", BODIES)
def test_it_stands_in_every_dialect(gateway: Gateway, path: str) -> None:
    headers = {"authorization": f"Bearer {gateway.token}"}
    told = httpx.post(f"{gateway.url}{path}", json={"model": "panel"} | BODIES[path], headers=headers).json()
    answers = {one["backend"]: one["text"] for one in told["llmux"]["answers"]}
    assert answers == {"panel.openai": ASKED, "panel.claude": ASKED, "panel.broken": None}


@pytest.mark.parametrize("role", ["panel.slow", "panel.first"])
def test_a_client_that_leaves_lets_all_of_them_go(gateway: Gateway, role: str) -> None:
    """Each takes one request at once: who is still there makes the next one wait, or fail."""
    headers = {"authorization": f"Bearer {gateway.token}"}
    body = {"model": role, "messages": MESSAGES}
    with httpx.Client(headers=headers, base_url=gateway.url) as client:
        with pytest.raises(httpx.ReadTimeout):
            client.post("/v1/chat/completions", json=body, timeout=0.4)
        for backend in ("panel.slow.openai", "panel.slow.claude"):
            alone = {"model": backend, "messages": MESSAGES, "stream": True}
            for _ in range(100):
                with client.stream("POST", "/v1/chat/completions", json=alone) as answer:
                    if answer.status_code == 200:
                        break
            assert answer.status_code == 200, backend
