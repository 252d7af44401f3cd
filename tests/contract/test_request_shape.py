"""The shape of requests: what each backend refuses is not sent to it, and nothing is lost in silence. H.57 to H.78."""

from typing import Any

import orjson
import pytest

from llmux.dialects.base import Address
from llmux.dialects.registry import TABLE
from tests.contract.wires import Wire, able, asked, assistant, known, outgoing, sent, user
from tests.strategies import PIXEL

GENERATE = Address("/v1beta/models/m:generateContent")
CLAUDE = known("claude", "anthropic", "claude-sonnet-4-5")
OPUS = known("claude", "anthropic", "claude-opus-4-8")
OLD_GEMINI = known("gemini", "gemini", "gemini-2.5-flash")
GEMINI = known("gemini", "gemini", "gemini-3-pro")
GPT = known("openai_chat", "openai", "gpt-4.1")
QWEN = known("openai_chat", "vllm", "qwen3")
OLLAMA = known("ollama", "ollama", "llava")
FUNCTION = {"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}}


def made(call_id: str, name: str = "f") -> Wire:
    return {"id": call_id, "type": "function", "function": {"name": name, "arguments": "{}"}}


def used(call_id: str) -> Wire:
    return {"type": "tool_use", "id": call_id, "name": "f", "input": {}}


def result(call_id: str, content: Any = "x") -> Wire:
    return {"role": "tool", "tool_call_id": call_id, "content": content}


TOOL = {"name": "f", "input_schema": {"type": "object", "properties": {}}}
IMAGE = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PIXEL}}
INLINE = {"inlineData": {"mimeType": "image/png", "data": PIXEL}}
PICTURES_OF = {"type": "tool_result", "tool_use_id": "a", "content": [{"type": "text", "text": "x"}, IMAGE]}
PICTURED = asked("claude", user(), assistant([used("a")]), user([PICTURES_OF]), tools=[TOOL])

# --- calls and their results -----------------------------------------------------------------------------------------


def test_a_call_that_was_interrupted_has_a_result_at_claude() -> None:
    """H.57: at once behind it, and it says so."""
    body = asked("openai_chat", user(), assistant(None, tool_calls=[made("a")]), user("stop"), tools=[FUNCTION])
    told = sent("openai_chat", body, "claude", CLAUDE)["messages"][2]["content"]
    assert [block["type"] for block in told] == ["tool_result", "text"]
    assert (told[0]["tool_use_id"], told[0]["is_error"]) == ("a", True)


def test_a_call_that_was_interrupted_has_a_response_at_google() -> None:
    """H.58: likewise."""
    body = asked("openai_chat", user(), assistant(None, tool_calls=[made("a")]), user("stop"), tools=[FUNCTION])
    _, call, response, last = sent("openai_chat", body, "gemini", GEMINI)["contents"]
    assert call["parts"][0]["functionCall"]["name"] == "f"
    assert list(response["parts"][0]["functionResponse"]["response"]) == ["error"]
    assert last["parts"] == [{"text": "stop"}]


def test_results_of_parallel_calls_are_one_content() -> None:
    """H.59: as many responses as there were calls, in their order."""
    calls = assistant(None, tool_calls=[made("a"), made("b", "g")])
    body = asked("openai_chat", user(), calls, result("b", "2"), result("a", "1"), tools=[FUNCTION])
    contents = sent("openai_chat", body, "gemini", GEMINI)["contents"]
    assert [content["role"] for content in contents] == ["user", "model", "user"]
    assert [part["functionResponse"]["name"] for part in contents[2]["parts"]] == ["f", "g"]


def test_a_turn_with_calls_follows_a_turn_of_the_user() -> None:
    """H.60: where none is left of it, a placeholder."""
    body = asked("openai_chat", assistant(None, tool_calls=[made("a")]), result("a"), tools=[FUNCTION])
    contents = sent("openai_chat", body, "gemini", GEMINI)["contents"]
    assert [content["role"] for content in contents] == ["user", "model", "user"]


