"""Kept answers in OpenAI's words: its own SDK reads what is said of them."""

from collections.abc import Callable, Mapping
from typing import Any

import httpx2
import openai
import orjson
import pytest

from llmux.dialects.keeping import Answered, Kept
from llmux.dialects.openai_responses.keeping import KEEPING
from llmux.errors import BadRequest
from llmux.ir.request import Original
from llmux.wire import sse as framing
from tests.scripted import sse

COMPACTING = KEEPING.compacting
ITEM = COMPACTING.item("We look at a cat.", "r1")
TRIGGER = {"type": "compaction_trigger"}
HELLO = {"role": "user", "content": "hello"}
ASSISTANT = {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "hi"}]}
LONG_HELLO = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "hello"}]}
THEIRS = {"type": "compaction", "encrypted_content": "gAAAAA"}

TOLD: dict[str, tuple[dict[str, Any], list[Any]]] = {
    "a string": ({"input": "hello"}, [LONG_HELLO]),
    "items": ({"input": [HELLO, ASSISTANT]}, [HELLO, ASSISTANT]),
    "nothing": ({}, []),
    "null": ({"input": None}, []),
    "a trigger is no item": ({"input": [HELLO, TRIGGER]}, [HELLO]),
    "instructions are none": ({"instructions": "Be brief.", "input": [HELLO]}, [HELLO]),
    "a summary stays folded": ({"input": [ITEM, HELLO]}, [ITEM, HELLO]),
    "what is no object is for the codec": ({"input": ["x"]}, ["x"]),
}


@pytest.mark.parametrize(("document", "items"), TOLD.values(), ids=TOLD)
def test_what_a_request_tells(document: dict[str, Any], items: list[Any]) -> None:
    assert KEEPING.told(document) == items


def test_going_on_puts_the_conversation_in_front() -> None:
    document = {"model": "m", "input": "hello", "previous_response_id": "resp_1", "instructions": "Be brief."}
    whole = KEEPING.go_on(document, [HELLO, ASSISTANT])
    assert whole == {"model": "m", "input": [HELLO, ASSISTANT, LONG_HELLO], "instructions": "Be brief."}
    assert document["previous_response_id"] == "resp_1"


def test_going_on_unfolds_every_summary_and_keeps_the_trigger_last() -> None:
    summed_up, *rest = KEEPING.go_on({"input": [HELLO, TRIGGER]}, [ITEM, THEIRS])["input"]
    assert summed_up["role"] == "user"
    assert summed_up["content"][0]["text"].endswith("\n\nWe look at a cat.")
    assert rest == [THEIRS, HELLO, TRIGGER]


FOLDED: dict[str, tuple[Any, bool]] = {
    "ours": ([HELLO, ITEM], True),
    "theirs": ([THEIRS], False),
    "damaged": ([ITEM | {"encrypted_content": ITEM["encrypted_content"][:-9]}], False),
    "no text": ([{"type": "compaction", "encrypted_content": None}], False),
    "another's envelope": ([{"type": "compaction", "encrypted_content": "llmux1.e30"}], False),
    "a string": ("hello", False),
    "none": ([HELLO], False),
    "nothing": (None, False),
}


@pytest.mark.parametrize(("given", "folded"), FOLDED.values(), ids=FOLDED)
def test_whose_summary_it_is(given: Any, folded: bool) -> None:
    assert KEEPING.is_folded({"input": given}) is folded


ASKED: dict[str, tuple[Any, bool]] = {
    "last": ([HELLO, TRIGGER], True),
    "alone": ([TRIGGER], True),
    "not last": ([TRIGGER, HELLO], False),
    "none": ([HELLO], False),
    "empty": ([], False),
    "a string": ("compaction_trigger", False),
}


@pytest.mark.parametrize(("given", "asked"), ASKED.values(), ids=ASKED)
def test_when_a_summary_is_asked_for(given: Any, asked: bool) -> None:
    assert COMPACTING.is_asked({"input": given}) is asked


