"""The verbatim lane: whole lines as they came, the facts in them, and failures that are told before any byte."""

import json
from typing import Any

import pytest

from llmux.dialects.ollama import OLLAMA
from llmux.dialects.ollama import verbatim as ollama_verbatim
from llmux.dialects.ollama.verbatim import VerbatimDecoder, passes
from llmux.errors import BackendCut, BackendFailed, BackendGarbled, GatewayError
from llmux.ir.events import Event, StreamError, Verbatim
from llmux.ir.fold import fold
from llmux.ir.response import FinishReason
from llmux.ir.usage import Usage
from tests.laws.lanes import hear_verbatim

USAGE = Usage(input_tokens=7, output_tokens=3)


def line(*, spaced: bool = False, **fields: Any) -> bytes:
    separators = (", ", ": ") if spaced else (",", ":")
    return json.dumps({"model": "m", **fields}, separators=separators).encode() + b"\n"


def said(content: str = "", *, spaced: bool = False, **fields: Any) -> bytes:
    return line(spaced=spaced, message={"role": "assistant", "content": content, **fields}, done=False)


END = line(message={"content": ""}, done_reason="stop", done=True, prompt_eval_count=7, eval_count=3)
CALL = {"function": {"name": "f", "arguments": {}}}


def feed(*pieces: bytes) -> list[list[Event]]:
    """What each piece gives, and then the end of the stream."""
    decoder = OLLAMA.verbatim()
    return [*(decoder.feed(piece) for piece in pieces), decoder.close()]


def test_whole_lines_pass_as_they_come() -> None:
    first, second, last = said("a"), said("b", spaced=True), END
    assert feed(first, second, last) == [
        [Verbatim(first)],
        [Verbatim(second)],
        [Verbatim(last, True, USAGE, FinishReason.END, done=True)],
        [],
    ]


def test_lines_are_put_together_where_the_network_cut_them() -> None:
    stream = said("a") + said("b") + END
    assert feed(said("a")[:10], said("a")[10:] + said("b")[:3], said("b")[3:] + END) == [
        [],
        [Verbatim(said("a"))],
        [Verbatim(said("b") + END, True, USAGE, FinishReason.END, done=True)],
        [],
    ]
    (whole,) = hear_verbatim(OLLAMA, [stream[at : at + 1] for at in range(len(stream))])
    assert whole == Verbatim(stream, True, USAGE, FinishReason.END, done=True)


def test_a_line_that_says_nothing_is_no_content_yet() -> None:
    assert feed(said(), said(thinking="Hm."))[:2] == [
        [Verbatim(said(), content=False)],
        [Verbatim(said(thinking="Hm."))],
    ]


@pytest.mark.parametrize("told", [said(thinking="t"), said(tool_calls=[CALL]), line(response="x"), line(thinking="x")])
def test_content(told: bytes) -> None:
    assert feed(told)[0] == [Verbatim(told)]


def test_calls_are_remembered_until_the_end() -> None:
    events = feed(said(tool_calls=[CALL]), END)[1]
    assert events == [Verbatim(END, True, USAGE, FinishReason.TOOL_CALL, done=True)]


def test_what_comes_behind_the_end_is_not_passed_on() -> None:
    assert feed(said("a"), END + said("b"))[1] == [Verbatim(END, True, USAGE, FinishReason.END, done=True)]
    assert feed(said("a"), END, said("b"))[2] == []


def test_a_last_line_may_lack_its_end() -> None:
    *_, last = feed(said("a"), END.rstrip())
    assert last == [Verbatim(END.rstrip(), True, USAGE, FinishReason.END, done=True)]


def test_blank_lines_and_other_ends_pass() -> None:
    stream = b"\n" + said("a").replace(b"\n", b"\r\n") + b"\n" + END
    assert feed(stream)[0] == [Verbatim(stream, True, USAGE, FinishReason.END, done=True)]


PASSING: dict[bytes, bool] = {
    said("a"): True,
    said("a", spaced=True): True,
    said("a") + said("b"): True,
    said("a")[:-1]: False,
    END: False,
    END + said("a"): False,
    said("a") + END: False,
    b'{"error":"x"}\n' + said("a"): False,
    said('"error" "done":true'): True,
    b'{"done" :false}\n': False,
}


@pytest.mark.parametrize("data", PASSING)
def test_what_passes_unread(data: bytes) -> None:
    assert passes(data) is PASSING[data]


def test_odd_spacing_is_read_and_not_mistaken() -> None:
    odd = said("b").replace(b'"done":false', b'"done" :\tfalse')
    over = END.replace(b'"done":true', b'"done" :true')
    assert feed(said("a"), odd, over)[1:3] == [
        [Verbatim(odd)],
        [Verbatim(over, True, USAGE, FinishReason.END, done=True)],
    ]


# --- failures --------------------------------------------------------------------------------------------------------

FAILURES: dict[str, tuple[list[bytes], bytes, GatewayError]] = {
    "nothing": ([], b"", BackendGarbled("The backend's answer is empty.")),
    "blank lines": ([b"\n\n"], b"\n\n", BackendGarbled("The backend's answer is empty.")),
    "an error at first": ([b'{"error":"it broke"}\n'], b"", BackendFailed("it broke")),
    "an error behind words": (
        [said("a"), said("b") + b'{"error":"it broke"}\n'],
        said("a") + said("b"),
        BackendFailed("it broke"),
    ),
    "an error in a last line": ([said("a"), b'{"error":"it broke"}'], said("a"), BackendFailed("it broke")),
    "no JSON behind words": (
        [said("a"), b"oops\n"],
        said("a"),
        BackendGarbled("The backend sent a line that is not Ollama's."),
    ),
    "cut": ([said("a")], said("a"), BackendCut("The backend's answer broke off.")),
    "cut in a line": ([said("a"), END[:-4]], said("a"), BackendCut("The backend's answer broke off.")),
    "cut in the first line": ([said("a")[:-4]], b"", BackendGarbled("The backend sent a line that is not Ollama's.")),
    "a page": ([b"<html>\n", b"</html>\n"], b"", BackendFailed("The backend answered with an HTML page.")),
}


@pytest.mark.parametrize("name", FAILURES)
def test_a_failure_is_told_behind_the_lines_before_it(name: str) -> None:
    pieces, before, error = FAILURES[name]
    events = [event for events in feed(*pieces) for event in events]
    last = events.pop()
    assert isinstance(last, StreamError)
    assert last.error == error
    assert b"".join(event.data for event in events if isinstance(event, Verbatim)) == before
    assert not any(isinstance(event, Verbatim) and event.done for event in events)


def test_a_whole_answer_on_many_lines_is_told_as_events() -> None:
    body = json.dumps({"message": {"content": "Yes."}, "done": True}, indent=1).encode()
    events = [event for events in feed(body[:9], body[9:]) for event in events]
    assert fold(events).parts[0] == fold(OLLAMA.decoder({}).feed(body.replace(b"\n", b"") + b"\n")).parts[0]


@pytest.mark.parametrize("before", [b"", b"oops\n", said("a")])
def test_a_line_is_not_kept_without_end(before: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ollama_verbatim, "MAX_LINE_BYTES", 200)
    decoder = VerbatimDecoder()
    decoder.feed(before)
    decoder.feed(b"x" * 150)
    (failure,) = decoder.feed(b"x" * 150)
    assert isinstance(failure, StreamError)
    assert isinstance(failure.error, BackendGarbled)
    assert decoder.feed(said("a")) == decoder.close() == []
