"""Streams of backends that speak like OpenAI, each under its case, and what Claude's client hears of them. Data."""

from typing import Any

from tests.contract.stage import Wire, plain, through

DONE = "[DONE]"


def chunk(delta: Wire | None = None, finish: Any = None, **more: Any) -> Wire:
    choice = {"index": 0, "delta": delta or {}, "finish_reason": finish}
    return {"id": "r", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice], **more}


def says(text: str) -> Wire:
    return chunk({"content": text})


def piece(arguments: Any = None, *, index: Any = 0, name: str | None = None, id: Any = None) -> Wire:  # noqa: A002 - the wire's word
    """A piece of a call, as the delta of a chunk; None: the key is not there."""
    function = {key: value for key, value in (("name", name), ("arguments", arguments)) if value is not None}
    given = {"index": index, "id": id, "function": function}
    return {key: value for key, value in given.items() if value is not None}


def calls(*pieces: Wire, finish: str | None = None) -> Wire:
    return chunk({"tool_calls": list(pieces)}, finish)


ROLE = chunk({"role": "assistant", "content": ""})
OPEN_A, OPEN_B = piece("", name="f", id="a"), piece("", index=1, name="g", id="b")
TOOLS = chunk(finish="tool_calls")
USAGE = {
    "prompt_tokens": 100,
    "completion_tokens": 20,
    "total_tokens": 120,
    "prompt_tokens_details": {"cached_tokens": 60},
    "completion_tokens_details": {"reasoning_tokens": 5},
}
TOLD = {**chunk(), "choices": [], "usage": USAGE}


def hears(*chunks: Wire | str, raw: bytes | None = None) -> bytes:
    """What Claude's client is told of a backend's stream, however the network cuts it."""
    return through("openai_chat", plain(*chunks) if raw is None else raw, "claude")


