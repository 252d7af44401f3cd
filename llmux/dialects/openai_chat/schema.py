"""The words of OpenAI's Chat Completions, and the tables that pair them with ours. It reads and writes nothing.

Reference: https://platform.openai.com/docs/api-reference/chat (read 2026-11), and what compatible servers say beside
it: DeepSeek, Mistral, Groq, OpenRouter, xAI, vLLM, llama.cpp and others, named where a word is theirs.
"""

from collections.abc import Mapping
from typing import Any

from llmux.ir.request import Role
from llmux.ir.response import FinishReason

NAME = "openai_chat"

# Whose reasoning states come in which field. OpenRouter's list passes through other gateways unchanged.
DETAILS_MAKER = "openrouter"
THINKING_MAKER = "anthropic"
THOUGHT_MAKER = "google"

ROLES: Mapping[str, Role] = {
    "system": Role.SYSTEM,
    "developer": Role.DEVELOPER,
    "user": Role.USER,
    "assistant": Role.ASSISTANT,
    "tool": Role.TOOL,
    "function": Role.TOOL,
}

# The wire's word -> ours. The first row of each of ours is the word that we write.
FINISH_REASONS: Mapping[str, FinishReason] = {
    "stop": FinishReason.END,
    "length": FinishReason.MAX_TOKENS,
    "tool_calls": FinishReason.TOOL_CALL,
    "content_filter": FinishReason.FILTERED,
    "function_call": FinishReason.TOOL_CALL,
    "max_tokens": FinishReason.MAX_TOKENS,
    "model_length": FinishReason.MAX_TOKENS,
    "tool_use": FinishReason.TOOL_CALL,
    "tool_call": FinishReason.TOOL_CALL,
    "safety": FinishReason.FILTERED,
    "sensitive": FinishReason.FILTERED,  # GLM
    "refusal": FinishReason.FILTERED,
}

# Finish reasons that tell of a failure: the answer did not end, it broke.
FAILURES = frozenset({
    "error",
    "network_error",  # GLM
    "insufficient_system_resource",  # DeepSeek
    "abort",
    "cancelled",
    "upstream_error",
})  # fmt: skip

# What servers write where no finish reason is meant.
NO_WORDS = frozenset({"", "null"})

# Ours -> the wire's word.
WORDS: Mapping[FinishReason, str] = {
    FinishReason.END: "stop",
    FinishReason.STOP_SEQUENCE: "stop",
    FinishReason.MAX_TOKENS: "length",
    FinishReason.CONTEXT_FULL: "length",
    FinishReason.TOOL_CALL: "tool_calls",
    FinishReason.FILTERED: "content_filter",
    FinishReason.REFUSAL: "stop",  # said by message.refusal
    FinishReason.PAUSE: "stop",
}
# What message.refusal says for a model that refused without a word.
REFUSED = "The model refused to answer."

# The tier that served an answer: any server's word -> OpenAI's. Strict clients take no other.
TIERS: Mapping[str, str] = {
    **{word: word for word in ("auto", "default", "flex", "scale", "priority", "fast")},
    "standard": "default",  # Claude's
    "batch": "flex",
    "on_demand": "default",  # Groq's
}


# Sampling: the IR has the wire's own names. Reasoning models take none of the first kind.
SAMPLERS = ("temperature", "top_p", "presence_penalty", "frequency_penalty", "logit_bias", "logprobs", "top_logprobs")
UNHEARD = ("logprobs", "top_logprobs")  # of these no answer tells that is translated
EXTENSIONS = ("top_k", "min_p")  # vLLM and its like; OpenAI refuses them

# What a server may refuse, and how the same is said otherwise: see Dialect.otherwise.
OTHERWISE: Mapping[str, Mapping[str, Any]] = {
    "max_tokens": {"max_tokens_field": "max_completion_tokens"},
    "max_completion_tokens": {"max_tokens_field": "max_tokens"},
    "response_format": {"json_schema": False},
    "stop": {"max_stop": 0},
}

# What cannot be said in this wire -> what becomes of it. Requests name the row in a warning; answers only here.
LOSSES: Mapping[str, str] = {
    "fields": "Fields that only the client's own API knows are left out.",
    "parts": "Parts that only the client's own API understands are left out, or told as text.",
    "cache_control": "Marks of what to cache are left out, but for OpenAI's models that take them on messages: these "
    "backends cache by themselves.",
    "citations": "Citations without a web address, and wishes for citations, are left out.",
    "reasoning": "A wish for reasoning is told as the nearest effort, or left out where the model knows none.",
    "reasoning_history": "Reasoning of earlier turns is left out unless the model wants it back.",
    "reasoning_state": "Signed or encrypted reasoning goes back to its maker only.",
    "temperature": "Temperature is cut to the model's maximum, or left out where the model takes none.",
    "top_p": "Left out where the model takes none, or only one of temperature and top_p.",
    "top_k": "Left out.",
    "min_p": "Left out.",
    "seed": "Left out where the model takes none.",
    "presence_penalty": "Left out where the model takes none.",
    "frequency_penalty": "Left out where the model takes none.",
    "logit_bias": "Left out where the model takes none.",
    "logprobs": "Left out of answers that are translated, and not asked for by clients of other APIs.",
    "top_logprobs": "Left out where the model takes none.",
    "max_tokens": "Cut to what the model can write at most.",
    "stop": "The gateway ends an answer at those that are more than the model takes.",
    "user_id": "The name of the user is left out for backends other than OpenAI.",
    "service_tier": "The client's tier of service is left out.",
    "verbosity": "Left out where the client's own API is another.",
    "strict": "Tools and forms of answer are not held to their schema strictly where it does not qualify.",
    "schema": "A tool's schema that is not an object at its root is written as one.",
    "json_schema": "A schema for the answer is told in words, with JSON required, where the model takes no schema.",
    "json": "A request for JSON gets one more line, because OpenAI wants the word JSON in the prompt.",
    "parallel_tool_calls": "Left out where the model does not take the switch.",
    "custom_tools": "A tool that takes free text becomes a function with one string, and its calls are turned back.",
    "server_tools": "Tools that the client's own provider would run are left out.",
    "prefill": "The beginning of an answer becomes a request to continue it.",
    "system_position": "A system message between others becomes user text where the model takes it only in front.",
    "turns": "Where the model wants user and assistant in turn, a missing turn is filled in with a word.",
    "tool_result_media": "Pictures and files in a tool's result follow it in a message of the user.",
    "is_error": "A tool's failure is told by the word Error in front of its result.",
    "documents": "Text documents become plain text.",
    "refusal": "A refusal of an earlier turn is told as text where the model takes no empty content.",
    "stop_sequence": "Which stop sequence ended an answer is not told.",
    "pause": "A pause of a server tool ends the answer.",
    "parts.order": "Text between tool calls is joined to the text before them.",
    "legacy_completions": "A client of the old completions hears the text of an answer, no reasoning and no calls.",
    "legacy_calls": "A client of the old `functions` hears only the first of several calls.",
    "usage.cache_write_1h_tokens": "Cache writes are told as one number, whatever their lifetime.",
    "usage.service_tier": "A tier that OpenAI has no word for is not told.",
    "usage.server_tools": "How often server tools were run is not told.",
}
