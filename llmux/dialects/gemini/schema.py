"""The words of Google's generateContent API, and the tables that pair them with ours. It reads and writes nothing.

Reference: https://ai.google.dev/api/generate-content (read 2026-11), and Vertex AI's form of the same API.
"""

from collections.abc import Mapping
from typing import Any, Literal

from llmux.ir.request import Role
from llmux.ir.response import FinishReason

NAME = "gemini"
MAKER = "google"  # whose reasoning states these are

ROLES: Mapping[str, Role] = {"user": Role.USER, "model": Role.ASSISTANT, "function": Role.USER}
WORDS_OF_ROLES: Mapping[Role, str] = {Role.ASSISTANT: "model"}  # all others are the user's

# --- proof of reasoning ----------------------------------------------------------------------------------------------

# The kind of a state says on which part it came, for it must go back there: "signature": on a call, or on reasoning
# that can be seen; and these two.
SIGNS_TEXT = "text"  # on the text before it
SIGNS_NOTHING = "alone"  # on an empty text of its own
# What stands for a proof that is lost: https://ai.google.dev/gemini-api/docs/thought-signatures
DUMMY = "skip_thought_signature_validator"

# --- answers ---------------------------------------------------------------------------------------------------------

# The wire's word -> ours. The first row of each of ours is the word that we write.
FINISH_REASONS: Mapping[str, FinishReason] = {
    "STOP": FinishReason.END,
    "MAX_TOKENS": FinishReason.MAX_TOKENS,
    "CONTINUATION": FinishReason.MAX_TOKENS,
    "SAFETY": FinishReason.FILTERED,
    "RECITATION": FinishReason.FILTERED,
    "LANGUAGE": FinishReason.FILTERED,
    "BLOCKLIST": FinishReason.FILTERED,
    "PROHIBITED_CONTENT": FinishReason.FILTERED,
    "SPII": FinishReason.FILTERED,
    "MODEL_ARMOR": FinishReason.FILTERED,
    "IMAGE_SAFETY": FinishReason.FILTERED,
    "IMAGE_PROHIBITED_CONTENT": FinishReason.FILTERED,
    "IMAGE_RECITATION": FinishReason.FILTERED,
}
# Ours -> the wire's word.
WORDS: Mapping[FinishReason, str] = {
    FinishReason.END: "STOP",
    FinishReason.STOP_SEQUENCE: "STOP",
    FinishReason.MAX_TOKENS: "MAX_TOKENS",
    FinishReason.CONTEXT_FULL: "MAX_TOKENS",
    FinishReason.TOOL_CALL: "STOP",
    FinishReason.FILTERED: "SAFETY",
    FinishReason.REFUSAL: "SAFETY",
    FinishReason.PAUSE: "STOP",
}
# Finish reasons that tell of a failure: the answer did not end, it broke.
FAILURES = frozenset({
    "MALFORMED_FUNCTION_CALL",
    "UNEXPECTED_TOOL_CALL",
    "TOO_MANY_TOOL_CALLS",
    "MALFORMED_RESPONSE",
    "MISSING_THOUGHT_SIGNATURE",
})  # fmt: skip
# Those who ask for numbers ($alt=json;enum-encoding=int) are answered in them. Vertex counts otherwise from 6 on.
FINISH_NUMBERS: tuple[str, ...] = (
    "", "STOP", "MAX_TOKENS", "SAFETY", "RECITATION", "OTHER", "LANGUAGE", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII",
    "MALFORMED_FUNCTION_CALL", "IMAGE_SAFETY",
)  # fmt: skip
NO_WORDS = frozenset({"", "FINISH_REASON_UNSPECIFIED"})

# Who an answer was served for: usageMetadata.serviceTier and trafficType -> ours.
TIERS: Mapping[str, str] = {
    "standard": "default",
    "flex": "flex",
    "priority": "priority",
    "ON_DEMAND": "default",
    "ON_DEMAND_FLEX": "flex",
    "ON_DEMAND_PRIORITY": "priority",
}
TIER_WORDS: Mapping[str, str] = {"default": "standard", "flex": "flex", "priority": "priority"}

# --- requests --------------------------------------------------------------------------------------------------------

Mode = Literal["auto", "none", "required"]
# functionCallingConfig.mode -> ours. VALIDATED is "auto" whose calls are held to their schemas.
MODES: Mapping[str, Mode] = {"AUTO": "auto", "ANY": "required", "NONE": "none", "VALIDATED": "auto"}
MODE_WORDS: Mapping[str, str] = {"auto": "AUTO", "required": "ANY", "none": "NONE", "named": "ANY"}
MODE_NUMBERS: tuple[str, ...] = ("", "AUTO", "ANY", "NONE", "VALIDATED")

# thinkingLevel -> ours.
LEVELS: Mapping[str, str] = {"MINIMAL": "minimal", "LOW": "low", "MEDIUM": "medium", "HIGH": "high", "XHIGH": "xhigh"}
LEVEL_WORDS: Mapping[str, str] = {effort: level for level, effort in LEVELS.items()}
LEVEL_NUMBERS: tuple[str, ...] = ("", "LOW", "HIGH", "MEDIUM", "MINIMAL")

