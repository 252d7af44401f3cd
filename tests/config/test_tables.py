"""The tables that ship: their rows are whole, and their profiles make requests that the makers' models take."""

import re
from urllib.parse import urlsplit

import pytest

from llmux.config.tables import Priced, Rule, Tables, builtin, key_of
from llmux.dialects.registry import TABLE
from llmux.ir.capability import Profile
from llmux.ir.price import Price
from tests.amount import sampled

TABLES = builtin()


# --- providers -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", TABLES.providers)
def test_a_row_is_whole(name: str) -> None:
    row = TABLES.providers[name]
    assert ":" not in name
    assert not row.base_url.endswith("/")
    assert bool(row.base_url) == (row.kind == "http")
    assert bool(row.serves) == bool(row.default), "one without the other leaves names unanswered"
    local = urlsplit(row.base_url).hostname == "127.0.0.1"
    assert bool(row.keys) == (row.kind == "http" and not local), "who is elsewhere wants a key"
    assert urlsplit(row.base_url).scheme == ("" if row.kind == "demo" else "http" if local else "https")
    assert not row.local or local


def test_no_address_and_no_key_is_two_rows() -> None:
    hosts = [urlsplit(row.base_url).netloc for row in TABLES.providers.values() if row.base_url]
    keys = [key for row in TABLES.providers.values() for key in row.keys]
    assert len(set(hosts)) == len(hosts)
    assert len(set(keys)) == len(keys)


def test_the_first_variable_that_is_set_counts() -> None:
    row = TABLES.providers["zai"]
    assert key_of(row, {"ZHIPU_API_KEY": "z", "ZAI_API_KEY": ""}) == "z"
    assert key_of(row, {}) == ""


# --- profiles --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rule", TABLES.rules, ids=lambda rule: f"{rule.dialect}/{rule.provider}/{rule.model}"[:60])
def test_a_rule_says_what_it_can_and_something(rule: Rule) -> None:
    assert rule.fields
    assert set(rule.fields) <= set(Profile.__struct_fields__)
    assert "context" not in rule.fields, "how much a model holds only the owner can know"
    assert rule.dialect in ("", *TABLE)
    assert set(rule.provider) <= TABLES.providers.keys()
    re.compile(rule.model)


def test_later_rules_win_field_by_field() -> None:
    rules = (
        Rule({"vision": True, "max_stop": 1}, dialect="claude"),
        Rule({"max_stop": 2}, provider=("p", "q")),
        Rule({"max_stop": 3, "pdf": True}, model="^M"),
    )
    tables = Tables({}, rules)
    assert tables.profile("claude", "q", "x") == Profile(vision=True, max_stop=2)
    assert tables.profile("claude", "", "m1") == Profile(vision=True, max_stop=3, pdf=True)
    assert tables.profile("openai_chat", "", "xm") == Profile()


def test_an_unknown_model_has_the_defaults() -> None:
    assert TABLES.profile("openai_chat", "", "somebody/some-model") == Profile()


# What the Claude API says of each model: which sampling, which reasoning, whether it takes system messages within a
# conversation, and an assistant's message at the end.
CLAUDE = {
    "claude-3-haiku-20240307": ("one", "budget", False, True),
    "claude-3-5-sonnet-20241022": ("one", "budget", False, True),
    "claude-3-7-sonnet@20250219": ("one", "budget", False, True),
    "claude-sonnet-4-20250514": ("one", "budget", False, True),
    "claude-opus-4-1-20250805": ("one", "budget", False, True),
    "us.anthropic.claude-sonnet-4-5-20250929-v1": ("one", "budget", False, True),
    "claude-haiku-4-5": ("one", "budget", False, True),
    "claude-opus-4-5": ("one", "budget", False, True),
    "claude-opus-4-6": ("one", "either", False, False),
    "claude-sonnet-4-6": ("one", "either", False, False),
    "claude-opus-4-7": ("none", "adaptive", False, False),
    "claude-opus-4-8": ("none", "adaptive", True, False),
    "claude-opus-4-10": ("none", "adaptive", True, False),
    "claude-sonnet-5": ("none", "adaptive", True, False),
    "claude-opus-5-5": ("none", "adaptive", True, False),
    "claude-fable-5": ("none", "adaptive", True, False),
    "claude-mythos-preview": ("none", "adaptive", False, False),
    "kimi-k2": ("one", "budget", False, True),
}