def test_the_id_of_a_call_comes_back_with_its_response() -> None:
    """H.61: where the model knows ids."""
    body = asked(
        "openai_chat", user(), assistant(None, tool_calls=[made("call_1")]), result("call_1"), tools=[FUNCTION]
    )
    _, call, response = sent("openai_chat", body, "gemini", GEMINI)["contents"]
    assert call["parts"][0]["functionCall"]["id"] == response["parts"][0]["functionResponse"]["id"] == "call_1"


def test_pictures_of_a_result_are_within_it_or_apart() -> None:
    """H.62: newer models take them inside, older ones in a content of their own: never beside the response."""
    inside = sent("claude", PICTURED, "gemini", GEMINI)["contents"][2]["parts"]
    assert [part["functionResponse"]["parts"] for part in inside] == [[INLINE]]
    _, _, response, apart = sent("claude", PICTURED, "gemini", OLD_GEMINI)["contents"]
    assert [list(part) for part in response["parts"]] == [["functionResponse"]]
    assert INLINE in apart["parts"]


def test_pictures_of_a_result_reach_every_backend() -> None:
    """H.63: behind the run of results where a result is text alone, within it elsewhere."""
    roles = [message["role"] for message in sent("claude", PICTURED, "openai_chat", GPT)["messages"]]
    assert roles == ["user", "assistant", "tool", "user"]
    for backend in TABLE:
        to = known(backend, "openai", "gpt-4.1") if backend == "openai_responses" else able(vision=True)
        assert PIXEL.encode() in outgoing("claude", PICTURED, backend, to).body


PICTURES: dict[str, Wire] = {
    "H.64 at Claude's endpoint": PICTURED,
    "H.64 of a link": asked("claude", user(), assistant([used("a")]), user([
        {"type": "tool_result", "tool_use_id": "a",
         "content": [{"type": "image", "source": {"type": "url", "url": "https://x.test/a.png"}}]}]), tools=[TOOL]),
}  # fmt: skip


@pytest.mark.parametrize("case", PICTURES)
def test_a_result_may_hold_pictures(case: str) -> None:
    assert sent("claude", PICTURES[case], "claude", CLAUDE)["messages"] == PICTURES[case]["messages"]


# --- turns -----------------------------------------------------------------------------------------------------------

YES = {"type": "text", "text": "Yes."}
BLANKS = {
    "H.65 an empty text beside a call": ("claude", assistant([{"type": "text", "text": ""}, used("a")]), [used("a")]),
    "H.65 a blank text": ("claude", assistant([YES, {"type": "text", "text": " \n"}]), [YES]),
    "H.65 an empty content beside a call": ("openai_chat", assistant("", tool_calls=[made("a")]), [used("a")]),
}


@pytest.mark.parametrize("case", BLANKS)
def test_blank_texts_do_not_go_to_claude(case: str) -> None:
    """Nor in the verbatim lane: Claude itself says what it refuses when it comes back."""
    client, message, left = BLANKS[case]
    tools = [TOOL] if client == "claude" else [FUNCTION]
    answered = (
        user([{"type": "tool_result", "tool_use_id": "a", "content": "x"}]) if client == "claude" else result("a")
    )
    last = answered if used("a") in left else user()
    assert (
        sent(client, asked(client, user(), message, last, tools=tools), "claude", CLAUDE)["messages"][1]["content"]
        == left
    )


@pytest.mark.parametrize("blank", ["", "  \n"])
def test_a_blank_message_does_not_go_to_claude(blank: str) -> None:
    """H.65: editors send them."""
    for client in ("claude", "openai_chat"):
        messages = sent(client, asked(client, user(), assistant("Yes."), user(blank), user()), "claude", CLAUDE)[
            "messages"
        ]
        assert [message["role"] for message in messages] == ["user", "assistant", "user"]