UNKEPT: dict[str, tuple[bytes, dict[str, Any]]] = {
    "unsaid": (b'{"model": "m",  "temperature":1.0}', {"model": "m", "temperature": 1.0, "store": False}),
    "said": (b'{"store":true}', {"store": False}),
    "reasoning": (
        b'{"reasoning":{"effort":"low"}}',
        {"reasoning": {"effort": "low"}, "store": False, "include": ["reasoning.encrypted_content"]},
    ),
    "more included": (
        b'{"reasoning":{},"include":["x"]}',
        {"reasoning": {}, "include": ["x"], "store": False},
    ),
    "included already": (
        b'{"reasoning":{"effort":"low"},"include":["reasoning.encrypted_content"]}',
        {"reasoning": {"effort": "low"}, "include": ["reasoning.encrypted_content"], "store": False},
    ),
    "another shape": (
        b'{"reasoning":{"effort":"low"},"include":"x"}',
        {"reasoning": {"effort": "low"}, "include": "x", "store": False},
    ),
}


@pytest.mark.parametrize(("body", "document"), UNKEPT.values(), ids=UNKEPT)
def test_the_backend_is_told_not_to_keep_it(body: bytes, document: dict[str, Any]) -> None:
    original = KEEPING.unkept(Original(body, orjson.loads(body)))
    assert orjson.loads(original.body) == original.document == document


def test_what_is_not_changed_keeps_its_bytes() -> None:
    body = b'{"a":{ "b" : 1.50 },"model":"m"}'
    assert KEEPING.unkept(Original(body, orjson.loads(body))).body == b'{"a":{ "b" : 1.50 },"model":"m","store":false}'


def test_what_had_to_be_repaired_is_written_anew() -> None:
    original = KEEPING.unkept(Original(b'{"a":"\\ud800"}', {"a": "?"}, repaired=True))
    assert orjson.loads(original.body) == {"a": "?", "store": False}


# --- answers ---------------------------------------------------------------------------------------------------------

WHOLE = {"id": "resp_1", "status": "completed", "output": [ASSISTANT]}
CREATED = {"type": "response.created", "response": {"id": "resp_1", "status": "in_progress"}}
DONE = {"type": "response.output_item.done", "item": ASSISTANT}
NOISE = {"type": "response.output_text.delta", "delta": '"response": {} response.output_item.done'}


def ending(kind: str = "completed", **changes: Any) -> dict[str, Any]:
    return {"type": f"response.{kind}", "response": {**WHOLE, "status": kind, **changes}}


GOOD: dict[str, tuple[bytes, bool]] = {
    "whole": (orjson.dumps(WHOLE), False),
    "whole, without a status": (orjson.dumps({"id": "resp_1", "output": [ASSISTANT]}), False),
    "incomplete": (orjson.dumps({**WHOLE, "status": "incomplete"}), False),
    "a stream": (sse(CREATED, NOISE, DONE, ending()), True),
    "a stream that stops early": (sse(CREATED, DONE, ending("incomplete")), True),
    "items only on the way": (sse(CREATED, NOISE, DONE, ending(output=[])), True),
    "named events, lines of Windows": (
        b"event: response.completed\r\n" + sse(ending()).replace(b"\n", b"\r\n"),
        True,
    ),
    "an end without its empty line": (sse(ending()).removesuffix(b"\n\n"), True),
    "a mark at the end": (sse(ending(), "[DONE]"), True),
}


@pytest.mark.parametrize(("data", "stream"), GOOD.values(), ids=GOOD)
def test_an_answer_to_go_on_from(data: bytes, stream: bool) -> None:
    heard = KEEPING.answered(data, stream)
    assert heard is not None
    assert (heard.id, orjson.loads(heard.said)) == ("resp_1", [ASSISTANT])
    assert orjson.loads(heard.document)["id"] == "resp_1"


def test_its_bytes_are_kept_as_they_came() -> None:
    document = b'{ "id":"resp_1" , "status":"completed", "output":[], "x": 1.50 }'
    stream = b'data: {"type":"response.completed","response":' + document + b"}\n\n"
    assert KEEPING.answered(stream, True) == KEEPING.answered(document, False) == Answered("resp_1", document, b"[]")


