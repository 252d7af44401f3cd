"""Claude's own words, and the tables that pair them with ours. No behaviour.

Reference: https://docs.claude.com/en/api/messages
"""

from collections.abc import Mapping

from llmux.ir.content import Json
from llmux.ir.response import FinishReason

DIALECT = "claude"
MAKER = "anthropic"  # whose reasoning states these are
VERSION = "2023-06-01"

# Claude Code puts it first among the system blocks; it changes with every request, so others must not see it.
BILLING = "x-anthropic-billing-header:"

# By this the SDKs know that they must send every conversation whole, and do.
NO_THREADS = "thread_unsupported_request"

# --- answers ---------------------------------------------------------------------------------------------------------

# wire word -> ours. The first row for a word of ours is the one we write.
FINISH_REASONS: Mapping[str, FinishReason] = {
    "end_turn": FinishReason.END,
    "stop_sequence": FinishReason.STOP_SEQUENCE,
    "max_tokens": FinishReason.MAX_TOKENS,
    "model_context_window_exceeded": FinishReason.CONTEXT_FULL,
    "tool_use": FinishReason.TOOL_CALL,
    "refusal": FinishReason.REFUSAL,
    "pause_turn": FinishReason.PAUSE,
    "compaction": FinishReason.PAUSE,
}
STOP_REASONS: Mapping[FinishReason, str] = {
    FinishReason.FILTERED: "refusal",
    **{ours: word for word, ours in reversed(list(FINISH_REASONS.items()))},
}

# usage.service_tier -> ours
TIERS: Mapping[str, str] = {"standard": "default", "priority": "priority", "batch": "flex"}
TIER_WORDS: Mapping[str, str] = {ours: word for word, ours in TIERS.items()}

# --- requests --------------------------------------------------------------------------------------------------------

REQUEST_TIERS: Mapping[str, str] = {"auto": "auto", "standard_only": "default"}
REQUEST_TIER_WORDS: Mapping[str, str] = {ours: word for word, ours in REQUEST_TIERS.items()}

TOOL_CHOICES: Mapping[str, str] = {"auto": "auto", "any": "required", "tool": "named", "none": "none"}
TOOL_CHOICE_WORDS: Mapping[str, str] = {ours: word for word, ours in TOOL_CHOICES.items()}

DISPLAYS: Mapping[str, str] = {"summarized": "summary", "omitted": "omitted"}
DISPLAY_WORDS: Mapping[str, str] = {ours: word for word, ours in DISPLAYS.items()}

# How long a cache mark holds, in the words of any dialect -> Claude's. None: its default.
TTLS: Mapping[str, str] = {"5m": "5m", "1h": "1h", "30m": "1h", "12h": "1h"}
MAX_CACHE_MARKS = 4

IMAGE_TYPES = ("image/jpeg", "image/png", "image/gif", "image/webp")

# Tools that Claude knows by type and the client runs: prefix of the type -> (what others are told, schema).
# https://docs.claude.com/en/docs/agents-and-tools/tool-use/overview
_PATH: Json = {"type": "string"}
_COMMAND: Json = {"type": "string"}
CLIENT_TOOLS: Mapping[str, tuple[str, Json]] = {
    "bash_": (
        "Runs a command in a bash shell that lives on between calls.",
        {
            "type": "object",
            "properties": {"command": _COMMAND, "restart": {"type": "boolean", "description": "Start the shell anew."}},
        },
    ),
    "text_editor_": (
        "Views, creates and edits text files.",
        {
            "type": "object",
            "properties": {
                "command": {"type": "string", "enum": ["view", "create", "str_replace", "insert", "undo_edit"]},
                "path": _PATH,
                "file_text": {"type": "string", "description": "For create: the whole file."},
                "old_str": {"type": "string", "description": "For str_replace: the text to replace, found once."},
                "new_str": {"type": "string", "description": "For str_replace: the new text."},
                "insert_line": {"type": "integer", "description": "For insert: the line to insert after, 0 for none."},
                "insert_text": {"type": "string", "description": "For insert: the new text."},
                "view_range": {"type": "array", "items": {"type": "integer"}, "description": "First and last line."},
            },
            "required": ["command", "path"],
        },
    ),
    "memory_": (
        "Keeps notes in files below /memories.",
        {
            "type": "object",
            "properties": {
                "command": {"type": "string", "enum": ["view", "create", "str_replace", "insert", "delete", "rename"]},
                "path": _PATH,
                "file_text": {"type": "string"},
                "old_str": {"type": "string"},
                "new_str": {"type": "string"},
                "insert_line": {"type": "integer"},
                "insert_text": {"type": "string"},
                "old_path": _PATH,
                "new_path": _PATH,
            },
            "required": ["command"],
        },
    ),
}