# Others that are asked in Claude's words.
IN_CLAUDE_S_WORDS = {
    "deepseek-v4-pro": ("budget", ("high", "max")),
    "kimi-k3": ("either", ("low", "high", "max")),
    "glm-5.1": ("budget", ()),
}


@pytest.mark.parametrize("model", IN_CLAUDE_S_WORDS)
def test_others_asked_in_claude_s_dialect(model: str) -> None:
    profile = TABLES.profile("claude", "", model)
    assert (profile.reasoning, profile.efforts) == IN_CLAUDE_S_WORDS[model]
    assert profile.thinking
    assert profile.tool_result_media


@pytest.mark.parametrize("model", CLAUDE)
def test_claude_asked_in_its_own_dialect(model: str) -> None:
    profile = TABLES.profile("claude", "anthropic", model)
    assert (profile.sampling, profile.reasoning, profile.mid_system, profile.prefill) == CLAUDE[model]
    assert profile.max_temperature == 1.0


OUTPUT = {
    "claude-3-haiku-20240307": 4_096,
    "claude-3-5-haiku-latest": 8_192,
    "claude-3-7-sonnet-latest": 64_000,
    "claude-opus-4-20250514": 32_000,
    "claude-opus-4-1": 32_000,
    "claude-opus-4-5-20251101": 64_000,
    "anthropic/claude-sonnet-4.5": 64_000,
    "claude-opus-4-6": 128_000,
    "claude-sonnet-4-6": 64_000,
    "claude-opus-5": 128_000,
    "gpt-3.5-turbo": 4_096,
    "gpt-4-0613": 8_192,
    "gpt-4-turbo": 4_096,
    "gpt-4o-mini": 16_384,
    "chatgpt-4o-latest": 16_384,
    "gpt-4.1-nano": 32_768,
    "openai/o4-mini": 100_000,
    "gpt-5.6": 128_000,
    "gpt-5-chat-latest": 16_384,
    "gemini-2.0-flash": 8_192,
    "gemini-2.5-flash-image": 32_768,
    "glm-4.5-air": 98_304,
    "zai-org/GLM-5.1": 131_072,
    "MiniMax-M3": 131_072,
    "gemini-3.1-pro-preview": 65_536,
    "llama3": None,
}


@pytest.mark.parametrize("model", OUTPUT)
def test_how_much_a_model_says_at_most(model: str) -> None:
    assert TABLES.profile("openai_chat", "", model).max_output == OUTPUT[model]


# Models of OpenAI's that refuse sampling, stop sequences and `max_tokens`, and the efforts they take.
EFFORTS = {
    "o1": ("low", "medium", "high"),
    "o3-mini": ("low", "medium", "high"),
    "o4-mini-2025-04-16": ("low", "medium", "high"),
    "gpt-5": ("minimal", "low", "medium", "high"),
    "gpt-5-nano-2025-08-07": ("minimal", "low", "medium", "high"),
    "gpt-5-codex": ("low", "medium", "high"),
    "gpt-5.1-2025-11-13": ("none", "low", "medium", "high"),
    "gpt-5.1-codex": ("low", "medium", "high"),
    "gpt-5.1-codex-max": ("low", "medium", "high", "xhigh"),
    "gpt-5.2": ("none", "low", "medium", "high", "xhigh"),
    "gpt-5.3-codex": ("low", "medium", "high", "xhigh"),
    "gpt-5.5": ("none", "low", "medium", "high", "xhigh"),
    "gpt-5.6-sol": ("none", "low", "medium", "high", "xhigh", "max"),
    "gpt-6-astra": ("low", "medium", "high", "xhigh", "max"),
    "gpt-5-pro": ("high",),
    "gpt-5.5-pro": ("medium", "high", "xhigh"),
}


@pytest.mark.parametrize("model", EFFORTS)
def test_openai_s_reasoning_models(model: str) -> None:
    profile = TABLES.profile("openai_chat", "", model)
    assert (profile.sampling, profile.max_stop, profile.max_tokens_field) == ("none", 0, "max_completion_tokens")
    assert (profile.reasoning, profile.efforts, profile.thinking) == ("effort", EFFORTS[model], True)
    assert not profile.developer_role, "only OpenAI itself is sure to take it"
    assert TABLES.profile("openai_chat", "openai", model).developer_role