BAD: dict[str, tuple[bytes, bool]] = {
    "failed": (orjson.dumps({**WHOLE, "status": "failed"}), False),
    "without an id": (orjson.dumps({"status": "completed"}), False),
    "an error": (b'{"error":{"message":"no"}}', False),
    "no JSON": (b"<html>", False),
    "no text": (b'{"id":"\xff"}', False),
    "a list": (b"[]", False),
    "nested too deep": (b'{"id":"resp_1","output":' + b"[" * 5000 + b"]" * 5000 + b"}", False),
    "nested too deep to be written": (b'{"id":"resp_1","output":' + b"[" * 300 + b"]" * 300 + b"}", False),
    "a stream that failed": (sse(CREATED, ending("failed")), True),
    "a stream that was cut": (sse(CREATED, DONE), True),
    "an end that is no JSON": (b'data: {"type":"response.completed","response":{\n\n', True),
}


@pytest.mark.parametrize(("data", "stream"), BAD.values(), ids=BAD)
def test_no_answer_to_go_on_from(data: bytes, stream: bool) -> None:
    assert KEEPING.answered(data, stream) is None


def test_a_frame_that_is_too_large_is_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(framing, "MAX_FRAME_BYTES", 10)
    assert KEEPING.answered(b"data: x" * 9, True) is None


def test_forgetting_is_told() -> None:
    assert orjson.loads(KEEPING.deleted("resp_1")) == {"id": "resp_1", "object": "response", "deleted": True}


# --- pages of what was told ------------------------------------------------------------------------------------------

CALL = {"type": "function_call", "call_id": "c1", "name": "f", "arguments": "{}", "id": "fc_own"}
RESULT = {"type": "function_call_output", "call_id": "c1", "output": "x"}
ODD = {"type": "novel", "x": 1}
SPOKEN = {"role": "assistant", "content": "hi"}
KEPT = Kept(b"{}", orjson.dumps([HELLO, SPOKEN, CALL, RESULT, ODD]), b"[]")


