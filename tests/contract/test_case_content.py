"""Cases 20 to 25 of the contract: content at its edges, and what becomes of it for every backend."""

import re
from typing import Any

import pytest
from aiohttp import web

from llmux.dialects.registry import TABLE
from llmux.errors import MediaNotFetched, Unsupported
from llmux.gateway.outbound import Recipient, prepare
from llmux.ir.content import Text
from llmux.ir.fold import explode
from llmux.ir.response import FinishReason, Response
from llmux.responder import Context
from llmux.routing.catalog import Backend
from llmux.transports.fetch import Fetcher
from tests.contract.reading import spoken
from tests.contract.stage import FORM, MODELS, Wire, asked, outbound, sent, target, told, whole
from tests.judges.table import JUDGES
from tests.strategies import PIXEL

EVERYWHERE = ("claude 4.5", "gpt-4o", "responses", "gemini 3", "ollama")
everywhere = pytest.mark.parametrize("model", EVERYWHERE)
CALL = {"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}}


def said(role: str, content: Any) -> Wire:
    return {"role": role, "content": content}


def chat(*messages: Wire, **fields: Any) -> Wire:
    return {"model": "m", "messages": messages, **fields}


EMPTY = chat(
    said("system", ""),
    said("user", "  \n"),
    {"role": "assistant", "content": "", "tool_calls": [CALL]},
    {"role": "tool", "tool_call_id": "a", "content": ""},
    said("user", "x"),
)


@everywhere
def test_nothing_that_says_nothing_is_sent(model: str) -> None:
    """I.20: where a user must come first, it says that it is empty."""
    lines = spoken(MODELS[model][0], sent("openai_chat", EMPTY, model))
    first = ["user: (empty)"] if model in {"claude 4.5", "gemini 3"} else []
    assert lines == [*first, "call a: f {}", "result a: ", "user: x"]


def test_claude_is_sent_no_empty_block_and_chat_its_own_word_for_nothing() -> None:
    """I.20: a result without content, a call without text."""
    result = sent("openai_chat", EMPTY, "claude 4.5")["messages"][2]["content"][0]
    assert result == {"type": "tool_result", "tool_use_id": "a"}
    assistant, tool = sent("openai_chat", EMPTY, "gpt-4o")["messages"][:2]
    assert assistant["content"] is None
    assert tool["content"] == ""


def test_an_empty_block_is_taken_out_of_what_passes_too() -> None:
    """I.20: Claude itself says it beside a call, and refuses it when it comes back."""
    use = {"type": "tool_use", "id": "a", "name": "f", "input": {}}
    blocks = [{"type": "text", "text": ""}, use]
    result = {"type": "tool_result", "tool_use_id": "a", "content": "ok"}
    messages = [said("user", "go"), said("assistant", blocks), said("user", [result])]
    request = asked("claude", {"model": "m", "max_tokens": 9, "messages": messages})
    backend = Backend(name="b", provider="p", model="m", dialect="claude")
    outgoing = prepare(request, Context("r"), Recipient(backend, TABLE["claude"]))
    assert outgoing.verbatim
    assert b'"text":""' not in outgoing.body
    assert b'"tool_use"' in outgoing.body


ROLES: dict[str, tuple[Wire, dict[str, list[str]]]] = {
    "I.21 only the system speaks": (chat(said("system", "S")), {
        "claude 4.5": ["system: S", "user: Continue."],
        "gemini 3": ["system: S", "user: Continue."],
        "gpt-4o": ["system: S"],
    }),
    "I.21 the assistant speaks first": (chat(said("assistant", "hello"), said("user", "x")), {
        "claude 4.5": ["user: (empty)", "assistant: hello", "user: x"],
        "gemini 3": ["user: (empty)", "assistant: hello", "user: x"],
        "gpt-4o": ["assistant: hello", "user: x"],
    }),
    "I.21 the beginning of an answer, where it is taken": (chat(said("user", "x"), said("assistant", "It is ")), {
        "claude 4.5": ["user: x", "assistant: It is"],  # Claude refuses one that ends in a blank
        "other": ["user: x", "assistant: It is "],
        "ollama": ["user: x", "assistant: It is "],
    }),
    "I.21 the beginning of an answer, where it is not": (chat(said("user", "x"), said("assistant", "It is ")), {
        model: ["user: x", "assistant: It is ", "user: Continue your last message"]
        for model in ("claude 4.6", "claude 4.8", "gpt-4o", "gemini 3", "responses")
    }),
}  # fmt: skip


@pytest.mark.parametrize(("case", "model"), [(case, model) for case, (_, models) in ROLES.items() for model in models])
def test_who_speaks_first_and_last(case: str, model: str) -> None:
    body, models = ROLES[case]
    lines = [re.sub(r"(Continue your last message) .*", r"\1", line) for line in spoken_by(model, body)]
    assert lines == models[model]
    asks_on = any("Continue your last" in line for line in lines)
    assert asks_on is ("approx=prefill" in outbound("openai_chat", body, model).warnings)


def spoken_by(model: str, body: Wire) -> list[str]:
    return spoken(MODELS[model][0], sent("openai_chat", body, model))


# --- media -----------------------------------------------------------------------------------------------------------


def picture(url: str) -> Wire:
    return chat(said("user", [{"type": "image_url", "image_url": {"url": url}}]))


URLS = {
    "I.22 with a charset": f"data:image/png;charset=utf-8;base64,{PIXEL}",
    "I.22 without a type": f"data:;base64,{PIXEL}",
    "I.22 of a type that says nothing": f"data:application/octet-stream;base64,{PIXEL}",
    "I.22 in capitals": f"DATA:image/PNG;base64,{PIXEL}",
}


@pytest.mark.parametrize("case", URLS)
def test_what_a_data_url_holds_is_the_picture_that_it_is(case: str) -> None:
    block = sent("openai_chat", picture(URLS[case]), "claude 4.5")["messages"][0]["content"][0]
    assert block["source"] == {"type": "base64", "media_type": "image/png", "data": PIXEL}
    assert sent("openai_chat", picture(URLS[case]), "ollama")["messages"][0]["images"] == [PIXEL]


def test_a_link_to_a_backend_that_takes_none_is_fetched_before() -> None:
    """I.22: Ollama is sent no address; that the gateway fetches it is in tests/gateway."""
    with pytest.raises(Unsupported):
        sent("openai_chat", picture("https://x.test/1.png"), "ollama")
    assert target("ollama").profile.links == ()


FORBIDDEN = {
    "I.22 metadata of a cloud": "http://169.254.169.254/latest/meta-data",
    "I.22 this machine": "http://127.0.0.1:1/a.png",
    "I.22 this machine by name": "http://localhost:1/a.png",
    "I.22 a private network": "http://10.0.0.1/a.png",
    "I.22 this machine in IPv6": "http://[::1]:1/a.png",
}


@pytest.mark.parametrize("case", FORBIDDEN)
async def test_what_is_not_public_is_never_fetched(case: str) -> None:
    with pytest.raises(MediaNotFetched):
        await Fetcher(limit=1000, patience=5)(FORBIDDEN[case])


async def test_a_redirect_to_this_machine_is_not_followed() -> None:
    """I.22: who may be reached is asked again behind each one."""

    async def answer(request: web.BaseRequest) -> web.Response:
        raise web.HTTPFound(f"http://127.0.0.2:{request.url.port}/secret")

    runner = web.ServerRunner(web.Server(answer))
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        fetch = Fetcher(limit=1000, patience=5, permitted=lambda address: str(address) == "127.0.0.1")
        with pytest.raises(MediaNotFetched, match="not a public address"):
            await fetch(f"http://127.0.0.1:{runner.addresses[0][1]}/a.png")
    finally:
        await runner.cleanup()


# --- what Claude Code says first, and marks of the cache -------------------------------------------------------------

SYSTEM = {"type": "text", "text": "You are."}


def billed(token: str) -> Wire:
    header = f"x-anthropic-billing-header: cc_version=2.1.329; cc_entrypoint=cli; cch={token};"
    system = [{"type": "text", "text": header}, SYSTEM]
    return {"model": "m", "max_tokens": 99, "system": system, "messages": [said("user", "hi")]}


@pytest.mark.parametrize("model", ["gpt-4o", "other", "responses", "gemini 3", "ollama"])
def test_what_changes_with_every_request_reaches_no_other_backend(model: str) -> None:
    """I.23: two requests that differ only there are the same bytes, so that they are found in the cache."""
    first, second = (outbound("claude", billed(token), model).body for token in ("abc12", "def34"))
    assert first == second
    assert "billing" not in str(first)
    assert spoken(MODELS[model][0], first) == ["system: You are.", "user: hi"]


def test_claude_itself_is_sent_what_its_client_says_first() -> None:
    """I.23."""
    assert sent("claude", billed("abc12"), "claude 4.5")["system"] == billed("abc12")["system"]


MARK = {"type": "ephemeral"}


def marked(*texts: str) -> list[Wire]:
    return [{"type": "text", "text": text, "cache_control": MARK} for text in texts]


MARKED = {
    "model": "m",
    "max_tokens": 99,
    "system": marked("S"),
    "tools": [{"name": "f", "input_schema": {"type": "object", "properties": {}}, "cache_control": MARK}],
    "messages": [said("user", [*marked(*"abcdef"), {"type": "text", "text": "g", "cache_control": None}])],
}


@pytest.mark.parametrize("model", ["gpt-4o", "other", "responses 4o", "gemini 3", "ollama"])
def test_marks_of_the_cache_reach_no_backend_that_knows_none(model: str) -> None:
    """I.24: and that they are left out is told."""
    told = outbound("claude", MARKED, model)
    assert "cache" not in str(told.body)
    assert "dropped=cache_control" in told.warnings


def test_a_model_with_marks_of_its_own_is_sent_four_of_them_at_most() -> None:
    """I.24: OpenAI's newer ones."""
    told = outbound("claude", MARKED, "gpt-5.6")
    assert str(told.body).count("prompt_cache_breakpoint") == 4
    assert "cache_control" not in str(told.body)


def test_claude_is_sent_four_marks_at_most_and_no_null() -> None:
    """I.24: the last of tools and system, and of the messages."""
    body = sent("claude", MARKED, "claude 4.5")
    assert body["system"][0]["cache_control"] == MARK
    blocks = [block for block in body["messages"][0]["content"] if "cache_control" in block]
    assert [block["text"] for block in blocks] == ["d", "e", "f"]
    assert "None" not in str(body)


# --- letters ---------------------------------------------------------------------------------------------------------

LETTERS = "a\u2028b\u2029c\x85 \U0001f600 \u202e\u05e9\u05dc\u05d5\u05dd \u0301e"
BROKEN = "x\ud800y\x00z"


@everywhere
def test_letters_survive_and_what_is_none_is_replaced(model: str) -> None:
    """I.25: line separators, emoji, Hebrew; half a character and NUL."""
    lines = spoken(MODELS[model][0], sent("openai_chat", chat(said("user", LETTERS + BROKEN)), model))
    assert lines == [f"user: {LETTERS}x\ufffdy\ufffdz"]


@pytest.mark.parametrize("client", TABLE)
def test_letters_survive_in_answers_and_break_no_line(client: str) -> None:
    """I.25: as a stream and as one body."""
    response = Response("1", "m", (Text(text=LETTERS),), FinishReason.END)
    stream = told(client, list(explode(response)))
    assert not any(mark.encode() in stream for mark in ("\u2028", "\u2029", "\x85")) or client == "ollama"
    assert JUDGES[client].stream(stream).text == (LETTERS,)
    assert LETTERS in strings(whole(client, response, FORM))


def strings(value: Any) -> list[str]:
    """Every string in a JSON value."""
    if isinstance(value, dict):
        return [text for inner in value.values() for text in strings(inner)]
    if isinstance(value, list):
        return [text for inner in value for text in strings(inner)]
    return [value] if isinstance(value, str) else []
