"""What a recorded answer cannot help saying otherwise when llmux stands between, and why: data, read by the pairs.

A row that no longer holds fails just as a difference without a row does.
"""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from tests.laws.pairs import Telling

ANYONE: frozenset[str] = frozenset()


class Known(NamedTuple):
    """A field of Heard that differs, and why it must: for `clients` and in `ways`; for all where none is named."""

    field: str
    reason: str
    clients: frozenset[str] = ANYONE
    ways: frozenset[str] = ANYONE

    def concerns(self, telling: Telling) -> bool:
        """Whether the row speaks of this client and this way."""
        return (not self.clients or telling.client in self.clients) and (not self.ways or telling.way in self.ways)


def only(known: Known, *clients: str, way: str = "") -> Known:
    """The row for these clients alone."""
    return known._replace(clients=frozenset(clients), ways=frozenset({way} if way else ()))


CUT_ARGUMENTS = Known("calls", "the answer was cut in its arguments: Anthropic's SDK completes them, we pass them on")
BLANK = Known("text", "a blank behind a call says nothing, and Claude refuses it in the next request")
CACHED = Known("usage", "the backend counts more tokens from its cache than in the whole prompt; our sums add up")
PARTED = Known("text", "reasoning stands between two blanks: a wire of one text gets a blank line for it")

NEGATIVE = Known("usage", "the backend counts fewer tokens than none; we count from zero")

KNOWN: Mapping[str, tuple[Known, ...]] = {
    "anthropic-incomplete_partial_json_response-antc5c2a": (
        only(CUT_ARGUMENTS, "openai_chat", "openai_responses", "gemini", "ollama"),
        only(CUT_ARGUMENTS, "claude", way="whole"),
    ),
    "avian-testopenaicompatiblecommon_avian_kimi_multi_tool_streami_0-fan9e848": (BLANK,),
    "openrouter-google_gemini_2_5_flash_lite_object_streaming-req83b25": (BLANK,),
    "zai-glm_4_6_object_streaming-req6a8f1": (only(PARTED, "openai_chat", "ollama"),),
    "azure-chat_function_calling_azure_grok_4_1_fast_non_reasoning_2-rubc7336": (CACHED,),
    "azure-chat_with_params_azure_grok_4_1_fast_non_reasoning_suppo-rub62bf9": (CACHED,),
    "openai-o4_mini_deep_research_usage-reqc28ea": (NEGATIVE,),
}


def reasons(telling: Telling) -> Iterator[Known]:
    """The rows that speak of `telling`."""
    return (known for known in KNOWN.get(telling.source.name, ()) if known.concerns(telling))


def excused(telling: Telling) -> frozenset[str]:
    """The fields that `telling` is known to get wrong."""
    return frozenset(known.field for known in reasons(telling))


# client -> the recording and way -> why the TypeScript SDK hears something else than the Python one.
MISHEARD: Mapping[str, Mapping[str, str]] = {}
