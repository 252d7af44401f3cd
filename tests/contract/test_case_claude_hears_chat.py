"""Cases 34 to 39, 41 and 43 of the contract: what Claude Code hears of a backend that speaks like OpenAI."""

import json
from typing import Any

import pytest

from tests.contract import hearing
from tests.contract.chat_plays import DONE, FRAMINGS, LARGE, PLAYS, ROLE, TOLD, USAGES, chunk, hears, says
from tests.contract.grammar import frames
from tests.contract.stage import plain
from tests.judges import typescript
from tests.judges.heard import SSE
from tests.judges.table import JUDGES


def test_a_plain_text_is_six_events_and_its_usage_without_what_was_cached() -> None:
    """I.34."""
    stream = hears(ROLE, says("hi"), chunk(finish="stop"), TOLD, DONE)
    assert hearing.claude(stream) == ["start", "0 text", "0 + hi", "0 end", "ended end_turn", "stop"]
    assert hearing.usage(stream) == {
        "input_tokens": 40,
        "cache_read_input_tokens": 60,
        "cache_creation_input_tokens": 0,
        "output_tokens": 20,
        "output_tokens_details": {"thinking_tokens": 5},
    }


@pytest.mark.parametrize("play", PLAYS)
def test_quirks_of_backends_are_clean_blocks(play: str) -> None:
    chunks, expected = PLAYS[play]
    assert hearing.claude(hears(*chunks)) == ["start", *expected]


@pytest.mark.parametrize("case", USAGES)
def test_usage_is_what_was_told_last_wherever_it_stands(case: str) -> None:
    stream = hears(*USAGES[case])
    assert (hearing.usage(stream)["input_tokens"], hearing.usage(stream)["output_tokens"]) == (40, 20)
    assert hearing.claude(stream)[-1] == "stop"


def test_without_usage_the_stream_closes_all_the_same() -> None:
    """I.38."""
    stream = hears(says("hi"), chunk(finish="stop"), DONE)
    assert hearing.claude(stream)[-2:] == ["ended end_turn", "stop"]
    assert hearing.usage(stream).items() >= {"input_tokens": 0, "output_tokens": 0}.items()


@pytest.mark.parametrize("case", FRAMINGS)
def test_a_stream_is_understood_however_it_is_framed(case: str) -> None:
    raw, text = FRAMINGS[case]
    lines = hearing.claude(hears(raw=raw))
    assert lines == ["start", "0 text", f"0 + {text}", "0 end", "ended end_turn", "stop"]


def test_a_line_of_a_megabyte_is_a_line() -> None:
    """I.41."""
    stream = hears(says(LARGE), chunk(finish="stop"), DONE)
    assert hearing.claude(stream)[2] == f"0 + {LARGE}"


def told() -> dict[str, bytes]:
    """Every stream of these cases that ends well."""
    streams = {name: plain(*chunks) for name, (chunks, _) in PLAYS.items()}
    streams |= {name: plain(*chunks) for name, chunks in USAGES.items()}
    streams |= {name: raw for name, (raw, _) in FRAMINGS.items()}
    return {name: hears(raw=stream) for name, stream in streams.items()}


def expected(stream: bytes) -> list[Any]:
    """The calls that a client must have heard, from the events alone."""
    arguments = dict[int, str]()
    names = dict[int, str]()
    for _, event in frames(stream):
        if event["type"] == "content_block_start" and event["content_block"]["type"] == "tool_use":
            names[event["index"]], arguments[event["index"]] = event["content_block"]["name"], ""
        elif event["type"] == "content_block_delta" and event["delta"]["type"] == "input_json_delta":
            arguments[event["index"]] += event["delta"]["partial_json"]
    return [(names[at], json.loads(text)) for at, text in arguments.items() if text.endswith("}")]


def test_anthropics_own_sdk_puts_every_stream_together() -> None:
    """I.43: Python."""
    for name, stream in told().items():
        heard = JUDGES["claude"].stream(stream)
        assert list(heard.calls)[: len(expected(stream))] == expected(stream), name


@typescript.needed[0]
@typescript.needed[1]
def test_anthropics_other_sdk_puts_every_stream_together_alike() -> None:
    """I.43: TypeScript."""
    streams = told()
    heard = typescript.hear(typescript.Spoken("claude", "stream", SSE, stream) for stream in streams.values())
    for (name, stream), said in zip(streams.items(), heard, strict=True):
        assert said == JUDGES["claude"].stream(stream), name
