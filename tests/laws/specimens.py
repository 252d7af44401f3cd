"""One request of each dialect, and one answer, that use nearly every word there is: ground for mutations."""

from collections.abc import Mapping
from typing import Any

from llmux.ir.content import Citation, Reasoning, ReasoningState, Refusal, Text, ToolCall
from llmux.ir.response import FinishReason, Response
from llmux.ir.usage import Usage
from tests.strategies import PIXEL

SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "days": {"type": ["integer", "null"]}},
    "required": ["city"],
    "additionalProperties": False,
}
CACHE = {"type": "ephemeral", "ttl": "1h"}

CLAUDE: Mapping[str, Any] = {
    "model": "m",
    "max_tokens": 4096,
    "system": [{"type": "text", "text": "Be brief.", "cache_control": CACHE}],
    "messages": [
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "What is the weather?"},
                {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PIXEL}},
                {"type": "image", "source": {"type": "url", "url": "https://x.test/1.png"}},
                {
                    "type": "document",
                    "source": {"type": "text", "media_type": "text/plain", "data": "notes"},
                    "title": "Notes",
                    "context": "old",
                    "citations": {"enabled": True},
                },
            ],
        },
        {
            "role": "assistant",
            "content": [
                {"type": "thinking", "thinking": "I look.", "signature": "c2ln"},
                {"type": "redacted_thinking", "data": "aGlkZGVu"},
                {"type": "text", "text": "I look."},
                {"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {"city": "Paris", "days": 2}},
                {"type": "tool_use", "id": "toolu_2", "name": "weather", "input": {}},
            ],
        },
        {
            "role": "user",
            "content": [
                {"type": "tool_result", "tool_use_id": "toolu_1", "content": "rain"},
                {
                    "type": "tool_result",
                    "tool_use_id": "toolu_2",
                    "is_error": True,
                    "content": [{"type": "text", "text": "no city", "cache_control": CACHE}],
                },
                {"type": "text", "text": "Well?"},
            ],
        },
        {"role": "assistant", "content": "Rain."},
        {"role": "user", "content": "And tomorrow?"},
    ],
    "tools": [
        {"name": "weather", "description": "Tells the weather.", "input_schema": SCHEMA, "cache_control": CACHE},
        {"type": "web_search_20250305", "name": "web_search", "max_uses": 2},
    ],
    "tool_choice": {"type": "auto", "disable_parallel_tool_use": True},
    "thinking": {"type": "enabled", "budget_tokens": 2048},
    "output_config": {"effort": "high", "format": {"type": "json_schema", "schema": SCHEMA}},
    "stop_sequences": ["END"],
    "temperature": 1.0,
    "top_k": 5,
    "stream": True,
    "service_tier": "auto",
    "metadata": {"user_id": "u1"},
    "context_management": {"edits": [{"type": "clear_tool_uses_20250919"}]},
}

OPENAI_CHAT: Mapping[str, Any] = {
    "model": "m",
    "messages": [
        {"role": "developer", "content": "Be brief.", "name": "boss"},
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "What is the weather?"},
                {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PIXEL}", "detail": "low"}},
                {"type": "image_url", "image_url": {"url": "https://x.test/1.png"}},
                {"type": "file", "file": {"filename": "n.pdf", "file_data": "data:application/pdf;base64,JVBERi0="}},
            ],
        },
        {
            "role": "assistant",
            "content": "I look.",
            "reasoning_content": "Hm.",
            "reasoning_details": [{"type": "reasoning.encrypted", "data": "b3BhcXVl", "index": 0}],
            "tool_calls": [
                {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": '{"city":"Paris"}'}},
                {"id": "call_2", "type": "custom", "custom": {"name": "patch", "input": "*** Begin"}},
            ],
        },
        {"role": "tool", "tool_call_id": "call_1", "content": "rain"},
        {"role": "tool", "tool_call_id": "call_2", "content": [{"type": "text", "text": "done"}]},
        {"role": "assistant", "content": None, "refusal": "No."},
        {"role": "user", "content": "And tomorrow?"},
    ],
    "tools": [
        {
            "type": "function",
            "function": {"name": "weather", "description": "Tells the weather.", "parameters": SCHEMA, "strict": True},
        },
        {
            "type": "custom",
            "custom": {
                "name": "patch",
                "description": "Edits.",
                "format": {"type": "grammar", "grammar": {"syntax": "lark", "definition": "start: /.+/"}},
            },
        },
    ],
    "tool_choice": {"type": "function", "function": {"name": "weather"}},
    "parallel_tool_calls": False,
    "max_completion_tokens": 4096,
    "temperature": 0.5,
    "top_p": 0.9,
    "seed": 7,
    "presence_penalty": 0.1,
    "frequency_penalty": 0.1,
    "logit_bias": {"50256": -100},
    "logprobs": True,
    "top_logprobs": 2,
    "stop": ["END"],
    "n": 1,
    "stream": True,
    "stream_options": {"include_usage": True},
    "reasoning_effort": "high",
    "verbosity": "low",
    "response_format": {"type": "json_schema", "json_schema": {"name": "w", "schema": SCHEMA, "strict": True}},
    "service_tier": "auto",
    "user": "u1",
    "safety_identifier": "s1",
    "prompt_cache_key": "k1",
    "metadata": {"team": "a"},
}