# --- errors ----------------------------------------------------------------------------------------------------------

# kind of a GatewayError -> (HTTP status, Claude's word)
ERRORS: Mapping[str, tuple[int, str]] = {
    "internal": (500, "api_error"),
    "invalid_request": (400, "invalid_request_error"),
    "unsupported": (400, "invalid_request_error"),
    "content_policy": (400, "invalid_request_error"),
    "context_length": (400, "invalid_request_error"),
    "field_refused": (400, "invalid_request_error"),
    "authentication": (401, "authentication_error"),
    "permission": (403, "permission_error"),
    "not_found": (404, "not_found_error"),
    "model_not_found": (404, "not_found_error"),
    "backend_model_not_found": (404, "not_found_error"),  # a 5xx would be retried ten times by Claude Code
    "method_not_allowed": (405, "invalid_request_error"),
    "slow": (408, "invalid_request_error"),
    "too_large": (413, "request_too_large"),
    "rate_limit": (429, "rate_limit_error"),
    "quota": (402, "billing_error"),
    "server": (500, "api_error"),
    "backend": (502, "api_error"),
    "unreachable": (502, "api_error"),
    "cut": (502, "api_error"),
    "garbled": (502, "api_error"),
    "key_refused": (502, "api_error"),
    "unavailable": (503, "api_error"),
    "timeout": (504, "timeout_error"),
    "overloaded": (529, "overloaded_error"),
    "cancelled": (499, "api_error"),
}
# Kinds that no retry can help: without this header Claude Code goes on for minutes.
HOPELESS = frozenset({"authentication", "quota", "key_refused"})

# --- losses ----------------------------------------------------------------------------------------------------------

# What a request, then an answer, cannot say in this wire -> what becomes of it. Some of it only some models refuse.
LOSSES: Mapping[str, str] = {
    "seed": "Left out.",
    "min_p": "Left out.",
    "presence_penalty": "Left out.",
    "frequency_penalty": "Left out.",
    "logit_bias": "Left out.",
    "logprobs": "Left out: no Claude answer has them.",
    "temperature": "Above 1 it becomes 1; left out while the model reasons, and for models that take none.",
    "top_p": "Left out beside a temperature, below 0.95 while the model reasons, and for models that take none.",
    "top_k": "Left out while the model reasons, and for models that take none.",
    "max_tokens": "Cut to what the model can write, or raised so that an answer has room beside the reasoning.",
    "stop": "The gateway ends an answer at those that are blank, or more than the model takes.",
    "reasoning": "Effort and budget become what the model knows; left out where a tool call is forced or it cannot.",
    "reasoning.history": "Reasoning of earlier turns goes back only to the maker that signed it; other is left out.",
    "json": "Asked for in words.",
    "json_schema": "Asked for in words where the model takes no schema.",
    "verbosity": "Left out.",
    "service_tier": "Only auto and default can be said; others are left out.",
    "metadata": "Left out, but for the user's id.",
    "cache": "Four marks at most: the last of tools and system, and of the messages; none within a tool's result.",
    "tools.strict": "Left out for models that do not take it.",
    "tools.schema": "The alternatives at a schema's root become one object with the properties of all.",
    "tools.custom": "A tool that takes free text becomes a function with one text; a grammar is described in words.",
    "tools.server": "Tools that another API runs itself are left out.",
    "tools.duplicate": "Of tools of one name the first counts.",
    "tool_choice": "Left out without tools.",
    "parallel_tools": "Left out without tools, and for models that do not take it.",
    "names": "The names of who speaks are left out.",
    "image.detail": "Left out.",
    "citations": "Citations that another API gave are left out of earlier turns.",
    "foreign": "Parts and fields that only the client's own API knows are left out, or told as text.",
    "system": "What is not text is left out of system messages.",
    "mid_system": "A system message in the middle is told by the user where the model takes none there.",
    "prefill": "A model that takes no beginning of its answer is asked to continue it.",
    "n": "More than one answer is refused with 400.",
    "audio": "Sound in a request is refused with 400; in an answer it is left out.",
    "answer.refusal": "Becomes text, and the stop reason says that it is a refusal.",
    "answer.logprobs": "Left out.",
    "answer.images": "Left out.",
}