OTHERS: dict[tuple[str, str], dict[str, object]] = {
    ("openai", "gpt-4o"): {"sampling": "all", "max_tokens_field": "max_completion_tokens", "vision": True},
    ("openai", "gpt-5"): {"custom_tools": True, "pdf": True},
    ("openai", "gpt-5-chat-latest"): {"reasoning": "none", "custom_tools": False, "developer_role": False},
    ("openai", "gpt-9"): {"vision": True, "reasoning": "effort"},
    ("openai", "gpt-4"): {"vision": False, "json_schema": False},
    ("", "gpt-4o"): {"max_tokens_field": "max_tokens", "vision": True, "custom_tools": False},
    ("openai", "o1-preview"): {"tools": False, "reasoning": "none"},
    ("anthropic", "claude-next"): {"vision": True, "thinking": True},
    ("openrouter", "anthropic/claude-sonnet-4.6"): {
        "reasoning": "effort", "sampling": "all", "reasoning_field": "reasoning", "vision": True,
    },
    ("openrouter", "openai/gpt-5-codex"): {"efforts": ("low", "medium", "high")},
    ("deepseek", "deepseek-v4-flash"): {
        "efforts": ("low", "high", "max"), "reasoning_replay": "tool_turns", "json_schema": False,
    },
    ("", "deepseek-ai/DeepSeek-R1"): {"thinking": True, "reasoning_replay": "never"},
    ("deepseek", "deepseek-chat"): {"thinking": False, "reasoning_replay": "never"},
    ("moonshot", "kimi-k2-thinking"): {"thinking": True, "reasoning_replay": "tool_turns", "max_temperature": 1.0},
    ("moonshot", "kimi-k2.6"): {"vision": True},
    ("groq", "moonshotai/kimi-k2-instruct-0905"): {"thinking": False, "reasoning_replay": "never"},
    ("groq", "openai/gpt-oss-120b"): {"reasoning": "effort", "json_schema": True, "reasoning_field": "reasoning"},
    ("cerebras", "zai-glm-4.7"): {"thinking": True, "strict_tools": False},
    ("zai", "glm-4.5v"): {"vision": True, "max_stop": 1, "reasoning_replay": "tool_turns"},
    ("moonshot", "kimi-k2-0905-preview"): {"sampling": "all", "thinking": False},
    ("moonshot", "kimi-k3"): {"sampling": "none", "thinking": True, "vision": True},
    ("openrouter", "moonshotai/kimi-k2.5"): {"sampling": "all"},
    ("mistral", "mistral-small-latest"): {
        "stream_usage": False, "vision": True, "thinking": True, "efforts": ("none", "high"), "alternate_roles": True,
        "call_id_length": 9,
    },
    ("mistral", "mistral-small-2506"): {"vision": True, "thinking": False, "reasoning": "none"},
    ("mistral", "mistral-large-4-0"): {"vision": True, "thinking": True, "reasoning": "effort"},
    ("mistral", "magistral-medium-latest"): {"thinking": True, "vision": True, "reasoning": "none"},
    ("mistral", "codestral-2508"): {"vision": False, "thinking": False, "alternate_roles": True},
    ("vllm", "mistralai/Devstral-Small-2-24B"): {"alternate_roles": True},
    ("vllm", "google/gemma-3-27b-it"): {"alternate_roles": True, "vision": True},
    ("ollama", "mistral:7b"): {"alternate_roles": False},
    ("vllm", "Qwen/Qwen3.5-397B-A17B"): {"vision": True, "thinking": True},
    ("vllm", "Qwen/Qwen3-32B"): {"vision": False, "thinking": True, "alternate_roles": False},
    ("openai", "gpt-4o-search-preview"): {"tools": False, "sampling": "none", "reasoning": "none"},
    ("gemini", "gemini-2.5-flash-image"): {"tools": False, "thinking": False, "reasoning": "none"},
    ("gemini", "gemini-3-pro-image"): {"tools": False, "thinking": True, "reasoning": "effort"},
    ("xai", "grok-4.7"): {"efforts": ("low", "medium", "high", "xhigh")},
    ("gemini", "gemini-2.5-flash"): {"reasoning": "effort", "vision": True, "mid_system": False, "prefill": False},
    ("gemini", "gemini-2.0-flash"): {"reasoning": "none", "thinking": False},
    ("xai", "grok-4.3"): {"efforts": ("none", "low", "medium", "high"), "vision": True, "max_stop": 0},
    ("xai", "grok-4-1-fast-non-reasoning"): {"thinking": False, "reasoning": "none"},
    ("xai", "grok-3-mini"): {"efforts": ("low", "high"), "vision": False},
    ("ollama", "qwen3:8b"): {"reasoning": "effort", "mid_system": False, "thinking": True},
    ("ollama", "qwen3-coder:30b"): {"reasoning": "none", "thinking": False},
    ("ollama", "llava-phi3"): {"vision": True},
    ("ollama", "gemma3:1b"): {"vision": True},
    ("vllm", "Qwen/Qwen2.5-VL-7B"): {"vision": True, "mid_system": False},
    ("llama_cpp", "x"): {"mid_system": False},
    ("demo", "echo"): {"vision": True, "thinking": True, "tools": True},
}  # fmt: skip