OLLAMA: Mapping[str, Any] = {
    "model": "m",
    "messages": [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "What is the weather?", "images": [PIXEL]},
        {
            "role": "assistant",
            "content": "I look.",
            "thinking": "Hm.",
            "tool_calls": [
                {"id": "call_1", "function": {"index": 0, "name": "weather", "arguments": {"city": "Paris"}}},
                {"function": {"name": "weather", "arguments": {}}},
            ],
        },
        {"role": "tool", "content": "rain", "tool_name": "weather", "tool_call_id": "call_1"},
        {"role": "tool", "content": "no city", "tool_name": "weather"},
        {"role": "assistant", "content": "Rain."},
        {"role": "user", "content": "And tomorrow?"},
    ],
    "tools": [
        {
            "type": "function",
            "function": {"name": "weather", "description": "Tells the weather.", "parameters": SCHEMA},
        },
    ],
    "format": SCHEMA,
    "think": "high",
    "options": {
        "temperature": 0.5,
        "top_p": 0.9,
        "top_k": 5,
        "min_p": 0.1,
        "seed": 7,
        "presence_penalty": 0.1,
        "frequency_penalty": 0.1,
        "num_predict": 4096,
        "num_ctx": 8192,
        "stop": ["END"],
    },
    "stream": True,
    "keep_alive": "5m",
    "logprobs": True,
    "top_logprobs": 2,
}

# Of the other forms of a dialect.
FORMS: Mapping[tuple[str, str], Mapping[str, Any]] = {
    ("ollama", "generate"): {
        "model": "m",
        "prompt": "What is the weather?",
        "system": "Be brief.",
        "images": [PIXEL],
        "suffix": "",
        "template": "",
        "context": [],
        "raw": False,
        "format": "json",
        "think": True,
        "options": {"num_predict": 10, "stop": ["END"]},
        "keep_alive": 0,
        "stream": False,
    },
    ("openai_chat", "completions"): {
        "model": "m",
        "prompt": ["What is the weather?"],
        "suffix": None,
        "echo": False,
        "best_of": 1,
        "logprobs": None,
        "max_tokens": 10,
        "temperature": 0.5,
        "logit_bias": {"50256": -100},
        "stop": ["END"],
        "n": 1,
        "user": "u1",
        "stream": True,
        "stream_options": {"include_usage": True},
    },
}

GRAMMAR = {"type": "grammar", "syntax": "lark", "definition": "start: /.+/"}