def sdk(answer: Callable[[httpx2.Request], bytes]) -> openai.OpenAI:
    """OpenAI's own client, which hears what `answer` says."""

    def respond(request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(200, headers={"content-type": "application/json"}, content=answer(request))

    return openai.OpenAI(api_key="k", http_client=httpx2.Client(transport=httpx2.MockTransport(respond)))


def page(**query: str) -> Mapping[str, Any]:
    return orjson.loads(KEEPING.items("resp_1", KEPT, query))  # type: ignore[no-any-return]


def test_openais_own_client_turns_the_pages() -> None:
    client = sdk(lambda request: KEEPING.items("resp_1", KEPT, dict(request.url.params)))
    listed = client.responses.input_items.list("resp_1", order="asc", limit=2)
    assert [item.type for item in listed] == [
        "message", "message", "function_call", "function_call_output", "novel"
    ]  # fmt: skip


def kinds(page: Mapping[str, Any]) -> list[str]:
    return [item["type"] for item in page["data"]]


def test_items_are_told_in_the_long_form_the_latest_first() -> None:
    told = page()
    assert kinds(told) == ["novel", "function_call_output", "function_call", "message", "message"]
    *_, call, spoken, hello = told["data"]
    assert call == CALL
    assert hello["content"] == [{"type": "input_text", "text": "hello"}]
    assert spoken["content"] == [{"type": "output_text", "text": "hi", "annotations": []}]
    assert hello["status"] == "completed"
    assert (told["first_id"], told["last_id"], told["has_more"]) == (told["data"][0]["id"], hello["id"], False)
    assert [item["id"].partition("_")[0] for item in told["data"]] == ["item", "fco", "fc", "msg", "msg"]
    assert page() == told


def test_what_is_in_the_long_form_already_stays_as_it_is() -> None:
    whole = {"id": "msg_own", "status": "completed", **LONG_HELLO}
    kept = Kept(b"{}", orjson.dumps([whole]), b"[]")
    assert orjson.loads(KEEPING.items("resp_1", kept, {}))["data"] == [whole]


def test_pages_follow_each_other() -> None:
    first = page(order="asc", limit="2")
    assert (kinds(first), first["has_more"]) == (["message", "message"], True)
    second = page(order="asc", limit="2", after=first["last_id"])
    assert (kinds(second), second["has_more"]) == (["function_call", "function_call_output"], True)
    third = page(order="asc", limit="2", after=second["last_id"])
    assert (kinds(third), third["has_more"]) == (["novel"], False)
    fourth = page(order="asc", after=third["last_id"])
    assert (kinds(fourth), fourth["first_id"], fourth["has_more"]) == ([], "", False)


@pytest.mark.parametrize(
    "query", [{"order": "up"}, {"limit": "0"}, {"limit": "101"}, {"limit": "x"}, {"after": "nobody"}], ids=str
)
def test_a_page_that_cannot_be(query: dict[str, str]) -> None:
    with pytest.raises(BadRequest) as heard:
        KEEPING.items("resp_1", KEPT, query)
    assert heard.value.param in query


# --- summaries -------------------------------------------------------------------------------------------------------


def test_the_model_is_asked_behind_everything_that_may_be_cached() -> None:
    tools = [{"type": "function", "name": "f"}]
    document = {
        "model": "m", "instructions": "Be brief.", "tools": tools, "tool_choice": "required", "input": [HELLO, TRIGGER],
        "text": {"format": {"type": "json_object"}}, "max_output_tokens": 9, "reasoning": {"effort": "low"},
    }  # fmt: skip
    asked = COMPACTING.ask(document)
    hello, question = asked.pop("input")  # type: ignore[attr-defined]
    assert asked == {
        "model": "m", "instructions": "Be brief.", "tools": tools, "tool_choice": "none", "reasoning": {"effort": "low"}
    }  # fmt: skip
    assert hello == HELLO
    assert "summary" in question["content"][0]["text"]
    assert "tool_choice" not in COMPACTING.ask({"input": [TRIGGER]})


def test_an_item_says_nothing_to_who_cannot_read_it() -> None:
    assert ITEM.keys() == {"id", "type", "encrypted_content"}
    assert ITEM["id"] == "cmp_r1"
    assert "cat" not in ITEM["encrypted_content"]


def test_what_was_sent_to_compact_asks_for_it() -> None:
    body = {"model": "m", "input": [HELLO], "instructions": "Be brief.", "previous_response_id": "resp_1"}
    asked = orjson.loads(COMPACTING.decode(orjson.dumps(body)))
    assert asked == {**body, "input": [HELLO, TRIGGER], "store": False, "stream": False}
    assert COMPACTING.is_asked(orjson.loads(COMPACTING.decode(b'{"model":"m"}')))
    assert orjson.loads(COMPACTING.decode(b'{"model":"m","input":"hello"}'))["input"] == [LONG_HELLO, TRIGGER]


@pytest.mark.parametrize(
    ("body", "param"), [(b"[]", None), (b"{", None), (b'{"model":"m","input":1}', "input"), (b'{"input":[]}', "model")]
)
def test_what_cannot_be_compacted(body: bytes, param: str | None) -> None:
    with pytest.raises(BadRequest) as heard:
        COMPACTING.decode(body)
    assert heard.value.param == param


def test_the_users_own_words_stay_beside_the_item() -> None:
    usage = {
        "input_tokens": 5, "input_tokens_details": {"cached_tokens": 0}, "output_tokens": 2,
        "output_tokens_details": {"reasoning_tokens": 0}, "total_tokens": 7,
    }  # fmt: skip
    answer = {"id": "resp_2", "created_at": 5, "status": "completed", "output": [ITEM], "usage": usage}
    told = COMPACTING.encode([HELLO, ASSISTANT, CALL, RESULT, ITEM], orjson.dumps(answer))
    read = sdk(lambda _: told).responses.compact(model="m")
    assert (read.id, read.object, read.created_at, read.usage.total_tokens) == ("resp_2", "response.compaction", 5, 7)
    assert [item.type for item in read.output] == ["message", "compaction"]
    hello = orjson.loads(told)["output"][0]
    assert (hello["role"], hello["content"]) == ("user", [{"type": "input_text", "text": "hello"}])
    assert hello["id"].startswith("msg_")
