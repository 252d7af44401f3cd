"""A backend's list of models in OpenAI's shape, or in one that a server made of it -> cards. Neutral, tolerant, pure.

OpenAI itself tells an id and an owner. What others tell beside them is found by the tables below: what a server calls
a thing is a row, and nothing here asks which server it is.

Sources: the lists of OpenRouter, Groq, Mistral, Moonshot, Fireworks, Together, GitHub Models, LM Studio, vLLM,
llama.cpp and Anthropic, by their documentation.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from llmux.dialects import document
from llmux.dialects.listing import Page
from llmux.dialects.shape import LARGEST
from llmux.errors import BackendGarbled
from llmux.ir.card import ModelCard

Wire = Mapping[str, Any]
Steps = tuple[str, ...]  # the way to a value: names of objects within each other

IDS: tuple[Steps, ...] = (("id",), ("key",), ("name",), ("model",))  # LM Studio's own list says key
NAMES: tuple[Steps, ...] = (("display_name",), ("name",))
OWNERS: tuple[Steps, ...] = (("owned_by",), ("publisher",), ("organization",))
DATES: tuple[Steps, ...] = (("created",), ("created_at",))

# What is loaded holds less than what could be loaded, so it comes first.
NUMBERS: Mapping[str, tuple[Steps, ...]] = {
    "context": (
        ("loaded_context_length",),
        ("meta", "n_ctx"),
        ("context_length",),
        ("context_window",),
        ("max_context_length",),
        ("max_model_len",),
        ("max_input_tokens",),
        ("capabilities", "limits", "max_context_window_tokens"),
        ("limits", "max_context_window_tokens"),
        ("meta", "n_ctx_train"),
    ),
    "max_output": (
        ("max_completion_tokens",),
        ("max_output_tokens",),
        ("top_provider", "max_completion_tokens"),
        ("capabilities", "limits", "max_output_tokens"),
        ("limits", "max_output_tokens"),
        ("max_tokens",),
    ),
}
FLAGS: Mapping[str, tuple[Steps, ...]] = {
    "vision": (
        ("supports_image_in",),
        ("supports_image_input",),
        ("capabilities", "vision"),
        ("capabilities", "supports", "vision"),
        ("capabilities", "image_input", "supported"),
    ),
    "thinking": (
        ("supports_reasoning",),
        ("capabilities", "reasoning"),
        ("capabilities", "thinking", "supported"),
    ),
    "tools": (
        ("supports_tools",),
        ("capabilities", "function_calling"),
        ("capabilities", "trained_for_tool_use"),
        ("capabilities", "supports", "tool_calls"),
    ),
    "pdf": (("capabilities", "pdf_input", "supported"),),
    "answers": (("supports_chat",), ("capabilities", "completion_chat")),
}
# A list of words that is whole: what is not in it, the model does not take.
WHOLE: Mapping[str, tuple[tuple[Steps, frozenset[str]], ...]] = {
    "vision": (
        (("architecture", "input_modalities"), frozenset({"image"})),
        (("input_modalities",), frozenset({"image"})),
    ),
    "pdf": ((("architecture", "input_modalities"), frozenset({"file"})),),
    "thinking": ((("supported_parameters",), frozenset({"reasoning", "include_reasoning"})),),
    "tools": ((("supported_parameters",), frozenset({"tools"})),),
    "answers": (
        (("architecture", "output_modalities"), frozenset({"text"})),
        (("output_modalities",), frozenset({"text"})),
    ),
}
# A list that names what stands out; what is not in it may be so all the same.
PARTIAL: Mapping[str, tuple[tuple[Steps, frozenset[str]], ...]] = {
    "vision": ((("capabilities",), frozenset({"vision", "image"})),),
    "thinking": ((("capabilities",), frozenset({"thinking", "reasoning"})),),
    "tools": ((("capabilities",), frozenset({"tools", "tool_use", "function_calling", "tool-calling"})),),
}
DETAILS: Mapping[str, tuple[Steps, ...]] = {
    "family": (("details", "family"), ("arch",), ("architecture",), ("capabilities", "family")),
    "parameter_size": (("details", "parameter_size"), ("params_string",)),
    "quantization_level": (("details", "quantization_level"), ("quantization", "name"), ("quantization",)),
    "format": (("details", "format"), ("compatibility_type",), ("format",)),
}
SIZES: tuple[Steps, ...] = (("size",), ("size_bytes",), ("meta", "size"))
# What `type` says of a model that does not answer; and names of such where nothing says so.
TYPES = frozenset(
    {"embedding", "embeddings", "rerank", "reranker", "moderation", "image", "audio", "transcribe", "video"}
)
MUTE = re.compile(
    r"embed|(^|[/-])(tts|whisper|dall-e|sora|rerank\w*|bge|moderation|transcribe|realtime|imagen|veo|lyria)([-:.]|$)"
    r"|^gpt-(image|audio)|^(davinci|babbage)-",
    re.IGNORECASE,
)


def read_page(data: bytes) -> Page:
    """A list, and where the next page begins if it says so as Anthropic does.

    Raises:
        BackendGarbled: it is no list of models.
    """
    try:
        told = document.decode(data)
    except ValueError as error:
        raise BackendGarbled(f"The backend's list of models is not JSON: {error}") from None
    entries = (
        next((told[name] for name in ("data", "models") if name in told), None) if isinstance(told, dict) else told
    )
    if not isinstance(entries, list):
        raise BackendGarbled("The backend's answer is no list of models.")
    more = isinstance(told, dict) and told.get("has_more") is True and told.get("last_id")
    return Page(tuple(card for entry in entries for card in _card(entry)), more if isinstance(more, str) else "")


def _card(entry: Any) -> Iterator[ModelCard]:
    name = _text(entry, IDS)
    if not name:
        return
    shown = _text(entry, NAMES)
    answers = _flag("answers", entry)
    yield ModelCard(
        id=name,
        name="" if shown == name else shown,
        owner=_text(entry, OWNERS),
        created=_date(next(_found(entry, DATES), 0)),
        context=_number(entry, NUMBERS["context"]),
        max_output=_number(entry, NUMBERS["max_output"]),
        vision=True if entry.get("type") == "vlm" else _flag("vision", entry),
        thinking=_flag("thinking", entry),
        tools=_flag("tools", entry),
        pdf=_flag("pdf", entry),
        answers=_answers(name, entry) if answers is None else answers,
        size=_number(entry, SIZES) or 0,
        details={word: text for word, places in DETAILS.items() if (text := _text(entry, places))},
    )


def _answers(name: str, entry: Wire) -> bool:
    kind = entry.get("type")
    return not (isinstance(kind, str) and kind in TYPES) and MUTE.search(name) is None


def _flag(name: str, entry: Wire) -> bool | None:
    """Whether the model has it: as a switch says, else a list of words; None where nothing does."""
    for value in _found(entry, FLAGS.get(name, ())):
        if isinstance(value, bool):
            return value
    for table, denies in ((WHOLE, True), (PARTIAL, False)):
        for steps, words in table.get(name, ()):
            for told in _found(entry, (steps,)):
                if isinstance(told, list) and (denies or not words.isdisjoint(map(str, told))):
                    return not words.isdisjoint(map(str, told))
    return None


def _text(entry: Any, places: Sequence[Steps]) -> str:
    return next((value for value in _found(entry, places) if isinstance(value, str) and value), "")


def _number(entry: Wire, places: Sequence[Steps]) -> int | None:
    """A size: OpenRouter writes some as floats, others as text is no number."""
    for value in _found(entry, places):
        if isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < LARGEST:
            return int(value)
    return None


def _found(entry: Any, places: Sequence[Steps]) -> Iterator[Any]:
    """What stands at each of the places, where something does."""
    for steps in places:
        value = entry
        for step in steps:
            value = value.get(step) if isinstance(value, dict) else None
        if value is not None:
            yield value


def _date(value: Any) -> int:
    """Unix seconds, of a number or of a date in text."""
    if isinstance(value, int | float) and 0 < value < LARGEST:
        return int(value)
    try:
        return max(int(datetime.fromisoformat(value).timestamp()), 0) if isinstance(value, str) else 0
    except (ValueError, OverflowError):
        return 0