OPENAI_RESPONSES: Mapping[str, Any] = {
    "model": "m",
    "instructions": "Be brief.",
    "input": [
        {
            "type": "additional_tools",
            "role": "developer",
            "tools": [
                {"type": "namespace", "name": "fs", "description": "", "tools": [{"type": "custom", "name": "run"}]}
            ],
        },
        {"type": "message", "id": "msg_0", "role": "developer", "content": [{"type": "input_text", "text": "Hm."}]},
        {
            "role": "user",
            "content": [
                {"type": "input_text", "text": "What is the weather?"},
                {"type": "input_image", "image_url": f"data:image/png;base64,{PIXEL}", "detail": "low"},
                {"type": "input_image", "image_url": "https://x.test/1.png"},
                {"type": "input_file", "filename": "n.pdf", "file_data": "data:application/pdf;base64,JVBERi0="},
            ],
        },
        {
            "type": "reasoning",
            "id": "rs_1",
            "summary": [{"type": "summary_text", "text": "I look."}],
            "encrypted_content": "Z2hvc3Q=",
        },
        {
            "type": "message",
            "id": "msg_1",
            "role": "assistant",
            "status": "completed",
            "phase": "commentary",
            "content": [
                {
                    "type": "output_text",
                    "text": "I look.",
                    "annotations": [
                        {
                            "type": "url_citation",
                            "url": "https://x.test",
                            "title": "X",
                            "start_index": 0,
                            "end_index": 1,
                        }
                    ],
                    "logprobs": [],
                },
                {"type": "refusal", "refusal": "No."},
            ],
        },
        {"type": "web_search_call", "id": "ws_1", "status": "completed", "action": {"type": "search", "query": "x"}},
        {
            "type": "function_call",
            "call_id": "call_1",
            "name": "weather",
            "arguments": '{"city":"Paris"}',
            "id": "fc_1",
        },
        {"type": "function_call", "call_id": "call_2", "name": "spawn", "namespace": "agents", "arguments": "{}"},
        {"type": "custom_tool_call", "call_id": "call_3", "name": "patch", "input": "*** Begin"},
        {"type": "local_shell_call", "id": "l", "call_id": "call_4", "action": {"type": "exec", "command": ["ls"]}},
        {"type": "shell_call", "call_id": "call_5", "action": {"commands": ["ls"]}, "status": "completed"},
        {
            "type": "apply_patch_call",
            "call_id": "call_6",
            "operation": {"type": "create_file", "path": "a", "diff": "+a"},
            "status": "completed",
        },
        {"type": "tool_search_call", "call_id": "call_7", "execution": "client", "arguments": {"query": "x"}},
        {"type": "function_call_output", "call_id": "call_1", "output": "rain"},
        {"type": "function_call_output", "call_id": "call_2", "output": [{"type": "input_text", "text": "done"}]},
        {"type": "custom_tool_call_output", "call_id": "call_3", "output": "done"},
        {"type": "local_shell_call_output", "id": "call_4", "output": "a"},
        {"type": "shell_call_output", "call_id": "call_5", "output": [{"stdout": "a", "stderr": ""}]},
        {"type": "apply_patch_call_output", "call_id": "call_6", "status": "failed", "output": "no"},
        {
            "type": "tool_search_output",
            "call_id": "call_7",
            "execution": "client",
            "tools": [{"type": "function", "name": "found", "parameters": SCHEMA}],
        },
        {"type": "configuration_update", "reasoning": {"effort": "low"}},
        {"type": "compaction", "encrypted_content": "Z2hvc3Q="},
        {"role": "user", "content": "And tomorrow?"},
    ],
    "tools": [
        {"type": "function", "name": "weather", "description": "Tells.", "parameters": SCHEMA, "strict": True},
        {
            "type": "namespace",
            "name": "agents",
            "description": "Agents.",
            "tools": [{"type": "function", "name": "spawn", "parameters": SCHEMA, "strict": False}],
        },
        {"type": "custom", "name": "patch", "description": "Edits.", "format": GRAMMAR},
        {"type": "local_shell"},
        {"type": "shell"},
        {"type": "apply_patch"},
        {"type": "tool_search", "execution": "client", "description": "Finds.", "parameters": SCHEMA},
        {"type": "web_search", "search_context_size": "low"},
    ],
    "tool_choice": {"type": "allowed_tools", "mode": "auto", "tools": [{"type": "function", "name": "weather"}]},
    "parallel_tool_calls": False,
    "max_output_tokens": 4096,
    "temperature": 0.5,
    "top_p": 0.9,
    "top_logprobs": 2,
    "include": ["reasoning.encrypted_content", "message.output_text.logprobs"],
    "reasoning": {"effort": "high", "summary": "auto"},
    "text": {"format": {"type": "json_schema", "name": "w", "schema": SCHEMA, "strict": True}, "verbosity": "low"},
    "service_tier": "auto",
    "store": False,
    "stream": True,
    "stream_options": {"include_obfuscation": False},
    "previous_response_id": "resp_0",
    "prompt_cache_key": "k1",
    "safety_identifier": "s1",
    "user": "u1",
    "metadata": {"team": "a"},
    "truncation": "auto",
    "background": False,
}

