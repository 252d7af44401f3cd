"""Cases 7 to 10 of the contract: what real clients of four dialects say, and in which words they are answered."""

import orjson
from msgspec.structs import replace

from llmux.dialects.base import Address
from llmux.dialects.registry import TABLE
from llmux.ir.fold import explode
from tests.contract.stage import FORM, Wire, answer, asked, documents, outbound, plain, sent, target, told, whole
from tests.laws.lanes import stream_of
from tests.strategies import PIXEL


def function(name: str) -> Wire:
    return {"type": "function", "name": name, "strict": False, "parameters": {"type": "object", "properties": {}}}


GRAMMAR = {"type": "grammar", "syntax": "lark", "definition": "start: /.+/"}
CODEX: Wire = {
    "model": "m",
    "stream": True,
    "store": False,
    "instructions": "You are Codex.",
    "include": ["reasoning.encrypted_content"],
    "tools": [
        function("exec"),
        {"type": "custom", "name": "apply_patch", "description": "Edit files.", "format": GRAMMAR},
        {"type": "local_shell"},
        {"type": "namespace", "name": "mcp", "description": "servers", "tools": [function("look")]},
        {"type": "web_search"},
    ],
    "input": [
        {"type": "message", "role": "developer", "content": [{"type": "input_text", "text": "rules"}]},
        {"type": "additional_tools", "role": "developer", "tools": [function("late")]},
        {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "fix it"}]},
        {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "RU5D"},
        {"type": "custom_tool_call", "call_id": "c1", "name": "apply_patch", "input": "*** Begin Patch"},
        {"type": "function_call", "call_id": "c2", "namespace": "mcp", "name": "look", "arguments": "{}"},
        {"type": "local_shell_call", "call_id": "c3", "status": "completed", "action": {
            "type": "exec", "command": ["ls"], "env": {},
        }},
        {"type": "custom_tool_call_output", "call_id": "c1", "output": "done"},
        {"type": "function_call_output", "call_id": "c2", "output": "seen"},
        {"type": "local_shell_call_output", "call_id": "c3", "output": "a b"},
    ],
}  # fmt: skip


def test_codex_is_a_legal_chat_with_nothing_of_its_own_left() -> None:
    """I.7: developers, tools brought later, a namespace, free text with a grammar, a shell, encrypted reasoning."""
    body = sent("openai_responses", CODEX, "other")
    assert {tool["type"] for tool in body["tools"]} == {"function"}
    names = [tool["function"]["name"] for tool in body["tools"]]
    assert names == ["exec", "apply_patch", "local_shell", "mcp__look", "late"]
    patch = body["tools"][1]["function"]
    assert patch["parameters"]["required"] == ["input"]
    assert GRAMMAR["definition"] in patch["description"]
    assert [message["role"] for message in body["messages"]] == [
        *("system", "system", "user", "assistant", "tool", "tool", "tool"),
    ]
    calls = [call["function"] for call in body["messages"][3]["tool_calls"]]
    assert [(call["name"], orjson.loads(call["arguments"])) for call in calls] == [
        ("apply_patch", {"input": "*** Begin Patch"}),
        ("mcp__look", {}),
        ("local_shell", {"command": ["ls"], "env": {}}),
    ]
    assert [message["tool_call_id"] for message in body["messages"][4:]] == ["c1", "c2", "c3"]
    assert "RU5D" not in str(body)


def test_codex_hears_its_calls_in_the_form_of_its_own_tools() -> None:
    """I.7: the names are reversible."""
    names = outbound("openai_responses", CODEX, "other").names
    said = [
        ("x1", "apply_patch", '{"input":"*** Begin"}'),
        ("x2", "mcp__look", '{"q":1}'),
        ("x3", "local_shell", '{"command":["ls"]}'),
    ]
    entries = [
        {"index": at, "id": call_id, "type": "function", "function": {"name": name, "arguments": arguments}}
        for at, (call_id, name, arguments) in enumerate(said)
    ]
    delta = {"index": 0, "delta": {"tool_calls": entries}, "finish_reason": "tool_calls"}
    heard = answer("openai_chat", plain({"id": "1", "model": "m", "choices": [delta]}, "[DONE]"), names)
    last = documents(told("openai_responses", list(explode(heard)), replace(FORM, asked=CODEX)))[-1]
    patch, look, shell = last["response"]["output"]
    assert (patch["type"], patch["name"], patch["input"]) == ("custom_tool_call", "apply_patch", "*** Begin")
    assert (look["type"], look["namespace"], look["name"]) == ("function_call", "mcp", "look")
    assert (shell["type"], shell["action"]["command"]) == ("local_shell_call", ["ls"])


