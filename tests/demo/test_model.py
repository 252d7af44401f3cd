"""What the demo models answer."""

import json
from typing import Any

import pytest

from llmux.demo import tokens
from llmux.demo.model import MODELS, answer, input_tokens
from llmux.demo.naming import Settings
from llmux.ir.content import (
    Document,
    Image,
    Inline,
    Link,
    Part,
    Reasoning,
    Refusal,
    Text,
    ToolCall,
    ToolResult,
    Written,
)
from llmux.ir.request import Message, OutputFormat, ReasoningControl, Request, Role, Tool, ToolChoice
from llmux.ir.response import FinishReason, Response


def properties(*names: str, **more: Any) -> dict[str, Any]:
    texts = {name: {"type": "string"} for name in names}
    return {"type": "object", "properties": {**texts, **more}, "required": list(names)}


WRITE = Tool("Write", schema=properties("file_path", "content"))
EDIT = Tool("Edit", schema=properties("file_path", "old", "content"))
BASH = Tool("Bash", schema=properties("command", timeout={"type": "number"}))
SHELL = Tool("shell", schema=properties(command={"type": "array", "items": {"type": "string"}}))
READ = Tool("Read", schema=properties("file_path", limit={"type": "integer"}))
WEATHER = Tool("get_weather", schema=properties("city", days={"type": "integer"}))
PATCH = Tool("patch", kind="custom")
SEARCH = Tool("web_search", kind="server")


def user(*said: str | Part) -> Message:
    return Message(Role.USER, tuple(Text(text=each) if isinstance(each, str) else each for each in said))


def request(*messages: Message | str, **more: Any) -> Request:
    turns = tuple(user(each) if isinstance(each, str) else each for each in messages)
    return Request(dialect="claude", model="echo", messages=turns, **more)


def text(response: Response) -> str:
    return "".join(part.text for part in response.parts if isinstance(part, Text))


def called(response: Response) -> list[tuple[str, Any]]:
    return [(part.name, json.loads(part.arguments)) for part in response.parts if isinstance(part, ToolCall)]


ECHOES: dict[str, tuple[tuple[Message | str, ...], str]] = {
    "what was said": (("Hello, world.",), "Hello, world."),
    "the last thing": (("One.", Message(Role.ASSISTANT, (Text(text="One."),)), "Two."), "Two."),
    "every text of it": ((user("One.", "Two."),), "One.\nTwo."),
    "no notes of an agent's": ((user("<system-reminder>\nBe nice.\n</system-reminder>", "Hi."),), "Hi."),
    "a mark that is no note": (("What is <system-reminder>?",), "What is <system-reminder>?"),
    "nothing": ((Message(Role.SYSTEM, (Text(text="Be nice."),)),), "Nothing was said."),
    "a model that is only loaded": ((), ""),
    "an image": ((user("Look:", Image(source=Link("https://example.com/a.png"))),), "Look:\n\nI see 1 image."),
    "images and a document": (
        (user(*[Image(source=Inline("image/png", "AA=="))] * 2, Document(source=Written("x"))),),
        "I see 2 images and 1 document.",
    ),
    "no labels of images": (
        (user("Look."), user("[image 1]", Image(source=Link("u"))), Message(Role.ASSISTANT, ())),
        "Look.\n\nI see 1 image.",
    ),
    "brackets": (("[brackets]",), "[brackets]"),
    "an order nobody can carry out": (("Run `ls`.",), "Run `ls`."),
    "the words that it is told": (("Answer: the word A, a hyphen, and the word B, with no spaces.",), "A-B"),
}


@pytest.mark.parametrize(("messages", "said"), ECHOES.values(), ids=ECHOES)
def test_echo_says_back(messages: tuple[Message | str, ...], said: str) -> None:
    response = answer(request(*messages))
    assert text(response) == said
    assert response.finish_reason is FinishReason.END