JSON = "application/json"


def word(value: Any, numbers: tuple[str, ...]) -> str:
    """A word of an enum, which some clients and answers give as its number; "" for anything else."""
    if isinstance(value, str):
        return value
    known = isinstance(value, int) and 0 <= value < len(numbers)
    return numbers[value] if known else ""


# Fields that hold what the client's own program named: their keys are not Google's words.
FOREIGN_KEYS = frozenset({
    "args", "response", "parameters", "parametersJsonSchema", "responseSchema", "responseJsonSchema", "labels",
    "partMetadata", "parameters_json_schema", "response_schema", "response_json_schema", "part_metadata",
})  # fmt: skip


def camel(value: Any) -> Any:
    """`value` with every key in the spelling of Google's JSON: it takes snake_case too, and its SDKs send both."""
    if isinstance(value, list):
        return [camel(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        camel_key(key) if "_" in key else key: item if isinstance(item, str) or key in FOREIGN_KEYS else camel(item)
        for key, item in value.items()
    }


def camel_key(key: str) -> str:
    """`generation_config` as `generationConfig`; any other key as it is."""
    if "_" not in key[1:]:
        return key
    head, *words = key.split("_")
    return head + "".join(word[:1].upper() + word[1:] for word in words) if head else key


def standard_base64(text: str) -> str:
    """`text` in the standard alphabet, padded. Google's Python SDK sends the one for URLs, and Google takes both."""
    if "-" in text or "_" in text:
        text = text.translate(STANDARD)
    return text + "=" * (-len(text) % 4)


STANDARD = str.maketrans("-_", "+/")


# What a server may refuse, and how the same is said otherwise: see Dialect.otherwise. Older ones know no JSON Schema.
OTHERWISE: Mapping[str, Mapping[str, Any]] = {
    "parametersJsonSchema": {"full_schemas": False},
    "responseJsonSchema": {"full_schemas": False},
    "generationConfig.stopSequences": {"max_stop": 0},
}

# --- losses ----------------------------------------------------------------------------------------------------------

# What cannot be said in this wire -> what becomes of it. Requests name the row in a warning; answers only here.
LOSSES: Mapping[str, str] = {
    "foreign": "Parts and fields that only the client's own API knows are left out, or told as text.",
    "cache_control": "Marks of what to cache are left out: these backends cache by themselves.",
    "citations": "Citations, and wishes for them, are left out.",
    "image.detail": "Left out.",
    "media.link": "A link is sent with the type of media that its name suggests; older models fetch none.",
    "documents": "Text documents become plain text.",
    "reasoning": "Effort and budget become what the model knows, a level or a budget; left out where it knows none.",
    "reasoning.history": "Reasoning of earlier turns goes back only to the maker that signed it; other is left out.",
    "temperature": "Cut to the model's maximum, or left out where the model takes none.",
    "top_p": "Left out where the model takes none.",
    "top_k": "Left out where the model takes none.",
    "min_p": "Left out.",
    "logit_bias": "Left out.",
    "max_tokens": "Cut to what the model can write at most.",
    "stop": "The gateway ends an answer at those that are more than the model takes.",
    "json": "Asked for in words where a model takes no form of answer beside tools.",
    "json_schema": "Asked for in words where a model takes no schema, or none beside tools.",
    "schema": "For models that take no JSON Schema, what theirs cannot say of it is told in descriptions.",
    "verbosity": "Left out.",
    "service_tier": "Only default, flex and priority can be said; others are left out.",
    "user_id": "The name of the user is left out.",
    "metadata": "Left out.",
    "names": "The names of who speaks are left out.",
    "tools.custom": "A tool that takes free text becomes a function with one string, and its calls are turned back.",
    "tools.server": "Tools that another API runs itself are left out.",
    "tools.strict": "Tools are not held to their schemas strictly.",
    "tools.duplicate": "Of tools of one name the first counts.",
    "tool_choice": "Left out without tools.",
    "parallel_tools": "A wish for one call at a time is left out.",
    "tool_result_media": "Pictures and files in a tool's result follow it in the user's words, where a model wants so.",
    "system": "What is not text is left out of system messages.",
    "mid_system": "A system message between others is told by the user.",
    "prefill": "A model that goes on from no beginning of its answer is asked to continue it.",
    "refusal": "Becomes text; in an answer the finish reason SAFETY says that it is one.",
    "stop_sequence": "Which stop sequence ended an answer is not told.",
    "pause": "A pause of a server tool ends the answer.",
    "logprobs": "Left out of answers that are translated, and not asked for by clients of other APIs.",
    "usage.cache_write_tokens": "Tokens written to a cache are counted with the prompt.",
    "usage.service_tier": "A tier that Google has no word for is not told.",
    "usage.server_tools": "How often server tools were run is not told.",
}