F_1 = ["0 tool_use a f", '0 + {"x":1}', "0 end"]
F_2 = ["1 tool_use b g", '1 + {"y":2}', "1 end"]
TOOLED = ["ended tool_use", "stop"]
# What the backend sends -> what the client hears behind `start`.
PLAYS: dict[str, tuple[list[Wire | str], list[str]]] = {
    "I.35 reasoning, text and two calls are blocks, each closed before the next": (
        [
            ROLE, chunk({"reasoning_content": "Let me"}), says("I'll "), says("check."),
            calls(OPEN_A), calls(piece('{"x":')), calls(piece("1}")), calls(OPEN_B), calls(piece("{}", index=1)),
            TOOLS, TOLD, DONE,
        ],
        [
            "0 thinking", "0 + Let me", "0 end", "1 text", "1 + I'll ", "1 + check.", "1 end",
            "2 tool_use a f", '2 + {"x":', "2 + 1}", "2 end", "3 tool_use b g", "3 + {}", "3 end", *TOOLED,
        ],
    ),
    "I.36 interleaved arguments are two blocks that do not overlap": (
        [
            calls(OPEN_A), calls(piece('{"x"')), calls(OPEN_B), calls(piece('{"y"', index=1)), calls(piece(":1}")),
            calls(piece(":2}", index=1)), TOOLS, DONE,
        ],
        ["0 tool_use a f", '0 + {"x"', "0 + :1}", "0 end", "1 tool_use b g", '1 + {"y"', "1 + :2}", "1 end", *TOOLED],
    ),
    "I.37 the role in every chunk": (
        [*[chunk({"role": "assistant", "content": "a"})] * 2, chunk(finish="stop"), DONE],
        ["0 text", "0 + a", "0 + a", "0 end", "ended end_turn", "stop"],
    ),
    "I.37 id and name in every piece": (
        [calls(piece('{"x"', name="f", id="a")), calls(piece(":1}", name="f", id="a")), TOOLS, DONE],
        ["0 tool_use a f", '0 + {"x"', "0 + :1}", "0 end", *TOOLED],
    ),
    "I.37 no index": (
        [
            calls(piece('{"x"', index=None, name="f", id="a")), calls(piece(":1}", index=None)),
            calls(piece('{"y":2}', index=None, name="g", id="b")), TOOLS, DONE,
        ],
        ["0 tool_use a f", '0 + {"x"', "0 + :1}", "0 end", *F_2, *TOOLED],
    ),
    "I.37 an empty list of calls": (
        [chunk({"content": "a", "tool_calls": []}), chunk({"tool_calls": []}, "stop"), DONE],
        ["0 text", "0 + a", "0 end", "ended end_turn", "stop"],
    ),
    "I.37 arguments null": (
        [calls({**OPEN_A, "function": {"name": "f", "arguments": None}}), calls(piece('{"x":1}')), TOOLS, DONE],
        [*F_1, *TOOLED],
    ),
    "I.37 arguments as an object": ([calls(piece({"x": 1}, name="f", id="a")), TOOLS, DONE], [*F_1, *TOOLED]),
    "I.37 whole calls in one chunk": (
        [calls(piece('{"x":1}', name="f", id="a"), piece('{"y":2}', index=1, name="g", id="b"), finish="tool_calls"),
         DONE],
        [*F_1, *F_2, *TOOLED],
    ),
    "I.37 two whole calls at index 0": (
        [calls(piece('{"x":1}', name="f", id="a")), calls(piece('{"y":2}', name="g", id="b")), TOOLS, DONE],
        [*F_1, *F_2, *TOOLED],
    ),
    "I.37 arguments before the name": (
        [calls(piece('{"x":')), calls(piece("1}", name="f", id="a")), TOOLS, DONE],
        [*F_1, *TOOLED],
    ),
    "I.37 an empty object first": (
        [calls(piece("{}", name="f", id="a")), calls(piece('{"x":1}')), TOOLS, DONE],
        [*F_1, *TOOLED],
    ),
    "I.38 a finish reason before the arguments end": (
        [calls(OPEN_A), calls(piece('{"x":'), finish="tool_calls"), calls(piece("1}")), TOLD, DONE],
        ["0 tool_use a f", '0 + {"x":', "0 + 1}", "0 end", *TOOLED],
    ),
    "I.39 stop, though tools are called": (
        [calls(piece('{"x":1}', name="f", id="a")), chunk(finish="stop"), DONE], [*F_1, *TOOLED],
    ),
    "I.39 tools, though none are called": (
        [says("hi"), TOOLS, DONE], ["0 text", "0 + hi", "0 end", "ended end_turn", "stop"],
    ),
    "I.39 cut within arguments": (
        [calls(OPEN_A), calls(piece('{"x":"lon')), chunk(finish="length"), DONE],
        ["0 tool_use a f", '0 + {"x":"lon', "0 end", "ended max_tokens", "stop"],
    ),
    **{
        f"I.39 the finish reason is {word!r}": (
            [says("hi"), chunk(finish=word), DONE], ["0 text", "0 + hi", "0 end", "ended end_turn", "stop"],
        )
        for word in ("", None, "eos", "whatever")
    },
    "I.40 the end without [DONE]": (
        [says("hi"), chunk(finish="stop")], ["0 text", "0 + hi", "0 end", "ended end_turn", "stop"],
    ),
    "I.40 [DONE] without a finish reason": (
        [says("hi"), DONE], ["0 text", "0 + hi", "0 end", "ended end_turn", "stop"],
    ),
}  # fmt: skip


USAGES: dict[str, list[Wire | str]] = {
    "I.38 behind the finish reason": [says("hi"), chunk(finish="stop"), TOLD, DONE],
    "I.38 on every chunk, each time more": [
        chunk({"content": "hi"}, usage={"prompt_tokens": 100, "completion_tokens": 1, "total_tokens": 101}),
        chunk(finish="stop", usage=USAGE), DONE,
    ],
    "I.38 in the choice": [says("hi"), {**chunk(), "choices": [{"index": 0, "delta": {}, "finish_reason": "stop",
                                                                "usage": USAGE}]}, DONE],
}  # fmt: skip


TEXT = plain(ROLE, says("hi \u2028"), chunk(finish="stop"), TOLD, DONE)
COMMENT = b": OPENROUTER PROCESSING\n\n"
LARGE = "x" * 2**20
FRAMINGS = {
    "I.41 comments": (COMMENT + TEXT.replace(b"\n\n", b"\n\n" + COMMENT), "hi \u2028"),
    "I.41 Azure's first chunk": (plain({"id": "", "choices": [], "prompt_filter_results": []}) + TEXT, "hi \u2028"),
    "I.41 CRLF": (TEXT.replace(b"\n", b"\r\n"), "hi \u2028"),
    "I.41 no space behind data:": (TEXT.replace(b"data: ", b"data:"), "hi \u2028"),
    "I.41 a byte order mark": (b"\xef\xbb\xbf" + TEXT, "hi \u2028"),
    "I.41 no last newline": (TEXT.rstrip(b"\n"), "hi \u2028"),
    "I.41 raw line separators in a string": (TEXT.replace(b"\\u2028", "\u2028".encode()), "hi \u2028"),
}  # fmt: skip