CALLS: dict[str, tuple[str, dict[str, Any], list[tuple[str, Any]]]] = {
    "a tool by name": (
        "Call get_weather with city=Paris.",
        {"tools": (WEATHER,)},
        [("get_weather", {"city": "Paris"})],
    ),
    "values in the type that is due": (
        "Call get_weather with city=Rome, days=3.",
        {"tools": (WEATHER,)},
        [("get_weather", {"city": "Rome", "days": 3})],
    ),
    "what is required and was not told": (
        "Use get_weather.",
        {"tools": (WEATHER,)},
        [("get_weather", {"city": "city"})],
    ),
    "two at once": (
        "Call get_weather with city=Paris and get_weather with city=Rome.",
        {"tools": (WEATHER,)},
        [("get_weather", {"city": "Paris"}), ("get_weather", {"city": "Rome"})],
    ),
    "one at a time when it must be": (
        "Call get_weather with city=Paris and get_weather with city=Rome.",
        {"tools": (WEATHER,), "parallel_tools": False},
        [("get_weather", {"city": "Paris"})],
    ),
    "the first when one is a must": (
        "Hello.",
        {"tools": (SEARCH, BASH, WEATHER), "tool_choice": ToolChoice("required")},
        [("Bash", {"command": "command"})],
    ),
    "the one that is named": (
        "Is it nice in city=Oslo?",
        {"tools": (BASH, WEATHER), "tool_choice": ToolChoice("named", ("get_weather",))},
        [("get_weather", {"city": "Oslo"})],
    ),
    "one of those allowed": (
        "Hello.",
        {"tools": (BASH, WEATHER), "tool_choice": ToolChoice("allowed", ("get_weather",), required=True)},
        [("get_weather", {"city": "city"})],
    ),
    "none when none may be called": (
        "Call get_weather.",
        {"tools": (WEATHER,), "tool_choice": ToolChoice("none")},
        [],
    ),
    "none when none is asked for": ("Hello.", {"tools": (WEATHER,)}, []),
    "a file by the tool that writes": (
        "Write a file a.txt with content `x y`.",
        {"tools": (BASH, EDIT, WRITE)},
        [("Write", {"file_path": "a.txt", "content": "x y"})],
    ),
    "a file by a shell when there is no better": (
        "Write a file a.txt with content `it's`.",
        {"tools": (WEATHER, BASH)},
        [("Bash", {"command": "printf %s 'it'\"'\"'s' > a.txt"})],
    ),
    "a command in words": ("Run `ls -l`.", {"tools": (SHELL,)}, [("shell", {"command": ["bash", "-lc", "ls -l"]})]),
    "a file to look at": ("Read a.png.", {"tools": (WRITE, READ)}, [("Read", {"file_path": "a.png"})]),
    "a file to look at, by a shell": ("Read a.txt.", {"tools": (BASH,)}, [("Bash", {"command": "cat a.txt"})]),
}


@pytest.mark.parametrize(("said", "more", "calls"), CALLS.values(), ids=CALLS)
def test_tools_are_called_as_asked(said: str, more: dict[str, Any], calls: list[tuple[str, Any]]) -> None:
    response = answer(request(said, **more))
    assert called(response) == calls
    assert response.finish_reason is (FinishReason.TOOL_CALL if calls else FinishReason.END)
    assert len({part.id for part in response.parts if isinstance(part, ToolCall)}) == len(calls)


def test_a_tool_of_free_text_gets_free_text() -> None:
    response = answer(request("Call patch with input=`*** go`.", tools=(PATCH,)))
    assert response.parts == (ToolCall(id="call_demo_1", name="patch", arguments="*** go", kind="custom"),)


def test_paths_are_absolute_where_the_schema_wants_it() -> None:
    path = {"type": "string", "description": "The absolute path of the file"}
    tool = Tool("Write", schema={"type": "object", "properties": {"path": path, "text": {"type": "string"}}})
    system = Message(Role.SYSTEM, (Text(text="Primary working directory: /home/dev\nShell: bash"),))
    response = answer(request(system, "Write a file a.txt with content x.", tools=(tool,)))
    assert called(response) == [("Write", {"path": "/home/dev/a.txt", "text": "x"})]


def play(said: str, results: list[tuple[str, bool]], *tools: Tool) -> list[Response]:
    """A conversation: each round of calls gets the next result, until an answer calls nothing."""
    messages, responses = [user(said)], list[Response]()
    for turn in range(len(results) + 1):
        responses.append(answer(request(*messages, tools=tools)))
        calls = [part for part in responses[-1].parts if isinstance(part, ToolCall)]
        if not calls:
            break
        given, failed = results[turn]
        outcomes = tuple(ToolResult(call_id=call.id, content=(Text(text=given),), is_error=failed) for call in calls)
        messages += [Message(Role.ASSISTANT, responses[-1].parts), Message(Role.TOOL, outcomes)]
    return responses


def test_a_task_is_done_one_step_a_turn_and_ends_with_what_the_tools_gave() -> None:
    said = "Write a file a.txt with content hello, then run `cat a.txt`. Then answer with: the word OK."
    first, second, last = play(said, [("written", False), ("hello", False)], WRITE, BASH)
    assert called(first) == [("Write", {"file_path": "a.txt", "content": "hello"})]
    assert called(second) == [("Bash", {"command": "cat a.txt"})]
    assert text(last) == "OK\n\nWrite said: written\nBash said: hello"
    ids = [part.id for each in (first, second) for part in each.parts if isinstance(part, ToolCall)]
    assert ids == ["call_demo_1", "call_demo_2"]


