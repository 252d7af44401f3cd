"""Lists of models, both ways, in each dialect."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmux.dialects.claude import models as claude
from llmux.dialects.gemini import models as gemini
from llmux.dialects.listing import Asked, Listing, find
from llmux.dialects.model_cards import read_page
from llmux.dialects.ollama import models as ollama
from llmux.dialects.openai_chat import models as openai_chat
from llmux.dialects.openai_responses import models as openai_responses
from llmux.errors import BackendGarbled, BadRequest, ModelNotFound, NotOffered
from llmux.ir.card import ModelCard
from llmux.ir.naming import ALIAS

LISTINGS: dict[str, Listing] = {
    "claude": claude.LISTING,
    "openai_chat": openai_chat.LISTING,
    "openai_responses": openai_responses.LISTING,
    "gemini": gemini.LISTING,
    "ollama": ollama.LISTING,
}
WHOLE = ModelCard(
    id="vendor/whole:8b",
    name="Whole",
    owner="vendor",
    created=1_700_000_000,
    context=200_000,
    max_output=8_000,
    vision=True,
    thinking=True,
    tools=True,
    pdf=True,
    size=7,
    details={"family": "llama", "parameter_size": "8B"},
    notes={"backends": [{"backend": "b", "state": "up"}]},
)
BARE = ModelCard(id="bare")
CARDS = (WHOLE, BARE)


def ask(listing: Listing, path: str, cards: Sequence[ModelCard] = CARDS, method: str = "GET", **asked: Any) -> Any:
    [enquiry] = [each for each in listing.enquiries if (each.method, each.path) == (method, path)]
    return orjson.loads(enquiry.answer(Asked(**asked), cards))


# --- what we tell, read back -----------------------------------------------------------------------------------------

PATHS = {"gemini": "/v1beta/models", "ollama": "/api/tags"}


@pytest.mark.parametrize("dialect", LISTINGS)
def test_what_we_tell_we_understand(dialect: str) -> None:
    """A gateway may stand behind a gateway."""
    listing = LISTINGS[dialect]
    [enquiry] = [each for each in listing.enquiries if each.path == PATHS.get(dialect, "/v1/models")]
    page = listing.decode(enquiry.answer(Asked(), CARDS))
    assert [card.id for card in page.cards] == ["vendor/whole:8b", "bare"]
    assert page.next == ""
    whole = page.cards[0]
    assert whole.thinking
    if dialect != "ollama":
        assert (whole.context, whole.max_output) == (200_000, 8_000)
    if dialect != "gemini":
        assert whole.vision
        assert whole.created == 1_700_000_000


# --- OpenAI's and Anthropic's ----------------------------------------------------------------------------------------


def test_one_object_has_the_words_of_both() -> None:
    told = ask(openai_chat.LISTING, "/v1/models/*", name="vendor/whole:8b")
    assert (told["object"], told["created"], told["owned_by"]) == ("model", 1_700_000_000, "vendor")
    assert (told["type"], told["created_at"], told["display_name"]) == ("model", "2023-11-14T22:13:20Z", "Whole")
    assert (told["max_input_tokens"], told["max_tokens"]) == (200_000, 8_000)
    assert told["capabilities"]["image_input"] == {"supported": True}
    assert told["capabilities"]["thinking"]["types"]["enabled"] == {"supported": True}
    assert told["capabilities"]["batch"] == {"supported": False}
    assert told["llmux"] == {"capabilities": ["vision", "thinking", "tools"], **WHOLE.notes}


def test_what_nobody_tells_is_null() -> None:
    told = ask(openai_chat.LISTING, "/v1/models/*", name="bare")
    assert (told["max_input_tokens"], told["created_at"]) == (None, "1970-01-01T00:00:00Z")
    assert told["display_name"] == "bare"


MANY = tuple(ModelCard(id=f"m{number}") for number in range(5))
PAGES: dict[str, tuple[dict[str, str], list[str], bool]] = {
    "all of it": ({}, ["m0", "m1", "m2", "m3", "m4"], False),
    "its beginning": ({"limit": "2"}, ["m0", "m1"], True),
    "what follows": ({"limit": "2", "after_id": "m1"}, ["m2", "m3"], True),
    "the last page": ({"limit": "2", "after_id": "m2"}, ["m3", "m4"], False),
    "behind the end": ({"after_id": "m4"}, [], False),
    "what is before": ({"limit": "2", "before_id": "m3"}, ["m1", "m2"], True),
    "the beginning, from behind": ({"limit": "9", "before_id": "m2"}, ["m0", "m1"], False),
    "an unknown place": ({"after_id": "gone"}, ["m0", "m1", "m2", "m3", "m4"], False),
}


@pytest.mark.parametrize("name", PAGES)
def test_pages_as_anthropic_s_clients_turn_them(name: str) -> None:
    query, ids, more = PAGES[name]
    told = ask(claude.LISTING, "/v1/models", MANY, query=query)
    assert [card["id"] for card in told["data"]] == ids
    assert told["has_more"] is more
    assert (told["first_id"], told["last_id"]) == ((ids[0], ids[-1]) if ids else (None, None))


@pytest.mark.parametrize("limit", ["0", "1001", "x", "", "-1", "²"])
def test_a_limit_that_is_none(limit: str) -> None:
    with pytest.raises(BadRequest) as raised:
        ask(claude.LISTING, "/v1/models", query={"limit": limit})
    assert raised.value.param == "limit"


def test_claude_code_is_shown_what_it_would_hide() -> None:
    cards = (ModelCard(id="claude-opus-5"), ModelCard(id="anthropic:x"), ModelCard(id="gpt-4o", name="GPT"), BARE)
    told = ask(claude.LISTING, "/v1/models", cards, headers={"user-agent": "claude-code/2.1"})
    assert [card["id"] for card in told["data"]] == ["claude-opus-5", "anthropic:x", "claude/gpt-4o", "claude/bare"]
    assert [card["display_name"] for card in told["data"]] == ["claude-opus-5", "anthropic:x", "GPT", "bare"]
    told = ask(claude.LISTING, "/v1/models", cards, headers={"user-agent": "Anthropic/Python"})
    assert told["data"][2]["id"] == "gpt-4o"


# --- finding one -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["bare", "models/bare", "bare:latest", "BARE", ALIAS + "bare"])
def test_one_model_in_any_spelling(name: str) -> None:
    assert find(CARDS, name) is BARE


def test_the_exact_spelling_comes_first() -> None:
    both = (ModelCard(id="a:latest"), ModelCard(id="a"))
    assert find(both, "a") is both[1]
    assert find(both, "A") is both[0]


def test_a_model_that_nobody_serves() -> None:
    with pytest.raises(ModelNotFound, match="no such model: none"):
        find(CARDS, "none")


# --- what backends list ----------------------------------------------------------------------------------------------

# A server's entry, shortened to what it tells -> what we know then.
ENTRIES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "OpenAI": ({"id": "gpt-4o", "created": 5, "owned_by": "system"}, {"created": 5, "owner": "system"}),
    "OpenAI, embeddings": ({"id": "text-embedding-3-small"}, {"answers": False}),
    "OpenAI, speech": ({"id": "tts-1"}, {"answers": False}),
    "OpenAI, hearing": ({"id": "whisper-1"}, {"answers": False}),
    "OpenAI, pictures": ({"id": "gpt-image-1"}, {"answers": False}),
    "Anthropic": (
        {
            "id": "claude-opus-5",
            "display_name": "Claude Opus 5",
            "created_at": "2026-01-01T00:00:00Z",
            "max_input_tokens": 1_000_000,
            "max_tokens": 128_000,
            "capabilities": {
                "image_input": {"supported": True},
                "pdf_input": {"supported": False},
                "thinking": {"supported": True, "types": {}},
            },
        },
        {
            "name": "Claude Opus 5", "created": 1_767_225_600, "context": 1_000_000, "max_output": 128_000,
            "vision": True, "pdf": False, "thinking": True,
        },
    ),
    "OpenRouter": (
        {
            "id": "openai/gpt-4o",
            "name": "OpenAI: GPT-4o",
            "context_length": 128000.0,
            "architecture": {"input_modalities": ["text", "image", "file"], "output_modalities": ["text"]},
            "top_provider": {"context_length": 128000, "max_completion_tokens": 16384},
            "supported_parameters": ["tools", "max_tokens"],
        },
        {
            "name": "OpenAI: GPT-4o", "context": 128_000, "max_output": 16_384, "vision": True, "pdf": True,
            "tools": True, "thinking": False,
        },
    ),
    "OpenRouter, pictures": (
        {"id": "v/image", "architecture": {"input_modalities": ["text"], "output_modalities": ["image"]}},
        {"vision": False, "pdf": False, "answers": False},
    ),
    "Groq": (
        {"id": "llama", "context_window": 131072, "max_completion_tokens": 32768, "owned_by": "Meta"},
        {"context": 131_072, "max_output": 32_768, "owner": "Meta"},
    ),
    "Mistral": (
        {
            "id": "mistral-large",
            "max_context_length": 131072,
            "capabilities": {"completion_chat": True, "function_calling": True, "vision": False, "reasoning": True},
        },
        {"context": 131_072, "tools": True, "vision": False, "thinking": True, "answers": True},
    ),
    "Mistral, embeddings": ({"id": "m", "capabilities": {"completion_chat": False}}, {"answers": False}),
    "Moonshot": (
        {"id": "kimi", "context_length": 262144, "supports_image_in": True, "supports_reasoning": False},
        {"context": 262_144, "vision": True, "thinking": False},
    ),
    "Fireworks": (
        {"id": "f", "supports_chat": False, "supports_image_input": False, "supports_tools": True},
        {"answers": False, "vision": False, "tools": True},
    ),
    "Together": (
        {"id": "t/m", "type": "chat", "context_length": 8192, "organization": "T"},
        {"context": 8192, "owner": "T"},
    ),
    "Together, embeddings": ({"id": "t/e5", "type": "embedding"}, {"answers": False}),
    "LM Studio": (
        {
            "id": "qwen", "type": "vlm", "publisher": "mlx", "arch": "qwen2_vl", "compatibility_type": "mlx",
            "quantization": "4bit", "max_context_length": 32768, "loaded_context_length": 4096,
            "capabilities": ["tool_use"],
        },
        {
            "vision": True, "owner": "mlx", "context": 4096, "tools": True,
            "details": {"family": "qwen2_vl", "format": "mlx", "quantization_level": "4bit"},
        },
    ),
    "LM Studio, no list of words denies": ({"id": "m", "capabilities": ["chat"]}, {}),
    "LM Studio's own": (
        {
            "key": "g/gemma", "display_name": "Gemma", "params_string": "4B", "size_bytes": 9,
            "quantization": {"name": "Q4", "bits_per_weight": 4},
            "capabilities": {"vision": True, "trained_for_tool_use": False},
        },
        {
            "name": "Gemma", "vision": True, "tools": False, "size": 9,
            "details": {"parameter_size": "4B", "quantization_level": "Q4"},
        },
    ),
    "vLLM": ({"id": "v", "max_model_len": 32768}, {"context": 32_768}),
    "llama.cpp": (
        {"id": "l", "meta": {"n_ctx_train": 131072, "size": 4}},
        {"context": 131_072, "size": 4},
    ),
    "llama.cpp, loaded": ({"id": "l", "meta": {"n_ctx": 4096, "n_ctx_train": 131072}}, {"context": 4096}),
    "GitHub": (
        {
            "id": "c",
            "capabilities": {
                "family": "gpt", "limits": {"max_context_window_tokens": 9, "max_output_tokens": 3},
                "supports": {"tool_calls": True, "vision": False},
            },
        },
        {"context": 9, "max_output": 3, "tools": True, "vision": False, "details": {"family": "gpt"}},
    ),
    "what is no figure": ({"id": "m", "context_length": "8k", "max_model_len": True, "context_window": -1}, {}),
    "what is no date": ({"id": "m", "created": "soon", "created_at": {}}, {}),
    "a date before all": ({"id": "m", "created_at": "1960-01-01T00:00:00Z"}, {}),
    "what is no switch": ({"id": "m", "supports_tools": "yes", "capabilities": 3}, {}),
}  # fmt: skip


@pytest.mark.parametrize("name", ENTRIES)
def test_what_a_server_tells_of_a_model(name: str) -> None:
    entry, expected = ENTRIES[name]
    [card] = read_page(orjson.dumps({"data": [entry]})).cards
    assert card == ModelCard(id=entry.get("id") or entry["key"], **expected)


SHAPES: dict[str, tuple[object, list[str], str]] = {
    "OpenAI": ({"object": "list", "data": [{"id": "a"}]}, ["a"], ""),
    "a bare list": ([{"id": "a"}, {"id": "b"}], ["a", "b"], ""),
    "models": ({"models": [{"name": "a"}]}, ["a"], ""),
    "entries that are none": ({"data": [{"id": ""}, 3, None, {"id": 4}, {"id": "a"}]}, ["a"], ""),
    "a page of Anthropic's": ({"data": [{"id": "a"}], "has_more": True, "last_id": "a"}, ["a"], "a"),
    "the last page": ({"data": [{"id": "a"}], "has_more": False, "last_id": "a"}, ["a"], ""),
    "more, and no place": ({"data": [{"id": "a"}], "has_more": True}, ["a"], ""),
    "nothing": ({"data": []}, [], ""),
}


@pytest.mark.parametrize("name", SHAPES)
def test_the_shapes_of_a_list(name: str) -> None:
    told, ids, after = SHAPES[name]
    page = read_page(orjson.dumps(told))
    assert ([card.id for card in page.cards], page.next) == (ids, after)


@pytest.mark.parametrize("dialect", LISTINGS)
@pytest.mark.parametrize("data", [b"<html>", b"3", b'{"data": 3, "models": {}}', b""])
def test_what_is_no_list_is_garbled(dialect: str, data: bytes) -> None:
    with pytest.raises(BackendGarbled):
        LISTINGS[dialect].decode(data)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["id", "name", "data", "models", "capabilities", "meta", "n_ctx", "created", "details"]),
        inner, max_size=4,
    ),
    max_leaves=12,
)  # fmt: skip


@given(JSON)
def test_nothing_that_a_backend_says_is_more_than_garbled(told: object) -> None:
    data = orjson.dumps(told, default=str) if not _huge(told) else b"{}"
    for listing in LISTINGS.values():
        with suppress(BackendGarbled):
            listing.decode(data)
        with suppress(BackendGarbled):
            assert listing.detail is None or listing.detail.decode(BARE, data)


def _huge(value: object) -> bool:
    """orjson writes no integer beyond 64 bits."""
    if isinstance(value, int):
        return abs(value) >= 2**63
    if isinstance(value, dict):
        return any(map(_huge, value.values()))
    return isinstance(value, list) and any(map(_huge, value))


# --- Google's --------------------------------------------------------------------------------------------------------


def test_a_model_in_google_s_words() -> None:
    told = ask(gemini.LISTING, "/v1beta/models/*", name="vendor/whole:8b")
    assert (told["name"], told["displayName"]) == ("models/vendor/whole:8b", "Whole")
    assert (told["inputTokenLimit"], told["outputTokenLimit"], told["thinking"]) == (192_000, 8_000, True)
    assert "generateContent" in told["supportedGenerationMethods"]
    told = ask(gemini.LISTING, "/v1/models/*", name="models/bare")
    assert "inputTokenLimit" not in told
    assert told["description"] == "bare, served by llmux"


GOOGLE_PAGES: dict[str, tuple[dict[str, str], list[str], str | None]] = {
    "all of it": ({}, ["m0", "m1", "m2", "m3", "m4"], None),
    "as many as there may be": ({"pageSize": "99999"}, ["m0", "m1", "m2", "m3", "m4"], None),
    "no size": ({"pageSize": "0"}, ["m0", "m1", "m2", "m3", "m4"], None),
    "a page": ({"pageSize": "2"}, ["m0", "m1"], "m1"),
    "the next one": ({"pageSize": "3", "pageToken": "m1"}, ["m2", "m3", "m4"], None),
}


@pytest.mark.parametrize("name", GOOGLE_PAGES)
def test_pages_as_google_s_clients_turn_them(name: str) -> None:
    query, ids, token = GOOGLE_PAGES[name]
    told = ask(gemini.LISTING, "/v1beta/models", MANY, query=query)
    assert [card["name"] for card in told["models"]] == [f"models/{each}" for each in ids]
    assert told.get("nextPageToken") == token


@pytest.mark.parametrize(("query", "param"), [({"pageSize": "x"}, "pageSize"), ({"pageToken": "gone"}, "pageToken")])
def test_a_page_that_is_none(query: dict[str, str], param: str) -> None:
    with pytest.raises(BadRequest) as raised:
        ask(gemini.LISTING, "/v1beta/models", query=query)
    assert raised.value.param == param


def test_what_google_lists() -> None:
    told = {
        "models": [
            {
                "name": "models/gemini-2.5-flash", "displayName": "Gemini 2.5 Flash", "inputTokenLimit": 1_048_576,
                "outputTokenLimit": 65_536, "supportedGenerationMethods": ["generateContent"], "thinking": True,
            },
            {"name": "models/gemini-embedding-001", "supportedGenerationMethods": ["embedContent"]},
            {"displayName": "nameless"},
        ],
        "nextPageToken": "there",
    }  # fmt: skip
    page = gemini.decode(orjson.dumps(told))
    assert page.next == "there"
    assert page.cards == (
        ModelCard(
            id="gemini-2.5-flash", name="Gemini 2.5 Flash", owner="google", context=1_114_112, max_output=65_536,
            thinking=True,
        ),
        ModelCard(id="gemini-embedding-001", owner="google", answers=False),
    )  # fmt: skip


# --- Ollama's --------------------------------------------------------------------------------------------------------


def test_what_ollama_lists() -> None:
    told = {
        "models": [
            {
                "name": "llama3:8b", "model": "llama3:8b", "size": 9,
                "modified_at": "2026-01-01T00:00:00.123456789+00:00",
                "details": {"family": "llama", "families": ["llama"], "parameter_size": "8B"},
            },
            {"name": "nomic", "capabilities": ["embedding"], "modified_at": "never"},
            {"size": 1},
        ]
    }  # fmt: skip
    assert ollama.decode(orjson.dumps(told)).cards == (
        ModelCard(
            id="llama3:8b", owner="ollama", created=1_767_225_600, size=9,
            details={"family": "llama", "parameter_size": "8B"},
        ),
        ModelCard(id="nomic", owner="ollama", answers=False, vision=False, tools=False, thinking=False),
    )  # fmt: skip


# What /api/show says -> what we know then.
SHOWN: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "nothing": ({}, {}),
    "what it was made for": ({"model_info": {"general.architecture": "llama", "llama.context_length": 131072}},
                             {"context": 131_072}),
    "what it is set to": ({"parameters": "stop x\nnum_ctx    8192\nnum_ctx", "model_info": {"a.context_length": 9}},
                          {"context": 8192}),
    "a size that is none": ({"parameters": "num_ctx many", "model_info": {"llama.context_length": None}}, {}),
    "what it can do": ({"capabilities": ["completion", "tools"]}, {"tools": True, "vision": False, "thinking": False}),
    "what it is": ({"details": {"family": "f"}}, {"details": {"family": "f"}}),
}  # fmt: skip


@pytest.mark.parametrize("name", SHOWN)
def test_what_ollama_shows_of_a_model(name: str) -> None:
    told, expected = SHOWN[name]
    assert ollama.decode_detail(BARE, orjson.dumps(told)) == ModelCard(id="bare", **expected)


def test_ollama_is_asked_for_one_model() -> None:
    assert ollama.LISTING.detail is not None
    assert orjson.loads(ollama.LISTING.detail.encode("llama3")) == {"model": "llama3"}


@pytest.mark.parametrize("field", ["model", "name"])
def test_ollama_s_clients_are_shown_a_model(field: str) -> None:
    body = orjson.dumps({field: "vendor/whole:8b"})
    told = ask(ollama.LISTING, "/api/show", method="POST", body=body)
    assert told["capabilities"] == ["completion", "tools", "vision", "thinking"]
    assert told["model_info"]["llama.context_length"] == 200_000
    assert told["details"] == {
        "parent_model": "", "format": "", "family": "llama", "parameter_size": "8B", "quantization_level": "",
        "families": ["llama"],
    }  # fmt: skip


def test_what_is_not_known_is_not_shown() -> None:
    told = ask(ollama.LISTING, "/api/show", method="POST", body=b'{"model": "bare"}')
    assert told["model_info"] == {"general.architecture": "llmux", "general.basename": "bare"}


def test_a_show_that_names_no_model() -> None:
    with pytest.raises(BadRequest) as raised:
        ask(ollama.LISTING, "/api/show", method="POST", body=b"{}")
    assert raised.value.param == "name"


def test_ollama_s_small_pages() -> None:
    assert ask(ollama.LISTING, "/api/version")["version"]
    assert ask(ollama.LISTING, "/api/ps") == {"models": []}


@pytest.mark.parametrize(("method", "path"), ollama.NOT_OFFERED)
def test_what_a_gateway_does_not_do(method: str, path: str) -> None:
    with pytest.raises(NotOffered) as raised:
        ask(ollama.LISTING, path, method=method)
    assert raised.value.status == 501


# --- who asks --------------------------------------------------------------------------------------------------------

Spoken = Callable[[dict[str, str], dict[str, str]], bool]


@pytest.mark.parametrize(
    ("spoken", "headers", "query", "expected"),
    [
        (claude.spoken, {}, {}, False),
        (claude.spoken, {"anthropic-version": "2023-06-01"}, {}, True),
        (claude.spoken, {"x-api-key": "k"}, {}, True),
        (claude.spoken, {"x-api-key": "k", "authorization": "Bearer k"}, {}, False),
        (claude.spoken, {}, {"before_id": "x"}, True),
        (claude.spoken, {"user-agent": "Claude-CLI/2"}, {}, True),
        (gemini.spoken, {"x-api-key": "k"}, {}, False),
        (gemini.spoken, {"x-goog-api-key": "k"}, {}, True),
        (gemini.spoken, {"x-goog-api-client": "c"}, {}, True),
        (gemini.spoken, {}, {"key": "k"}, True),
        (gemini.spoken, {"user-agent": "google-genai-sdk/3.4"}, {}, True),
    ],
)
def test_who_asks(spoken: Spoken, headers: dict[str, str], query: dict[str, str], expected: bool) -> None:
    assert spoken(headers, query) is expected


@pytest.mark.parametrize("kind", [[], {}, 5, None])
def test_a_type_that_is_no_word_says_nothing(kind: object) -> None:
    (card,) = openai_chat.LISTING.decode(orjson.dumps({"data": [{"id": "m", "type": kind}]})).cards
    assert card.answers
