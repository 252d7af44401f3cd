"""How clients spell a model's name: one model, asked for in the manner of several dialects. Pure.

It knows spellings, not models: which names there are is the catalog's business.
"""

import re

# Before the name of a model that a client would hide: Claude Code shows only names that begin with "claude" or
# "anthropic" (https://code.claude.com/docs/en/llm-gateway).
ALIAS = "claude/"

# What clients of Google's put before a name: "models/gemini-2.5-flash", "projects/p/.../publishers/google/models/x".
PREFIX = re.compile(r"^(?:(?:projects/[^/]+/locations/[^/]+/)?publishers/[^/]+/)?models/")
# What Ollama's add when they were told no tag.
TAG = ":latest"
# What a maker puts behind a name to say which of its builds is meant.
DATE = re.compile(r"-(?:\d{8}|\d{4}-\d{2}-\d{2}|\d{4}|latest|0)$")


def unaliased(name: str) -> str:
    """The name that a client was shown under an alias."""
    return name.removeprefix(ALIAS)


def plain(name: str) -> str:
    """The name without what a dialect's clients put around it."""
    return PREFIX.sub("", name).removesuffix(TAG)


def key(name: str) -> str:
    """The same for every spelling of a name, also in capitals."""
    return plain(name).casefold()


def undated(name: str) -> str:
    """The key of a name without the date of its build: "claude-opus-4-1" of "claude-opus-4-1-20250805"."""
    return DATE.sub("", key(name))