def test_a_failed_tool_and_a_long_result_are_told() -> None:
    assert text(play("Run `false`.", [("exit 1", True)], BASH)[-1]) == "Bash failed: exit 1"
    assert text(play("Run `true`.", [("", False)], BASH)[-1]) == "Bash said nothing."
    assert text(play("Run `yes`.", [("y" * 500, False)], BASH)[-1]) == f"Bash said: {'y' * 400} ..."


def test_what_no_tool_can_do_is_said() -> None:
    assert text(answer(request("Run `ls`.", tools=(WEATHER,)))) == "I was given no tool to run with."


def test_a_result_without_its_call_is_quoted_all_the_same() -> None:
    result = Message(Role.TOOL, (ToolResult(call_id="x", content=(Text(text="21 C"), Image(source=Link("u")))),))
    assert text(answer(request("Hi.", result, tools=(WEATHER,)))) == "the tool said: 21 C\n\nI see 1 image."


def test_json_is_given_when_the_request_wants_it() -> None:
    schema = properties("city", days={"type": "integer"})
    shaped = answer(request("Tell of city=Paris.", output=OutputFormat("json_schema", schema)))
    assert json.loads(text(shaped)) == {"city": "Paris"}
    assert json.loads(text(answer(request("Hi.", output=OutputFormat("json"))))) == {"answer": "Hi."}
    system = Message(Role.SYSTEM, (Text(text="Answer with a JSON object only."),))
    assert json.loads(text(answer(request(system, "Hi.")))) == {"answer": "Hi."}


@pytest.mark.parametrize(("name", "mode"), [("think", "unset"), ("echo", "on"), ("echo", "auto")])
def test_it_reasons_when_asked_or_when_it_is_think(name: str, mode: Any) -> None:
    response = answer(request("Hi.", reasoning=ReasoningControl(mode)), name)
    assert [type(part) for part in response.parts] == [Reasoning, Text]
    assert 0 < response.usage.reasoning_tokens < response.usage.output_tokens


def test_it_does_not_reason_unasked() -> None:
    assert answer(request("Hi.", reasoning=ReasoningControl("off"))).usage.reasoning_tokens == 0


def test_decline_refuses() -> None:
    response = answer(request("Hi."), "decline")
    assert isinstance(response.parts[0], Refusal)
    assert response.finish_reason is FinishReason.REFUSAL


def test_the_answer_ends_at_a_stop_sequence() -> None:
    response = answer(request("one two three", stop=("three", "two", "")))
    assert (text(response), response.stop_sequence) == ("one ", "two")
    assert response.finish_reason is FinishReason.STOP_SEQUENCE


LIMITS: dict[str, tuple[int, str, FinishReason]] = {
    "enough": (3, "one two three", FinishReason.END),
    "too few": (2, "one two", FinishReason.MAX_TOKENS),
}


@pytest.mark.parametrize(("limit", "said", "finish"), LIMITS.values(), ids=LIMITS)
def test_the_answer_is_no_longer_than_allowed(limit: int, said: str, finish: FinishReason) -> None:
    response = answer(request("one two three", max_output_tokens=limit))
    assert (text(response), response.finish_reason) == (said, finish)
    assert response.usage.output_tokens == min(limit, 3)


def test_reasoning_may_use_up_the_limit() -> None:
    thought = answer(request("one two three"), "think").usage.reasoning_tokens
    response = answer(request("one two three", max_output_tokens=thought), "think")
    assert [type(part) for part in response.parts] == [Reasoning]
    assert response.finish_reason is FinishReason.MAX_TOKENS


def test_it_repeats_itself_on_request() -> None:
    assert text(answer(request("Hi. "), settings=Settings(repeat=3))) == "Hi.Hi.Hi."


def test_usage_counts_everything_that_is_sent() -> None:
    plain = input_tokens(request("one two three"))
    assert plain == 3 + tokens.MESSAGE_TOKENS
    assert input_tokens(request("one two three", tools=(WEATHER,))) > plain
    nested = Document(source=(Text(text="one"), Image(source=Link("u"))))
    assert input_tokens(request(user(nested))) == 1 + tokens.IMAGE_TOKENS + tokens.MESSAGE_TOKENS


def test_the_same_request_gets_the_same_answer() -> None:
    for name in MODELS:
        asked = request("Call get_weather.", tools=(WEATHER,), reasoning=ReasoningControl("on"))
        assert answer(asked, name) == answer(asked, name)


@pytest.mark.parametrize("size", [0, 1, 4])
@pytest.mark.parametrize("said", ["", " ", "a\n", "  two words ", "verylongwordwithoutanyspaces", "Grüße, 漢字 🎉\n\n"])
def test_pieces_are_the_text_again(said: str, size: int) -> None:
    assert "".join(tokens.pieces(said, size)) == said
