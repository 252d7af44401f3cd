"""The words of Ollama's API, and the tables that pair them with ours. It reads and writes nothing.

Reference: https://github.com/ollama/ollama/blob/main/docs/api.md (read 2026-11)
"""

from collections.abc import Mapping

from llmux.ir.request import Role
from llmux.ir.response import FinishReason

NAME = "ollama"
GENERATE = "generate"  # the form of /api/generate
CONTENT_TYPE = "application/x-ndjson"  # of a stream

ROLES: Mapping[str, Role] = {
    "system": Role.SYSTEM,
    "developer": Role.DEVELOPER,
    "user": Role.USER,
    "assistant": Role.ASSISTANT,
    "tool": Role.TOOL,
}

# The wire's word -> ours. An answer that calls tools says "stop" too; one that says nothing has simply ended.
FINISH_REASONS: Mapping[str, FinishReason] = {
    "stop": FinishReason.END,
    "length": FinishReason.MAX_TOKENS,
    "load": FinishReason.END,
    "unload": FinishReason.END,
}
# Ours -> the wire's word. Clients see a call by its presence.
WORDS: Mapping[FinishReason, str] = {
    FinishReason.END: "stop",
    FinishReason.STOP_SEQUENCE: "stop",
    FinishReason.MAX_TOKENS: "length",
    FinishReason.CONTEXT_FULL: "length",
    FinishReason.TOOL_CALL: "stop",
    FinishReason.FILTERED: "stop",
    FinishReason.REFUSAL: "stop",
    FinishReason.PAUSE: "stop",
}
# The words for a request without a prompt, which only loads a model, or unloads it.
LOAD, UNLOAD = "load", "unload"
# What is said for a model that refused without a word.
REFUSED = "The model refused to answer."

# The fields of `options` that the IR has a word for, under the IR's own names; the rest is kept for the same dialect.
NUMBERS = ("temperature", "top_p", "min_p", "presence_penalty", "frequency_penalty")
INTEGERS = ("top_k", "seed")


# What cannot be said in this wire -> what becomes of it. Requests name the row in a warning; answers only here.
LOSSES: Mapping[str, str] = {
    "fields": "Fields that only the client's own API knows are left out.",
    "parts": "Parts that only the client's own API understands are left out, or told as text.",
    "cache_control": "Marks of what to cache are left out: Ollama caches by itself.",
    "citations": "Citations, and wishes for citations, are left out.",
    "reasoning": "A wish for reasoning becomes the nearest word, or a switch, or is left out where the model has none.",
    "reasoning_state": "Signed or encrypted reasoning goes back to its maker only.",
    "logit_bias": "Left out.",
    "logprobs": "Left out of answers that are translated, and not asked for by clients of other APIs.",
    "max_tokens": "Cut to what the model can write at most.",
    "n": "More than one answer is refused with 400.",
    "names": "The names of who speaks are left out.",
    "user_id": "Left out.",
    "service_tier": "Left out.",
    "verbosity": "Left out.",
    "strict": "Tools are not held to their schema strictly.",
    "schema": "A tool's schema is written in the words that Ollama knows; what they cannot say is told by description.",
    "tool_choice": "A tool that is forced is the only one offered; that some tool must be called cannot be said.",
    "parallel_tool_calls": "Left out.",
    "custom_tools": "A tool that takes free text becomes a function with one string, and its calls are turned back.",
    "server_tools": "Tools that the client's own provider would run are left out.",
    "system_position": "A system message between others becomes user text where the model takes it only in front.",
    "tool_result_media": "Pictures in a tool's result follow it in a message of the user.",
    "is_error": "A tool's failure is told by the word Error in front of its result.",
    "image.detail": "Left out.",
    "image.url": "A picture that is only named by its address is refused with 400: Ollama fetches none.",
    "documents": "Text documents become plain text; others are refused with 400.",
    "audio": "Sound is refused with 400.",
    "refusal": "A refusal is told as text.",
    "finish_reason": "Only whether an answer was cut is told; that it was filtered, refused or paused is not.",
    "stop_sequence": "Which stop sequence ended an answer is not told.",
    "parts.order": "Calls come after the text, which is one.",
    "usage.cache_read_tokens": "Tokens from a cache are counted with the others.",
    "usage.cache_write_tokens": "Tokens written to a cache are counted with the others.",
    "usage.reasoning_tokens": "Tokens of reasoning are counted with the others.",
    "usage.service_tier": "Not told.",
    "usage.server_tools": "How often server tools were run is not told.",
}
