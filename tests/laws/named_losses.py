"""What of a request may be lost on the way to a backend, and by which words a warning must name it. Data.

The tables of losses are the dialects' own, and each has its own words; so a loss is known here by what stands in them.
"""

from collections.abc import Iterable, Mapping

# A row of the account of a request -> what stands in the names of the losses that may bend it.
NAMES: Mapping[str, tuple[str, ...]] = {
    "turns": (
        "parts",
        "foreign",
        "system",  # its place, and what in it is no text
        "prefill",
        "json",  # a form of the answer, asked for in words
        "documents",
        "media",  # a picture in a result is followed by words that say whose it is
        "refusal",
        "is_error",
    ),
    "media": ("documents", "media", "image", "audio", "parts", "foreign"),
    "refusals": ("refusal",),
    "calls": ("custom",),
    "results": ("is_error", "media", "parts", "foreign", "documents"),
    "failures": ("is_error",),
    "thoughts": ("reasoning",),
    "proofs": ("reasoning",),
    "citations": ("citations",),
    "names": ("names",),
    "opaque": ("parts", "foreign"),
    "cache": ("cache", "tool_choice"),  # a tool that is left out takes its mark along
    "tools": ("custom", "duplicate", "tool_choice"),
    "schemas": ("schema", "custom", "tool_choice"),
    "strict": ("strict", "custom", "tool_choice"),
    "server tools": ("server",),
    "choice": ("tool_choice", "server"),
    "parallel": ("parallel",),
    "temperature": ("temperature",),
    "top_p": ("top_p",),
    "top_k": ("top_k",),
    "min_p": ("min_p",),
    "seed": ("seed",),
    "presence_penalty": ("presence_penalty",),
    "frequency_penalty": ("frequency_penalty",),
    "logit_bias": ("logit_bias",),
    "logprobs": ("logprobs",),
    "top_logprobs": ("logprobs",),
    "limit": ("max_tokens",),
    "stop": ("stop",),
    "answers": ("n",),
    "reasoning": ("reasoning",),
    "output": ("json",),
    "verbosity": ("verbosity",),
    "tier": ("service_tier",),
    "user": ("user", "metadata"),
    "metadata": ("metadata", "fields", "foreign"),
    "stream": (),
}


def silent(different: Iterable[str], warnings: Iterable[str]) -> frozenset[str]:
    """The rows that differ, and that no warning names."""
    lost = [warning.partition("=")[2] for warning in warnings]
    return frozenset(row for row in different if not any(word in key for word in NAMES[row] for key in lost))