def test_snake_case_missing_roles_and_googles_types_are_understood() -> None:
    """I.8."""
    properties = {"n": {"type": "INTEGER", "nullable": True}, "s": {"type": "STRING", "enum": ["a"]}}
    schema = {"type": "OBJECT", "properties": properties, "required": ["n"]}
    body = {
        "system_instruction": {"parts": [{"text": "s"}]},
        "contents": [
            {"parts": [{"text": "hi"}]},
            {"role": "model", "parts": [{"function_call": {"name": "f", "args": {"n": 1}}}]},
            {"role": "function", "parts": [{"function_response": {"name": "f", "response": {"output": "ok"}}}]},
        ],
        "tools": [{"function_declarations": [{"name": "f", "description": "d", "parameters": schema}]}],
        "generation_config": {"max_output_tokens": 50, "stop_sequences": ["x"]},
        "tool_config": {"function_calling_config": {"mode": "ANY"}},
    }
    at = Address("/v1beta/models/m:generateContent")
    request = replace(TABLE["gemini"].decode_request(orjson.dumps(body), at), original=None)
    chat = TABLE["openai_chat"].encode_request(request, target("other")).body
    assert [message["role"] for message in chat["messages"]] == ["system", "user", "assistant", "tool"]
    assert chat["messages"][2]["tool_calls"][0]["id"] == chat["messages"][3]["tool_call_id"]
    assert chat["tools"][0]["function"]["parameters"] == {
        "type": "object",
        "properties": {"n": {"type": ["integer", "null"]}, "s": {"type": "string", "enum": ["a"]}},
        "required": ["n"],
    }
    assert (chat["max_tokens"], chat["stop"], chat["tool_choice"]) == (50, ["x"], "required")


def test_ollamas_pictures_and_calls_without_ids_reach_claude_and_its_calls_come_back_as_objects() -> None:
    """I.9."""
    call = {"function": {"name": "f", "arguments": {"x": 1}}}
    body = {
        "model": "m",
        "messages": [
            {"role": "user", "content": "what?", "images": [PIXEL]},
            {"role": "assistant", "content": "", "tool_calls": [call, call]},
            {"role": "tool", "tool_name": "f", "content": "one"},
            {"role": "tool", "tool_name": "f", "content": "two"},
        ],
        "tools": [{"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}}],
    }
    user, assistant, results = sent("ollama", body, "claude 4.5")["messages"]
    assert user["content"][1]["source"] == {"type": "base64", "media_type": "image/png", "data": PIXEL}
    ids = [block["id"] for block in assistant["content"]]
    assert [block["tool_use_id"] for block in results["content"]] == ids
    assert len({*ids} - {""}) == 2
    assert [block["content"][0]["text"] for block in results["content"]] == ["one", "two"]
    said = stream_of(TABLE["claude"], answer("openai_chat", plain(CHAT_CALL, "[DONE]")))
    lines = documents(told("ollama", list(explode(answer("claude", said)))))
    assert lines[0]["message"]["tool_calls"][0]["function"] == {"index": 0, "name": "f", "arguments": {"x": 1}}
    assert lines[-1]["done"]
    assert {"total_duration", "load_duration", "prompt_eval_count", "eval_count", "done_reason"} <= lines[-1].keys()


CHAT_CALL: Wire = {
    "id": "1",
    "model": "m",
    "choices": [
        {
            "index": 0,
            "delta": {"tool_calls": [{"index": 0, "id": "a", "function": {"name": "f", "arguments": '{"x":1}'}}]},
            "finish_reason": "tool_calls",
        }
    ],
}


def test_a_client_of_the_old_functions_is_answered_in_the_old_words() -> None:
    """I.10: and Claude hears of tools."""
    body = {
        "model": "m",
        "functions": [{"name": "f", "parameters": {"type": "object", "properties": {}}}],
        "function_call": {"name": "f"},
        "messages": [
            {"role": "user", "content": "go"},
            {"role": "assistant", "content": None, "function_call": {"name": "f", "arguments": "{}"}},
            {"role": "function", "name": "f", "content": "ok"},
        ],
    }
    said = sent("openai_chat", body, "claude 4.5")
    assert said["tool_choice"] == {"type": "tool", "name": "f"}
    assert said["messages"][1]["content"][0]["id"] == said["messages"][2]["content"][0]["tool_use_id"]
    form = replace(FORM, legacy_functions=asked("openai_chat", body).legacy_functions)
    heard = answer("openai_chat", plain(CHAT_CALL, "[DONE]"))
    choice = whole("openai_chat", heard, form)["choices"][0]
    assert choice["finish_reason"] == "function_call"
    assert choice["message"]["function_call"] == {"name": "f", "arguments": '{"x":1}'}
    chunks = documents(told("openai_chat", list(explode(heard)), form))
    assert [c["choices"][0]["finish_reason"] for c in chunks[:-1] if c["choices"]][-1] == "function_call"
    assert "tool_calls" not in str(chunks)