GEMINI: Mapping[str, Any] = {
    "model": "models/m",
    "systemInstruction": {"role": "user", "parts": [{"text": "Be brief."}]},
    "contents": [
        {
            "role": "user",
            "parts": [
                {"text": "What is the weather?"},
                {"inlineData": {"mimeType": "image/png", "data": PIXEL}},
                {"fileData": {"mimeType": "image/png", "fileUri": "https://x.test/1.png"}},
                {"inlineData": {"mimeType": "application/pdf", "data": "JVBERi0=", "displayName": "n.pdf"}},
            ],
        },
        {
            "role": "model",
            "parts": [
                {"text": "Hm.", "thought": True, "thoughtSignature": "c2ln"},
                {"text": "I look.", "thoughtSignature": "dGV4dA=="},
                {
                    "functionCall": {"id": "c1", "name": "weather", "args": {"city": "Paris", "days": 2}},
                    "thoughtSignature": "Y2FsbA==",
                },
                {"functionCall": {"name": "weather", "args": {}}},
            ],
        },
        {
            "role": "user",
            "parts": [
                {
                    "functionResponse": {
                        "id": "c1",
                        "name": "weather",
                        "response": {"output": "rain"},
                        "parts": [{"inlineData": {"mimeType": "image/png", "data": PIXEL}}],
                    }
                },
                {"functionResponse": {"name": "weather", "response": {"error": "no city"}}},
            ],
        },
        {
            "role": "model",
            "parts": [
                {"executableCode": {"language": "PYTHON", "code": "print(1)"}},
                {"codeExecutionResult": {"outcome": "OUTCOME_OK", "output": "1"}},
                {"text": "Rain."},
                {"text": "", "thoughtSignature": "YWxvbmU="},
            ],
        },
        {"role": "user", "parts": [{"text": "And tomorrow?"}]},
    ],
    "tools": [
        {
            "functionDeclarations": [
                {"name": "weather", "description": "Tells the weather.", "parametersJsonSchema": SCHEMA},
                {
                    "name": "map",
                    "parameters": {
                        "type": "OBJECT",
                        "properties": {"zoom": {"type": "INTEGER", "nullable": True, "format": "int32"}},
                        "propertyOrdering": ["zoom"],
                    },
                    "response": {"type": "STRING"},
                },
            ]
        },
        {"googleSearch": {}},
    ],
    "toolConfig": {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["weather"]}},
    "safetySettings": [{"category": "HARM_CATEGORY_HARASSMENT", "threshold": "OFF"}],
    "serviceTier": "standard",
    "labels": {"team": "a"},
    "generationConfig": {
        "temperature": 0.5,
        "topP": 0.9,
        "topK": 5,
        "seed": 7,
        "maxOutputTokens": 4096,
        "stopSequences": ["END"],
        "candidateCount": 1,
        "presencePenalty": 0.1,
        "frequencyPenalty": 0.1,
        "responseLogprobs": True,
        "logprobs": 2,
        "thinkingConfig": {"includeThoughts": True, "thinkingBudget": 2048},
        "responseMimeType": "application/json",
        "responseJsonSchema": SCHEMA,
        "mediaResolution": "MEDIA_RESOLUTION_LOW",
    },
}


REQUESTS: Mapping[str, Mapping[str, Any]] = {
    "claude": CLAUDE,
    "openai_chat": OPENAI_CHAT,
    "openai_responses": OPENAI_RESPONSES,
    "ollama": OLLAMA,
    "gemini": GEMINI,
}

ANSWER = Response(
    "1",
    "m",
    (
        Reasoning(text="Hm.", states=(ReasoningState("anthropic", "signature", "c2ln"),)),
        Text(text="Rain.", citations=(Citation("claude", {"type": "char_location"}, url="https://x.test"),)),
        Refusal(text="No."),
        ToolCall(id="call_1", name="weather", arguments='{"city":"Paris"}'),
        ToolCall(id="call_2", name="weather", arguments="{}"),
    ),
    FinishReason.TOOL_CALL,
    Usage(input_tokens=10, output_tokens=5, cache_read_tokens=3, reasoning_tokens=2),
)
