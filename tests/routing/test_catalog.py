"""What a model's name means."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from llmux.ir.capability import Profile
from llmux.ir.card import ModelCard
from llmux.routing.catalog import Backend, Catalog, Way, backend_model, candidates, find, matches, takes, way_of
from llmux.routing.listed import listed


def backend(model: str, name: str = "", match: tuple[str, ...] = (), *, enabled: bool = True) -> Backend:
    provider, _, rest = model.partition(":")
    return Backend(
        name=name or model, provider=provider, model=rest, dialect="openai_chat", match=match, enabled=enabled
    )


GPT = backend("openai:gpt-4o", match=("*sonnet*",))
MINI = backend("openai:mini", "cheap")
AGAIN = backend("openai:mini", "dear")
OFF = backend("openai:old", enabled=False)
LOCAL = backend("ollama:*", match=("llama*",))
CATALOG = Catalog(
    (GPT, MINI, AGAIN, OFF, LOCAL),
    {"analyzer": ("ollama:*", "openai:gpt-4o", "gone:x"), "ollama:fast": ("cheap",), "cheap": ("dear",)},
)
EVERYONE = ["openai:gpt-4o", "cheap", "dear", "openai:old", "ollama:*"]

MEANINGS = {
    "a backend": ("openai:gpt-4o", ["openai:gpt-4o"]),
    "a backend by its name": ("dear", ["dear"]),
    "a backend by its name, before a role": ("cheap", ["cheap"]),
    "two share a model: the first": ("openai:mini", ["cheap"]),
    "a backend that is off: the selector says so": ("openai:old", ["openai:old"]),
    "whatever a provider serves": ("ollama:llama3:8b", ["ollama:*"]),
    "the star itself": ("ollama:*", ["ollama:*"]),
    "a role, in its order": ("analyzer", ["ollama:*", "openai:gpt-4o"]),
    "a role, before whatever a provider serves": ("ollama:fast", ["cheap"]),
    "a provider without a star": ("openai:gpt-9", EVERYONE),
    "a provider and nothing": ("ollama:", EVERYONE),
    "a name with a colon": ("llama3:8b", EVERYONE),
    "a name": ("claude-sonnet-4", EVERYONE),
    "case counts in names": ("OpenAI:gpt-4o", EVERYONE),
    "no name": ("", EVERYONE),
}


@pytest.mark.parametrize(("model", "expected"), MEANINGS.values(), ids=MEANINGS)
def test_meaning(model: str, expected: list[str]) -> None:
    assert [candidate.name for candidate in candidates(CATALOG, model)] == expected


@pytest.mark.parametrize("model", ["openai:gpt-4o", "ollama:mistral", "analyzer"])
def test_who_is_meant_by_name_takes_any_name(model: str) -> None:
    assert all(candidate.match == () for candidate in candidates(CATALOG, model))


def test_who_is_not_meant_by_name_keeps_its_match() -> None:
    assert candidates(CATALOG, "claude-sonnet-4") == CATALOG.backends


def test_find() -> None:
    assert find(CATALOG, "dear") is AGAIN
    assert find(CATALOG, "openai:mini") is MINI
    assert find(CATALOG, "ollama:llama3") is None
    assert find(Catalog(()), "x") is None


@pytest.mark.parametrize(
    ("asked_of", "asked", "sent"),
    [
        (GPT, "claude-sonnet-4", "gpt-4o"),
        (GPT, "openai:gpt-4o", "gpt-4o"),
        (LOCAL, "ollama:llama3:8b", "llama3:8b"),
        (LOCAL, "llama3:8b", "llama3:8b"),
        (LOCAL, "openai:gpt-4o", "openai:gpt-4o"),
    ],
)
def test_the_name_that_is_sent(asked_of: Backend, asked: str, sent: str) -> None:
    assert backend_model(asked_of, asked) == sent


# --- what a provider lists -------------------------------------------------------------------------------------------

SHELF = listed([ModelCard(id="llama3:latest"), ModelCard(id="models/gemini-2.5-flash")])
PICKY = replace(LOCAL, match=(), listed=SHELF)
LAX = replace(PICKY, name="demo:*", provider="demo", listed=replace(SHELF, whole=False))
KNOWING = Catalog((GPT, PICKY, LAX), {"gemini-2.5-flash": ("openai:gpt-4o",)})


# What is asked -> by whom it can be answered, and under which name its provider knows it.
SERVED = {
    "llama3": [("ollama:*", "llama3:latest"), ("demo:*", "llama3:latest")],
    "models/llama3": [("ollama:*", "llama3:latest"), ("demo:*", "llama3:latest")],
    "gemini-2.5-flash-001": [("demo:*", "gemini-2.5-flash-001")],
    "ollama:llama3": [("ollama:*", "llama3:latest")],
    "ollama:unheard": [("ollama:*", "unheard")],
    "claude-sonnet-4": [("openai:gpt-4o", "gpt-4o"), ("demo:*", "claude-sonnet-4")],
    "models/gemini-2.5-flash": [("openai:gpt-4o", "gpt-4o")],
    "openai:gpt-4o:latest": [("openai:gpt-4o", "gpt-4o")],
}


@pytest.mark.parametrize("model", SERVED)
def test_who_serves_what_is_listed(model: str) -> None:
    pool = [backend for backend in candidates(KNOWING, model) if takes(backend, model)]
    assert [(backend.name, backend_model(backend, model)) for backend in pool] == SERVED[model]


def test_a_listed_model_has_its_own_profile() -> None:
    told = replace(KNOWING, profile_of=lambda backend, model: Profile(context=len(model)))
    assert [backend.profile.context for backend in candidates(told, "llama3")] == [None, 13, 13]


def test_an_alias_is_not_sent() -> None:
    assert backend_model(LOCAL, "claude/llama3") == "llama3"
    assert backend_model(LOCAL, "claude/ollama:llama3") == "llama3"


def test_a_match_fits_any_spelling() -> None:
    assert takes(backend("g:m", match=("gemini-*",)), "models/gemini-3")
    assert takes(backend("g:m", match=("models/gemini-*",)), "models/gemini-3")
    assert not takes(backend("g:m", match=("models/*",)), "gemini-3")


# --- globs -----------------------------------------------------------------------------------------------------------

GLOBS = [
    ("*sonnet*", "claude-sonnet-4", True),
    ("*sonnet*", "sonnet", True),
    ("*SONNET*", "Claude-Sonnet", True),
    ("gpt-4*", "gpt-4", True),
    ("gpt-4*", "my-gpt-4", False),
    ("*mini", "gpt-4o-mini", True),
    ("*mini", "gpt-4o-mini-high", False),
    ("gpt-?o", "gpt-4o", True),
    ("gpt-?o", "gpt-o", False),
    ("gpt-?o", "gpt-44o", False),
    ("a?*?c", "abbc", True),
    ("a?*?c", "abc", False),
    ("a*b*c", "a-b-b-c-c", True),
    ("a*b*c", "a-c-b", False),
    ("a**b", "ab", True),
    ("*", "", True),
    ("", "", True),
    ("", "x", False),
    ("gpt.4", "gpt-4", False),
    ("gpt[45]", "gpt4", False),
    ("gpt[45]", "gpt[45]", True),
    (r"a\?", r"a\b", True),
    ("a+(b|c)$", "a+(b|c)$", True),
    ("*end", "line\nend", True),
    ("?", "\n", True),
    ("exact", "exact\n", False),
]


@pytest.mark.parametrize(("glob", "name", "expected"), GLOBS)
def test_glob(glob: str, name: str, expected: bool) -> None:
    assert matches((glob,), name) is expected


def test_any_of_several_globs_will_do() -> None:
    assert matches(["gpt-*", "*haiku*"], "claude-haiku")
    assert matches(["a|b", "c"], "c")
    assert not matches(["a", "b"], "ab")
    assert not matches([], "")


def _by_hand(glob: str, name: str) -> bool:
    """What a glob means, from its definition and slowly."""
    if not glob:
        return not name
    if glob[0] == "*":
        return any(_by_hand(glob[1:], name[start:]) for start in range(len(name) + 1))
    return bool(name) and glob[0] in {"?", name[0]} and _by_hand(glob[1:], name[1:])


@given(st.text("ab*?", max_size=6), st.text("ab", max_size=8))
def test_a_glob_means_what_its_definition_says(glob: str, name: str) -> None:
    assert matches((glob,), name) is _by_hand(glob, name)


def test_a_long_name_costs_no_more_than_its_length() -> None:
    """A pattern that comes back to every star would need hours for this."""
    began = time.perf_counter()
    assert not matches(("*a*a*a*a*a*b",), "a" * 50_000)
    assert time.perf_counter() - began < 2


# --- how the backends of a name answer together ----------------------------------------------------------------------

HEDGED = Way(name="analyzer", execution="hedge")
TOGETHER = replace(CATALOG, ways={"analyzer": HEDGED, "cheap": HEDGED}, way=Way(policy="latency"))


@pytest.mark.parametrize("model", ["analyzer", "models/analyzer", "analyzer:latest"])
def test_a_role_answers_in_its_way_however_it_is_spelled(model: str) -> None:
    assert way_of(TOGETHER, model) is HEDGED


@pytest.mark.parametrize("model", ["openai:gpt-4o", "claude-sonnet-4", "ollama:fast", "cheap"])
def test_all_others_answer_in_the_usual_way(model: str) -> None:
    assert way_of(TOGETHER, model) is TOGETHER.way


def test_the_time_that_answers_take_to_begin_matters_to_some() -> None:
    assert not CATALOG.is_timed
    assert replace(CATALOG, ways={"analyzer": HEDGED}).is_timed
    assert replace(CATALOG, way=Way(policy="latency")).is_timed