@pytest.mark.parametrize("backend", ["claude", "gemini"])
def test_a_request_of_system_messages_alone_has_a_user(backend: str) -> None:
    """H.66: these backends want somebody to answer."""
    body = sent("openai_chat", asked("openai_chat", {"role": "system", "content": "Be brief."}), backend)
    assert [turn["role"] for turn in body["messages" if backend == "claude" else "contents"]] == ["user"]


MIDDLE = (user("first"), {"role": "system", "content": "between"}, user("last"))
# Backend and model -> the roles of what it is sent.
MIDDLES = {
    "H.67 Claude before it knew any": ("claude", CLAUDE, ["user"]),
    "H.67 OpenAI": ("openai_chat", GPT, ["user", "system", "user"]),
    "H.67 a template that wants it first": ("openai_chat", QWEN, ["user", "user", "user"]),
    "H.67 Ollama": ("ollama", OLLAMA, ["user", "user", "user"]),
    "H.67 Google": ("gemini", GEMINI, ["user"]),
}  # fmt: skip


@pytest.mark.parametrize("case", MIDDLES)
def test_a_system_message_in_the_middle_is_said_there(case: str) -> None:
    """Neither refused nor put to the front, where it would mean something else."""
    backend, to, roles = MIDDLES[case]
    client = "claude" if backend == "openai_chat" else "openai_chat"  # the own dialect passes as it is
    body = sent(client, asked(client, *MIDDLE), backend, to)
    turns = body["contents" if backend == "gemini" else "messages"]
    assert [turn["role"] for turn in turns] == roles
    said = orjson.dumps(turns)
    assert said.index(b"first") < said.index(b"between") < said.index(b"last")
    assert "system" not in body


@pytest.mark.parametrize("model", ["claude-opus-4-6", "claude-opus-4-8"])
def test_a_beginning_of_an_answer_is_asked_to_be_continued(model: str) -> None:
    """H.68: where the model takes none; older ones are given it."""
    body = asked("openai_chat", user(), assistant("It is"))
    messages = sent("openai_chat", body, "claude", known("claude", "anthropic", model))["messages"]
    assert [message["role"] for message in messages] == ["user", "assistant", "user"]
    assert sent("openai_chat", body, "claude", CLAUDE)["messages"][-1]["role"] == "assistant"


# --- fields ----------------------------------------------------------------------------------------------------------


def test_one_stop_sequence_is_a_list_of_one() -> None:
    """H.69: a string is refused."""
    assert sent("openai_chat", asked("openai_chat", user(), stop="END"), "claude")["stop_sequences"] == ["END"]
    assert sent("claude", asked("claude", user(), stop_sequences=["END"]), "openai_chat")["stop"] == ["END"]


def test_ollama_looks_for_numbers_among_its_options() -> None:
    """H.70: the limit of tokens, and the context that its owner gave the model."""
    body = sent("claude", asked("claude", user(), temperature=0.5), "ollama", able(context=8192))
    assert body["options"] == {"num_predict": 1000, "num_ctx": 8192, "temperature": 0.5}
    assert "max_tokens" not in body


@pytest.mark.parametrize("model", ["claude-opus-4-8", "claude-sonnet-4-5", "claude-3-haiku"])
def test_claude_is_told_a_limit_that_cuts_no_answer_short(model: str) -> None:
    """H.71: it must be told one; where the client named none it is large, and one that the model can write."""
    to = known("claude", "anthropic", model)
    limit = sent("openai_chat", asked("openai_chat", user()), "claude", to)["max_tokens"]
    assert limit == min(32_000, to.profile.max_output or 32_000)


# The model -> what is left of temperature and top_p.
SAMPLERS = {
    "H.72 one of both": ("claude", CLAUDE, {"temperature"}),
    "H.72 none": ("claude", OPUS, set()),
    "H.72 none of a model that reasons": ("openai_chat", known("openai_chat", "openai", "gpt-5"), set()),
    "H.72 both": ("openai_chat", GPT, {"temperature", "top_p"}),
}


