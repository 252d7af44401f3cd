"""The configuration of the gateway that the SDKs talk to, and the names that they use there.

A backend that fails is put to rest, so every test that wants a failure has a backend of its own, CALLER.FAULT.PROVIDER.
"""

from dataclasses import dataclass
from typing import NamedTuple

from llmux.dialects.registry import TABLE


class Backend(NamedTuple):
    """A provider that is the demo over HTTP: its `api` in the configuration, its dialect, where it is."""

    api: str
    dialect: str
    path: str


BACKENDS = {
    "demo": Backend("openai", "openai_chat", "/v1"),
    "demo_claude": Backend("claude", "claude", ""),
    "demo_responses": Backend("responses", "openai_responses", "/v1"),
    "demo_gemini": Backend("gemini", "gemini", "/v1beta"),
    "demo_ollama": Backend("ollama", "ollama", ""),
}
# Who answers: a provider for each dialect that there is.
PROVIDERS = tuple(name for name, backend in BACKENDS.items() if backend.dialect in TABLE)
# Whose wire has no word for what must be done with tools: to call one, or this one; to call them one at a time.
CHOICELESS = frozenset({"demo_ollama"})
ALWAYS_PARALLEL = frozenset({"demo_gemini", "demo_ollama"})
# Whose wire has no proof of reasoning.
PROOFLESS = frozenset({"demo", "demo_ollama"})
# Who asks: an SDK -> the dialect that it speaks.
SPEAKS = {
    "anthropic": "claude",
    "openai": "openai_chat",
    "responses": "openai_responses",
    "google": "gemini",
    "ollama": "ollama",
}
SDKS = tuple(name for name, dialect in SPEAKS.items() if dialect in TABLE)
CALLERS = tuple(f"{language}_{name}" for language in ("python", "node") for name in SDKS)
FAULTS = (
    "fail-400",
    "fail-429?retry-after=17",
    "fail-500",
    "fail-503",
    "fail-529",
    "fail-context",
    "cut?delay=20ms",
    "error-in-stream?delay=20ms",
)

TOKEN = "sk-of-the-tests"
NARROW_TOKEN = "sk-for-one-model"

HEAD = """
request_timeout = 10
max_retries = 0

[store]
url = "memory:"

[tokens]
tests = "sk-of-the-tests"
narrow = { key = "sk-for-one-model", models = ["demo:think"] }

[provider.inside]
api = "demo"

[[backend]]
model = "inside:*"
model_match = ["inside-*"]

[[backend]]
name = "embed"
model = "demo:embed"
model_match = ["embed"]
embeddings = true

[[backend]]
name = "embed.ollama"
model = "demo_ollama:embed"
model_match = ["embed.ollama"]
embeddings = true

[[backend]]
name = "embed.fail-429"
model = "demo:fail-429"
model_match = ["embed.failing"]
embeddings = true

# Not by the plain name of the demo's model: whoever asks for that by its provider is answered by its own row.
[[backend]]
name = "panel.openai"
model = "demo:echo?repeat=1"
model_match = ["panel.openai"]

[[backend]]
name = "panel.claude"
model = "demo_claude:echo?repeat=1"
model_match = ["panel.claude"]

[[backend]]
name = "panel.broken"
model = "demo_gemini:fail-402"
model_match = ["panel.broken"]

[[backend]]
name = "panel.slow.openai"
model = "demo:slow-stream-50ms?repeat=200"
model_match = ["panel.slow.openai"]
concurrent = 1

[[backend]]
name = "panel.slow.claude"
model = "demo_claude:slow-stream-50ms?repeat=200"
model_match = ["panel.slow.claude"]
concurrent = 1

[role."panel.slow"]
backends = ["panel.slow.openai", "panel.slow.claude"]
execution = "parallel"
join = "all"

[role."panel.first"]
backends = ["panel.slow.openai", "panel.slow.claude"]
execution = "hedge"
hedge_after = 0.01
hedge_share = 1.0

[role.panel]
backends = ["panel.openai", "panel.claude", "panel.broken"]
execution = "parallel"

[role."panel.all"]
backends = ["panel.openai", "panel.claude", "panel.broken"]
execution = "parallel"
join = "all"

[role."panel.one"]
backends = ["panel.openai", "panel.claude"]
execution = "parallel"
join = "panel.claude"

[[backend]]
name = "embed.second"
model = "demo:embed"
model_match = ["embed.failing"]
embeddings = true
"""

EVERYTHING = """
[provider.{provider}]
api = "{api}"
base_url = "MOCK{path}"
api_key = "sk-mock"

[[backend]]
model = "{provider}:*"
model_match = ["{provider}-*"]
"""

FAILING = """
[[backend]]
name = "{name}"
model = "{provider}:{fault}"
model_match = ["{name}"]
"""

# One request at once: the next one is let in only when the gateway has noticed that the first client left.
SINGLE = """
[[backend]]
name = "{caller}.single.{provider}"
model = "{provider}:slow-stream-50ms?repeat=200"
model_match = ["{caller}.single.{provider}"]
concurrent = 1
vision = true
"""


def failing(caller: str, fault: str, provider: str) -> str:
    """The name of the backend that fails like `fault` for `caller` and for nobody else."""
    return f"{caller}.{fault.partition('?')[0]}.{provider}"


def _config() -> str:
    tables = [HEAD]
    for provider in PROVIDERS:
        backend = BACKENDS[provider]
        tables.append(EVERYTHING.format(provider=provider, api=backend.api, path=backend.path))
        for caller in CALLERS:
            tables.append(SINGLE.format(caller=caller, provider=provider))
            for fault in FAULTS:
                name = failing(caller, fault, provider)
                tables.append(FAILING.format(name=name, provider=provider, fault=fault))
    return "".join(tables)


CONFIG = _config()


@dataclass(frozen=True)
class Gateway:
    """Where the gateway is."""

    url: str
    token: str = TOKEN
    narrow_token: str = NARROW_TOKEN
