"""The words of OpenAI's Responses, and the tables that pair them with ours. It reads and writes nothing.

Reference: https://platform.openai.com/docs/api-reference/responses (read 2026-11)
"""

from collections.abc import Mapping

from llmux.ir.request import Role
from llmux.ir.response import FinishReason

NAME = "openai_responses"
# Whose state `encrypted_content` is, when it is none of ours.
MAKER = "openai"
STATE = "encrypted"

SEPARATOR = "\n\n"  # between texts that stood apart

ROLES: Mapping[str, Role] = {
    "system": Role.SYSTEM,
    "developer": Role.DEVELOPER,
    "user": Role.USER,
    "assistant": Role.ASSISTANT,
}

# Why an answer is incomplete: the wire's word -> ours, and back.
INCOMPLETE: Mapping[str, FinishReason] = {
    "max_output_tokens": FinishReason.MAX_TOKENS,
    "content_filter": FinishReason.FILTERED,
}
INCOMPLETE_WORDS: Mapping[FinishReason, str] = {
    FinishReason.MAX_TOKENS: "max_output_tokens",
    FinishReason.CONTEXT_FULL: "max_output_tokens",
    FinishReason.FILTERED: "content_filter",
}
# Words for an answer that stopped early without a fault: it ends as if it were complete.
STOPPED = frozenset({"max_messages", "steered"})
# What is said for a model that refused without a word: the status alone does not say so.
REFUSED = "The model refused to answer."

# The tier that served an answer: any server's word -> OpenAI's.
TIERS: Mapping[str, str] = {
    **{word: word for word in ("auto", "default", "flex", "scale", "priority", "fast", "ultrafast")},
    "standard": "default",  # Claude's
    "batch": "flex",
}


ENCRYPTED = "reasoning.encrypted_content"  # of `include`
LOGPROBS = "message.output_text.logprobs"

# Items that the model, or its provider for it, says: together with its words they are one turn. Whatever else is
# unknown is told by the client's side.
SPOKEN = frozenset({
    "web_search_call", "file_search_call", "computer_call", "image_generation_call", "code_interpreter_call",
    "mcp_list_tools", "mcp_call", "mcp_approval_request", "program", "program_output", "local_shell_call",
    "shell_call", "shell_call_output", "apply_patch_call", "tool_search_call", "tool_search_output",
})  # fmt: skip
# Items that say something to the model in the developer's name.
CONTROL = frozenset({"additional_tools", "configuration_update"})

# What an answer repeats of its request, and what stands there when nothing was asked.
ECHOES: Mapping[str, object] = {
    "background": False,
    "instructions": None,
    "max_output_tokens": None,
    "max_tool_calls": None,
    "parallel_tool_calls": True,
    "previous_response_id": None,
    "prompt_cache_key": None,
    "reasoning": {"effort": None, "summary": None},
    "safety_identifier": None,
    "store": True,
    "temperature": None,
    "text": {"format": {"type": "text"}},
    "tool_choice": "auto",
    "tools": [],
    "top_logprobs": 0,
    "top_p": None,
    "truncation": "disabled",
    "user": None,
    "metadata": {},
}
# What else an answer says that the IR has a word for, or that no other answer can repeat.
ANSWERED = frozenset({
    "id", "object", "created_at", "completed_at", "status", "error", "incomplete_details", "model", "output", "usage",
    "service_tier", "output_text",
})  # fmt: skip

# What cannot be said in this wire -> what becomes of it. Requests name the row in a warning; answers only here.
LOSSES: Mapping[str, str] = {
    "fields": "Fields that only the client's own API knows are left out.",
    "parts": "Parts that only the client's own API understands are left out, or told as text.",
    "names": "Names of speakers are left out.",
    "cache_control": "Marks of what to cache are left out: these backends cache by themselves.",
    "citations": "Citations without a web address, and wishes for citations, are left out.",
    "reasoning": "A wish for reasoning is told as the nearest effort, or left out where the model knows none.",
    "reasoning_history": "Reasoning of earlier turns is left out unless the model wants it back.",
    "reasoning_state": "Signed or encrypted reasoning goes back to its maker only, and only before what it led to.",
    "temperature": "Temperature is cut to the model's maximum, or left out where the model takes none.",
    "top_p": "Left out where the model takes none, or only one of temperature and top_p.",
    "top_k": "Left out.",
    "min_p": "Left out.",
    "seed": "Left out.",
    "presence_penalty": "Left out.",
    "frequency_penalty": "Left out.",
    "logit_bias": "Left out.",
    "logprobs": "Left out where the model takes none, and in answers that are translated.",
    "max_tokens": "Cut to what the model can write at most, or raised to what it must be allowed at least.",
    "stop": "This API has none: the gateway ends the answer at them.",
    "n": "More than one answer is refused with 400.",
    "user_id": "The name of the user is left out for backends other than OpenAI.",
    "service_tier": "The client's tier of service is left out.",
    "strict": "Tools and forms of answer are not held to their schema strictly where it does not qualify.",
    "schema": "A tool's schema that is not an object at its root is written as one.",
    "json_schema": "A schema for the answer is told in words, with JSON required, where the model takes no schema.",
    "json": "A request for JSON gets one more line, because OpenAI wants the word JSON in the prompt.",
    "parallel_tool_calls": "Left out where the model does not take the switch.",
    "custom_tools": "A tool that takes free text becomes a function with one string, and its calls are turned back.",
    "server_tools": "Tools that the client's own provider would run are left out.",
    "prefill": "The beginning of an answer becomes a request to continue it.",
    "system_position": "A system message between others becomes user text where the model takes it only in front.",
    "tool_result_media": "Pictures and files in a tool's result follow it where the model takes none inside.",
    "is_error": "A tool's failure is told by the word Error in front of its result.",
    "documents": "Text documents become plain text.",
    "stop_sequence": "Which stop sequence ended an answer is not told.",
    "pause": "A pause of a server tool ends the answer.",
    "usage.cache_write_1h_tokens": "Cache writes are told as one number, whatever their lifetime.",
    "usage.service_tier": "A tier that OpenAI has no word for is not told.",
    "usage.server_tools": "How often server tools were run is not told.",
}
