"""The configuration of the gateway that the SDKs talk to, and the names that they use there.

A backend that fails is put to rest, so every test that wants a failure has a backend of its own, CALLER.FAULT.PROVIDER.
"""

from dataclasses import dataclass

# Who answers: a provider asked in OpenAI's dialect, and one asked in Claude's. Both are the demo, over HTTP.
PROVIDERS = ("demo", "demo_claude")
CALLERS = ("python_anthropic", "python_ollama", "python_openai", "node_anthropic", "node_openai")
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

[provider.demo]
api = "openai"
base_url = "MOCK/v1"
api_key = "sk-mock"

[provider.demo_claude]
api = "claude"
base_url = "MOCK"
api_key = "sk-mock"

[provider.demo_ollama]
base_url = "MOCK"

[[backend]]
model = "demo_ollama:*"
model_match = ["demo_ollama-*"]

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

[[backend]]
name = "embed.second"
model = "demo:embed"
model_match = ["embed.failing"]
embeddings = true
"""

EVERYTHING = """
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
        tables.append(EVERYTHING.format(provider=provider))
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