@pytest.mark.parametrize("case", OTHERS, ids=map("/".join, OTHERS))
def test_what_others_take(case: tuple[str, str]) -> None:
    provider, model = case
    profile = TABLES.profile("openai_chat", provider, model)
    assert {name: getattr(profile, name) for name in OTHERS[case]} == OTHERS[case]


# An Ollama asked in its own words.
OLLAMA: dict[str, dict[str, object]] = {
    "llama3.1:8b": {"reasoning": "none", "max_stop": 8191, "full_schemas": False, "mid_system": False},
    "qwen3:8b": {"reasoning": "switch", "thinking": True},
    "qwen3-coder:30b": {"reasoning": "none", "thinking": False},
    "deepseek-r1:14b": {"reasoning": "switch", "thinking": True},
    "gpt-oss:20b": {"reasoning": "effort", "efforts": ("low", "medium", "high"), "thinking": True},
    "gemma3:4b": {"vision": True},
}


@pytest.mark.parametrize("model", OLLAMA)
def test_what_an_ollama_takes(model: str) -> None:
    profile = TABLES.profile("ollama", "ollama", model)
    assert {name: getattr(profile, name) for name in OLLAMA[model]} == OLLAMA[model]


# What Gemini's models take in their own dialect.
GEMINI: dict[str, dict[str, object]] = {
    "gemini-2.0-flash": {"reasoning": "none", "thinking": False, "call_ids": False, "max_stop": 5},
    "gemini-2.5-pro": {"reasoning": "budget", "efforts": (), "min_budget": 128, "max_budget": 32_768},
    "gemini-2.5-flash": {"reasoning": "budget", "efforts": ("none",), "min_budget": 0, "max_budget": 24_576},
    "gemini-2.5-flash-lite-preview-09-2025": {"efforts": ("none",), "min_budget": 512, "json_with_tools": False},
    "gemini-3-pro-preview": {"reasoning": "level", "efforts": ("low", "high"), "signed_calls": True},
    "gemini-3.1-pro-preview": {"efforts": ("low", "medium", "high"), "tool_result_media": True, "call_ids": True},
    "gemini-3-flash-preview": {"efforts": ("minimal", "low", "medium", "high"), "json_with_tools": True},
    "gemini-flash-latest": {"reasoning": "level", "thinking": True, "prefill": False},
    "gemma-3": {"reasoning": "none", "signed_calls": False},
}


@pytest.mark.parametrize("model", GEMINI)
def test_what_gemini_takes(model: str) -> None:
    profile = TABLES.profile("gemini", "gemini", model)
    assert {name: getattr(profile, name) for name in GEMINI[model]} == GEMINI[model]


# How each dialect can be asked to reason.
FORMS = {
    "claude": {"none", "budget", "adaptive", "either"},
    "ollama": {"none", "effort", "switch"},
    "gemini": {"none", "budget", "level"},
    "openai_chat": {"none", "effort"},
}


@pytest.mark.parametrize("provider", ["", *TABLES.providers])
@pytest.mark.parametrize("dialect", FORMS)
def test_nobody_is_asked_to_reason_in_another_dialect_s_form(dialect: str, provider: str) -> None:
    models = sorted({*CLAUDE, *OUTPUT, *EFFORTS, *(model for _, model in OTHERS)})
    odd = {m for m in sampled(models, 3) if TABLES.profile(dialect, provider, m).reasoning not in FORMS[dialect]}
    assert odd == set()


