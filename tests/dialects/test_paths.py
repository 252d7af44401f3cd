"""Where clients knock, and where backends are asked."""

import pytest

from llmux.dialects.base import Counting, Form, backend_path
from llmux.dialects.claude import CLAUDE
from llmux.dialects.paths import Paths, starred, tidy
from llmux.errors import BadRequest

TABLE = Paths([("/a", "a"), ("/a", "later"), ("/m/*:go", "star"), ("/m/*", "rest")])
FOUND = {
    "/a": "a",
    "/b": None,
    "/m/x:go": "star",
    "/m/org/x:7b:go": "star",
    "/m/:go": "rest",
    "/m/": None,
}


@pytest.mark.parametrize("path", FOUND)
def test_a_path_leads_to_what_is_there(path: str) -> None:
    assert TABLE.find(path) == FOUND[path]


def test_a_typo_is_answered_in_kind() -> None:
    assert TABLE.near("/a/typo") == "a"
    assert TABLE.near("/m/x:come") == "star"
    assert TABLE.near("/elsewhere") is None


def form(path: str, stream_path: str = "") -> Form:
    main = {name: getattr(CLAUDE, name) for name in Form.__struct_fields__}
    return Form(**(main | {"path": path, "stream_path": stream_path}))


STREAMED = form("/models/{model}:go", "/models/{model}:stream?alt=sse")
ASKED = {
    "as it is": (form("/chat"), False, "", "/chat"),
    "with the client's query": (form("/chat"), True, "beta=true&x=%0A", "/chat?beta=true&x=%0A"),
    "the model in the path": (STREAMED, False, "", "/models/org/m%3A7b:go"),
    "a stream": (STREAMED, True, "", "/models/org/m%3A7b:stream?alt=sse"),
    "what the path asks for comes once": (STREAMED, True, "alt=json&b=1", "/models/org/m%3A7b:stream?alt=sse&b=1"),
    "and alone": (STREAMED, True, "alt=json", "/models/org/m%3A7b:stream?alt=sse"),
}


@pytest.mark.parametrize("case", ASKED)
def test_a_backend_is_asked_at(case: str) -> None:
    asked, stream, query, path = ASKED[case]
    assert backend_path(asked, "org/m:7b", stream=stream, query=query) == path


def test_a_model_is_named_once() -> None:
    counting = CLAUDE.counting
    assert isinstance(counting, Counting)
    assert backend_path(counting, "m", stream=True) == counting.path
    assert backend_path(STREAMED, "models/m") == "/models/m:go"


@pytest.mark.parametrize("name", ["tunedModels/m", "projects/p/locations/l/endpoints/1", "publishers/google/models/m"])
def test_a_name_that_says_where_it_stands_is_asked_there(name: str) -> None:
    assert backend_path(STREAMED, name) == f"/{name}:go"
    assert backend_path(STREAMED, name, stream=True) == f"/{name}:stream?alt=sse"
    assert backend_path(form("/chat"), name) == "/chat"


@pytest.mark.parametrize("name", ["../../etc", "..", ".", "org/../m", "models/..", "tunedModels/../../x"])
def test_a_name_leads_to_no_other_place(name: str) -> None:
    with pytest.raises(BadRequest) as caught:
        backend_path(STREAMED, name)
    assert caught.value.param == "model"
    assert backend_path(form("/chat"), name) == "/chat"


def test_a_dialect_is_its_own_main_form() -> None:
    assert CLAUDE.form("") is CLAUDE
    assert CLAUDE.every_form() == (CLAUDE,)


def test_base_urls_that_are_written_in_their_own_way() -> None:
    assert [tidy(path) for path in ("/v1/v1/models", "/v1/models/", "/", "/models//")] == [
        "/v1/models", "/v1/models", "/", "/models",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("pattern", "path", "name"),
    [("/m/*", "/m/org/x:7b", "org/x:7b"), ("/m/*:go", "/m/x:7b:go", "x:7b"), ("/m", "/m", "")],
)
def test_what_stands_for_the_star(pattern: str, path: str, name: str) -> None:
    assert starred(pattern, path) == name