@pytest.mark.parametrize("case", SAMPLERS)
def test_models_get_the_samplers_that_they_take(case: str) -> None:
    backend, to, left = SAMPLERS[case]
    body = {"model": "m", "input": "hi", "temperature": 0.5, "top_p": 0.5}
    assert {"temperature", "top_p"} & sent("openai_responses", body, backend, to).keys() == left


MARK = {"type": "ephemeral"}


def test_a_mark_that_is_null_is_none() -> None:
    """H.73: it is not sent on as null."""
    body = asked("openai_chat", user([{"type": "text", "text": "hi", "cache_control": None}]))
    assert b"cache_control" not in outgoing("openai_chat", body, "claude", CLAUDE).body


@pytest.mark.parametrize("client", ["openai_chat", "openai_responses"])
def test_marks_of_clients_of_openai_reach_claude(client: str) -> None:
    """H.74: on the part that they were on."""
    kind = "input_text" if client == "openai_responses" else "text"
    message = user([{"type": kind, "text": "hi", "cache_control": MARK}])
    body = {"model": "m", "input": [message]} if client == "openai_responses" else asked(client, message)
    assert sent(client, body, "claude", CLAUDE)["messages"][0]["content"][0].get("cache_control") == MARK


@pytest.mark.parametrize("backend", TABLE)
def test_tools_keep_their_order(backend: str) -> None:
    """H.75: another order each time would miss every cache."""
    names = [f"tool_{number * 7 % 20}" for number in range(20)]
    tools = [{"type": "function", "function": {"name": name, "parameters": {"type": "object"}}} for name in names]
    body = asked("openai_chat", user(), tools=tools)
    bodies = {outgoing("openai_chat", body, backend, able(custom_tools=True)).body for _ in range(3)}
    assert len(bodies) == 1
    assert [
        name
        for name in orjson.dumps(sent("openai_chat", body, backend)).decode().split('"')
        if name.startswith("tool_")
    ] == names


# What OpenAI's clients say of tools -> what Claude is told.
CHOICES: dict[str, tuple[Wire, Wire, list[str]]] = {
    "H.76 one call at a time": (
        {"parallel_tool_calls": False}, {"type": "auto", "disable_parallel_tool_use": True}, ["f", "g"],
    ),
    "H.76 only some are allowed": (
        {"tool_choice": {"type": "allowed_tools", "allowed_tools": {
            "mode": "required", "tools": [{"type": "function", "function": {"name": "g"}}]}}}, {"type": "any"}, ["g"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CHOICES)
def test_what_is_said_of_tools_is_said_to_claude(case: str) -> None:
    said, choice, names = CHOICES[case]
    tools = [{"type": "function", "function": {"name": name}} for name in ("f", "g")]
    body = sent("openai_chat", asked("openai_chat", user(), tools=tools, **said), "claude", CLAUDE)
    assert (body["tool_choice"], [tool["name"] for tool in body["tools"]]) == (choice, names)


def test_strictness_is_not_spoken_of_where_it_is_refused() -> None:
    """H.77: not even to say that there is none."""
    tools = [FUNCTION | {"function": FUNCTION["function"] | {"strict": strict}} for strict in (True, False)]  # type: ignore[operator]
    for tool in tools:
        body = asked("openai_chat", user(), tools=[tool])
        assert b"strict" not in outgoing("openai_chat", body, "claude", able(strict_tools=False)).body


@pytest.mark.parametrize("backend", [name for name in TABLE if name != "openai_chat"])
def test_what_is_left_out_is_told(backend: str) -> None:
    """H.78: in a header of the answer, by the name of the field; and each name has its sentence in the README."""
    body = asked("openai_chat", user(), logit_bias={"1": 2})
    assert outgoing("openai_chat", body, backend, able()).warnings == ("dropped=logit_bias",)
    assert TABLE[backend].losses["logit_bias"]