# Where reasoning is left in the text: only what is known to do so gives up its bytes for it.
TAGS = {
    ("lmstudio", "qwen/qwen3-8b"): True,
    ("lmstudio", "deepseek-r1-distill-qwen-7b"): True,
    ("lmstudio", "qwen3-coder-30b"): False,
    ("lmstudio", "openai/gpt-oss-20b"): False,
    ("vllm", "Qwen/Qwen3-8B"): False,
    ("", "qwen3:8b"): False,
}


@pytest.mark.parametrize("where", TAGS)
def test_who_leaves_reasoning_in_the_text(where: tuple[str, str]) -> None:
    assert TABLES.profile("openai_chat", *where).think_tags is TAGS[where]


# --- prices ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("row", TABLES.prices, ids=lambda row: f"{row.provider}/{row.model}"[:60])
def test_a_price_is_a_price(row: Priced) -> None:
    assert set(row.provider) <= TABLES.providers.keys()
    re.compile(row.model)
    price = row.price
    assert 0 <= price.input < 1_000
    assert 0 <= price.output < 1_000
    assert price.cache_read is None or price.cache_read <= price.input, "reading from a cache is never dearer"
    assert price.cache_write is None or price.input <= price.cache_write
    assert price.cache_write_1h is None or (price.cache_write or 0) <= price.cache_write_1h


# provider, model -> US dollars per million tokens of input and output; None: nobody knows.
PRICES: dict[tuple[str, str], tuple[float, float] | None] = {
    ("anthropic", "claude-opus-4-5-20251101"): (5, 25),
    ("", "us.anthropic.claude-sonnet-4-5-20250929-v1:0"): (3, 15),
    ("openrouter", "anthropic/claude-opus-4.1"): (15, 75),
    ("", "claude-3-5-haiku@20241022"): (0.8, 4),
    ("anthropic", "claude-opus-5-5"): (4, 20),
    ("anthropic", "claude-opus-99"): None,
    ("openai", "gpt-4o-2024-08-06"): (2.5, 10),
    ("openai", "gpt-4o-2024-05-13"): (5, 15),
    ("openai", "gpt-4o-mini-2024-07-18"): (0.15, 0.6),
    ("openai", "gpt-5"): (1.25, 10),
    ("openai", "gpt-5-chat-latest"): (1.25, 10),
    ("openai", "gpt-5-mini-2025-08-07"): (0.25, 2),
    ("openai", "gpt-4o-realtime-preview"): None,
    ("openai", "text-embedding-3-small"): (0.02, 0),
    ("gemini", "gemini-2.5-flash-lite-preview-09-2025"): (0.1, 0.4),
    ("gemini", "models/gemini-2.5-pro"): (1.25, 10),
    ("gemini", "gemini-2.5-flash-lite-preview-tts"): None,
    ("xai", "grok-4-0709"): (3, 15),
    ("groq", "openai/gpt-oss-120b"): (0.15, 0.6),
    ("cerebras", "gpt-oss-120b"): (0.35, 0.75),
    ("openrouter", "openai/gpt-oss-120b"): None,
    ("openrouter", "openai/gpt-oss-120b:free"): (0, 0),
    ("ollama", "deepseek-r1:8b"): (0, 0),
    ("ollama", "gpt-oss:120b-cloud"): None,
    ("deepseek", "deepseek-chat"): (0.27, 1.1),
    ("demo", "echo"): (1, 5),
    ("", "echo"): None,
}


@pytest.mark.parametrize(("provider", "model"), PRICES)
def test_a_model_s_price(provider: str, model: str) -> None:
    price = TABLES.price(provider, model)
    assert (price and (price.input, price.output)) == PRICES[provider, model]


@pytest.mark.parametrize("name", [name for name, row in TABLES.providers.items() if row.default])
def test_what_is_asked_when_nobody_says_a_model_has_a_price(name: str) -> None:
    default = TABLES.providers[name].default
    assert TABLES.price(name, default) is not None or default == "openrouter/auto", default


def test_the_last_price_counts_alone() -> None:
    rows = (Priced(Price(1, 2, cache_read=0.5), model="a"), Priced(Price(3, 4), provider=("p",), model="^A"))
    tables = Tables({}, (), rows)
    assert tables.price("p", "ab") == Price(3, 4)
    assert tables.price("q", "ab") == Price(1, 2, cache_read=0.5)
    assert tables.price("p", "b") is None
