"""What Codex really sends: it reaches backends of every dialect with all its tools, and hears its calls in their form.

Its requests were recorded; they live beside the recordings of providers.
"""

import json
from typing import Any

import pytest

from llmux.dialects.base import AnswerForm
from llmux.dialects.freetext import FreeText
from llmux.dialects.openai_responses import OPENAI_RESPONSES
from llmux.dialects.registry import TABLE
from llmux.ir.capability import Profile, Target
from llmux.ir.content import ToolCall
from llmux.ir.fold import explode
from llmux.ir.response import FinishReason, Response
from tests import corpus

CLIENTS = corpus.ROOT.parent / "clients" / "recorded"
RECORDED = sorted(f"{path.parent.name}/{path.stem}" for path in CLIENTS.glob("codex*/*.json"))
RECORDED += sorted(f"{path.parent.name}/{path.stem}" for path in CLIENTS.glob("*-openai-responses/*.json"))
ABLE = Target("m", Profile(vision=True, thinking=True, reasoning="effort"))
OTHERS = tuple(name for name in TABLE if name != "openai_responses")
needed = pytest.mark.skipif(not RECORDED, reason=f"no recorded clients at {CLIENTS}")


def body_of(name: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((CLIENTS / f"{name}.json").read_bytes())
    body: dict[str, Any] = document["body"]
    return body


def named(tools: Any) -> set[str]:
    """The names under which every tool that the client runs must be known to a backend."""
    names: set[str] = set()
    for tool in tools or ():
        if tool["type"] == "namespace":
            names |= {space(tool["name"]) + inner["name"] for inner in tool["tools"]}
        elif tool["type"] in {"function", "custom"}:
            names.add(tool["name"])
        elif tool.get("execution") == "client":
            names.add(tool["type"])
    return names


def space(namespace: str) -> str:
    """What stands before a name for its namespace: nothing for the one that OpenAI's models see everywhere."""
    return "" if namespace == "functions" else f"{namespace}__"


def given(body: dict[str, Any]) -> set[str]:
    brought = [
        item["tools"] for item in body["input"] if isinstance(item, dict) and item.get("type") == "additional_tools"
    ]
    return named(body.get("tools")).union(*map(named, brought))


def sent_names(sent: Any) -> set[str]:
    declared = [inner for tool in sent for inner in tool.get("functionDeclarations", [tool])]
    return {tool["function"]["name"] if "function" in tool else tool["name"] for tool in declared}


@needed
@pytest.mark.parametrize("name", RECORDED)
@pytest.mark.parametrize("other", OTHERS)
def test_every_tool_reaches_every_backend(name: str, other: str) -> None:
    body = body_of(name)
    request = OPENAI_RESPONSES.decode_request(json.dumps(body).encode())
    sent = TABLE[other].encode_request(request, ABLE)
    assert given(body) <= sent_names(sent.body["tools"])
    custom = {tool.name for tool in request.tools if tool.kind == "custom"}
    assert {str(known) for known in sent.names.values() if isinstance(known, FreeText)} == custom


@needed
@pytest.mark.parametrize("name", RECORDED)
def test_what_it_says_goes_to_openai_as_it_came(name: str) -> None:
    body = body_of(name)
    request = OPENAI_RESPONSES.decode_request(json.dumps(body).encode())
    sent = OPENAI_RESPONSES.encode_request(request, Target("m", ABLE.profile, maker="openai")).body
    assert sent.get("tools") == body.get("tools")
    kinds = [item.get("type", "message") for item in body["input"] if isinstance(item, dict)]
    assert [item["type"] for item in sent["input"]] == kinds


@needed
@pytest.mark.parametrize("name", RECORDED)
def test_its_calls_come_back_in_the_form_of_its_tools(name: str) -> None:
    body = body_of(name)
    request = OPENAI_RESPONSES.decode_request(json.dumps(body).encode())
    calls = tuple(
        ToolCall(id=f"c{at}", name=tool.name, arguments="{}", kind="custom" if tool.kind == "custom" else "function")
        for at, tool in enumerate(request.tools)
        if tool.kind != "server"
    )
    answer = Response("1", "m", calls, FinishReason.TOOL_CALL)
    stream = OPENAI_RESPONSES.encoder(AnswerForm("x", "m", 1, asked=body)).feed(list(explode(answer)))
    last = json.loads(stream.rsplit(b"data: ", 1)[1])
    known = {tool.name: tool for tool in request.tools}
    for call, item in zip(calls, last["response"]["output"], strict=True):
        before = space(item["namespace"]) if "namespace" in item else ""
        expected = {"function_call": "function", "custom_tool_call": "custom", "tool_search_call": "function"}
        assert known[call.name].kind == expected[item["type"]]
        assert item["type"] == "tool_search_call" or before + item["name"] == call.name
        assert item["call_id"] == call.id
